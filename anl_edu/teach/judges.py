"""Judges: from an answer to ``None`` (right) or the key of the mistake it makes.

A judge compares numbers, never text, so that any correct form, dtype or device passes. It knows
likely mistakes by their mathematics too: each is the wrong function (or number, or tensor) that
the mistake would give, and an answer that agrees with it has made it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

Judge = Callable[[Any], str | None]


class NotAttempted(Exception):  # noqa: N818 - it is not an error
    """The reader has not filled in the answer yet."""


class AnswerError(Exception):
    """An answer that cannot be judged; the message says why, to the reader."""


def blank(answer: Any) -> bool:
    """Tell whether an answer is still to be filled in."""
    if answer is None or answer is ... or answer is NotImplemented:
        return True
    if isinstance(answer, str):
        return not answer.strip(" ?_.")
    if isinstance(answer, list | tuple | dict) and answer:
        return all(map(blank, answer.values() if isinstance(answer, dict) else answer))
    return False


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
        if not callable(answer):
            raise AnswerError(f"a function is needed, not {_kind(answer)}")
        given = [_call(answer, args) for args in inputs]
        if any(map(blank, given)):
            raise NotAttempted
        values = [_tensor(value) for value in given]
        right = [_tensor(reference(*_copies(args))) for args in inputs]

        def agrees(with_: Sequence[Tensor]) -> bool:
            return all(_close(v, w, rtol, atol) for v, w in zip(values, with_, strict=True))

        if agrees(right):
            return None
        for key, wrong in mistakes.items():
            try:
                theirs = [_tensor(wrong(*_copies(args))) for args in inputs]
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
    rtol: float = 1e-2,
    atol: float = 1e-9,
) -> Judge:
    """Judge one number; `mistakes` maps a key to the number that mistake gives."""
    return judge_tensor(right, mistakes or {}, rtol=rtol, atol=atol)


def judge_tensor(
    right: Any, mistakes: Mapping[str, Any] | None = None, *, rtol: float = 1e-3, atol: float = 1e-5
) -> Judge:
    """Judge a tensor, an array or a (nested) list of numbers, of any dtype on any device."""

    def judge(answer: Any) -> str | None:
        value, expected = _tensor(answer), _tensor(right)
        if _close(value, expected, rtol, atol):
            return None
        for key, wrong in (mistakes or {}).items():
            if _close(value, _tensor(wrong), rtol, atol):
                return key
        _same_shape("answer", value, expected)
        if expected.numel() > 1:
            good = int(torch.isclose(value, expected, rtol=rtol, atol=atol).sum())
            raise AnswerError(f"{good} of the {expected.numel()} values are right")
        return "wrong"

    return judge


def judge_choice(right: str, options: Sequence[str]) -> Judge:
    """Judge a choice from `options`; a wrong one gives itself, in lower case, as the key.

    Each wrong option so has a hint of its own. Case and surrounding blanks do not matter.
    """
    known = [option.lower() for option in options]

    def judge(answer: Any) -> str | None:
        if not isinstance(answer, str | int):
            raise AnswerError(f"one of {', '.join(options)} is needed, not {_kind(answer)}")
        said = str(answer).strip().strip("()").lower()
        if said not in known:
            raise AnswerError(f"{said!r} is not one of {', '.join(options)}")
        return None if said == right.lower() else said

    return judge


def _call(answer: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    try:
        return answer(*_copies(args))
    except Exception as error:
        # torch raises this type too, with words (for the mean of a bool tensor, say)
        if isinstance(error, NotImplementedError) and not str(error):
            raise NotAttempted from None
        raise AnswerError(f"it raised {type(error).__name__}: {error}") from error


def _copies(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return fresh copies, so that an answer that works in place spoils no later comparison."""
    return tuple(a.clone() if isinstance(a, Tensor) else a for a in args)


def _tensor(value: Any) -> Tensor:
    if isinstance(value, str | bytes | dict | set) or callable(value):
        raise AnswerError(f"numbers are needed, not {_kind(value)}")
    try:
        if isinstance(value, list | tuple) and any(isinstance(v, Tensor) for v in value):
            value = torch.stack([torch.as_tensor(v) for v in value])
        return torch.as_tensor(value).detach().to("cpu", torch.float64)
    except (TypeError, ValueError, RuntimeError):
        raise AnswerError(f"numbers are needed, not {_kind(value)}") from None


def _close(a: Tensor, b: Tensor, rtol: float, atol: float) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=rtol, atol=atol)


def _same_shape(what: str, value: Tensor, expected: Tensor) -> None:
    if value.shape == expected.shape:
        return
    said = f"the {what} has shape {tuple(value.shape)}; it should have {tuple(expected.shape)}"
    if expected.ndim == 1 and value.shape == (len(expected), len(expected)):
        said += ". [:, y] takes every y in every row; [torch.arange(N), y] takes one y a row"
    raise AnswerError(said)


def _difference(
    args: tuple[Any, ...], value: Tensor, expected: Tensor, rtol: float, atol: float
) -> str:
    """Say what the first wrong value is, and what it should be."""
    where = torch.isclose(value, expected, rtol=rtol, atol=atol).logical_not().nonzero()[0].tolist()
    place = f"entry {where}" if where else "the result"
    plain = [f"{a:g}" for a in args if isinstance(a, int | float)]
    call = f" for the arguments {', '.join(plain)}" if len(plain) == len(args) else ""
    mine, right = value[tuple(where)].item(), expected[tuple(where)].item()
    return f"{place}{call} is {mine:.4g}; it should be {right:.4g}"


def _kind(value: Any) -> str:
    if isinstance(value, list | tuple):
        texts = [v for v in value if isinstance(v, str)]
        return f"the text {texts[0]!r}" if texts else "a list of something else"
    if isinstance(value, str):
        return f"the text {value!r}"
    if callable(value):
        return "a function that is not called"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
