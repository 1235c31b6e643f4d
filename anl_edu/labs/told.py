"""The numbers that a check tells before its verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from anl_edu.labs.variants import Variant
from anl_edu.teach.answers import as_numbers, call

Told = Callable[[Any, Variant], str]


def first_values(inputs: Callable[[Variant], Sequence[tuple[Any, ...]]]) -> Told:
    """Tell the first three values that a function gives on the first of its inputs."""

    def told(answer: Any, me: Variant) -> str:
        values = as_numbers(call(answer, *inputs(me)[0])).flatten()
        more = ", ..." if len(values) > 3 else ""
        return f"on a first example it gives {', '.join(f'{v:.4f}' for v in values[:3])}{more}"

    return told


def number(answer: Any, me: Variant) -> str:
    """Tell a number, or a list of some."""
    return f"you say {', '.join(f'{v:.6g}' for v in as_numbers(answer).flatten())}"
