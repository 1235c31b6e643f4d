"""Lab 3's functions in plain Python, on nested lists of floats, as in `anl_edu.labs.plain`."""

from __future__ import annotations

import math

from anl_edu.labs.plain import Row, Rows


def faults(T: Rows, K: int) -> Row:
    """Return what keeps T from being a matrix with its largest on the diagonal; 0s where nothing.

    Whether its shape is wrong, then how many entries lie outside 0..1, by more than rounding, rows
    that do not sum to 1, and rows in which some other entry is as large as the diagonal's.
    """
    if len(T) != K or any(len(row) != K for row in T):
        return [1.0, 0.0, 0.0, 0.0]
    outside = sum(not -1e-9 <= v <= 1 + 1e-9 for row in T for v in row)
    sums = sum(abs(math.fsum(row) - 1) > 1e-6 for row in T)
    rivals = sum(max(row[:i] + row[i + 1 :]) >= row[i] for i, row in enumerate(T))
    return [0.0, float(outside), float(sums), float(rivals)]


def misfits(T: Rows, K: int, low: float, high: float) -> Row:
    """Return whether T's rate lies outside its band, and whether T equals its transpose, nearly."""
    rate = 1 - math.fsum([T[i][i] for i in range(K)]) / K
    apart = max(abs(T[i][j] - T[j][i]) for i in range(K) for j in range(K))
    outside = not low - 1e-9 <= rate <= high + 1e-9 or min(map(min, T)) < -1e-9
    return [float(outside), float(apart < 0.05 - 1e-9)]


def draw_labels(y: list[int], T: Rows, u: Row) -> Row:
    """Return the first label j for which u < T[y, 0] + ... + T[y, j], (N,)."""
    drawn = []
    for label, v in zip(y, u, strict=True):
        edge, j = T[label][0], 0
        while v >= edge and j < len(T) - 1:
            j += 1
            edge += T[label][j]
        drawn.append(float(j))
    return drawn


def share_wrong(clean: Row, noisy: Row) -> float:
    """Return the share of labels that differ."""
    return sum(a != b for a, b in zip(clean, noisy, strict=True)) / len(clean)


def excess(y: list[int], noisy: list[int], T: Rows) -> Rows:
    """Return by how many standard deviations each count lies above its mean, (K, K)."""
    pairs = list(zip(y, noisy, strict=True))
    rows = []
    for i, row in enumerate(T):
        n = y.count(i)
        spreads = [math.sqrt(n * t * (1 - t)) if 0 < t < 1 else math.inf for t in row]
        counts = [pairs.count((i, j)) for j in range(len(row))]
        rows.append([(c - n * t) / s for c, t, s in zip(counts, row, spreads, strict=True)])
    return rows


def spread(values: Row) -> Row:
    """Return mean and standard deviation (n - 1)."""
    mean = math.fsum(values) / len(values)
    return [mean, math.sqrt(math.fsum([(v - mean) ** 2 for v in values]) / (len(values) - 1))]


def mean_deviation(rows: Rows) -> Rows:
    """Return the means of rows, and their deviations."""
    pairs = [spread(row) for row in rows]
    return [[mean for mean, _ in pairs], [deviation for _, deviation in pairs]]


def choose(weights: Row, rows: Rows) -> float:
    """Return the smallest weight within one standard error, the best's, of the best mean."""
    means, deviations = mean_deviation(rows)
    best = means.index(max(means))
    least = means[best] - deviations[best] / math.sqrt(len(rows[best]))
    return min(w for w, mean in zip(weights, means, strict=True) if mean >= least)


def paired(a: Row, b: Row) -> Row:
    """Return the mean of the differences and its standard error."""
    mean, deviation = spread([x - y for x, y in zip(a, b, strict=True)])
    return [mean, deviation / math.sqrt(len(a))]
