"""Judges: from an answer to ``None`` (right) or the key of the mistake it makes.

A judge compares numbers, never text, so that any correct form, dtype or device passes. It knows
likely mistakes by their mathematics too: each is the wrong function (or number, or tensor) that
the mistake would give, and an answer that agrees with it has made it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anl_edu.teach.answers import AnswerError, as_numbers, call, copies, kind

Judge = Callable[[Any], str | None]


def judge_function(
    reference: Callable[..., Any],
    inputs: Sequence[tuple[Any, ...]],
    mistakes: Mapping[str, Callable[..., Any]],
    *,
    rtol: float = 1e-3,
    atol: float = 1e-5,
) -> Judge:
    """Judge a function by its values on `inputs`, a sequence of argument tuples.

    `mistakes` maps a key to a wrong function of the same arguments. The first that agrees with
    the answer on every input gives its key. An answer that agrees with none raises AnswerError
    with the first value that is not right. A wrong function may raise for an input it cannot take:
    it then agrees with no answer.
    """

    def judge(answer: Any) -> str | None:
        values = [as_numbers(call(answer, *args)) for args in inputs]
        right = [as_numbers(reference(*copies(args))) for args in inputs]

        def agrees(with_: Sequence[Tensor]) -> bool:
            return all(_close(v, w, rtol, atol) for v, w in zip(values, with_, strict=True))

        if agrees(right):
            return None
        for key, wrong in mistakes.items():
            try:
                theirs = [as_numbers(wrong(*copies(args))) for args in inputs]
            except Exception:
                continue
            if agrees(theirs):
                return key
        for args, value, expected in zip(inputs, values, right, strict=True):
            _same_shape("result", value, expected)
            if not torch.isfinite(value).all() and torch.isfinite(expected).all():
                raise AnswerError("the result has infinite or NaN values where it should not")
            if not _close(value, expected, rtol, atol):
                raise AnswerError(_difference(args, value, expected, rtol, atol))
        raise AssertionError("unreachable: an answer that differs differs somewhere")

    return judge


def judge_loss(
    reference: Callable[[Tensor, Tensor], Tensor],
    mistakes: Mapping[str, Callable[[Tensor, Tensor], Tensor]],
    *,
    rtol: float = 1e-3,
    atol: float = 1e-5,
) -> Judge:
    """Judge a loss ``answer(logits, targets)``: one value per sample, shape (N,).

    It is tried on random float32 logits (N, K) with two different N and K; `reference` and
    `mistakes` are computed in float64. The answer may work in any dtype.
    """
    inputs = [example(6, 4, seed=0), example(9, 10, seed=1)]

    def in_double(fn: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda logits, targets: fn(logits.double(), targets)

    wrong = {key: in_double(fn) for key, fn in mistakes.items()}
    return judge_function(in_double(reference), inputs, wrong, rtol=rtol, atol=atol)


def example(N: int, K: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return logits (N, K) float32 and targets (N,) int64, the same on every machine."""
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(2 * rng.standard_normal((N, K)).astype(np.float32))
    return logits, torch.from_numpy(rng.integers(0, K, N))


def judge_number(
    right: float,
    mistakes: Mapping[str, float] | None = None,
    *,
    rtol: float = 1e-3,
    atol: float = 1e-9,
) -> Judge:
    """Judge one number; `mistakes` maps a key to the number that mistake gives.

    A mistake counts as made within 1 %, since it may come rounded. An answer that makes none of
    them raises AnswerError with what can be said of any number: its sign, its decimal point, or
    that it is too large or too small.
    """

    def judge(answer: Any) -> str | None:
        value = as_numbers(answer)
        if value.numel() != 1:
            raise AnswerError(f"one number is needed, not {value.numel()} of them")
        mine = value.item()
        if math.isclose(mine, right, rel_tol=rtol, abs_tol=atol):
            return None
        near = {
            key: abs(mine - wrong)
            for key, wrong in (mistakes or {}).items()
            if math.isclose(mine, wrong, rel_tol=max(rtol, 1e-2), abs_tol=atol)
        }
        if near:
            return min(near, key=near.__getitem__)
        raise AnswerError(_off(mine, right))

    return judge


