"""Lesson 04: the three lines that make a normalised negative loss, and what it sums to."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anl_edu import losses
from anl_edu.lessons.l04_building_an_nnlf.own_loss import judge_own
from anl_edu.teach.answers import AnswerError, call, one_line
from anl_edu.teach.exercise import Exercise, register
from anl_edu.teach.judges import example, judge_function, judge_number

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
                "both-K": 100.0,
                "no-alpha": 46.0,
                "minus-one": 54.0,
                "mean": 9.5,
            },
            rtol=1e-6,  # a whole number
        ),
        hints={
            "K": "you took K for the second half; the shares of K classes leave K - 1.",
            "weights-only": "that is alpha + beta, or 1 + 9 without the weights: the second half "
            "sums to K - 1, and each half has its weight.",
            "both": "you gave both halves K - 1; the active half sums to 1.",
            "alpha-K": "the active half, L_y / sum_k L_k, sums to 1 over the labels, not to K.",
            "halves": "one half alone gives that; add the other.",
            "passive-only": "that is the second half, beta (K - 1); add the first.",
            "both-K": "that is (alpha + beta) K, but over the labels the first half sums to 1, and "
            "the second to K - 1.",
            "no-alpha": "the second half is right; the first, 1, is weighed by alpha.",
            "minus-one": "beta weighs the whole of K - 1, the 1 that is taken off included; and "
            "alpha the 1 of the first half.",
            "mean": "1 - 1/K is the second half's mean over the labels; their sum is asked for.",
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
            (100, "both-K"),
            (46, "no-alpha"),
            (54, "minus-one"),
            (9.5, "mean"),
            *[(near, "error") for near in (49.5, 49.6, 50.45, 50.1, "50", -50, 500)],
        ],
        right_bank=[
            *(50, 50.0, torch.tensor(50.0), torch.tensor([50]), np.float32(50)),
            *(Fraction(50), Decimal(50)),
        ],
    )
)


# --- focal loss -----------------------------------------------------------------------------


def _focal(logits: Tensor, gamma: float) -> Tensor:
    p = logits.softmax(1)
    return -((1 - p.detach()) ** gamma) * p.log()


def _focal_no_grad(logits: Tensor, gamma: float) -> Tensor:
    with torch.no_grad():
        weight = (1 - logits.softmax(1)).pow(gamma)
    return weight * -logits.log_softmax(1)


def _focal_in_place(logits: Tensor, gamma: float) -> Tensor:
    logits -= logits.max(1, keepdim=True).values
    return _focal(logits, gamma)


def _focal_spoiled(logits: Tensor, gamma: float) -> Tensor:
    p = logits.softmax(1)
    table = -((1 - p.detach()) ** gamma) * p.log()
    p += 1  # autograd needed it as it was
    return table


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
    value = call(table, z, gamma)
    if not isinstance(value, Tensor) or not value.requires_grad:
        return None
    weights = torch.linspace(0.5, 1.5, value.numel()).reshape(value.shape)
    try:
        (slope,) = torch.autograd.grad((weights * value).sum(), z, allow_unused=True)
    except RuntimeError as error:
        raise AnswerError(f"right values, but their gradient raised {one_line(error)}") from error
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
            (lambda z, g: losses.fl_table(z, g) + 0j, "error"),
            (_focal_spoiled, "error"),
        ],
        right_bank=[_focal, _focal_no_grad, _focal_in_place, losses.fl_table],
    )
)


# --- a loss of one's own --------------------------------------------------------------------


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
        judge=judge_own,
        hints={
            "batch": "a sample's row changes with the other samples of the batch; work along "
            "dim=1, the classes.",
            "negative": "some entries are below 0; shift the loss so that its best value is 0.",
            "not-of-p": "adding one number to all of a sample's logits changes your table, but no "
            "probability: make it of p = softmax(logits).",
            "not-own-p": "L_k has to depend on p_k alone, by one formula for all classes; yours "
            "changes with the other classes' shares, or with k.",
            "not-zero": "at p = 1 the loss has to be 0; take away what it is there.",
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
            ((lambda z: 2 - z.softmax(1), 2), "not-zero"),
            ((lambda z: 1.5 - z.softmax(1), 1.5), "not-zero"),
            ((lambda z: torch.exp(-z.softmax(1)), 1.0), "not-zero"),
            ((lambda z: 1 / (1 + z.softmax(1)), 1.0), "not-zero"),
            ((lambda z: losses.ce_table(z, P_MIN) + 1, A_CE + 1), "not-zero"),
            ((lambda z: losses.ce_table(z, P_MIN) + 5, A_CE + 5), "not-zero"),
            ((lambda z: 1 - z.sigmoid(), 1.0), "not-of-p"),
            ((lambda z: -torch.nn.functional.logsigmoid(z), A_CE), "not-of-p"),
            ((lambda z: torch.nn.functional.softplus(-z), A_CE), "not-of-p"),
            ((lambda z: torch.exp(-z), 1e7), "not-of-p"),
            ((lambda z: 1 - (2 * z).softmax(1), 1.0), "not-own-p"),
            ((lambda z: (1 - z.softmax(1)) * torch.arange(1, z.shape[1] + 1), 5.0), "not-own-p"),
            ((lambda z: 1 - z.softmax(0), 1.0), "batch"),
            ((lambda z: losses.ce_table(z) / losses.ce_table(z).max(), 1.0), "batch"),
            ((lambda z: 1 - z.softmax(1).numpy(), 1.0), "error"),
            ((lambda z: 1 - z.softmax(1) + 0j, 1.0), "error"),
            ((_root, ...), "error"),
            ((_root, A_CE**0.5 + 0j), "error"),
            ((_root, True), "error"),
            ((_root, [A_CE**0.5] * 2), "error"),
            ((_root, losses.ce_maximum), "error"),
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
            (lambda z: 1 - z.softmax(1), np.float32(1)),
            (lambda z: 1 - z.softmax(1), np.int64(1)),
            (lambda z: 1 - z.softmax(1), np.array(1.0)),
            (lambda z: 1 - z.softmax(1), Fraction(1)),
            (lambda z: 1 - z.softmax(1), [1]),
            (lambda z: 1 - z.float().softmax(1), Decimal(1)),
            (lambda z: 1 - z.sub_(z.max(1, keepdim=True).values).softmax(1), 1.0),
        ],
    )
)
