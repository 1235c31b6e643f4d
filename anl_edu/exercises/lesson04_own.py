"""Lesson 04, second half: the focal table with its gradient, and a loss of one's own."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from anl_edu import losses

from .core import Exercise, register
from .judges import AnswerError, NotAttempted, blank, example, judge_function

P_MIN = losses.P_MIN
A_CE = losses.ce_maximum()


# --- focal loss -----------------------------------------------------------------------------


def _focal(logits: Tensor, gamma: float) -> Tensor:
    p = logits.softmax(1)
    return -((1 - p.detach()) ** gamma) * p.log()


def _focal_no_grad(logits: Tensor, gamma: float) -> Tensor:
    with torch.no_grad():
        weight = (1 - logits.softmax(1)).pow(gamma)
    return weight * -logits.log_softmax(1)


_FOCAL = {
    "not-a-power": lambda z, g: -(1 - z.softmax(1)) * g * z.log_softmax(1),
    "p-not-1-p": lambda z, g: -(z.softmax(1) ** g) * z.log_softmax(1),
    "no-factor": lambda z, g: losses.ce_table(z),
    "sign": lambda z, g: -losses.fl_table(z, g),
    "no-log": lambda z, g: (1 - z.softmax(1)) ** g,
    "linear": lambda z, g: -(1 - z.softmax(1)) * z.log_softmax(1),
}


def _slope(table: Any, logits: Tensor, gamma: float) -> Tensor | None:
    """Gradient at the logits of a fixed random sum of the table; None without a graph."""
    z = logits.clone().requires_grad_()
    value = table(z, gamma)
    if not isinstance(value, Tensor) or not value.requires_grad:
        return None
    weights = torch.linspace(0.5, 1.5, value.numel()).reshape(value.shape)
    (slope,) = torch.autograd.grad((weights * value).sum(), z, allow_unused=True)
    return slope


def _same(a: Tensor, b: Tensor | None) -> bool:
    return b is not None and torch.allclose(a, b, rtol=1e-3, atol=1e-5)


def _judge_focal(answer: Any) -> str | None:
    inputs = [(example(6, 4, seed=0)[0], 0.5), (example(9, 10, seed=1)[0], 2.0)]
    key = judge_function(losses.fl_table, inputs, _FOCAL)(answer)
    if key is not None:
        return key
    for logits, gamma in inputs:
        given = _slope(answer, logits, gamma)
        if given is None:
            return "all-detached"
        if _same(given, _slope(losses.fl_table, logits, gamma)):
            continue
        plain = _slope(lambda z, g: losses.fl_table(z, g, detach_focal=False), logits, gamma)
        return "not-detached" if _same(given, plain) else "gradient"
    return None


register(
    Exercise(
        name="04-focal",
        lesson=4,
        difficulty=3,
        task=(
            "Write focal_table(logits, gamma): -(1 - p_k)^gamma log p_k for every class, (N, K), "
            "with the factor (1 - p_k)^gamma held constant in the gradient."
        ),
        judge=_judge_focal,
        hints={
            "not-a-power": "gamma multiplies 1 - p; it has to be its exponent.",
            "p-not-1-p": "the factor is (1 - p)^gamma: small where the model is sure, not large.",
            "no-factor": "that is cross entropy's table; the factor (1 - p)^gamma is missing.",
            "sign": "the sign is turned: log p is negative, a loss is not.",
            "no-log": "that is the factor alone; it multiplies -log p.",
            "linear": "the exponent is missing: that is right for gamma = 1 only.",
            "not-detached": "right values, but the factor is differentiated too; detach it.",
            "all-detached": "right values, but no gradient is left; detach only the factor.",
            "gradient": "right values, wrong gradient; detach (1 - p)^gamma and no more.",
        },
        general_hints=[
            "Write the formula with p = logits.softmax(1) first; then think of the gradient.",
            "x.detach() has the value of x and no gradient.",
            "weight = (1 - p.detach()) ** gamma; return -weight * logits.log_softmax(1)",
        ],
        solution=(
            "def focal_table(logits, gamma):\n"
            "    weight = (1 - logits.softmax(1).detach()) ** gamma\n"
            "    return -weight * logits.log_softmax(1)"
        ),
        wrong_bank=[
            *[(wrong, key) for key, wrong in _FOCAL.items()],
            (lambda z, g: -((1 - z.softmax(1)) ** g) * z.log_softmax(1), "not-detached"),
            (lambda z, g: losses.fl_table(z, g).detach(), "all-detached"),
            (lambda z, g: -((1 - z.softmax(1)) ** g) * z.log_softmax(1).detach(), "gradient"),
            (lambda z, g: losses.fl_table(z, g)[:, 0], "error"),
        ],
        right_bank=[_focal, _focal_no_grad, losses.fl_table],
    )
)


# --- a loss of one's own --------------------------------------------------------------------


def _judge_own(answer: Any) -> str | None:
    """Judge (table, A): an active loss table and its largest value on p in [p_min, 1]."""
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise AnswerError("two things are needed: your table function and its maximum A")
    table, A = answer
    if blank(table) or blank(A):
        raise NotAttempted
    if not callable(table):
        raise AnswerError("the first of the two must be your table function, not called")
    z = example(8, 5, seed=2)[0].double()  # (8, 5)
    L = _entries(table, z)
    if (L < -1e-9).any():
        return "negative"
    if not _falls(table, z, L):
        return "not-active"
    if not isinstance(A, int | float | Tensor) or isinstance(A, bool):
        raise AnswerError("the second of the two must be a number, the maximum A")
    if not math.isfinite(float(A)):
        return "infinite"
    # The largest value on [p_min, 1], and the limit at p = 0 where that is finite: both will do.
    at_p_min, at_zero = (_value_at(table, p) for p in (P_MIN, 1e-200))
    if float(A) < 0.99 * at_p_min:
        return "too-small"
    near = [v for v in (at_p_min, at_zero) if abs(float(A) - v) <= 0.01 * v]
    if not near:
        return "too-large"
    return None if _gradient_is_finite(table) else "gradient"


def _entries(table: Any, z: Tensor) -> Tensor:
    try:
        L = table(z.clone())
    except Exception as error:
        raise AnswerError(f"it raised {type(error).__name__}: {error}") from error
    if blank(L):
        raise NotAttempted
    if not isinstance(L, Tensor) or L.shape != z.shape:
        found = tuple(L.shape) if isinstance(L, Tensor) else type(L).__name__
        raise AnswerError(f"the table of logits {tuple(z.shape)} must have that shape, not {found}")
    if not torch.isfinite(L).all():
        raise AnswerError("the table has infinite or NaN entries for ordinary logits")
    return L.detach()


def _falls(table: Any, z: Tensor, L: Tensor) -> bool:
    """Whether L_k falls everywhere when the logit of k alone rises."""
    for k in range(z.shape[1]):
        up = z.clone()
        up[:, k] += 0.5
        if not (_entries(table, up)[:, k] < L[:, k]).all():
            return False
    return True


def _value_at(table: Any, p: float) -> float:
    """Return the table's entry for a class of probability p, the rest on one other class."""
    z = torch.tensor([[math.log(p), math.log1p(-p)]], dtype=torch.float64)
    return _entries(table, z)[0, 0].item()


