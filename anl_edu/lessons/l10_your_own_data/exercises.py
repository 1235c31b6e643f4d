"""Exercises of lesson 10: how many to check by hand, a flag's worth, the thresholds of cleanlab."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anl_edu.teach.exercise import Exercise, register
from anl_edu.teach.judges import judge_function

# 10-how-many -----------------------------------------------------------------------------------


def _needed(rate: float, half: float) -> float:
    return 1.96**2 * rate * (1 - rate) / half**2


def _needed_sqrt(rate: float, half: float) -> Tensor:
    deviation = torch.tensor(rate * (1 - rate), dtype=torch.float64).sqrt()
    return (1.96 * deviation / half) ** 2


_NEEDED_MISTAKES: dict[str, Callable[..., Any]] = {
    "no-square": lambda rate, half: 1.96 * math.sqrt(rate * (1 - rate)) / half,
    "no-196": lambda rate, half: rate * (1 - rate) / half**2,
    "half-not-squared": lambda rate, half: 1.96**2 * rate * (1 - rate) / half,
    "196-not-squared": lambda rate, half: 1.96 * rate * (1 - rate) / half**2,
    "no-complement": lambda rate, half: 1.96**2 * rate / half**2,
    "width": lambda rate, half: 1.96**2 * rate * (1 - rate) / (half / 2) ** 2,
    "worst": lambda rate, half: 1.96**2 * 0.25 / half**2,
    "turned": lambda rate, half: half**2 / (1.96**2 * rate * (1 - rate)),
}

register(
    Exercise(
        name="10-how-many",
        lesson=10,
        difficulty=1,
        task="Write needed(rate, half): how many labels to check by hand, if a share `rate` is "
        "wrong, for a 95 % interval that reaches `half` to each side. Not rounded.",
        judge=judge_function(
            _needed, [(0.25, 0.05), (0.1, 0.05), (0.25, 0.02)], _NEEDED_MISTAKES, rtol=1e-2
        ),
        hints={
            "no-square": "this is the root of the number. Solve half = 1.96 sqrt(r (1 - r) / n) "
            "for n: both sides are squared.",
            "no-196": "this is for one standard error, 68 %. A 95 % interval reaches 1.96 of them.",
            "half-not-squared": "`half` has to be squared: half the width takes four times as many "
            "labels.",
            "196-not-squared": "1.96 has to be squared with the rest.",
            "no-complement": "the variance of one label is r (1 - r), not r.",
            "width": "`half` is already half of the interval's width.",
            "worst": "this is for r = 1/2, the worst case. Use the rate.",
            "turned": "this is turned upside down: a narrower interval takes more labels.",
        },
        general_hints=[
            "The standard error of a share among n is sqrt(r (1 - r) / n).",
            "Set 1.96 standard errors equal to `half`, and solve for n.",
            "1.96**2 * rate * (1 - rate) / half**2",
        ],
        solution="def needed(rate, half):\n    return 1.96**2 * rate * (1 - rate) / half**2",
        because="A share among n has the standard error `sqrt(r (1 - r) / n)`; the interval "
        "reaches 1.96 of them. Half the width costs four times the labels.",
        wrong_bank=[
            *[(fn, key) for key, fn in _NEEDED_MISTAKES.items()],
            (lambda rate, half: 100, "error"),
        ],
        right_bank=[
            _needed,
            _needed_sqrt,
            lambda rate, half: math.ceil(_needed(rate, half)),
        ],
    )
)

# 10-flags --------------------------------------------------------------------------------------

_FLAGS = [
    (
        torch.tensor([True, True, False, True, False, False, True, False, False, False]),
        torch.tensor([True, False, True, True, False, False, False, True, True, False]),
    ),
    (
        torch.tensor([False, True, True, False, True, True]),
        torch.tensor([False, True, True, False, False, True]),
    ),
]


def _score(flagged: Tensor, wrong: Tensor) -> list[float]:
    hit = (flagged & wrong).sum().item()
    return [hit / flagged.sum().item(), hit / wrong.sum().item()]


def _score_mean(flagged: Tensor, wrong: Tensor) -> Tensor:
    return torch.stack([wrong[flagged].double().mean(), flagged[wrong].double().mean()])


def _score_list(flagged: Tensor, wrong: Tensor) -> tuple[float, float]:
    pairs = list(zip(flagged.tolist(), wrong.tolist(), strict=True))
    hit = sum(f and w for f, w in pairs)
    return hit / sum(f for f, _ in pairs), hit / sum(w for _, w in pairs)


def _share(mask: Tensor) -> float:
    return mask.double().mean().item()


_SCORE_MISTAKES: dict[str, Callable[..., Any]] = {
    "turned": lambda f, w: _score(w, f),
    "accuracy": lambda f, w: [_share(f == w), _share(f == w)],
    "of-all": lambda f, w: [_share(f & w), _share(f & w)],
    "false-alarm": lambda f, w: [1 - _score(f, w)[0], _score(f, w)[1]],
    "missed": lambda f, w: [_score(f, w)[0], 1 - _score(f, w)[1]],
    "right-labels": lambda f, w: _score(f, ~w),
    "counts": lambda f, w: [(f & w).sum().item(), w.sum().item()],
}

register(
    Exercise(
        name="10-flags",
        lesson=10,
        difficulty=1,
        task="Write score(flagged, wrong), two bool tensors (N,): the precision and the recall of "
        "the flags, as two numbers in 0..1.",
        judge=judge_function(_score, _FLAGS, _SCORE_MISTAKES),
        hints={
            "turned": "precision and recall are exchanged. Precision: of the flagged, how many are "
            "wrong.",
            "accuracy": "this is how often flag and truth agree, which right labels without a flag "
            "raise. Precision and recall do not look at those.",
            "of-all": "you divide by N. Precision divides by the flagged, recall by the wrong.",
            "false-alarm": "the first is the share of false alarms; precision is 1 minus that.",
            "missed": "the second is the share that was missed; recall is 1 minus that.",
            "right-labels": "`wrong` is True where the label is wrong; you count the right ones.",
            "counts": "these are counts. Divide the hits by the flagged, and by the wrong.",
        },
        general_hints=[
            "A hit is a label that is flagged and wrong.",
            "(flagged & wrong).sum() counts the hits. By what is it divided, once and once more?",
            "hits / flagged.sum() and hits / wrong.sum()",
        ],
        solution=(
            "def score(flagged, wrong):\n"
            "    hits = (flagged & wrong).sum()\n"
            "    return hits / flagged.sum(), hits / wrong.sum()"
        ),
        because="Precision is what a reviewer feels: how many of the labels that come up are worth "
        "the look. Recall is what the data feels: how many of the wrong labels come up at all.",
        wrong_bank=[
            *[(fn, key) for key, fn in _SCORE_MISTAKES.items()],
            (lambda f, w: _score(f, w)[0], "error"),
        ],
        right_bank=[_score, _score_mean, _score_list],
    )
)

# 10-thresholds ---------------------------------------------------------------------------------


def _cases() -> list[tuple[Tensor, Tensor]]:
    made = []
    for seed, N, K in ((0, 8, 3), (1, 12, 4)):
        rng = np.random.default_rng(seed)
        P = torch.from_numpy(rng.dirichlet(np.ones(K), N))
        made.append((P, torch.from_numpy(rng.permutation(np.arange(N) % K))))
    return made


def _thresholds(P: Tensor, labels: Tensor) -> Tensor:
    return torch.stack([P[labels == k, k].mean() for k in range(P.shape[1])])


def _thresholds_one_hot(P: Tensor, labels: Tensor) -> Tensor:
    rows = torch.nn.functional.one_hot(labels, P.shape[1]).to(P.dtype)  # (N, K)
    return (rows * P).sum(0) / rows.sum(0)


def _thresholds_list(P: Tensor, labels: Tensor) -> list[float]:
    own: list[list[float]] = [[] for _ in range(P.shape[1])]
    for p, k in zip(P.tolist(), labels.tolist(), strict=True):
        own[k].append(p[k])
    return [sum(values) / len(values) for values in own]


def _by_class(pick: Callable[[Tensor, Tensor, int], Tensor]) -> Callable[..., Tensor]:
    return lambda P, labels: torch.stack([pick(P, labels, k) for k in range(P.shape[1])])


_THRESHOLD_MISTAKES: dict[str, Callable[..., Any]] = {
    "all-rows": lambda P, labels: P.mean(0),
    "predicted": _by_class(lambda P, labels, k: P[P.argmax(1) == k, k].mean()),
    "sum": _by_class(lambda P, labels, k: P[labels == k, k].sum()),
    "over-n": _by_class(lambda P, labels, k: P[labels == k, k].sum() / len(P)),
    "largest": _by_class(lambda P, labels, k: P[labels == k].max(1).values.mean()),
    "median": _by_class(lambda P, labels, k: P[labels == k, k].median()),
    "others": _by_class(lambda P, labels, k: P[labels != k, k].mean()),
    "each": lambda P, labels: P[torch.arange(len(P)), labels],
}

register(
    Exercise(
        name="10-thresholds",
        lesson=10,
        difficulty=2,
        task="Write thresholds(P, labels) of two tensors, (N, K) and (N,), K numbers: for each "
        "class k, the mean probability P[n, k] that the model gives it over the rows that are "
        "labelled k.",
        judge=judge_function(_thresholds, _cases(), _THRESHOLD_MISTAKES),
        hints={
            "all-rows": "this is the mean over all rows. Only those labelled k count for class k.",
            "predicted": "you took the rows for which k is predicted. Those labelled k are meant.",
            "sum": "this is a sum; the mean is asked for.",
            "over-n": "divide by the number of rows labelled k, not by N.",
            "largest": "this is the mean of each row's largest probability. It is the probability "
            "of k that is meant, also where another class is more probable.",
            "median": "this is the median; the mean is asked for.",
            "others": "these are the rows that are not labelled k.",
            "each": "this is one number a row, (N,). Average them within each label.",
        },
        general_hints=[
            "labels == k is True for the rows that count for class k.",
            "P[labels == k, k] are their probabilities of k.",
            "torch.stack([P[labels == k, k].mean() for k in range(K)])",
        ],
        solution=(
            "def thresholds(P, labels):\n"
            "    return torch.stack([P[labels == k, k].mean() for k in range(P.shape[1])])"
        ),
        because="A model may be shy about one class and sure about another. Each class is so "
        "measured by its own standard: how sure the model is of those that bear its name.",
        wrong_bank=[
            *[(fn, key) for key, fn in _THRESHOLD_MISTAKES.items()],
            (lambda P, labels: 0.5, "error"),
        ],
        right_bank=[_thresholds, _thresholds_one_hot, _thresholds_list],
    )
)
