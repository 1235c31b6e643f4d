"""Exercises of lesson 06: the update, the same run in other numbers, noisy accuracy, an epoch."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anl_edu.teach.exercise import Exercise, register
from anl_edu.teach.judges import judge_function, judge_tensor

# 06-update -------------------------------------------------------------------------------------


def _update(grad: Tensor, theta: Tensor, delta: float, c: float) -> Tensor:
    g = grad + delta * theta.sign()
    return g * min(1.0, c / float(g.norm()))


def _update_where(grad: Tensor, theta: Tensor, delta: float, c: float) -> Tensor:
    g = grad.double() + delta * torch.sign(theta)
    norm = (g**2).sum().sqrt()
    return torch.where(norm > c, g * c / norm, g)


def _update_torch(grad: Tensor, theta: Tensor, delta: float, c: float) -> Tensor:
    p = theta.clone().requires_grad_()
    ((p * grad).sum() + delta * p.abs().sum()).backward()
    torch.nn.utils.clip_grad_norm_([p], c)
    assert p.grad is not None
    return p.grad


def _update_list(grad: Tensor, theta: Tensor, delta: float, c: float) -> list[float]:
    signs = [(t > 0) - (t < 0) for t in theta.tolist()]
    g = [a + delta * s for a, s in zip(grad.tolist(), signs, strict=True)]
    norm = sum(a * a for a in g) ** 0.5
    return [a * c / norm for a in g] if norm > c else g


def _clip_first(grad: Tensor, theta: Tensor, delta: float, c: float) -> Tensor:
    return grad * min(1.0, c / float(grad.norm())) + delta * theta.sign()


def _l2(grad: Tensor, theta: Tensor, delta: float, c: float) -> Tensor:
    g = grad + delta * theta
    return g * min(1.0, c / float(g.norm()))


def _l2_slope(grad: Tensor, theta: Tensor, delta: float, c: float) -> Tensor:
    return _l2(grad, theta, 2 * delta, c)


def _no_sign(grad: Tensor, theta: Tensor, delta: float, c: float) -> Tensor:
    g = grad + delta * theta.abs()
    return g * min(1.0, c / float(g.norm()))


def _minus(grad: Tensor, theta: Tensor, delta: float, c: float) -> Tensor:
    return _update(grad, theta, -delta, c)


def _no_clip(grad: Tensor, theta: Tensor, delta: float, c: float) -> Tensor:
    return grad + delta * theta.sign()


def _each(grad: Tensor, theta: Tensor, delta: float, c: float) -> Tensor:
    return (grad + delta * theta.sign()).clamp(-c, c)


def _always(grad: Tensor, theta: Tensor, delta: float, c: float) -> Tensor:
    g = grad + delta * theta.sign()
    return g * (c / g.norm())


def _no_penalty(grad: Tensor, theta: Tensor, delta: float, c: float) -> Tensor:
    return grad * min(1.0, c / float(grad.norm()))


_UPDATE_MISTAKES: dict[str, Callable[..., Any]] = {
    "clip-first": _clip_first,
    "l2": _l2,
    "l2-slope": _l2_slope,
    "no-sign": _no_sign,
    "minus": _minus,
    "no-clip": _no_clip,
    "each": _each,
    "always": _always,
    "no-penalty": _no_penalty,
}
_GRAD = torch.tensor([0.3, -2.0, 1.5, 0.0, -0.4], dtype=torch.float64)
_THETA = torch.tensor([0.5, 2.0, -0.25, 1.0, 0.0], dtype=torch.float64)

register(
    Exercise(
        name="06-update",
        lesson=6,
        difficulty=1,
        task="Write update(grad, theta, delta, c): the gradient of loss + delta * sum|theta|, "
        "its norm then clipped at c.",
        judge=judge_function(
            _update,
            [(_GRAD, _THETA, 0.2, 1.0), (_GRAD, _THETA, 0.2, 5.0), (-_GRAD, _THETA, 0.01, 2.0)],
            _UPDATE_MISTAKES,
        ),
        hints={
            "clip-first": "you clip before the penalty joins. The authors' code adds first, "
            "then clips.",
            "l2": "you add delta * theta: that is weight decay (L2). The slope of |theta| has the "
            "same size however small theta is.",
            "l2-slope": "you add 2 delta theta, the slope of delta * theta squared. The penalty "
            "here is the absolute value.",
            "no-sign": "you add the penalty's value, delta |theta|. Its slope is asked for: delta "
            "times the sign.",
            "minus": "the penalty has the wrong sign: it would push weights away from 0.",
            "no-clip": "the clipping is missing: where the norm is above c, scale it to c. "
            "(clip_grad_norm_ changes the .grad of what it is given; a plain tensor has none.)",
            "each": "you clip each element on its own. Clipping the norm scales all of them by one "
            "factor, so the direction stays.",
            "always": "you scale to norm c even where the norm is below c. Clipping only shortens.",
            "no-penalty": "the penalty is missing.",
        },
        general_hints=[
            "Two steps: add the slope of the penalty, then shorten the whole if it is too long.",
            "The slope of |theta| is torch.sign(theta), with 0 at 0.",
            "g = grad + delta * theta.sign(), then g * min(1, c / g.norm()).",
        ],
        solution=(
            "def update(grad, theta, delta, c):\n"
            "    g = grad + delta * theta.sign()\n"
            "    return g * min(1.0, c / float(g.norm()))"
        ),
        because="The penalty's slope is `delta` whatever the size of a weight, so it joins as a "
        "sign. Clipping scales the sum by one factor: its direction stays, its length changes.",
        wrong_bank=[(fn, key) for key, fn in _UPDATE_MISTAKES.items()],
        right_bank=[_update, _update_where, _update_torch, _update_list],
    )
)

# 06-same-run -----------------------------------------------------------------------------------

_SAME = [1e-5, 0.25, 1.0]  # delta, lr, clip for alpha = beta = 1 instead of 5
_SAME_MISTAKES: dict[str, list[float]] = {
    "nothing": [5e-5, 0.05, 5.0],
    "delta": [5e-5, 0.25, 1.0],
    "lr": [1e-5, 0.05, 1.0],
    "clip": [1e-5, 0.25, 5.0],
    "lr-only": [5e-5, 0.25, 5.0],
    "lr-down": [1e-5, 0.01, 1.0],
    "turned": [2.5e-4, 0.01, 25.0],
    "factors": [1 / 5, 5.0, 1 / 5],
}

register(
    Exercise(
        name="06-same-run",
        lesson=6,
        difficulty=2,
        task="A run has alpha = beta = 5, delta = 5e-5, lr = 0.05, clipping at 5. Give [delta, lr, "
        "clip] that make the same updates with alpha = beta = 1.",
        judge=judge_tensor(_SAME, _SAME_MISTAKES, rtol=1e-3, atol=0.0),
        hints={
            "nothing": "nothing changed: the loss is five times smaller now, and these settings "
            "are not.",
            "delta": "delta stayed: against a loss five times smaller the penalty is now five "
            "times too strong.",
            "lr": "the learning rate stayed: gradients five times smaller make steps five times "
            "smaller.",
            "clip": "the clipping stayed at 5: gradients that were cut before are now let through.",
            "lr-only": "the learning rate is right. Delta and the clipping must shrink with the "
            "loss.",
            "lr-down": "delta and clipping are right. The gradient is five times smaller; to make "
            "the same step, the learning rate must be larger.",
            "turned": "you went the other way: this is for a loss five times larger.",
            "factors": "these are the right factors. Give the values: each factor times the old "
            "number.",
        },
        general_hints=[
            "The step is lr times the clipped gradient of (loss + delta sum|theta|).",
            "Divide everything inside the clipping by 5, the limit too. What is left to mend?",
            "delta / 5, clip / 5, and lr * 5.",
        ],
        solution="answer = [5e-5 / 5, 0.05 * 5, 5 / 5]",
        because="A loss five times smaller has a gradient five times smaller. With `delta` and the "
        "limit five times smaller too, the clipped gradient is exactly a fifth; five times the "
        "learning rate makes the same step of it.",
        wrong_bank=[
            *[(value, key) for key, value in _SAME_MISTAKES.items()],
            ([1e-5, 0.25, 2.0], "error"),
            ([1e-5, 0.25, ...], "error"),
        ],
        right_bank=[
            _SAME,
            torch.tensor(_SAME),
            (5e-5 / 5, 0.05 * 5, 5 / 5),
            [Fraction(1, 100_000), Decimal("0.25"), np.float32(1)],
        ],
    )
)

# 06-noisy-accuracy -----------------------------------------------------------------------------


def _noisy(a: float, eta: float, K: int) -> float:
    return (1 - eta) * a + (1 - a) * eta / (K - 1)


def _noisy_slope(a: float, eta: float, K: int) -> float:
    return (1 - eta * K / (K - 1)) * a + eta / (K - 1)


def _noisy_matrix(a: float, eta: float, K: int) -> Tensor:
    T = torch.full((K, K), eta / (K - 1), dtype=torch.float64).fill_diagonal_(1 - eta)
    says = torch.full((K,), (1 - a) / (K - 1), dtype=torch.float64)
    says[0] = a
    return (says * T[0]).sum()


_NOISY_MISTAKES: dict[str, Callable[..., Any]] = {
    "no-errors": lambda a, eta, K: (1 - eta) * a,
    "K": lambda a, eta, K: (1 - eta) * a + (1 - a) * eta / K,
    "all-eta": lambda a, eta, K: (1 - eta) * a + (1 - a) * eta,
    "no-share": lambda a, eta, K: (1 - eta) * a + eta / (K - 1),
    "turned": lambda a, eta, K: eta * a + (1 - a) * (1 - eta) / (K - 1),
    "swapped": lambda a, eta, K: (1 - eta) * (1 - a) + a * eta / (K - 1),
    "same": lambda a, eta, K: a,
}

register(
    Exercise(
        name="06-noisy-accuracy",
        lesson=6,
        difficulty=2,
        task="Write noisy(a, eta, K): the accuracy to expect on labels with symmetric noise of "
        "rate eta, for a model whose accuracy on true labels is a.",
        judge=judge_function(
            _noisy, [(0.9, 0.6, 10), (0.5, 0.2, 4), (0.0, 0.4, 10)], _NOISY_MISTAKES
        ),
        hints={
            "no-errors": "you count only the right predictions. A wrong prediction can meet a "
            "wrong label by chance: where the model errs, how often?",
            "K": "a wrong label is one of the K - 1 other classes, not of K.",
            "all-eta": "a wrong label is spread over K - 1 classes; a wrong prediction meets only "
            "one of them.",
            "no-share": "the chance meeting happens only where the model is wrong, a share 1 - a.",
            "turned": "eta and 1 - eta are exchanged: eta is the share of labels that are wrong.",
            "swapped": "a and 1 - a are exchanged: a is the share of predictions that are right.",
            "same": "noise does change it: even a perfect model scores only 1 - eta.",
        },
        general_hints=[
            "Two ways to agree with a noisy label: model right and label right, or both wrong "
            "in the same way.",
            "Model wrong (1 - a): the label equals that wrong class with probability "
            "eta / (K - 1).",
            "(1 - eta) * a + (1 - a) * eta / (K - 1)",
        ],
        solution=("def noisy(a, eta, K):\n    return (1 - eta) * a + (1 - a) * eta / (K - 1)"),
        because="Model and label agree if both are right, `(1 - eta) a`, or if both are wrong in "
        "the same way: the model errs with probability `1 - a`, and the label is that very class "
        "with probability `eta / (K - 1)`.",
        wrong_bank=[(fn, key) for key, fn in _NOISY_MISTAKES.items()],
        right_bank=[_noisy, _noisy_slope, _noisy_matrix],
    )
)

# 06-which-epoch --------------------------------------------------------------------------------

_CURVES = [
    (torch.tensor(held, dtype=torch.float64), torch.tensor(test, dtype=torch.float64))
    for held, test in (
        # Where `held` is largest `test` is low, and where `held` is next to largest it is high:
        # whoever looks at `test` to choose, alone or together with `held`, finds another epoch.
        ([0.25, 0.41, 0.405, 0.30, 0.18, 0.27], [0.45, 0.58, 0.80, 0.86, 0.40, 0.62]),
        ([0.22, 0.38, 0.31, 0.398, 0.40, 0.20, 0.29], [0.50, 0.79, 0.88, 0.84, 0.60, 0.66, 0.46]),
    )
]


def _chosen(held: Tensor, test: Tensor) -> Tensor:
    return test[held.argmax()]


def _chosen_float(held: Tensor, test: Tensor) -> float:
    return float(test[int(torch.argmax(held))])


def _chosen_list(held: Tensor, test: Tensor) -> float:
    return max(zip(held.tolist(), test.tolist(), strict=True))[1]


_CHOSEN_MISTAKES: dict[str, Callable[..., Any]] = {
    "best": lambda held, test: test.max(),
    "last": lambda held, test: test[-1],
    "held": lambda held, test: held.max(),
    "held-at-best": lambda held, test: held[test.argmax()],
    "epoch": lambda held, test: held.argmax(),
    "worst": lambda held, test: test[held.argmin()],
    "both": lambda held, test: test[(held + test).argmax()],
    "first": lambda held, test: test[0],
    "lowest": lambda held, test: test.min(),
}

register(
    Exercise(
        name="06-which-epoch",
        lesson=6,
        difficulty=1,
        task="Write chosen_accuracy(held, test): the test accuracy to report for a run, when the "
        "epoch may be picked by accuracy on held-out noisy labels only.",
        judge=judge_function(_chosen, _CURVES, _CHOSEN_MISTAKES),
        hints={
            "best": "this picks the epoch by the clean test labels themselves. That is the best "
            "epoch, not one you could have chosen.",
            "last": "this is the last epoch: honest, but it does not use the held-out labels.",
            "held": "this is the accuracy on noisy labels. Use it to pick the epoch, and report "
            "the test accuracy there.",
            "held-at-best": "the two are exchanged: pick by `held`, report from `test`.",
            "epoch": "this is the epoch's index; the test accuracy at that epoch is asked for.",
            "worst": "you took the epoch where `held` is lowest.",
            "both": "this picks the epoch by both curves together; `test` may not be looked at "
            "before the epoch is chosen.",
            "first": "this is the first epoch, before the model has learned anything.",
            "lowest": "this is the lowest test accuracy; `held` is not used yet.",
        },
        general_hints=[
            "Which of the two curves may you look at before you have decided?",
            "Tensor.argmax() gives the index of the largest value.",
            "test[held.argmax()]",
        ],
        solution="def chosen_accuracy(held, test):\n    return test[held.argmax()]",
        because="The epoch is chosen by what you have, the noisy labels held out; the clean test "
        "labels are looked at once, at that epoch. The best test accuracy of any epoch would need "
        "clean labels to be found.",
        wrong_bank=[
            *[(fn, key) for key, fn in _CHOSEN_MISTAKES.items()],
            (lambda held, test: test[(held * test).argmax()], "both"),
            (lambda held, test: test[(10 * held + test).argmax()], "both"),
            (lambda held, test: test[test.argsort(descending=True)[:2]].mean(), "error"),
            (lambda held, test: _chosen(held, test) + 0j, "error"),
        ],
        right_bank=[
            *(_chosen, _chosen_float, _chosen_list),
            lambda held, test: test[held == held.max()],
            lambda held, test: test[held.topk(1).indices],
            lambda held, test: test.gather(0, held.argmax(0, keepdim=True)),
        ],
    )
)
