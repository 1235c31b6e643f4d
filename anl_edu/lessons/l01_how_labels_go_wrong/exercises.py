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
        because="Each row keeps 1 − rate on the diagonal and shares the rate among the K − 1 other "
        "classes. So it sums to 1, and the rate is the share of labels that are wrong.",
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
        because="A label is wrong or it is not; which classes are mixed up does not matter for the "
        "rate, and every label counts once.",
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
        because="0.4 / 9 · 40 is 1.78, and a cell holds whole labels: 1. Nine cells of one label "
        "make 9 of 40. Nearly half of the noise asked for is cut off.",
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
        because="Both masks read the true labels, so that no label is changed twice. Then one "
        "number u for each sample is enough, too.",
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
        task="Give [pair, half]: the rates at which, with K = 10, the true class loses its lead: "
        "under pair flip, and where one class takes half of the wrong labels and the other eight "
        "share the rest.",
        judge=judge_tensor(
            [1 / 2, 2 / 3],
            {
                "turned": [2 / 3, 1 / 2],
                "halves": [1 / 2, 1 / 2],
                "spread": [1 / 2, 9 / 10],
                "diagonal": [1 / 2, 1.0],
                "right-ones": [1 / 2, 1 / 3],
                "rest": [1 / 2, 16 / 17],
                "alike": [2 / 3, 2 / 3],
            },
        ),
        hints={
            "turned": "both numbers are right, in the other order: pair flip first.",
            "halves": "in the second noise the look-alike gets only half of the wrong labels: "
            "rate/2, not the rate.",
            "spread": "that is symmetric noise. Here one class takes half of the wrong labels, "
            "much more than a ninth.",
            "diagonal": "what stays right is 1 − rate; the other half of the wrong labels is wrong "
            "too, only elsewhere.",
            "right-ones": "that is the share of right labels at the turn; the rate is the rest.",
            "rest": "that is where one of the other eight catches up; the look-alike does so "
            "earlier.",
            "alike": "under pair flip one single class receives all the wrong labels.",
        },
        general_hints=[
            "Write the row of each matrix: the diagonal entry, and the largest other one.",
            "Pair flip: when is rate = 1 − rate? The other: when is rate/2 = 1 − rate?",
        ],
        solution="answer = [1 / 2, 2 / 3]    # rate = 1 - rate, and rate / 2 = 1 - rate",
        because="Only the largest wrong entry of the row matters, not their sum: the rate under "
        "pair flip, half of it in the other noise.",
        wrong_bank=[
            ([2 / 3, 0.5], "turned"),
            ([0.5, 0.5], "halves"),
            ([0.5, 0.9], "spread"),
            ([0.5, 1.0], "diagonal"),
            ([0.5, 1 / 3], "right-ones"),
            ([0.5, 16 / 17], "rest"),
            ([2 / 3, 2 / 3], "alike"),
            ([0.5, 0.8], "error"),
            ([0.5, ...], "error"),
        ],
        right_bank=[
            *([0.5, 2 / 3], (1 / 2, 2 / 3), torch.tensor([0.5, 2 / 3]), np.array([0.5, 0.6667])),
            *([Fraction(1, 2), Fraction(2, 3)], [np.float32(0.5), torch.tensor(2 / 3)]),
            [Decimal("0.5"), Decimal("0.6667")],
        ],
    )
)

# 01-trust --------------------------------------------------------------------------------------


def _trust(T: Tensor, prior: Tensor) -> Tensor:
    joint = prior[:, None] * T
    return joint.diagonal() / joint.sum(0)


def _trust_matmul(T: Tensor, prior: Tensor) -> Tensor:
    return prior * T.diagonal() / (prior @ T)


def _trust_list(T: Tensor, prior: Tensor) -> list[float]:
    K = len(T)
    named = [sum(float(prior[i] * T[i, j]) for i in range(K)) for j in range(K)]
    return [float(prior[j] * T[j, j]) / named[j] for j in range(K)]


_DOUBTS = {
    "row": lambda T, prior: T.diagonal(),
    "no-prior": lambda T, prior: T.diagonal() / T.sum(0),
    "joint": lambda T, prior: prior * T.diagonal(),
    "named": lambda T, prior: prior @ T,
    "wrong-part": lambda T, prior: 1 - _trust(T, prior),
    "prior-twice": lambda T, prior: prior * T.diagonal() / T.sum(0),
    "prior-below": lambda T, prior: T.diagonal() / (prior @ T),
    "transposed": lambda T, prior: prior * T.diagonal() / (T @ prior),
    "whole": lambda T, prior: prior[:, None] * T / (prior @ T),
}
_UNEVEN = torch.tensor([[0.6, 0.4, 0.0], [0.0, 1.0, 0.0], [0.1, 0.1, 0.8]], dtype=torch.float64)

