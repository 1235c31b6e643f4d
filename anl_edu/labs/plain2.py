"""Lab 2's functions in plain Python, on nested lists of floats, as in `anl_edu.labs.plain`."""

from __future__ import annotations

import math

from anl_edu.labs.plain import Row, Rows, log_softmax


def ce_gradient(z: Rows, y: list[int]) -> Rows:
    """Return p - e of each sample, (N, K)."""
    rows = []
    for row, label in zip(z, y, strict=True):
        rows.append([math.exp(v) - (j == label) for j, v in enumerate(log_softmax(row))])
    return rows


def nnce_gradient(z: Rows, y: list[int], A: float) -> Rows:
    """Return each sample's gradient of NNCE at its logits, (N, K), clamped at A."""
    rows = []
    for row, label in zip(z, y, strict=True):
        log = log_softmax(row)
        c = [float(-v <= A) for v in log]
        flipped = [max(A + v, 0.0) for v in log]
        total, free = math.fsum(flipped), math.fsum(c)
        slopes = []
        for j, v in enumerate(log):
            p = math.exp(v)
            first = c[label] * (p - (j == label)) * total
            slopes.append((first - flipped[label] * (free * p - c[j])) / total**2)
        rows.append(slopes)
    return rows


def growth(K: int, A: float) -> float:
    """Return the pull of NNCE at p_y = 0.99 over that at 0.5, the others sharing the rest."""
    pulls = []
    for p in (0.99, 0.5):
        mine, other = A + math.log(p), A + math.log((1 - p) / (K - 1))
        total = mine + (K - 1) * other
        pulls.append(abs(((p - 1) * total - mine * (K * p - 1)) / total**2))
    return pulls[0] / pulls[1]


def norm_shares(g: Rows, wrong: list[bool]) -> Row:
    """Return the clean and the wrong samples' share of the sum of lengths."""
    lengths = [math.sqrt(math.fsum([v * v for v in row])) for row in g]
    bad = math.fsum([n for n, w in zip(lengths, wrong, strict=True) if w]) / math.fsum(lengths)
    return [1 - bad, bad]


def update_shares(clean: Row, wrong: Row) -> Row:
    """Return what each of two vectors contributes along their sum."""
    total = [a + b for a, b in zip(clean, wrong, strict=True)]
    square = math.fsum([v * v for v in total])
    return [
        math.fsum([a * v for a, v in zip(side, total, strict=True)]) / square
        for side in (clean, wrong)
    ]


def mean_by_p_y(norms: Row, p_y: Row, edges: Row) -> Row:
    """Return the mean in each bin of p_y; -1 in an empty one, since NaN equals nothing."""
    means = []
    for b in range(len(edges) - 1):
        low, high, last = edges[b], edges[b + 1], b == len(edges) - 2
        pairs = zip(norms, p_y, strict=True)
        there = [n for n, p in pairs if low <= p < high or (last and p == high)]
        means.append(math.fsum(there) / len(there) if there else -1.0)
    return means