def _off(mine: float, right: float) -> str:
    """Say in which way a number is not right."""
    if not math.isfinite(mine):
        return "a finite number is needed"
    if math.isclose(mine, -right, rel_tol=1e-3):
        return "the sign is turned"
    if mine * right > 0:
        places = round(math.log10(mine / right))
        if places and math.isclose(mine, right * 10.0**places, rel_tol=1e-3):
            size = "large" if places > 0 else "small"
            return f"the digits are right, but it is {10 ** abs(places)} times too {size}"
    return f"the number is too {'large' if mine > right else 'small'}"


def judge_tensor(
    right: Any, mistakes: Mapping[str, Any] | None = None, *, rtol: float = 1e-3, atol: float = 1e-5
) -> Judge:
    """Judge a tensor, an array or a (nested) list of numbers, of any dtype on any device."""

    def judge(answer: Any) -> str | None:
        value, expected = as_numbers(answer), as_numbers(right)
        if _close(value, expected, rtol, atol):
            return None
        for key, wrong in (mistakes or {}).items():
            if _close(value, as_numbers(wrong), rtol, atol):
                return key
        _same_shape("answer", value, expected)
        good = torch.isclose(value, expected, rtol=rtol, atol=atol)
        count, first = int(good.sum()), good.logical_not().nonzero()[0].tolist()
        raise AnswerError(
            f"{count or 'none'} of the {good.numel()} values {'is' if count < 2 else 'are'} right; "
            f"the first that is not is entry {first}"
        )

    return judge


def judge_choice(right: str, options: Sequence[str]) -> Judge:
    """Judge a choice from `options`; a wrong one gives itself, in lower case, as the key.

    Each wrong option so has a hint of its own. Case and surrounding blanks do not matter.
    """
    known = [option.lower() for option in options]

    def judge(answer: Any) -> str | None:
        if not isinstance(answer, str | int):
            raise AnswerError(f"one of {', '.join(options)} is needed, not {kind(answer)}")
        said = str(answer).strip().strip("()").lower()
        if said not in known:
            raise AnswerError(f"{said!r} is not one of {', '.join(options)}")
        return None if said == right.lower() else said

    return judge


def _close(a: Tensor, b: Tensor, rtol: float, atol: float) -> bool:
    return _fits(a, b) and torch.allclose(a.reshape(b.shape), b, rtol=rtol, atol=atol)


def _fits(value: Tensor, expected: Tensor) -> bool:
    """Tell whether the shapes agree; one number is one number, in brackets or not."""
    return value.shape == expected.shape or value.numel() == expected.numel() == 1


def _same_shape(what: str, value: Tensor, expected: Tensor) -> None:
    if _fits(value, expected):
        return
    said = f"the {what} has shape {tuple(value.shape)}; it should have {tuple(expected.shape)}"
    if expected.ndim == 1 and value.shape == (len(expected), len(expected)):
        said += ". [:, y] takes every y in every row; [torch.arange(N), y] takes one y a row"
    raise AnswerError(said)


def _difference(
    args: tuple[Any, ...], value: Tensor, expected: Tensor, rtol: float, atol: float
) -> str:
    """Say what the first wrong value is, and what it should be."""
    value = value.reshape(expected.shape)
    where = torch.isclose(value, expected, rtol=rtol, atol=atol).logical_not().nonzero()[0].tolist()
    place = f"entry {where}" if where else "the result"
    plain = [f"{a:g}" for a in args if isinstance(a, int | float)]
    call = f" for the arguments {', '.join(plain)}" if len(plain) == len(args) else ""
    mine, right = value[tuple(where)].item(), expected[tuple(where)].item()
    return f"{place}{call} is {mine:.4g}; it should be {right:.4g}"
