"""Remembering what takes long to compute, without lending out the only copy."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar

from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")


def kept(maxsize: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Cache a function that gives a tensor or a tuple of tensors, as `functools.lru_cache` does.

    Each call gets a copy: a reader may write into it, and the next call is as right as the first.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        cached = lru_cache(maxsize)(function)

        @wraps(function)
        def copied(*args: P.args, **kwargs: P.kwargs) -> R:
            return _copy(cached(*args, **kwargs))  # type: ignore[arg-type]

        return copied

    return decorate


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else tuple(map(_copy, value))
