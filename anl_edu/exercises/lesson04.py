"""Lesson 04: the three lines that make a normalised negative loss, and what it sums to."""

from __future__ import annotations

import torch
from torch import Tensor

from anl_edu import losses

from .core import Exercise, register
from .judges import example, judge_function, judge_number

P_MIN = losses.P_MIN
A_CE = losses.ce_maximum()


def _tables() -> list[tuple[Tensor, Tensor]]:
    """Two loss tables with labels, (6, 4) and (9, 10), float32."""
    pairs = [example(6, 4, seed=0), example(9, 10, seed=1)]
    return [(losses.ce_table(z, P_MIN), y) for z, y in pairs]


_INPUTS = _tables()
_INPUTS_A = [(table, y, A_CE) for table, y in _INPUTS]


# --- complement -----------------------------------------------------------------------------


def _others(table: Tensor, y: Tensor) -> Tensor:
    return table.sum(1) - losses.active(table, y)


def _others_masked(table: Tensor, y: Tensor) -> Tensor:
    mask = torch.nn.functional.one_hot(y, table.shape[1])
    return ((1 - mask) * table.double()).sum(1)


def _others_looped(table: Tensor, y: Tensor) -> list[Tensor]:
    rows = zip(table, y.tolist(), strict=True)
    return [
        sum((v for k, v in enumerate(row) if k != label), torch.zeros(())) for row, label in rows
    ]


def _others_scattered(table: Tensor, y: Tensor) -> Tensor:
    return table.scatter(1, y[:, None], 0.0).sum(1)


_COMPLEMENT = {
    "all-labels": lambda table, y: table.sum(1),
    "only-label": losses.active,
    "mean": lambda table, y: _others(table, y) / (table.shape[1] - 1),
    "mean-of-all": lambda table, y: _others(table, y) / table.shape[1],
    "sign": lambda table, y: -_others(table, y),
}

register(
    Exercise(
        name="04-complement",
        lesson=4,
        difficulty=1,
        task="Write complement(table, y): per sample, the sum of L_k over all k except the label.",
        judge=judge_function(_others, _INPUTS, _COMPLEMENT),
        hints={
            "all-labels": "you added up the whole row; the label's own entry must stay out.",
            "only-label": "that is L_y, the active loss itself; the complement is everything else.",
            "mean": "that is the mean over the other classes; here their sum is wanted.",
            "mean-of-all": "you divided by K; here the plain sum over k != y is wanted.",
            "sign": "the sign is turned. Turning the loss over comes in the next step.",
        },
        general_hints=[
            "The sum over k != y is the sum over all k less one entry.",
            "table.sum(1) is the sum of each row; table.gather(1, y[:, None]) picks L_y, (N, 1).",
            "return table.sum(1) - table.gather(1, y[:, None])....  One squeeze is missing.",
        ],
        solution=(
            "def complement(table, y):\n"
            "    return table.sum(1) - table.gather(1, y[:, None]).squeeze(1)"
        ),
        wrong_bank=[
            (lambda table, y: table.sum(1), "all-labels"),
            (lambda table, y: table.gather(1, y[:, None])[:, 0], "only-label"),
            (lambda table, y: _others(table, y) / (table.shape[1] - 1), "mean"),
            (lambda table, y: _others(table, y) / table.shape[1], "mean-of-all"),
            (lambda table, y: losses.active(table, y) - table.sum(1), "sign"),
            (lambda table, y: table.sum() - losses.active(table, y).sum(), "error"),
            (lambda table, y: table.sum(1) - table.gather(1, y[:, None]), "error"),
        ],
        right_bank=[_others, _others_masked, _others_looped, _others_scattered],
    )
)


# --- flip -----------------------------------------------------------------------------------


def _flip(table: Tensor, y: Tensor, A: float) -> Tensor:
    return _others(A - table, y)


def _flip_expanded(table: Tensor, y: Tensor, A: float) -> Tensor:
    return (table.shape[1] - 1) * A - _others(table, y)


def _flip_where(table: Tensor, y: Tensor, A: float) -> Tensor:
    at_label = torch.arange(table.shape[1])[None] == y[:, None]
    return torch.where(at_label, 0.0, A - table.double()).sum(1)


_FLIP = {
    "not-flipped": lambda table, y, A: _others(table, y),
    "A-once": lambda table, y, A: A - _others(table, y),
    "A-K-times": lambda table, y, A: table.shape[1] * A - _others(table, y),
    "label-too": lambda table, y, A: (A - table).sum(1),
    "only-label": lambda table, y, A: A - losses.active(table, y),
    "sign": lambda table, y, A: -_flip(table, y, A),
    "mirrored": lambda table, y, A: -_others(table, y),
}

register(
    Exercise(
        name="04-flip",
        lesson=4,
        difficulty=1,
        task="Write flip(table, y, A): per sample, the sum of A - L_k over all k except the label.",
        judge=judge_function(_flip, _INPUTS_A, _FLIP),
        hints={
            "not-flipped": "that is still the sum of L_k; every L_k has to become A - L_k.",
            "A-once": "A appears once for the whole sum; each of the K - 1 terms has an A.",
            "A-K-times": "A is counted K times; the label's term is left out, A and all.",
            "label-too": "the label's own A - L_y is in the sum; leave it out.",
            "only-label": "that is A - L_y, the one term that must stay out.",
            "sign": "the sign is turned: it is A - L_k, not L_k - A.",
            "mirrored": "that is the sum of -L_k; the A is missing, and so is a lower bound.",
        },
        general_hints=[
            "Flip the whole table first; then do what you did in 04-complement.",
            "A - table flips every entry at once.",
            "flipped = A - table; return flipped.sum(1) - flipped.gather(...)...",
        ],
        solution=(
            "def flip(table, y, A):\n"
            "    flipped = A - table\n"
            "    return flipped.sum(1) - flipped.gather(1, y[:, None]).squeeze(1)"
        ),
        wrong_bank=[
            (lambda table, y, A: _others(table, y), "not-flipped"),
            (lambda table, y, A: A - _others(table, y), "A-once"),
            (lambda table, y, A: table.shape[1] * A - _others(table, y), "A-K-times"),
            (lambda table, y, A: (A - table).sum(1), "label-too"),
            (lambda table, y, A: A - losses.active(table, y), "only-label"),
            (lambda table, y, A: _others(table - A, y), "sign"),
            (lambda table, y, A: -_others(table, y), "mirrored"),
            (lambda table, y, A: A - table, "error"),
        ],
        right_bank=[_flip, _flip_expanded, _flip_where],
    )
)


