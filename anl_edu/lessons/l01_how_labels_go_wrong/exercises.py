"""Exercises of lesson 01: how labels go wrong."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from anl_edu.teach.exercise import Exercise, register
from anl_edu.teach.judges import judge_function, judge_number, judge_tensor

# 01-symmetric ----------------------------------------------------------------------------------


def _symmetric(K: int, rate: float) -> Tensor:
    T = torch.full((K, K), rate / (K - 1))
    return T.fill_diagonal_(1 - rate)


def _symmetric_numpy(K: int, rate: float) -> np.ndarray:
    eye = np.eye(K)
    return (1 - rate) * eye + rate / (K - 1) * (1 - eye)


def _symmetric_list(K: int, rate: float) -> list[list[float]]:
    return [[1 - rate if i == j else rate / (K - 1) for j in range(K)] for i in range(K)]


def _redrawn(K: int, rate: float) -> Tensor:
    return (1 - rate) * torch.eye(K) + rate / K


def _short_rows(K: int, rate: float) -> Tensor:
    return torch.full((K, K), rate / K).fill_diagonal_(1 - rate)


def _undivided(K: int, rate: float) -> Tensor:
    return torch.full((K, K), rate).fill_diagonal_(1 - rate)


def _turned(K: int, rate: float) -> Tensor:
    return torch.full((K, K), (1 - rate) / (K - 1)).fill_diagonal_(rate)


register(
    Exercise(
        name="01-symmetric",
        lesson=1,
        difficulty=1,
        task="Write my_symmetric(K, rate): the (K, K) matrix of symmetric noise.",
        judge=judge_function(
            _symmetric,
            [(2, 0.3), (4, 0.6), (10, 0.4)],
            {
                "redrawn": _redrawn,
                "short-rows": _short_rows,
                "undivided": _undivided,
                "turned": _turned,
            },
        ),
        hints={
            "redrawn": "this noise may draw the true class again, so only rate·(1 − 1/K) of the "
            "labels are really wrong. Share the rate among the K − 1 other classes.",
            "short-rows": "the rows do not sum to 1: how many other classes share the rate?",
            "undivided": "every other class gets the whole rate, so the rows sum to more than 1.",
            "turned": "the rate is on the diagonal: that would be the share of correct labels.",
        },
        general_hints=[
            "What must each row sum to? How much of that is on the diagonal?",
            "Off the diagonal there are K − 1 equal entries, and together they make `rate`.",
            "Fill a (K, K) tensor with rate / (K - 1), then put 1 - rate on its diagonal.",
        ],
        solution="""\
def my_symmetric(K, rate):
    T = torch.full((K, K), rate / (K - 1))
    return T.fill_diagonal_(1 - rate)""",
        wrong_bank=[
            (_redrawn, "redrawn"),
            (_short_rows, "short-rows"),
            (_undivided, "undivided"),
            (_turned, "turned"),
        ],
        right_bank=[_symmetric, _symmetric_numpy, _symmetric_list],
    )
)

# 01-realised -----------------------------------------------------------------------------------

_CLEAN = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 4])
_NOISY = torch.tensor([0, 3, 0, 0, 4, 0, 1, 2, 0, 2, 1, 4])


def _realised(clean: Tensor, noisy: Tensor) -> Tensor:
    return (clean != noisy).double().mean()


def _realised_python(clean: Tensor, noisy: Tensor) -> float:
    return sum(int(a != b) for a, b in zip(clean, noisy, strict=True)) / len(clean)


def _realised_counts(clean: Tensor, noisy: Tensor) -> float:
    return 1 - int(torch.eq(clean, noisy).sum()) / clean.numel()


def _correct(clean: Tensor, noisy: Tensor) -> Tensor:
    return (clean == noisy).double().mean()


def _count(clean: Tensor, noisy: Tensor) -> Tensor:
    return (clean != noisy).sum()


def _distance(clean: Tensor, noisy: Tensor) -> Tensor:
    return (clean - noisy).abs().double().mean()


def _over_classes(clean: Tensor, noisy: Tensor) -> Tensor:
    wrong = (clean != noisy).double()
    return torch.stack([wrong[clean == k].mean() for k in clean.unique()]).mean()


register(
    Exercise(
        name="01-realised",
        lesson=1,
        difficulty=1,
        task="Write my_rate(clean, noisy): the share of all labels that are wrong.",
        judge=judge_function(
            _realised,
            [(_CLEAN, _NOISY), (_NOISY[:7], _CLEAN[:7])],
            {
                "correct": _correct,
                "count": _count,
                "distance": _distance,
                "over-classes": _over_classes,
            },
        ),
        hints={
            "correct": "this is the share of labels that are right.",
            "count": "this counts the wrong labels; a rate is their share of all labels.",
            "distance": "class ids are names, not quantities: label 9 is not three times as wrong "
            "as label 3. Ask only whether two labels differ.",
            "over-classes": "this averages the classes' own rates, so a label of a small class "
            "counts more. Each label should count once.",
        },
        general_hints=[
            "Compare the two tensors element by element: what dtype comes out?",
            "`clean != noisy` is True where a label is wrong. Take its mean, as a number.",
        ],
        solution="""\