def _gradient_is_finite(table: Any) -> bool:
    z = torch.tensor([[60.0, 0.0, -60.0]], requires_grad=True)  # float32: p is exactly 1, 0, 0
    value = table(z)
    if not value.requires_grad:
        return False
    (slope,) = torch.autograd.grad(value.clamp(max=1e6).sum(), z)
    return bool(torch.isfinite(slope).all())


def _root(z: Tensor) -> Tensor:
    return losses.ce_table(z, P_MIN).clamp(min=1e-6).sqrt()


register(
    Exercise(
        name="04-own",
        lesson=4,
        difficulty=3,
        task=(
            "Give (my_table, my_maximum): a table of an active loss of your own, (N, K), and its "
            "largest value A for probabilities from 1e-7 to 1."
        ),
        judge=_judge_own,
        hints={
            "negative": "some entries are below 0; shift the loss so that its best value is 0.",
            "not-active": "L_k has to fall, everywhere, as p_k grows; yours does not.",
            "infinite": "A has to be finite; clamp p at 1e-7 and take the value there.",
            "too-small": "your table has entries above A; then A - L_k is negative.",
            "too-large": "A is above anything your table reaches; flipping then wastes its range.",
            "gradient": "where p is exactly 0 or 1 the gradient is NaN or missing; clamp first.",
        },
        general_hints=[
            "Any falling function of p that is 0 at p = 1 will do: (1 - p)^2, 1 - sqrt(p), ... "
            "Clamp p first if its slope at 0 is infinite.",
            "A is the loss of the worst case: put p = 1e-7 (or p = 0, if finite) in your formula.",
            "losses.ce_table(logits, 1e-7) is a safe -log p to build on: log(1 + it), say.",
        ],
        solution=(
            "import math\n\n"
            "def my_table(logits):\n"
            "    return torch.log1p(losses.ce_table(logits, 1e-7))  # log(1 - log p)\n\n"
            "my_maximum = math.log1p(losses.ce_maximum(1e-7))\n"
            "answer = (my_table, my_maximum)"
        ),
        wrong_bank=[
            ((lambda z: z.softmax(1), 1.0), "not-active"),
            ((lambda z: z.softmax(1) * 0 + 1, 1.0), "not-active"),
            ((lambda z: -z.softmax(1), 0.0), "negative"),
            ((losses.ce_table, math.inf), "infinite"),
            ((losses.ce_table, 5.0), "too-small"),
            ((lambda z: (1 - z.softmax(1)) ** 2, A_CE), "too-large"),
            ((lambda z: losses.ce_table(z).sqrt(), A_CE**0.5), "gradient"),
            ((lambda z: losses.ce_table(z).mean(1), A_CE), "error"),
            ((_root, "4"), "error"),
            (_root, "error"),
        ],
        right_bank=[
            (_root, A_CE**0.5),
            (lambda z: (1 - z.softmax(1)) ** 2, 1),
            (lambda z: losses.ce_table(z, P_MIN).log1p(), math.log1p(A_CE)),
            (lambda z: -torch.expm1(-0.1 * losses.ce_table(z)) / 0.1, 10.0),
            [losses.fl_table, losses.fl_maximum()],
        ],
    )
)
