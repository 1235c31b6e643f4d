"""Exercises of lesson 03: normalising, NCE's way out, APL, NRCE's factor, more than MAE."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from anl_edu import losses
from anl_edu.teach.answers import AnswerError, as_numbers, call, kind
from anl_edu.teach.exercise import Exercise, register
from anl_edu.teach.judges import example, judge_function, judge_loss

# --- 03-normalise ------------------------------------------------------------------------------


def _own(table: Tensor, y: Tensor) -> Tensor:
    return table.gather(1, y[:, None])[:, 0]


def _normalise(table: Tensor, y: Tensor) -> Tensor:
    return _own(table, y) / table.sum(1)


def _normalise_all_first(table: Tensor, y: Tensor) -> Tensor:
    return (table / table.sum(dim=1, keepdim=True))[torch.arange(len(y)), y]


def _normalise_one_hot(table: Tensor, y: Tensor) -> Tensor:
    e = torch.nn.functional.one_hot(y, table.shape[1])
    return (e * table).sum(1) / table.sum(1)


def _normalise_in_lists(table: Tensor, y: Tensor) -> list[float]:
    return [row[k] / sum(row) for row, k in zip(table.tolist(), y.tolist(), strict=True)]


_NORMALISE_MISTAKES: dict[str, Callable[..., Any]] = {
    "not-normalised": _own,
    "by-mean": lambda t, y: _own(t, y) / t.mean(1),
    "by-max": lambda t, y: _own(t, y) / t.max(1).values,
    "by-others": lambda t, y: _own(t, y) / (t.sum(1) - _own(t, y)),
    "by-batch": lambda t, y: _own(t, y) / _own(t, y).sum(),
    "by-table": lambda t, y: _own(t, y) / t.sum(),
    "by-classes": lambda t, y: _own(t / t.sum(0), y),
    "softmax": lambda t, y: _own(t.softmax(1), y),
    "whole-table": lambda t, y: t / t.sum(1, keepdim=True),
    "upside-down": lambda t, y: t.sum(1) / _own(t, y),
}

register(
    Exercise(
        name="03-normalise",
        lesson=3,
        difficulty=1,
        task="Write normalise(table, y): the loss under the label, divided by the sum over all "
        "labels, (N,).",
        judge=judge_function(
            _normalise,
            [(losses.ce_table(z), y) for z, y in (example(6, 4), example(9, 10, seed=1))],
            _NORMALISE_MISTAKES,
        ),
        hints={
            "not-normalised": "this picks the loss under the label, and does not divide it yet.",
            "by-mean": "you divided by the mean over labels; by the sum it adds to 1, by the mean "
            "to K.",
            "by-max": "you divided by the largest entry of the row; what adds to 1 is division by "
            "the sum.",
            "by-others": "the label's own loss belongs into the sum too.",
            "by-batch": "you divided by the sum over the batch; each sample is divided by the sum "
            "of its own row.",
            "by-table": "you divided by the sum of the whole table; each sample is divided by the "
            "sum of its own row.",
            "by-classes": "the sum runs down the columns (over samples); sum over dim=1, the "
            "labels.",
            "softmax": "a softmax too many: the losses are divided by their sum as they are, "
            "without exponentials.",
            "whole-table": "this is the normalised table, (N, K); now pick the label's column for "
            "each sample.",
            "upside-down": "the fraction is upside down.",
        },
        general_hints=[
            "Two numbers per row: the entry at the label, and the sum of the row.",
            "table.gather(1, y[:, None]) picks one entry per row.",
            "table.gather(1, y[:, None]).squeeze(1) / table.sum(1)",
        ],
        solution=(
            "def normalise(table, y):\n"
            "    return table.gather(1, y[:, None]).squeeze(1) / table.sum(1)"
        ),
        because="The divisor is the same for every label of a sample, so over the labels the "
        "fractions add to 1, whatever the table held.",
        wrong_bank=[(fn, key) for key, fn in _NORMALISE_MISTAKES.items()],
        right_bank=[_normalise, _normalise_all_first, _normalise_one_hot, _normalise_in_lists],
    )
)


# --- 03-cheat ----------------------------------------------------------------------------------


def _judge_cheat(answer: Any) -> str | None:
    p = as_numbers(answer)
    if p.shape != (10,):
        raise AnswerError(f"p must have shape (10,), got {tuple(p.shape)}")
    if not p.isfinite().all():
        raise AnswerError("p has infinite or NaN entries")
    if (p < 0).any() or abs(p.sum().item() - 1) > 1e-5:
        return "not-p"
    if p.argmax() == 0:
        return "learned"
    if (p == 0).any():
        return "zero"
    nce = (p[0].log() / p.log().sum()).item()
    if nce < 0.02:
        return None
    return "spread" if p[1:].max() < 0.3 else "not-low"


_TINY = [0.4, *[1e-12] * 8, 0.6 - 8e-12]

register(
    Exercise(
        name="03-cheat",
        lesson=3,
        difficulty=2,
        task="Give ten probabilities, label first, with NCE below 0.02 although another class is "
        "the largest.",
        judge=_judge_cheat,
        hints={
            "not-p": "these are not ten probabilities that add to 1.",
            "learned": "here the label's class, the first, is the largest: the model is right. "
            "Make it wrong.",
            "zero": "an exact 0 makes a loss infinite; use a very small number, such as 1e-12.",
            "spread": "the other nine classes share their probability too evenly, so that their "
            "losses stay moderate. Give nearly all of it to one.",
            "not-low": "the right idea, but NCE is still 0.02 or more: squeeze the unused classes "
            "harder, or give the label a little more.",
        },
        general_hints=[
            "NCE = P / (P + Q). P is fixed by p_y. What makes Q large?",
            "Give the label 0.4, one other class nearly all the rest.",
            "Eight classes at 1e-12 each add 8 · 27.6 to Q.",
        ],
        solution="p = [0.4] + [1e-12] * 8 + [0.6 - 8e-12]",
        because="Eight squeezed classes add 8 · 27.6 to Q, and P = -log 0.4 is 0.92 still: the "
        "fraction is small because its lower part is large, not because the label was learned.",
        wrong_bank=[
            ([0.4] + [0.1] * 9, "not-p"),
            ([0.91] + [0.01] * 9, "learned"),
            ([0.4, 0.6] + [0.0] * 8, "zero"),
            ([0.1, 0.2] + [0.0875] * 8, "spread"),
            ([0.3, 0.6] + [0.0125] * 8, "not-low"),
            ([torch.nan] * 10, "error"),
            ([0.4, *[...] * 9], "error"),
        ],
        right_bank=[
            _TINY,
            torch.tensor(_TINY),
            tuple([0.45, 0.55 - 8e-9] + [1e-9] * 8),
            torch.softmax(torch.tensor([0.0, 0.2] + [-40.0] * 8), 0),
            [0.4] + [1e-6] * 8 + [0.6],  # adds to 1.000008
            [Fraction(2, 5), Decimal("0.6"), *[Fraction(1, 10**12)] * 8],
        ],
    )
)


# --- 03-apl ------------------------------------------------------------------------------------


def _apl(logits: Tensor, y: Tensor) -> Tensor:
    return 2 * losses.nce(logits, y) + 3 * losses.mae(logits, y)


def _apl_by_hand(logits: Tensor, y: Tensor) -> Tensor:
    log_p = torch.log_softmax(logits, 1)
    own = log_p[torch.arange(len(y)), y]
    return 2 * own / log_p.sum(1) + 3 * (1 - own.exp())


def _apl_from_table(logits: Tensor, y: Tensor) -> Tensor:
    p = logits.softmax(1)
    e = torch.nn.functional.one_hot(y, logits.shape[1])
    mae = (e - p).abs().sum(1) / 2
    return 2 * losses.normalized(losses.ce_table(logits), y) + 3 * mae


def _apl_from_build(logits: Tensor, y: Tensor) -> Tensor:
    return losses.build("nce+mae", reduction="none", alpha=2, beta=3)(logits, y)


_APL_MISTAKES: dict[str, Callable[..., Any]] = {
    "swapped": lambda z, y: 3 * losses.nce(z, y) + 2 * losses.mae(z, y),
    "doubled": lambda z, y: 2 * losses.nce(z, y) + 6 * losses.mae(z, y),
    "not-normalised": lambda z, y: 2 * losses.ce(z, y) + 3 * losses.mae(z, y),
    "rce": lambda z, y: 2 * losses.nce(z, y) + 3 * losses.rce(z, y),
    "active-only": lambda z, y: 2 * losses.nce(z, y),
    "passive-only": lambda z, y: 3 * losses.mae(z, y),
    "unweighted": lambda z, y: losses.nce(z, y) + losses.mae(z, y),
    "softmax": lambda z, y: _apl(z.softmax(1), y),
    "p-for-loss": lambda z, y: 2 * losses.nce(z, y) + 3 * (1 - losses.mae(z, y)),
    "averaged": lambda z, y: _apl(z, y).mean(),
}

register(
    Exercise(
        name="03-apl",
        lesson=3,
        difficulty=2,
        task="Write apl(logits, y): 2 NCE + 3 MAE per sample, MAE on the package's scale, 1 - p_y.",
        judge=judge_loss(_apl, _APL_MISTAKES),
        hints={
            "swapped": "the weights are the wrong way round: alpha = 2 belongs to NCE.",
            "doubled": "MAE is twice too large: here it is 1 - p_y, not 2 (1 - p_y).",
            "not-normalised": "the active half is CE as it stands; it is to be normalised.",
            "rce": "the passive half is RCE, 9.21 times too large for MAE.",
            "active-only": "the passive half is missing.",
            "passive-only": "the active half is missing.",
            "unweighted": "both halves are right, but unweighted.",
            "softmax": "a softmax too many: you gave probabilities to functions that want logits.",
            "p-for-loss": "the passive half is p_y; it should be 1 - p_y, small when the model is "
            "right.",
            "averaged": "you averaged over the batch; give one value per sample, (N,).",
        },
        general_hints=[
            "Both halves are in the package: losses.nce and losses.mae take (logits, y).",
            "Weight each and add.",
            "2 * losses.nce(logits, y) + 3 * losses.mae(logits, y)",
        ],
        solution=(
            "def apl(logits, y):\n    return 2 * losses.nce(logits, y) + 3 * losses.mae(logits, y)"
        ),
        because="Sums over labels add as the losses do: 2 · 1 + 3 (K - 1) for every prediction, "
        "so the weighted sum is symmetric again.",
        wrong_bank=[(fn, key) for key, fn in _APL_MISTAKES.items()],
        right_bank=[_apl, _apl_by_hand, _apl_from_table, _apl_from_build],
    )
)


# --- 03-factor ---------------------------------------------------------------------------------

_R = -math.log(1e-4)
_FACTOR_MISTAKES: dict[str, Callable[..., Any]] = {
    "normalised": lambda K: 1 / (K - 1),
    "meant": lambda K: _R / (4 * (K - 1)),
    "no-log": lambda K: 1 / 4 * (K - 1),
    "papers-log": lambda K: 4 * (K - 1) / 4,
    "papers-scale": lambda K: 1 / 4 * (K - 1) * _R / 2,
    "by-k": lambda K: K / 4 * _R,
    "rce": lambda K: _R,
    "sum": lambda K: 1 / 4 * (K - 1) * _R * (K - 1),
}

register(
    Exercise(
        name="03-factor",
        lesson=3,
        difficulty=2,
        task="Write coded_factor(K): the number c for which the published code's NRCE is c · MAE, "
        "with MAE = 1 - p_y.",
        judge=judge_function(
            lambda K: 1 / 4 * (K - 1) * _R, [(3,), (10,), (100,)], _FACTOR_MISTAKES, atol=1e-9
        ),
        hints={
            "normalised": "this is NRCE as it should be. What does the line of code multiply by?",
            "meant": "this is what the authors meant to write. Python reads 1 / 4 * (K - 1) from "
            "left to right.",
            "no-log": "this is what RCE is multiplied by; RCE itself is not yet MAE.",
            "papers-log": "with log 0 = -4 it would be so; the code's RCE has log 1e-4 = -9.21.",
            "papers-scale": "that is against 2 (1 - p_y), as some papers write MAE; here MAE is "
            "1 - p_y.",
            "by-k": "the code has K - 1, not K.",
            "rce": "this is RCE's own factor, before the line of code multiplies it.",
            "sum": "this is what it adds to over the labels: the cell above printed it.",
        },
        general_hints=[
            "RCE = r (1 - p_y) with r = |log 1e-4|; the line multiplies RCE by normalizor.",
            "Python reads 1 / 4 * (K - 1) as (1 / 4) * (K - 1).",
            "c = (K - 1) / 4 times 9.21. For K = 10 that is 20.7: a weight, not a normalisation.",
        ],
        solution="import math\n\n\ndef coded_factor(K):\n    return (K - 1) / 4 * -math.log(1e-4)",
        because="RCE is r (1 - p_y), r = 9.21, and the line multiplies by (K - 1) / 4. Normalised "
        "it would be 1 / (K - 1): the coded weight is (K - 1)² r / 4 times as large, 186.5 for "
        "K = 10. It is still MAE, and a smaller beta hides it.",
        wrong_bank=[(fn, key) for key, fn in _FACTOR_MISTAKES.items()],
        right_bank=[
            lambda K: (K - 1) / 4 * _R,
            lambda K: 0.25 * _R * (K - 1),
            lambda K: torch.tensor((K - 1) / 4 * _R, dtype=torch.float64),
            lambda K: [(K - 1) / 4 * _R],
        ],
    )
)


# --- 03-not-mae --------------------------------------------------------------------------------


def _judge_not_mae(answer: Any) -> str | None:
    if not callable(answer):
        raise AnswerError(f"a function of (p, y) is needed, not {kind(answer)}")
    generator = torch.Generator().manual_seed(0)
    p = torch.randn(40, 6, generator=generator, dtype=torch.float64).softmax(1)
    labels = torch.arange(6)
    table = torch.stack([_values(answer, p, k.expand(40)) for k in labels], 1)  # (40, 6)
    spread = (table.max() - table.min()).item()  # adding a constant does not change it
    if table.std(1).max() <= 1e-6 * table.abs().max():
        return "constant"
    if table.std(0).max() <= 1e-6 * spread:
        return "ignores-p"
    sums = table.sum(1)
    if sums.max() - sums.min() > 1e-4 * spread:
        return "not-symmetric"
    sure = torch.eye(6, dtype=torch.float64) * 0.9 + 0.1 / 6  # six confident predictions
    right, wrong = (_values(answer, q, labels) for q in (sure, sure.roll(1, 0)))
    if not (right < wrong).all():
        return "wrong-way"
    if _line_in(p, table):
        return "still-mae"
    if _is_scaled_mae(p, table):
        return "scaled-mae"
    return "nce" if _line_in(p.log() / p.log().sum(1, keepdim=True), table) else None


def _is_scaled_mae(p: Tensor, table: Tensor) -> bool:
    """Tell whether the table is MAE of logits times some number, as that of g(p) = p**a is."""
    from scipy.optimize import minimize_scalar

    def rest(log_a: float) -> float:
        return _rest((math.exp(log_a) * p.log()).softmax(1), table)

    found = minimize_scalar(rest, bounds=(math.log(0.1), math.log(10)), method="bounded")
    return bool(found.fun < 1e-4)


def _line_in(x: Tensor, table: Tensor) -> bool:
    """Tell whether the table is a x + b_k, with one slope and a constant for each label."""
    return _rest(x, table) < 1e-4


def _rest(x: Tensor, table: Tensor) -> float:
    """Return what a x + b_k, fitted to the table, leaves at most, as a part of its spread."""
    constants = torch.eye(6, dtype=x.dtype).repeat(len(x), 1)
    X = torch.cat([x.reshape(-1, 1), constants], 1)  # (40 * 6, 1 + 6)
    value = table.flatten()
    rest = value - X @ torch.linalg.lstsq(X, value[:, None]).solution[:, 0]
    return (rest.abs().max() / (value.max() - value.min())).item()


def _values(answer: Callable[..., Any], p: Tensor, y: Tensor) -> Tensor:
    values = as_numbers(call(answer, p, y))
    if values.shape != y.shape:
        raise AnswerError(f"the result has shape {tuple(values.shape)}; it should be ({len(y)},)")
    if not torch.isfinite(values).all():
        raise AnswerError("the result has infinite or NaN values where it should not")
    return values


def _nce_of(p: Tensor, y: Tensor) -> Tensor:
    return _own(p.log(), y) / p.log().sum(1)


def _complement_of(g: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda p, y: 1 - _own(g(p), y) / g(p).sum(1)


register(
    Exercise(
        name="03-not-mae",
        lesson=3,
        difficulty=3,
        task="Write a loss(p, y) of probabilities p (N, K) that is symmetric, lower when the "
        "model is right, and neither MAE nor NCE in disguise.",
        judge=_judge_not_mae,
        hints={
            "constant": "this loss does not depend on the label at all.",
            "ignores-p": "this loss does not depend on the prediction at all.",
            "not-symmetric": "the sum over labels differs between predictions. Divide by a sum "
            "over labels.",
            "wrong-way": "a confident right answer costs more than a confident wrong one: turn it "
            "round, for instance 1 - ...",
            "still-mae": "this is a straight line in p_y: MAE in disguise once more, whatever "
            "constants are added.",
            "scaled-mae": "these fractions are a softmax once more, of the logits times a number: "
            "the loss is MAE of scaled logits, as for every power of p. Take a g that is none.",
            "nce": "this is NCE, the active half, times a number and plus constants. Normalise "
            "something other than -log p.",
        },
        general_hints=[
            "Normalising makes anything symmetric: choose g(p_k) > 0 and divide by its sum over "
            "the labels.",
            "If g grows with p, then 1 - g(p_y) / sum_k g(p_k) falls as p_y grows.",
            "With g(p) = p the sum is 1 and you are back at MAE; with a power, at MAE of scaled "
            "logits. Try a sum of two powers.",
        ],
        solution=(
            "def loss(p, y):\n"
            "    g = p + p**2\n"
            "    return 1 - g.gather(1, y[:, None]).squeeze(1) / g.sum(1)"
        ),
        because="The fractions g(p_k) / sum g add to 1 over the labels, so the losses add to "
        "K - 1. And g is no power of p: those of p**a are softmax(a z), MAE of scaled logits.",
        wrong_bank=[
            (lambda p, y: p.sum(1), "constant"),
            (lambda p, y: -_own(p, y).log(), "not-symmetric"),
            (lambda p, y: _own(p**2, y) / (p**2).sum(1), "wrong-way"),
            (lambda p, y: 2 * (1 - _own(p, y)), "still-mae"),
            (lambda p, y: 2 * (1 - _own(p, y)) + 0.1 * y, "still-mae"),
            (lambda p, y: 1 - _own(p, y) + 5 * y, "still-mae"),
            (_complement_of(lambda p: p**2), "scaled-mae"),
            (_complement_of(torch.sqrt), "scaled-mae"),
            (lambda p, y: 1e3 + 7 * _complement_of(lambda q: q**3)(p, y), "scaled-mae"),
            (_nce_of, "nce"),
            (lambda p, y: 3 * _nce_of(p, y), "nce"),
            (lambda p, y: _nce_of(p, y) + 3, "nce"),
            (lambda p, y: 2 * _nce_of(p, y) - 0.3, "nce"),
            (lambda p, y: _nce_of(p, y) - 1 + 0.01 * y, "nce"),
            (lambda p, y: torch.zeros(len(y)), "constant"),
            (lambda p, y: y.double(), "ignores-p"),
            (lambda p, y: 1e6 - _own(p, y).log(), "not-symmetric"),
            (lambda p, y: _own(p, y), "wrong-way"),
            (lambda p, y: _complement_of(lambda q: q**2)(p, y) + 0j, "error"),
            (lambda p, y: torch.zeros(3, dtype=torch.bool).mean(), "error"),
        ],
        right_bank=[
            _complement_of(lambda p: p + p**2),
            _complement_of(lambda p: p.sqrt() + p),
            _complement_of(torch.expm1),
            lambda p, y: losses.nnce(p.log(), y),
            lambda p, y: losses.nfl(p.log(), y),
            lambda p, y: _complement_of(lambda q: q + q**3)(p, y).tolist(),
            lambda p, y: 1e3 + _complement_of(lambda q: q + q**2)(p, y),
        ],
    )
)
