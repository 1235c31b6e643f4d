"""The judge of a reader's own loss: is it an active loss, and is A its largest value.

A table of an active loss has L[n, k] = f(p_k) with one f that falls as p_k grows, down to 0 at
p_k = 1. Each of these is tried on its own, so that the reader is told which of them fails.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from anl_edu import losses
from anl_edu.teach.answers import AnswerError, as_numbers, call, kind, one_line
from anl_edu.teach.judges import example

_NEXT_TO_ZERO = 5e-3  # of the largest value: room for a clamp that keeps the gradient finite


def judge_own(answer: Any) -> str | None:
    """Judge (table, A): an active loss table and its largest value on p in [p_min, 1]."""
    if not isinstance(answer, tuple | list) or len(answer) != 2:
        raise AnswerError("two things are needed: your table function and its maximum A")
    table, A = answer
    if not callable(table):
        raise AnswerError("the first of the two must be your table function, not called")
    return _wrong_table(table) or _wrong_maximum(table, _maximum(A)) or _wrong_gradient(table)


def _wrong_table(table: Any) -> str | None:
    z = example(8, 5, seed=2)[0].double()  # (8, 5)
    L = _entries(table, z)
    if not _same(torch.cat([_entries(table, row[None]) for row in z]), L):
        return "batch"
    if not _same(_entries(table, z + 3), L):
        return "not-of-p"
    if not _depends_on_own_p_alone(table, z, L):
        return "not-own-p"
    if (L < -1e-9).any():
        return "negative"
    if not _falls(table, z, L):
        return "not-active"
    at_one = _value_at(table, 1 - 1e-12)
    return "not-zero" if at_one > _NEXT_TO_ZERO * _value_at(table, losses.P_MIN) else None


def _same(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-4, atol=1e-5)  # the reader may compute in float32


def _depends_on_own_p_alone(table: Any, z: Tensor, L: Tensor) -> bool:
    """Whether L_k stays when the other classes share the rest evenly, or change places with k."""
    p = z.softmax(1)
    for k in range(z.shape[1]):
        even = ((1 - p[:, k : k + 1]) / (z.shape[1] - 1)).expand_as(p).clone()  # (8, 5)
        even[:, k] = p[:, k]
        if not _same(_entries(table, even.log())[:, k], L[:, k]):
            return False
    return _same(_entries(table, z.flip(1)).flip(1), L)


def _falls(table: Any, z: Tensor, L: Tensor) -> bool:
    """Whether L_k falls everywhere when the logit of k alone rises."""
    for k in range(z.shape[1]):
        up = z.clone()
        up[:, k] += 0.5
        if not (_entries(table, up)[:, k] < L[:, k]).all():
            return False
    return True


def _maximum(A: Any) -> float:
    if isinstance(A, bool):
        raise AnswerError("the second of the two must be a number, the maximum A")
    try:
        value = as_numbers(A)
    except AnswerError as error:
        raise AnswerError(f"the second of the two must be the maximum A: {error}") from None
    if value.numel() != 1:
        raise AnswerError("the second of the two must be one number, the maximum A")
    return value.item()


def _wrong_maximum(table: Any, A: float) -> str | None:
    if not math.isfinite(A):
        return "infinite"
    # The largest value on [p_min, 1], and the limit at p = 0 where that is finite: both will do.
    at_p_min, at_zero = (_value_at(table, p) for p in (losses.P_MIN, 1e-200))
    if 0.99 * at_p_min > A:
        return "too-small"
    near = [v for v in (at_p_min, at_zero) if abs(A - v) <= 0.01 * v]
    return None if near else "too-large"


def _entries(table: Any, z: Tensor) -> Tensor:
    L = call(table, z)
    if not isinstance(L, Tensor):
        said = "the table must be a torch tensor, or it has no gradient"
        raise AnswerError(f"{said}; yours is {kind(L)}")
    if L.shape != z.shape:
        said = f"the table of logits {tuple(z.shape)} must have that shape"
        raise AnswerError(f"{said}, not {tuple(L.shape)}")
    values = as_numbers(L)
    if not torch.isfinite(values).all():
        raise AnswerError("the table has infinite or NaN entries for ordinary logits")
    return values


def _value_at(table: Any, p: float) -> float:
    """Return the table's entry for a class of probability p, the rest on one other class."""
    z = torch.tensor([[math.log(p), math.log1p(-p)]], dtype=torch.float64)
    return _entries(table, z)[0, 0].item()


def _wrong_gradient(table: Any) -> str | None:
    z = torch.tensor([[60.0, 0.0, -60.0]], requires_grad=True)  # float32: p is exactly 1, 0, 0
    value = call(table, z)
    if not value.requires_grad:
        return "gradient"
    try:
        (slope,) = torch.autograd.grad(value.clamp(max=1e6).sum(), z)
    except RuntimeError as error:
        raise AnswerError(f"the table's gradient raised {one_line(error)}") from error
    return None if torch.isfinite(slope).all() else "gradient"