register(
    Exercise(
        name="01-trust",
        lesson=1,
        difficulty=2,
        task="Write my_trust(T, prior): for each label j the probability that it is right.",
        judge=judge_function(
            _trust,
            [
                (_UNEVEN, torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)),
                (_symmetric(4, 0.6).double(), torch.tensor([0.4, 0.3, 0.2, 0.1]).double()),
            ],
            _DOUBTS,
        ),
        hints={
            "row": "that is the diagonal of T: how many images of class j are labelled j. You hold "
            "the label and ask for the class: divide by all that is labelled j, a column.",
            "no-prior": "the columns are right, but every class counts alike. Weigh row i with its "
            "prior first.",
            "joint": "that is the share of all images that are of class j and labelled j; divide "
            "by the share of all that are labelled j.",
            "named": "that is how often each label is given; which part of it is right?",
            "wrong-part": "that is the probability that the label is wrong.",
            "prior-twice": "the prior is in the numerator only: the sum over the column needs it "
            "too, row by row.",
            "prior-below": "the prior is in the sum only: the numerator needs it too.",
            "transposed": "the sum runs over the wrong index: the label j stays, the class i runs.",
            "whole": "that is the whole matrix P(y = i | label = j); only its diagonal is asked "
            "for.",
        },
        general_hints=[
            "Make the (K, K) matrix of shares of all images: of class i, and labelled j.",
            "joint = prior[:, None] * T. What is the sum of its column j?",
            "Divide the diagonal of joint by joint.sum(0).",
        ],
        solution="""\
def my_trust(T, prior):
    joint = prior[:, None] * T  # (K, K): share of all images that are of class i, labelled j
    return joint.diagonal() / joint.sum(0)""",
        because="Of all images with label j, which are the sum of column j of the joint shares, "
        "the diagonal entry is the part whose class is j. That is Bayes' rule.",
        wrong_bank=[(wrong, key) for key, wrong in _DOUBTS.items()],
        right_bank=[_trust, _trust_matmul, _trust_list],
    )
)

# 01-in-place -----------------------------------------------------------------------------------

register(
    Exercise(
        name="01-in-place",
        lesson=1,
        difficulty=3,
        task="Five of CIFAR-10's classes are flipped with rate 0.4, one after the other in the "
        "same array, cat → dog before dog → cat. Give [share of cats called dog, share of dogs "
        "called cat, share of all labels that are wrong].",
        judge=judge_tensor(
            [0.24, 0.4, 0.184],
            {
                "nominal": [0.4, 0.4, 0.2],
                "other-order": [0.4, 0.24, 0.184],
                "both": [0.24, 0.24, 0.168],
                "same-draw": [0.0, 0.4, 0.16],
                "back": [0.16, 0.4, 0.176],
                "rate-kept": [0.24, 0.4, 0.2],
                "of-five": [0.24, 0.4, 0.368],
                "crowd": [0.24, 0.56, 0.2],
                "percent": [24.0, 40.0, 18.4],
            },
            rtol=6e-3,
        ),
        hints={
            "nominal": "that is what was asked for. When the line dog → cat runs, which labels "
            "does it find?",
            "other-order": "the other way round: cat → dog runs first, so it is cats that can be "
            "flipped back.",
            "both": "only the cats can be flipped twice: when their line runs, no dog has become "
            "a cat yet.",
            "same-draw": "that would be so if one and the same draw decided both lines. Here the "
            "second line draws anew, and takes 40 % of all it finds.",
            "back": "0.16 is the share of cats that come back; what stays wrong is the rest of "
            "the 0.4.",
            "rate-kept": "the shares are right. But if fewer cats are wrong, so are fewer labels "
            "overall.",
            "of-five": "the sum over the five classes is to be divided by ten classes.",
            "crowd": "the second line moves 0.56 of a class, but a part of those are cats that "
            "come home; how many dogs are among them?",
            "percent": "these are per cent; give shares, as the 0.4 is given.",
        },
        general_hints=[
            "Follow 100 cats and 100 dogs. After the first line, how many labels say dog?",
            "The second line takes 40 % of those 140, evenly: how many of them are cats, how "
            "many dogs?",
            "Of 40 cats called dog, 16 come back. Overall: (3 · 0.4 + 0.24 + 0.4) / 10.",
        ],
        solution="""\
cats = 0.4 * (1 - 0.4)  # called dog, and not called cat again: 0.24
dogs = 0.4
answer = [cats, dogs, (3 * 0.4 + cats + dogs) / 10]  # 0.184""",
        because="The second line finds the true dogs and the cats just made dogs, and sends 40 % "
        "of both to cat: so 0.4 · 0.4 of the cats come home.",
        wrong_bank=[
            ([0.4, 0.4, 0.2], "nominal"),
            ([0.4, 0.24, 0.184], "other-order"),
            ([0.24, 0.24, 0.168], "both"),
            ([0, 0.4, 0.16], "same-draw"),
            ([0.16, 0.4, 0.176], "back"),
            ([0.24, 0.4, 0.2], "rate-kept"),
            ([0.24, 0.4, 0.368], "of-five"),
            ([0.24, 0.56, 0.2], "crowd"),
            ([24, 40, 18.4], "percent"),
            ([0.24, 0.4, 0.3], "error"),
            ([0.24, 0.4, ...], "error"),
            (0.184, "error"),
        ],
        right_bank=[
            *([0.24, 0.4, 0.184], (0.24, 0.4, 1.84 / 10), torch.tensor([0.24, 0.4, 0.184])),
            *(np.array([0.24, 0.40, 0.184]), [Fraction(6, 25), Decimal("0.4"), 0.184]),
        ],
    )
)
