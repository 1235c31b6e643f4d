"""Time ANL-CE, forward and backward, beside a textbook version of the same loss.

    OMP_NUM_THREADS=1 python benchmarks/losses.py

The textbook version is the way such code is usually published: a module for each half, written as
its formula reads (a softmax that is clamped and then logged, a log-softmax beside it, a one-hot
matrix for each), and no checks. Ours is `anl_edu.losses.build("anl-ce")` as a user calls it, input
checks and reduction included. Both give the same gradient, which is asserted first.

One CPU thread, and CPU time, which does not count waiting for a busy machine. Each round times
both, one straight after the other and in alternating order; the table shows medians over rounds.
Wanted: a ratio of at most 0.8 at each size.
"""

import math
import platform
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from tabulate import tabulate
from torch import Tensor, nn

from anl_edu import losses

SIZES = ((128, 10), (128, 100), (1024, 1000))
WANTED = 0.8
ROUNDS = 300
ALPHA, BETA, P_MIN = 5.0, 5.0, 1e-7


class TextbookNCE(nn.Module):
    """Normalised cross entropy, as its formula reads."""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        log_p = F.log_softmax(logits, dim=1)
        e = F.one_hot(targets, logits.shape[1]).float()
        return (-(e * log_p).sum(1) / (-log_p.sum(1))).mean()


class TextbookNNCE(nn.Module):
    """Normalised negative cross entropy, as its formula reads."""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        p = F.softmax(logits, dim=1).clamp(P_MIN, 1.0)
        flipped = -math.log(P_MIN) + torch.log(p)
        e = F.one_hot(targets, logits.shape[1]).float()
        return (1 - (e * flipped).sum(1) / flipped.sum(1)).mean()


class Textbook(nn.Module):
    """ANL-CE as the sum of its two halves."""

    def __init__(self) -> None:
        super().__init__()
        self.active, self.negative = TextbookNCE(), TextbookNNCE()

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return ALPHA * self.active(logits, targets) + BETA * self.negative(logits, targets)


def seconds(loss: Callable[[Tensor, Tensor], Tensor], z: Tensor, y: Tensor, repeats: int) -> float:
    """CPU seconds for one forward and backward pass, averaged over ``repeats`` in a row."""
    start = time.process_time()
    for _ in range(repeats):
        z.grad = None
        loss(z, y).backward()
    return (time.process_time() - start) / repeats


def compare(n: int, k: int) -> tuple[float, float]:
    """Median seconds of the textbook version and of ours at (n, k)."""
    torch.manual_seed(0)
    z = (3 * torch.randn(n, k)).requires_grad_()
    y = torch.randint(k, (n,))
    ours = losses.build("anl-ce", alpha=ALPHA, beta=BETA, p_min=P_MIN)
    contenders = (Textbook(), ours)
    gradients = [torch.autograd.grad(f(z, y), z)[0] for f in contenders]
    torch.testing.assert_close(gradients[0], gradients[1])

    repeats = max(1, 20_000 // (n * k))  # a round of some milliseconds at every size
    rounds = ROUNDS if n * k < 1_000_000 else ROUNDS // 5
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(-rounds // 5, rounds):  # rounds before 0 warm up
        for j in (0, 1) if i % 2 else (1, 0):
            t = seconds(contenders[j], z, y, repeats)
            if i >= 0:
                times[j].append(t)
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> None:
    torch.set_num_threads(1)
    print(f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}")
    rows = []
    for n, k in SIZES:
        a, b = compare(n, k)
        rows.append((f"({n}, {k})", 1e6 * a, 1e6 * b, b / a, b / a <= WANTED))
    head = ("logits", "textbook, us", "ours, us", "ratio", f"at most {WANTED}")
    print(tabulate(rows, head, floatfmt=("", ".0f", ".0f", ".2f", "")))


if __name__ == "__main__":
    main()
