"""Exercises of lesson 02: sums over labels, noisy losses, MAE's pull, and an ambiguous image."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anl_edu import losses
from anl_edu.teach.answers import AnswerError, as_numbers, call
from anl_edu.teach.exercise import Exercise, register
from anl_edu.teach.judges import example, judge_function

Loss = Callable[[Tensor, Tensor], Tensor]


# --- 02-label-sum ------------------------------------------------------------------------------


def _per_label(loss: Loss, logits: Tensor) -> Tensor:
    N, K = logits.shape
    labels = torch.arange(K)
    return torch.stack([loss(logits, k.expand(N)) for k in labels], 1)  # (N, K)


def _label_sum(loss: Loss, logits: Tensor) -> Tensor:
    return _per_label(loss, logits).sum(1)


def _sum_in_loop(loss: Loss, logits: Tensor) -> Tensor:
    total = torch.zeros(len(logits))
    for k in range(logits.shape[1]):
        total = total + loss(logits, torch.full((len(logits),), k))
    return total


def _sum_by_repeating(loss: Loss, logits: Tensor) -> Tensor:
    N, K = logits.shape
    every = loss(logits.repeat_interleave(K, 0), torch.arange(K).repeat(N))
    return every.reshape(N, K).sum(1)


def _sum_as_list(loss: Loss, logits: Tensor) -> list[float]:
    return _label_sum(loss, logits.double()).tolist()


def _mean_over_labels(loss: Loss, logits: Tensor) -> Tensor:
    return _per_label(loss, logits).mean(1)


def _mean_over_samples(loss: Loss, logits: Tensor) -> Tensor:
    return _per_label(loss, logits).mean(0)


def _sum_over_samples(loss: Loss, logits: Tensor) -> Tensor:
    return _per_label(loss, logits).sum(0)


def _without_last(loss: Loss, logits: Tensor) -> Tensor:
    return _per_label(loss, logits)[:, :-1].sum(1)


def _without_first(loss: Loss, logits: Tensor) -> Tensor:
    return _per_label(loss, logits)[:, 1:].sum(1)


def _grand_total(loss: Loss, logits: Tensor) -> Tensor:
    return _per_label(loss, logits).sum()


_SUM_MISTAKES: dict[str, Callable[..., Any]] = {
    "mean-over-labels": _mean_over_labels,
    "mean-over-samples": _mean_over_samples,
    "sum-over-samples": _sum_over_samples,
    "last-class": _without_last,
    "first-class": _without_first,
    "grand-total": _grand_total,
}

register(
    Exercise(
        name="02-label-sum",
        lesson=2,
        difficulty=1,
        task="Write label_sum(loss, logits): for each of the N rows, the sum of the loss over "
        "all K labels.",
        judge=judge_function(
            _label_sum,
            [(losses.ce, example(6, 4)[0]), (losses.mae, example(9, 10, seed=1)[0])],
            _SUM_MISTAKES,
        ),
        hints={
            "mean-over-labels": "this is the mean over the K labels; the condition is about the "
            "sum, K times as large.",
            "mean-over-samples": "you averaged over the N samples; each sample keeps a sum of its "
            "own, and what runs is the label.",
            "sum-over-samples": "you added over the N samples and kept the labels apart; it is the "
            "other way round.",
            "last-class": "the last class is missing: range(K) already stops before K.",
            "first-class": "class 0 is missing: labels start at 0.",
            "grand-total": "this is one number for the whole batch; do not add the samples "
            "together, give (N,).",
        },
        general_hints=[
            "Which labels can a sample have? Try each of them on the same logits.",
            "torch.full((N,), k) is a batch of N labels that are all k.",
            "Start from 0 and, for k in range(logits.shape[1]), add loss(logits, labels_k).",
        ],
        solution=(
            "def label_sum(loss, logits):\n"
            "    N, K = logits.shape\n"
            "    return sum(loss(logits, torch.full((N,), k)) for k in range(K))"
        ),
        because="Each of the K labels is tried on the same prediction, so what is left depends on "
        "the prediction alone; a symmetric loss is one for which it does not even depend on that.",
        wrong_bank=[(fn, key) for key, fn in _SUM_MISTAKES.items()],
        right_bank=[_label_sum, _sum_in_loop, _sum_by_repeating, _sum_as_list],
    )
)


# --- 02-noisy-loss -----------------------------------------------------------------------------


def _noisy_loss(table: Tensor, y: Tensor, eta: float) -> Tensor:
    K = table.shape[1]
    own = table.gather(1, y[:, None])[:, 0]
    return (1 - eta) * own + eta / (K - 1) * (table.sum(1) - own)


def _noisy_from_matrix(table: Tensor, y: Tensor, eta: float) -> Tensor:
    K = table.shape[1]
    T = torch.full((K, K), eta / (K - 1)).fill_diagonal_(1 - eta)
    return (T[y].to(table.dtype) * table).sum(1)


def _noisy_simplified(table: Tensor, y: Tensor, eta: float) -> Tensor:
    K = table.shape[1]
    own = table[torch.arange(len(y)), y]
    return (1 - eta * K / (K - 1)) * own + eta / (K - 1) * table.sum(1)


def _noisy_in_numpy(table: Tensor, y: Tensor, eta: float) -> Any:
    t, K = table.double().numpy(), table.shape[1]
    own = t[range(len(y)), y.numpy()]
    return (1 - eta) * own + eta * (t.sum(1) - own) / (K - 1)


def _own(table: Tensor, y: Tensor) -> Tensor:
    return table.gather(1, y[:, None])[:, 0]


_NOISY_MISTAKES: dict[str, Callable[..., Any]] = {
    "divided-by-k": lambda t, y, eta: (
        (1 - eta) * _own(t, y) + eta / t.shape[1] * (t.sum(1) - _own(t, y))
    ),
    "redraws-own": lambda t, y, eta: (1 - eta) * _own(t, y) + eta * t.mean(1),
    "own-twice": lambda t, y, eta: (1 - eta) * _own(t, y) + eta / (t.shape[1] - 1) * t.sum(1),
    "clean-only": lambda t, y, eta: (1 - eta) * _own(t, y),
    "no-noise": lambda t, y, eta: _own(t, y),
    "not-shared": lambda t, y, eta: (1 - eta) * _own(t, y) + eta * (t.sum(1) - _own(t, y)),
    "swapped": lambda t, y, eta: (
        eta * _own(t, y) + (1 - eta) / (t.shape[1] - 1) * (t.sum(1) - _own(t, y))
    ),
    "averaged": lambda t, y, eta: _noisy_loss(t, y, eta).mean(),
}


def _noisy_inputs() -> list[tuple[Tensor, Tensor, float]]:
    (z1, y1), (z2, y2) = example(6, 4), example(9, 10, seed=1)
    return [(losses.ce_table(z1), y1, 0.3), (losses.ce_table(z2), y2, 0.6)]


register(
    Exercise(
        name="02-noisy-loss",
        lesson=2,
        difficulty=2,
        task="Write noisy_loss(table, y, eta): the loss expected when label y is replaced, with "
        "probability eta, by one of the K - 1 others.",
        judge=judge_function(_noisy_loss, _noisy_inputs(), _NOISY_MISTAKES),
        hints={
            "divided-by-k": "eta is shared by K - 1 wrong classes, not K, so the weights do not "
            "add to 1.",
            "redraws-own": "here the true class can be drawn again, so that fewer than eta of the "
            "labels are wrong; symmetric noise draws among the K - 1 others.",
            "own-twice": "the true label is inside the sum over all labels too; leave it out there "
            "before sharing eta.",
            "clean-only": "the part where the label stays is right; the part where it goes wrong "
            "is missing.",
            "no-noise": "this is the clean loss: eta is not used yet.",
            "not-shared": "every wrong class gets the whole of eta; it must be shared among them.",
            "swapped": "eta and 1 - eta are the wrong way round: the label stays with "
            "probability 1 - eta.",
            "averaged": "you averaged over the samples; give one value per sample, (N,).",
        },
        general_hints=[
            "An expectation is a sum of value times probability. Which K labels can occur, and "
            "how likely is each?",
            "Row y of the transition matrix holds the K weights.",
            "(1 - eta) * L_y + eta / (K - 1) * (sum of the row of the table, less L_y).",
        ],
        solution=(
            "def noisy_loss(table, y, eta):\n"
            "    K = table.shape[1]\n"
            "    own = table.gather(1, y[:, None]).squeeze(1)    # L_y, (N,)\n"
            "    others = table.sum(1) - own                     # the K - 1 other labels\n"
            "    return (1 - eta) * own + eta / (K - 1) * others"
        ),
        because="An expectation weighs each possible label's loss by its probability: row y of T, "
        "which is 1 - eta at y and eta / (K - 1) elsewhere, times the row of the table.",
        wrong_bank=[(fn, key) for key, fn in _NOISY_MISTAKES.items()],
        right_bank=[_noisy_loss, _noisy_from_matrix, _noisy_simplified, _noisy_in_numpy],
    )
)


# --- 02-mae-pull -------------------------------------------------------------------------------


def _autograd_pull(p: Tensor) -> Tensor:
    z = torch.stack([p.double().log(), (1 - p.double()).log()], 1).requires_grad_()
    (1 - z.softmax(1)[:, 0]).sum().backward()
    assert z.grad is not None
    return z.grad[:, 0].abs()


def _by_hand_at_one_number(p: float) -> float:
    if not 0 < p < 1:
        return 0.0
    z = math.log(p / (1 - p))
    return math.exp(-z) / (1 + math.exp(-z)) ** 2


_PULL_MISTAKES: dict[str, Callable[..., Any]] = {
    "ce": lambda p: 1 - p,
    "in-p": lambda p: torch.ones_like(p),
    "p-only": lambda p: p,
    "sign": lambda p: -p * (1 - p),
    "twice": lambda p: 2 * p * (1 - p),
    "square": lambda p: p**2,
    "loss-times-loss": lambda p: (1 - p) ** 2,
}

_PULL_AT = [torch.tensor([0.001, 0.1, 0.5, 0.9, 0.99]), torch.tensor([0.25, 0.75])]
_judge_pull_of_tensors = judge_function(
    lambda p: p * (1 - p), [(p,) for p in _PULL_AT], _PULL_MISTAKES
)


def _judge_pull(answer: Any) -> str | None:
    """Judge a function of a tensor of p, or of one p, a Python number."""

    def one_by_one(p: Tensor) -> list[Any]:
        return [call(answer, v) for v in p.tolist()]

    judged = answer
    try:
        call(answer, _PULL_AT[0])
    except AnswerError:
        with suppress(AnswerError):
            one_by_one(_PULL_AT[0])
            judged = one_by_one
    return _judge_pull_of_tensors(judged)


register(
    Exercise(
        name="02-mae-pull",
        lesson=2,
        difficulty=2,
        task="Write mae_pull(p): the size of d(1 - p_y)/dz_y as a function of p = p_y.",
        judge=_judge_pull,
        hints={
            "ce": "this is cross entropy's pull; for MAE the 1/p_y of the logarithm is missing, "
            "so a factor p_y stays.",
            "in-p": "this is the slope in p_y. Carry on by the chain rule to the logit: p_y "
            "itself changes with z_y.",
            "p-only": "one factor is missing: as p_y nears 1 the softmax is saturated, and the "
            "pull must vanish there too.",
            "sign": "the size is asked, without its sign: the slope is negative because the loss "
            "falls as z_y grows.",
            "twice": "that is for MAE written as 2 (1 - p_y); the package and this exercise use "
            "1 - p_y.",
            "square": "d p_y / d z_y is not p_y squared: differentiate exp(z_y) / sum exp(z_k) by "
            "the quotient rule.",
            "loss-times-loss": "at p_y = 0 this is 1, but a softmax at 0 does not move at all.",
        },
        general_hints=[
            "Chain rule: slope in p_y, times d p_y / d z_y.",
            "For the softmax, d p_y / d z_y = p_y (1 - p_y).",
            "The slope of 1 - p_y in p_y is -1. Only its size is asked.",
        ],
        solution="def mae_pull(p):\n    return p * (1 - p)",
        because="By the chain rule the slope in z_y is the slope in p_y, which is -1, times "
        "d p_y / d z_y = p_y (1 - p_y). For CE the first factor is -1/p_y, which cancels p_y.",
        wrong_bank=[
            *[(fn, key) for key, fn in _PULL_MISTAKES.items()],
            (lambda p: 1 - p if p < 1 else 0.0, "ce"),
            (lambda p: math.sqrt(p) if p < 1 else 0.0, "error"),
            (lambda p: p.softmax(3), "error"),
        ],
        right_bank=[
            lambda p: p * (1 - p),
            lambda p: p - p**2,
            lambda p: [float(v) * (1 - float(v)) for v in p],
            _autograd_pull,
            _by_hand_at_one_number,
        ],
    )
)


# --- 02-ambiguous ------------------------------------------------------------------------------


def _judge_ambiguous(answer: Any) -> str | None:
    if not isinstance(answer, list | tuple) or len(answer) != 2:
        raise AnswerError("give two things, (m, T): three numbers and a 3 by 3 matrix")
    m, T = (as_numbers(part) for part in answer)
    if m.shape != (3,) or T.shape != (3, 3):
        raise AnswerError(
            f"m must have shape (3,) and T (3, 3); got {tuple(m.shape)} and {tuple(T.shape)}"
        )
    if not (m.isfinite().all() and T.isfinite().all()):
        raise AnswerError("m or T has infinite or NaN entries")
    if (m < 0).any() or not _ones(m.sum()):
        return "not-m"
    if (T < 0).any() or not _ones(T.sum(1)):
        return "columns" if ((T >= 0).all() and _ones(T.sum(0))) else "not-rows"
    off = T - 2 * torch.eye(3, dtype=T.dtype)  # the diagonal can no longer win
    if (T.diagonal() <= off.max(1).values + 1e-9).any():
        return "not-dominant"
    if m.max() > 1 - 1e-9:
        return "clear-image"
    top = m.sort(descending=True).values
    if top[0] - top[1] < 1e-9:
        return "clean-tie"
    if torch.allclose(T, torch.eye(3, dtype=T.dtype)):
        return "no-noise"
    noisy = m @ T
    if noisy.argmax() == m.argmax() or noisy.max() - noisy[m.argmax()] < 1e-9:
        even = torch.allclose(T, T.T) and torch.allclose(T.diagonal(), T[0, 0].expand(3))
        level = torch.allclose(T[0, 1], T[0, 2]) and torch.allclose(T[0, 1], T[1, 2])
        return "symmetric" if even and level else "same"
    return None


def _ones(sums: Tensor) -> bool:
    return bool(((sums - 1).abs() < 1e-5).all())


_CLEAR, _UNSURE = [1.0, 0.0, 0.0], [0.55, 0.45, 0.0]
_LEAKY = [[0.6, 0.0, 0.4], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]  # class 0 loses labels to class 2
_EVEN = [[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]]

register(
    Exercise(
        name="02-ambiguous",
        lesson=2,
        difficulty=3,
        task="Give (m, T): class probabilities m of an ambiguous image and a T whose diagonal "
        "wins every row, such that MAE prefers another class under noise.",
        judge=_judge_ambiguous,
        hints={
            "not-m": "m must be three probabilities that add to 1.",
            "not-rows": "each row of T must be probabilities that add to 1.",
            "columns": "your columns add to 1; it is the rows that must. Transpose T.",
            "not-dominant": "in some row of T the diagonal is not the largest entry, so the "
            "theorem does not promise anything; find one where it is.",
            "clear-image": "this image belongs to one class for sure, so the best clean risk is "
            "zero and the theorem holds. Make the image ambiguous.",
            "clean-tie": "m has two equally likely classes, so no class was preferred to begin "
            "with. Let one lead a little.",
            "no-noise": "this T leaves every label as it is. Let a class lose some of its labels.",
            "symmetric": "symmetric noise shrinks all gaps between classes alike and never "
            "reorders them. Let the classes suffer differently.",
            "same": "after the noise the same class still leads, in m T. Let the leading class "
            "lose more of its labels, and the second fewer.",
        },
        general_hints=[
            "MAE prefers the class that is most frequent among the noisy labels: the largest "
            "entry of m T.",
            "Start from m = (0.55, 0.45, 0): a narrow lead is easily lost.",
            "Let class 0 lose 40 % of its labels to class 2, and class 1 lose none.",
        ],
        solution=(
            "m = [0.55, 0.45, 0.0]\n"
            "T = [[0.6, 0.0, 0.4],    # class 0 loses labels to class 2\n"
            "     [0.0, 1.0, 0.0],\n"
            "     [0.0, 0.0, 1.0]]\n"
            "# m T = (0.33, 0.45, 0.22): class 1 leads now\n"
            "answer = (m, T)"
        ),
        because="MAE names the most frequent noisy label, the largest entry of m T. Class 0 keeps "
        "the majority of its own labels, and still loses enough of them for class 1 to lead.",
        wrong_bank=[
            (([0.55, 0.55, 0.0], _LEAKY), "not-m"),
            ((_UNSURE, [[0.6, 0.0, 0.3], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), "not-rows"),
            ((_UNSURE, torch.tensor([[0.6, 0.3, 0.0], [0.4, 0.7, 0.3], [0, 0, 0.7]])), "columns"),
            ((_UNSURE, [[0.4, 0.6, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), "not-dominant"),
            ((_CLEAR, _LEAKY), "clear-image"),
            (([0.5, 0.5, 0.0], _LEAKY), "clean-tie"),
            ((_UNSURE, _EVEN), "symmetric"),
            (([0.9, 0.1, 0.0], _LEAKY), "same"),
            ((_UNSURE, torch.eye(3)), "no-noise"),
            ((_UNSURE, torch.full((3, 3), torch.nan)), "error"),
            (([torch.nan] * 3, _LEAKY), "error"),
            ((_UNSURE, ...), "error"),
        ],
        right_bank=[
            (_UNSURE, _LEAKY),
            (torch.tensor(_UNSURE), torch.tensor(_LEAKY)),
            (_UNSURE, list(torch.tensor(_LEAKY))),
            ([Fraction(55, 100), Decimal("0.45"), 0], list(np.array(_LEAKY))),
            ([0.4, 0.3, 0.3], [[0.5, 0.4, 0.1], [0.0, 0.9, 0.1], [0.0, 0.1, 0.9]]),
            ((0.55, 0.45, 0.0), [[0.8, 0.2, 0.0], [0.0, 0.8, 0.2], [0.2, 0.0, 0.8]]),
        ],
    )
)
