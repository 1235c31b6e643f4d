"""Exercises of lesson 07: labels counted, ER and its gradient, lambda without clean labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anl_edu import losses, noise
from anl_edu.teach.exercise import Exercise, register
from anl_edu.teach.judges import example, judge_function

# --- 07-counts ---------------------------------------------------------------------------------

_T = noise.asymmetric_mnist(0.4)
_SIZES = torch.tensor([142, 146, 142, 146, 144, 145, 145, 143, 139, 145])
_COUNTS: list[tuple[Any, ...]] = [
    (_SIZES, _T),
    (torch.tensor([500, 300, 200]), torch.tensor([[0.7, 0.3, 0], [0, 0.9, 0.1], [0.2, 0.2, 0.6]])),
]


def _counts(n: Tensor, T: Tensor) -> Tensor:
    return n.to(T.dtype) @ T


def _counts_loop(n: Tensor, T: Tensor) -> list[float]:
    K = len(n)
    return [sum(float(n[i]) * float(T[i, j]) for i in range(K)) for j in range(K)]


_COUNT_MISTAKES: dict[str, Callable[..., Any]] = {
    "rows": lambda n, T: T @ n.to(T.dtype),
    "columns-only": lambda n, T: T.sum(0),
    "equal-classes": lambda n, T: T.sum(0) * n.sum() / len(n),
    "kept": lambda n, T: T.diagonal() * n,
    "arrived": lambda n, T: n.to(T.dtype) @ T - T.diagonal() * n,
    "shares": lambda n, T: n.to(T.dtype) @ T / n.sum(),
    "table": lambda n, T: n[:, None] * T,
}

register(
    Exercise(
        name="07-counts",
        lesson=7,
        difficulty=1,
        task="Write counts(n, T): from the classes' sizes n (K,) and the transition matrix T "
        "(K, K), how many samples carry each label, (K,).",
        judge=judge_function(_counts, _COUNTS, _COUNT_MISTAKES),
        hints={
            "rows": "you summed over labels; T[i, j] takes class i to label j, so for label j the "
            "sum runs over i: down the column.",
            "columns-only": "these are the columns' sums alone; each row must count as often as "
            "its class occurs.",
            "equal-classes": "this holds where all classes are equally large; use each class's "
            "own size.",
            "kept": "these are the labels that stay right; others arrive from other classes.",
            "arrived": "these are the labels that arrive from other classes; those that stay "
            "belong to the count too.",
            "shares": "these are shares of all labels; multiply by their number.",
            "table": "this is how many go from i to j; now add up what arrives at each j.",
        },
        general_hints=[
            "Label j is given to T[i, j] of each class i.",
            "So n[0] T[0, j] + n[1] T[1, j] + ... for each j.",
            "That is a vector times a matrix: n.to(T.dtype) @ T",
        ],
        solution="def counts(n, T):\n    return n.to(T.dtype) @ T",
        because="Rows say where a class goes, columns what arrives at a label. Rows always sum to "
        "1; where a column does not, a label is given too often or too seldom.",
        wrong_bank=[(fn, key) for key, fn in _COUNT_MISTAKES.items()],
        right_bank=[
            _counts,
            _counts_loop,
            lambda n, T: (n[:, None] * T).sum(0),
            lambda n, T: T.T @ n.to(T.dtype),
        ],
    )
)

# --- 07-er -------------------------------------------------------------------------------------

_BATCHES = [(4 * example(n, k, seed=s)[0],) for s, (n, k) in enumerate(((6, 4), (9, 10)))]


def _entropy(p: Tensor) -> Tensor:
    return -(p * p.log()).sum(-1)


def _er(logits: Tensor) -> Tensor:
    return math.log(logits.shape[1]) - _entropy(logits.softmax(1).mean(0))


_ER_MISTAKES: dict[str, Callable[..., Any]] = {
    "each-sample": lambda z: math.log(z.shape[1]) - _entropy(z.softmax(1)).mean(),
    "mean-logits": lambda z: math.log(z.shape[1]) - _entropy(z.mean(0).softmax(0)),
    "over-samples": lambda z: math.log(z.shape[1]) - _entropy(z.softmax(0).mean(0)),
    "no-log-K": lambda z: -_entropy(z.softmax(1).mean(0)),
    "entropy": lambda z: _entropy(z.softmax(1).mean(0)),
    "wrong-sign": lambda z: math.log(z.shape[1]) + _entropy(z.softmax(1).mean(0)),
    "sum": lambda z: math.log(z.shape[1]) - _entropy(z.softmax(1).sum(0)),
    "log-N": lambda z: math.log(z.shape[0]) - _entropy(z.softmax(1).mean(0)),
    "reverse": lambda z: -z.softmax(1).mean(0).log().mean() - math.log(z.shape[1]),
}

register(
    Exercise(
        name="07-er",
        lesson=7,
        difficulty=2,
        task="Write er(logits): log K minus the entropy of the batch's mean prediction, from "
        "logits (N, K), one number.",
        judge=judge_function(_er, _BATCHES, _ER_MISTAKES),
        hints={
            "each-sample": "you took the entropy of each sample and then the mean. First the mean "
            "prediction, then its entropy: every single sample may be sure.",
            "mean-logits": "p_bar is the mean of the probabilities, not the softmax of the mean "
            "logits.",
            "over-samples": "the softmax runs over the samples; it belongs over the classes, "
            "dim=1.",
            "no-log-K": "log K is missing: without it a balanced batch does not give 0.",
            "entropy": "this is the entropy itself. Minimising it would put all predictions into "
            "one class.",
            "wrong-sign": "the entropy is added; it must be subtracted, so that a balanced batch "
            "gives 0.",
            "sum": "you summed over the batch; p_bar is the mean.",
            "log-N": "log of the number of classes, not of samples.",
            "reverse": "this is the divergence the other way round, KL(uniform, p_bar); ER is "
            "KL(p_bar, uniform).",
        },
        general_hints=[
            "Three steps: probabilities (N, K), their mean over the batch (K,), one number.",
            "p_bar = logits.softmax(1).mean(0)",
            "math.log(K) + (p_bar * p_bar.log()).sum()",
        ],
        solution=(
            "import math\n\n"
            "def er(logits):\n"
            "    p_bar = logits.softmax(1).mean(0)  # (K,)\n"
            "    return math.log(logits.shape[1]) + (p_bar * p_bar.log()).sum()"
        ),
        because="It is 0 where the classes are predicted equally often on average, and log K where "
        "one class takes all. How sure each single prediction is does not enter.",
        wrong_bank=[(fn, key) for key, fn in _ER_MISTAKES.items()],
        right_bank=[
            _er,
            losses.entropy_regularizer,
            lambda z: torch.special.xlogy(p := z.softmax(1).mean(0), p).sum() + np.log(z.shape[1]),
            lambda z: torch.nn.functional.kl_div(
                torch.full((z.shape[1],), 1 / z.shape[1]).log(),
                z.softmax(1).mean(0),
                reduction="sum",
            ),
        ],
    )
)

# --- 07-er-gradient ----------------------------------------------------------------------------

_PREDICTIONS = [(z.double().softmax(1),) for (z,) in _BATCHES]


def _gradient(p: Tensor) -> Tensor:
    log = p.mean(0).log()  # (K,)
    return p * (log - (p * log).sum(1, keepdim=True)) / len(p)


def _by_autograd(p: Tensor) -> Tensor:
    z = p.log().requires_grad_()
    (g,) = torch.autograd.grad(losses.entropy_regularizer(z), z)
    return g


def _by_jacobian(p: Tensor) -> Tensor:
    J = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]  # (N, K, K)
    return (J @ (p.mean(0).log() + 1)) / len(p)


_GRADIENT_MISTAKES: dict[str, Callable[..., Any]] = {
    "no-N": lambda p: len(p) * _gradient(p),
    "not-centred": lambda p: p * (p.mean(0).log() + 1) / len(p),
    "not-centred-log": lambda p: p * p.mean(0).log() / len(p),
    "sign": lambda p: -_gradient(p),
    "at-p-bar": lambda p: (p.mean(0).log() + 1).expand_as(p) / len(p),
    "centred-by-p-bar": lambda p: (
        p * (p.mean(0).log() - (p.mean(0) * p.mean(0).log()).sum()) / len(p)
    ),
    "own-log": lambda p: p * (p.log() - (p * p.log()).sum(1, keepdim=True)) / len(p),
}

register(
    Exercise(
        name="07-er-gradient",
        lesson=7,
        difficulty=3,
        task="Write er_gradient(p): from the predictions p (N, K) of a batch, the gradient of ER "
        "at their logits, (N, K).",
        judge=judge_function(_gradient, _PREDICTIONS, _GRADIENT_MISTAKES, atol=1e-7),
        hints={
            "no-N": "each sample is one of N in p_bar: the factor 1/N is missing.",
            "not-centred": "softmax couples the logits of a sample: from log p_bar_j its mean "
            "under the sample's own p is subtracted. (Your rows should add to 0.)",
            "not-centred-log": "from log p_bar_j its mean under the sample's own p is subtracted: "
            "softmax couples a sample's logits, so that your rows should add to 0.",
            "sign": "the sign is turned round: a class that is predicted too often must be pushed "
            "down by a step *against* the gradient.",
            "at-p-bar": "this is the gradient at p_bar (over N); go on to the logits, through the "
            "softmax of each sample.",
            "centred-by-p-bar": "the mean of log p_bar is taken under the sample's own p, not "
            "under p_bar.",
            "own-log": "the logarithm is that of p_bar, the same for all samples; this is the "
            "gradient of each sample's own entropy.",
        },
        general_hints=[
            "Chain rule: d ER / d p_bar_k = log p_bar_k + 1, and p_bar_k is the mean of the p_k.",
            "The softmax: d p_k / d z_j = p_k (1[k = j] - p_j). The + 1 then cancels.",
            "p_j (log p_bar_j - sum_k p_k log p_bar_k) / N, with log = p.mean(0).log()",
        ],
        solution=(
            "def er_gradient(p):\n"
            "    log = p.mean(0).log()  # (K,)\n"
            "    return p * (log - (p * log).sum(1, keepdim=True)) / len(p)"
        ),
        because="The factor p_j makes it 0 for a sample that is sure, whatever p_bar is: ER moves "
        "the samples in doubt, from their more crowded class to the emptier one.",
        wrong_bank=[(fn, key) for key, fn in _GRADIENT_MISTAKES.items()],
        right_bank=[_gradient, _by_autograd, _by_jacobian],
    )
)

# --- 07-choose ---------------------------------------------------------------------------------

# rows: settings, columns: seeds; in each case another mistake changes the choice
_HELD = torch.tensor([[0.52, 0.60, 0.54], [0.58, 0.57, 0.59], [0.55, 0.50, 0.66]])
_TRUE = torch.tensor([[0.91, 0.93, 0.92], [0.85, 0.88, 0.86], [0.80, 0.84, 0.95]])
_CHOICES: list[tuple[Any, ...]] = [
    (_HELD, _TRUE),
    (_HELD[[1, 2, 0]], _TRUE[[2, 0, 1]]),
    (_HELD[:, :2], _TRUE[:, 1:]),
]


def _choose(held_out: Tensor, test: Tensor) -> int:
    return int(held_out.mean(1).argmax())


_CHOICE_MISTAKES: dict[str, Callable[..., Any]] = {
    "clean": lambda held_out, test: int(test.mean(1).argmax()),
    "luckiest": lambda held_out, test: int(held_out.max(1).values.argmax()),
    "luckiest-clean": lambda held_out, test: int(test.max(1).values.argmax()),
    "worst": lambda held_out, test: int(held_out.mean(1).argmin()),
    "value": lambda held_out, test: held_out.mean(1).max(),
    "per-seed": lambda held_out, test: held_out.argmax(0),
}

register(
    Exercise(
        name="07-choose",
        lesson=7,
        difficulty=2,
        task="Write choose(held_out, test): from accuracies (settings, seeds) on held-out noisy "
        "labels and on clean test images, the row of the setting that you would take.",
        judge=judge_function(_choose, _CHOICES, _CHOICE_MISTAKES),
        hints={
            "clean": "test images with clean labels are what you report at the end; chosen by "
            "them, the report is too good, and at work you have none.",
            "luckiest": "this takes the setting with the single luckiest seed; compare means over "
            "seeds.",
            "luckiest-clean": "this looks at clean labels, and at the luckiest seed.",
            "worst": "this is the setting with the lowest accuracy.",
            "value": "this is the accuracy; its row is asked for.",
            "per-seed": "this is a row for each seed; one setting is asked for.",
        },
        general_hints=[
            "Which of the two tables would you have at work?",
            "Average over the seeds, then take the row of the largest mean.",
            "held_out.mean(1).argmax()",
        ],
        solution="def choose(held_out, test):\n    return held_out.mean(1).argmax()",
        because="Held-out noisy labels are all that a user has. They rank settings as clean ones "
        "would only as far as noise and their number allow: a mean over seeds, and no more trust "
        "than its standard error.",
        wrong_bank=[(fn, key) for key, fn in _CHOICE_MISTAKES.items()],
        right_bank=[
            _choose,
            lambda held_out, test: held_out.sum(1).argmax(),
            lambda held_out, test: max(range(len(held_out)), key=lambda r: held_out[r].mean()),
        ],
    )
)