def my_rate(clean, noisy):
    return (clean != noisy).double().mean()""",
        wrong_bank=[
            (_correct, "correct"),
            (_count, "count"),
            (_distance, "distance"),
            (_over_classes, "over-classes"),
        ],
        right_bank=[_realised, _realised_python, _realised_counts],
    )
)

# 01-exact --------------------------------------------------------------------------------------

register(
    Exercise(
        name="01-exact",
        lesson=1,
        difficulty=2,
        task="Give the rate that exact symmetric drawing realises: K = 10 classes of 40 samples, "
        "rate 0.4.",
        judge=judge_number(
            9 / 40,
            {
                "nominal": 0.4,
                "rounded": 18 / 40,
                "one-cell": 1 / 40,
                "redrawn": 10 / 40,
                "other-kind": 0.36,
                "labels": 9.0,
                "all-labels": 90.0,
                "right-ones": 31 / 40,
                "percent": 22.5,
            },
        ),
        hints={
            "nominal": "that is what was asked for. How many labels fit into one cell, if it can "
            "only hold whole ones?",
            "rounded": "the number for one cell is cut off, not rounded.",
            "one-cell": "that is what one wrong class receives. There are K − 1 of them.",
            "redrawn": "the true class receives no wrong labels: count K − 1 cells, not K.",
            "other-kind": "that is rate·(1 − 1/K), of a noise that may draw the true class again. "
            "This one does not; it loses labels because a cell holds whole ones.",
            "labels": "that is how many labels of one class go wrong; a rate is their share of its "
            "40.",
            "all-labels": "that is how many labels go wrong in all; a rate is their share of the "
            "400.",
            "right-ones": "that is the share of labels that stay right.",
            "percent": "that is in per cent; give the rate as a share, as the 0.4 is given.",
        },
        general_hints=[
            "How large is 0.4/9 · 40, the content of one off-diagonal cell before cutting?",
            "Each class sends int(0.4/9 · 40) labels to each of 9 other classes.",
        ],
        solution="answer = 9 * int(0.4 / 9 * 40) / 40    # 9 cells of one label each: 0.225",
        wrong_bank=[
            (0.4, "nominal"),
            (0.45, "rounded"),
            (0.025, "one-cell"),
            (0.25, "redrawn"),
            (0.36, "other-kind"),
            (9, "labels"),
            (90, "all-labels"),
            (0.775, "right-ones"),
            (22.5, "percent"),
            (0.23, "error"),
        ],
        right_bank=[
            *(0.225, 9 / 40, torch.tensor(0.225), np.float64(90 / 400), [0.225]),
            *(Fraction(9, 40), Decimal("0.225")),
        ],
    )
)

# 01-double-flip --------------------------------------------------------------------------------

_U_LABELS = torch.tensor([3, 5, 3, 5, 0, 3, 5, 9, 3, 5])
_U = torch.tensor([0.1, 0.2, 0.9, 0.8, 0.1, 0.39, 0.3, 0.2, 0.5, 0.41])


def _swap(labels: Tensor, a: int, b: int, rate: float, u: Tensor) -> Tensor:
    noisy = labels.clone()
    noisy[(labels == a) & (u < rate)] = b
    noisy[(labels == b) & (u < rate)] = a
    return noisy


def _swap_where(labels: Tensor, a: int, b: int, rate: float, u: Tensor) -> Tensor:
    other = torch.where(labels == a, b, torch.where(labels == b, a, labels))
    return torch.where(u < rate, other, labels)


def _swap_python(labels: Tensor, a: int, b: int, rate: float, u: Tensor) -> list[int]:
    step = {a: b, b: a}
    pairs = zip(labels.tolist(), u.tolist(), strict=True)
    return [step.get(y, y) if draw < rate else y for y, draw in pairs]


def _twice(labels: Tensor, a: int, b: int, rate: float, u: Tensor) -> Tensor:
    noisy = labels.clone()
    noisy[(noisy == a) & (u < rate)] = b
    noisy[(noisy == b) & (u < rate)] = a
    return noisy


def _always(labels: Tensor, a: int, b: int, rate: float, u: Tensor) -> Tensor:
    return _swap(labels, a, b, 1.0, u)


def _other_order(labels: Tensor, a: int, b: int, rate: float, u: Tensor) -> Tensor:
    return _twice(labels, b, a, rate, u)


def _or_equal(labels: Tensor, a: int, b: int, rate: float, u: Tensor) -> Tensor:
    return torch.where(u <= rate, _always(labels, a, b, rate, u), labels)


def _first_line_only(labels: Tensor, a: int, b: int, rate: float, u: Tensor) -> Tensor:
    return torch.where((labels == a) & (u < rate), b, labels)


def _second_line_only(labels: Tensor, a: int, b: int, rate: float, u: Tensor) -> Tensor:
    return _first_line_only(labels, b, a, rate, u)


def _half(labels: Tensor, a: int, b: int, rate: float, u: Tensor) -> Tensor:
    return _swap(labels, a, b, rate / 2, u)


register(
    Exercise(
        name="01-double-flip",
        lesson=1,
        difficulty=2,
        task="Mend my_swap(labels, a, b, rate, u): where u < rate, a becomes b and b becomes a.",
        judge=judge_function(
            _swap,
            [
                (_U_LABELS, 3, 5, 0.4, _U),
                (_U_LABELS, 0, 9, 0.15, _U),
                (_U_LABELS, 5, 3, 0.85, _U),
                (_U_LABELS, 3, 5, 0.5, _U),  # one u is the rate itself
            ],
            {
                "twice": _twice,
                "other-order": _other_order,
                "always": _always,
                "half": _half,
                "or-equal": _or_equal,
            },
        ),
        hints={
            "twice": "class a never changes: its line is missing, or the line after finds the "
            "labels that were just changed, and turns them back. Which tensor should both lines "
            "look at?",
            "other-order": "now class b never changes: it was left out, or was turned back by the "
            "line after. Which tensor should both lines look at?",
            "always": "every a and every b flips; only those where u < rate should.",
            "half": "each of the two classes flips with the whole rate, not half of it.",
            "or-equal": "nearly: where u equals the rate nothing flips. It is u < rate.",
        },
        general_hints=[
            "After the first line, which samples have the label b?",
            "Decide from the true labels, write into the copy.",
            "Both masks must be computed from `labels`, which never changes.",
        ],
        solution="""\