# --- normalise ------------------------------------------------------------------------------


def _share_of_others(table: Tensor, y: Tensor, A: float) -> Tensor:
    return _flip(table, y, A) / (A - table).sum(1)


def _from_shares(table: Tensor, y: Tensor, A: float) -> Tensor:
    shares = torch.nn.functional.normalize(A - table.double(), p=1, dim=1)
    return 1 - losses.active(shares, y)


_NORMALISE = {
    "label-share": lambda table, y, A: losses.active(A - table, y) / (A - table).sum(1),
    "others-below": lambda table, y, A: 1 - losses.active(A - table, y) / _flip(table, y, A),
    "not-flipped": lambda table, y, A: 1 - losses.normalized(table, y),
    "active": lambda table, y, A: losses.normalized(table, y),
    "half-flipped": lambda table, y, A: 1 - losses.active(A - table, y) / table.sum(1),
    "other-half-flipped": lambda table, y, A: 1 - losses.active(table, y) / (A - table).sum(1),
    "not-normalised": _flip,
    "mean": lambda table, y, A: _share_of_others(table, y, A) / (table.shape[1] - 1),
    "A-once": lambda table, y, A: 1 - losses.active(A - table, y) / (A - table.sum(1)),
    "sign": lambda table, y, A: -_share_of_others(table, y, A),
}

register(
    Exercise(
        name="04-normalise",
        lesson=4,
        difficulty=2,
        task="Write nnlf(table, y, A): 1 - (A - L_y) / sum_k (A - L_k) per sample.",
        judge=judge_function(losses.normalized_negative, _INPUTS_A, _NORMALISE),
        hints={
            "label-share": "that is the label's share; the loss is what is left: 1 minus it.",
            "others-below": "below the line the sum runs over all K classes, the label included.",
            "not-flipped": "the shares are those of L_k; flip first, then take shares.",
            "active": "that is the active half, L_y / sum_k L_k; nothing is flipped.",
            "half-flipped": "above the line it is flipped, below it is not; use A - L_k in both.",
            "other-half-flipped": "below the line it is flipped, above not; use A - L_y there too.",
            "not-normalised": "that is the flipped sum; divide it by the sum over all classes.",
            "mean": "you divided by K - 1 as well; the shares alone are wanted.",
            "A-once": "below the line every one of the K terms has its own A.",
            "sign": "the sign is turned: the loss falls from 1 - 1/K as the label is learned.",
        },
        general_hints=[
            "Call the flipped table F, F_k = A - L_k. Its shares are F_k / sum_k F_k.",
            "The loss is 1 minus the label's share; the sum below the line is over all K.",
            "F = A - table; return 1 - F.gather(...).squeeze(1) / F.sum(...)",
        ],
        solution=(
            "def nnlf(table, y, A):\n"
            "    F = A - table\n"
            "    return 1 - F.gather(1, y[:, None]).squeeze(1) / F.sum(1)"
        ),
        wrong_bank=[*[(wrong, key) for key, wrong in _NORMALISE.items()],
                    (lambda table, y, A: (A - table) / (A - table).sum(1, keepdim=True), "error")],
        right_bank=[losses.normalized_negative, _share_of_others, _from_shares],
    )
)  # fmt: skip


# --- the symmetry constant ------------------------------------------------------------------

register(
    Exercise(
        name="04-symmetry",
        lesson=4,
        difficulty=1,
        task="What does ANL-CE with alpha = 5, beta = 5 sum to over the labels of K = 10 classes?",
        judge=judge_number(
            50.0,
            {
                "K": 55.0,
                "weights-only": 10.0,
                "both": 90.0,
                "alpha-K": 95.0,
                "halves": 10 / 2,
                "passive-only": 45.0,
            },
        ),
        hints={
            "K": "you took K for the second half; the shares of K classes leave K - 1.",
            "weights-only": "that is alpha + beta; the second half sums to K - 1, not to 1.",
            "both": "you gave both halves K - 1; the active half sums to 1.",
            "alpha-K": "the active half, L_y / sum_k L_k, sums to 1 over the labels, not to K.",
            "halves": "one half alone gives that; add the other.",
            "passive-only": "that is the second half, beta (K - 1); add the first.",
        },
        general_hints=[
            "Sum each half on its own, then weigh and add.",
            "The sum over y of L_y / sum_k L_k is 1. The sum over y of 1 minus a share is K - 1.",
            "alpha * 1 + beta * (K - 1), with your numbers.",
        ],
        solution="5 * 1 + 5 * (10 - 1)",
        wrong_bank=[
            (55, "K"),
            (10, "weights-only"),
            (90.0, "both"),
            (95, "alpha-K"),
            (5, "halves"),
            (45, "passive-only"),
        ],
        right_bank=[50, 50.0, torch.tensor(50.0)],
    )
)
