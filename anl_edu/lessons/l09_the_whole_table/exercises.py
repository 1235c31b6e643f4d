"""Exercises of lesson 09: a cell of a table, seeds that a difference needs, pairs of seeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from anl_edu.lessons.l09_the_whole_table import chance
from anl_edu.teach.exercise import Exercise, register
from anl_edu.teach.judges import judge_function

# --- 09-cell -----------------------------------------------------------------------------------

_CURVES: list[tuple[Any, ...]] = [
    (torch.tensor([[0.52, 0.81, 0.63], [0.47, 0.78, 0.66], [0.79, 0.74, 0.60]]),),
    (torch.tensor([[0.30, 0.90], [0.42, 0.88], [0.35, 0.91], [0.39, 0.85], [0.33, 0.80]]),),
]


def _two(mean: Tensor, sd: Tensor) -> Tensor:
    return torch.stack([mean, sd])


def _cell(a: Tensor) -> Tensor:
    last = 100 * a[:, -1]
    return _two(last.mean(), last.std())


def _cell_lists(a: Tensor) -> tuple[float, float]:
    last = [100 * float(row[-1]) for row in a]
    mean = sum(last) / len(last)
    return mean, math.sqrt(sum((v - mean) ** 2 for v in last) / (len(last) - 1))


_CELL_MISTAKES: dict[str, Callable[..., Any]] = {
    "best": lambda a: _two(100 * a.max(1).values.mean(), 100 * a.max(1).values.std()),
    "best-epoch-of-mean": lambda a: _two(
        100 * a.mean(0).max(), 100 * a[:, a.mean(0).argmax()].std()
    ),
    "population": lambda a: _two(100 * a[:, -1].mean(), 100 * a[:, -1].std(correction=0)),
    "standard-error": lambda a: _two(
        100 * a[:, -1].mean(), 100 * a[:, -1].std() / math.sqrt(len(a))
    ),
    "variance": lambda a: _two(100 * a[:, -1].mean(), (100 * a[:, -1]).var()),
    "shares": lambda a: _two(a[:, -1].mean(), a[:, -1].std()),
    "all-epochs": lambda a: _two(100 * a.mean(), 100 * a.std()),
    "last-seed": lambda a: _two(100 * a[-1].mean(), 100 * a[-1].std()),
    "turned": lambda a: _two(100 * a[:, -1].std(), 100 * a[:, -1].mean()),
}

register(
    Exercise(
        name="09-cell",
        lesson=9,
        difficulty=1,
        task="Write cell(accuracies): from test accuracies (seeds, epochs) as shares, the mean and "
        "the sample deviation over seeds of the last epoch, in this order, both in percent.",
        judge=judge_function(_cell, _CURVES, _CELL_MISTAKES),
        hints={
            "best": "you took each seed's best epoch; picking it needs the clean test labels. Take "
            "the last.",
            "best-epoch-of-mean": "you took the epoch with the best mean; picking it needs the "
            "clean test labels. Take the last.",
            "population": "you divided by R; the sample deviation divides by R - 1, since the mean "
            "was taken from the same seeds.",
            "standard-error": "this is the standard error of the mean. Tables print the deviation "
            "over seeds; say which, whichever you print.",
            "variance": "this is the variance; the deviation is its root, and in points like the "
            "mean.",
            "shares": "these are shares; a table has percent.",
            "all-epochs": "you mixed all epochs; only the last belongs into the cell.",
            "last-seed": "you took the last seed, over epochs; take the last epoch, over seeds.",
            "turned": "the mean comes first, then the deviation.",
        },
        general_hints=[
            "Rows are seeds, columns epochs: the last epoch is a column.",
            "last = 100 * accuracies[:, -1]",
            "last.mean() and last.std(); torch's std divides by R - 1.",
        ],
        solution="def cell(accuracies):\n    last = 100 * accuracies[:, -1]  # (R,)\n"
        "    return last.mean(), last.std()",
        because="The last epoch is what one would have had; the best is known only to "
        "someone who holds clean test labels. The deviation over seeds says how far one more run "
        "may fall from the mean.",
        wrong_bank=[(fn, key) for key, fn in _CELL_MISTAKES.items()],
        right_bank=[
            _cell,
            _cell_lists,
            lambda a: _two(a[:, -1].mul(100).mean(), a[:, -1].mul(100).var().sqrt()),
            lambda a: [100 * a[:, -1].mean().item(), 100 * a[:, -1].std(correction=1).item()],
        ],
    )
)

# --- 09-seeds ----------------------------------------------------------------------------------

_CASES: list[tuple[Any, ...]] = [(1.5, 1.0), (0.6, 1.0), (4.0, 1.0), (2.2, 0.5), (1.1, 3.0)]


def _needed(sd: float, difference: float) -> int:
    return math.ceil(8 * sd**2 / difference**2)


_NEEDED_MISTAKES: dict[str, Callable[..., Any]] = {
    "one-mean": lambda sd, d: math.ceil(4 * sd**2 / d**2),
    "one-error": lambda sd, d: math.ceil(2 * sd**2 / d**2),
    "no-square": lambda sd, d: math.ceil(8 * sd / d),
    "not-whole": lambda sd, d: 8 * sd**2 / d**2,
    "rounded-down": lambda sd, d: math.floor(8 * sd**2 / d**2),
    "twice-outside": lambda sd, d: math.ceil(4 * sd / d * math.sqrt(2)),
    "upside-down": lambda sd, d: math.ceil(d**2 / (8 * sd**2)),
    "one-more": lambda sd, d: int(8 * sd**2 / d**2) + 1,
    "rounded": lambda sd, d: round(8 * sd**2 / d**2),
    "t-test": lambda sd, d: chance.seeds_needed(d, sd),
    "t-test-turned": lambda sd, d: chance.seeds_needed(sd, d),
}

register(
    Exercise(
        name="09-seeds",
        lesson=9,
        difficulty=2,
        task="Write needed(sd, difference): the smallest whole number n of seeds per method for "
        "which the difference is at least twice the standard error of the difference of two "
        "independent means of n seeds, each with deviation sd.",
        judge=judge_function(_needed, _CASES, _NEEDED_MISTAKES),
        hints={
            "one-mean": "this is the standard error of one mean. Both means are uncertain: their "
            "variances add.",
            "one-error": "the difference is to be twice the standard error; this is once.",
            "no-square": "sd / sqrt(n) falls with the root of n: halving the difference takes four "
            "times the seeds, so n goes with (sd / difference) squared.",
            "not-whole": "seeds are whole: round up.",
            "rounded-down": "you rounded down, and so fall short of it; round up.",
            "twice-outside": "take the square of the whole: 2 sd sqrt(2 / n) <= difference, solved "
            "for n.",
            "upside-down": "it is upside down: a smaller difference takes more seeds.",
            "one-more": "where the bound is a whole number, that many are enough: round up with "
            "math.ceil, which leaves 18.0 at 18.",
            "rounded": "you rounded to the nearest, and so fall short of it at times; round up, "
            "with math.ceil.",
            "t-test": "this is the t-test's number, for four experiments in five. The rule of "
            "thumb is simpler: solve the inequality for n.",
            "t-test-turned": "these are a t-test's seeds, with difference and deviation "
            "interchanged. The rule of thumb is simpler: solve the inequality for n.",
        },
        general_hints=[
            "The mean of n seeds has the standard error sd / sqrt(n); variances of independent "
            "numbers add.",
            "So the difference has the standard error sd * sqrt(2 / n).",
            "difference >= 2 * sd * sqrt(2 / n), solved for n, rounded up.",
        ],
        solution="import math\n\ndef needed(sd, difference):\n"
        "    return math.ceil(8 * sd**2 / difference**2)",
        because="A difference as large as the deviation takes 8 seeds per method, one half as "
        "large 32. That is for half of the experiments to find it; four out of five need about "
        "twice as many.",
        wrong_bank=[(fn, key) for key, fn in _NEEDED_MISTAKES.items()],
        right_bank=[
            _needed,
            lambda sd, d: math.ceil(2 * (2 * sd / d) ** 2),
            lambda sd, d: next(
                n for n in range(1, 10**5) if d >= 2 * sd * math.sqrt(2 / n) - 1e-12
            ),
            lambda sd, d: torch.ceil(torch.tensor(8 * (sd / d) ** 2, dtype=torch.float64)),
        ],
    )
)

# --- 09-pairs ----------------------------------------------------------------------------------

_PAIRS: list[tuple[Any, ...]] = [
    (torch.tensor([81.0, 76.5, 79.2, 83.1, 77.7]), torch.tensor([80.1, 75.0, 78.9, 78.2, 76.9])),
    (torch.tensor([50.2, 47.7, 55.0]), torch.tensor([46.1, 45.9, 52.3])),
]


def _pairs(a: Tensor, b: Tensor) -> Tensor:
    d = a - b
    return _two(d.mean(), d.std() / math.sqrt(len(d)))


_PAIR_MISTAKES: dict[str, Callable[..., Any]] = {
    "unpaired": lambda a, b: _two((a - b).mean(), torch.sqrt(a.var() / len(a) + b.var() / len(b))),
    "deviation": lambda a, b: _two((a - b).mean(), (a - b).std()),
    "no-root": lambda a, b: _two((a - b).mean(), (a - b).std() / len(a)),
    "population": lambda a, b: _two((a - b).mean(), (a - b).std(correction=0) / math.sqrt(len(a))),
    "swapped": lambda a, b: _two((a - b).std() / math.sqrt(len(a)), (a - b).mean()),
    "turned": lambda a, b: _two((b - a).mean(), (a - b).std() / math.sqrt(len(a))),
    "difference-of-deviations": lambda a, b: _two(
        (a - b).mean(), (a.std() - b.std()).abs() / math.sqrt(len(a))
    ),
    "sorted": lambda a, b: _two(
        (a - b).mean(), (a.sort().values - b.sort().values).std() / math.sqrt(len(a))
    ),
}

register(
    Exercise(
        name="09-pairs",
        lesson=9,
        difficulty=2,
        task="Write paired(a, b): from the accuracies (R,) of two methods, of the same seeds in "
        "the same order, the mean difference a - b and its standard error, taken seed by seed.",
        judge=judge_function(_pairs, _PAIRS, _PAIR_MISTAKES),
        hints={
            "unpaired": "this is the standard error for seeds that have nothing in common. Take "
            "the differences first, then their deviation.",
            "deviation": "this is the deviation of the differences; the standard error of their "
            "mean divides it by the root of R.",
            "no-root": "divide by the root of R, not by R.",
            "population": "use the sample deviation, which divides by R - 1.",
            "swapped": "the mean difference comes first, then its standard error.",
            "turned": "a - b is asked for; this is b - a.",
            "difference-of-deviations": "you subtracted the deviations; what counts is the "
            "deviation of the differences.",
            "sorted": "you sorted each method's seeds; then the pairs are gone.",
        },
        general_hints=[
            "One number a seed: what method a is ahead of method b there.",
            "d = a - b  # (R,)",
            "d.mean() and d.std() / math.sqrt(len(d))",
        ],
        solution="import math\n\ndef paired(a, b):\n    d = a - b  # (R,)\n"
        "    return d.mean(), d.std() / math.sqrt(len(d))",
        because="What both methods owe to a seed, its wrong labels and first weights, falls out of "
        "the difference. If seeds help or hurt all methods alike, that is much of the deviation; "
        "if not, little is lost.",
        wrong_bank=[(fn, key) for key, fn in _PAIR_MISTAKES.items()],
        right_bank=[
            _pairs,
            lambda a, b: _two((a - b).mean(), ((a - b).var() / len(a)).sqrt()),
            lambda a, b: (float(a.mean() - b.mean()), float((a - b).std() / len(a) ** 0.5)),
            lambda a, b: _two(
                (a - b).mean(),
                torch.sqrt((a.var() + b.var() - 2 * torch.cov(torch.stack([a, b]))[0, 1]) / len(a)),
            ),
        ],
    )
)