def my_swap(labels, a, b, rate, u):
    noisy = labels.clone()
    noisy[(labels == a) & (u < rate)] = b
    noisy[(labels == b) & (u < rate)] = a
    return noisy""",
        wrong_bank=[
            (_twice, "twice"),
            (_other_order, "other-order"),
            (_always, "always"),
            (_half, "half"),
            (_or_equal, "or-equal"),
            (_first_line_only, "other-order"),
            (_second_line_only, "twice"),
        ],
        right_bank=[_swap, _swap_where, _swap_python],
    )
)

# 01-majority -----------------------------------------------------------------------------------

register(
    Exercise(
        name="01-majority",
        lesson=1,
        difficulty=3,
        task="Give [pair, symmetric]: the rates above which, with K = 10, a wrong class is the "
        "most frequent label.",
        judge=judge_tensor(
            [1 / 2, 9 / 10],
            {
                "turned": [9 / 10, 1 / 2],
                "halves": [1 / 2, 1 / 2],
                "chance": [1 / 2, 1 / 10],
                "never": [1 / 2, 1.0],
                "alike": [9 / 10, 9 / 10],
            },
        ),
        hints={
            "turned": "both numbers are right, in the other order: pair flip first.",
            "halves": "under symmetric noise the wrong labels are shared by nine classes, and each "
            "of them gets only rate/9.",
            "chance": "at that rate 90 % of the labels are still right. 1/K is what the true "
            "class still has at the rate that is asked for.",
            "never": "at rate 1 the true class has no label at all left; a wrong class took the "
            "lead before that.",
            "alike": "under pair flip one single class receives all the wrong labels.",
        },
        general_hints=[
            "Write row i of each matrix: the diagonal entry, and the largest other one.",
            "Pair flip: when is rate > 1 − rate? Symmetric: when is rate/(K − 1) > 1 − rate?",
        ],
        solution="answer = [1 / 2, 9 / 10]    # rate = 1 - rate, and rate / 9 = 1 - rate",
        wrong_bank=[
            ([0.9, 0.5], "turned"),
            ([0.5, 0.5], "halves"),
            ([0.5, 0.1], "chance"),
            ([0.5, 1.0], "never"),
            ([0.9, 0.9], "alike"),
            ([0.5, 0.8], "error"),
            ([0.5, ...], "error"),
        ],
        right_bank=[
            *([0.5, 0.9], (1 / 2, 9 / 10), torch.tensor([0.5, 0.9]), np.array([0.5, 0.9])),
            *([Fraction(1, 2), Decimal("0.9")], [np.float32(0.5), torch.tensor(0.9)]),
        ],
    )
)
