"""Where a loss says its name and the range of each of its parameters: the only list of losses.

    @loss("gce", q=above(0, upto=1))
    def gce(logits, targets, q=0.7): ...

`names`, `defaults`, `label`, `build` and what `anl_edu.losses` exports all read what stands here,
in the order of definition.
"""

import inspect
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from torch import Tensor

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Range:
    """The finite numbers a parameter may take. Made by `at_least` and `above`."""

    low: float
    low_included: bool
    high: float = math.inf
    high_included: bool = False

    def __contains__(self, value: float) -> bool:
        after = value >= self.low if self.low_included else value > self.low
        return after and (value <= self.high if self.high_included else value < self.high)

    def __str__(self) -> str:
        words = f"{'at least' if self.low_included else 'above'} {self.low:g}"
        if self.high < math.inf:
            words += f" and {'at most' if self.high_included else 'below'} {self.high:g}"
        return words


def at_least(low: float, *, below: float = math.inf) -> Range:
    """Numbers from ``low`` on, ``low`` included and ``below`` excluded."""
    return Range(low, True, below)


def above(low: float, *, upto: float | None = None, below: float = math.inf) -> Range:
    """Numbers above ``low``; ``upto`` is included, ``below`` excluded."""
    return Range(low, False, below if upto is None else upto, upto is not None)


class Entry(NamedTuple):
    """One registered loss. A range of ``bool`` means True or False."""

    name: str
    function: Callable[..., Any]
    defaults: Mapping[str, Any]
    ranges: Mapping[str, Range | type[bool]]

    @property
    def of_masks(self) -> bool:
        """Whether it is a module of whole masks, and no function of single labels."""
        return inspect.isclass(self.function)

    def read(self, key: str, value: object) -> float | bool:
        """Return ``value`` as a float (or bool) that parameter ``key`` may have, or raise."""
        if key not in self.ranges:
            takes = ", ".join(self.ranges) or "no parameters"
            raise TypeError(f"loss {self.name!r} has no parameter {key!r}; it takes {takes}")
        return read(f"{key} of {self.name!r}", value, self.ranges[key])


_ENTRIES: dict[str, Entry] = {}


def loss(name: str, **ranges: Range | type[bool]) -> Callable[[Function], Function]:
    """Register the function or class below it as the loss ``name``, and leave it as it is.

    A function takes ``(logits, targets)``, a class of modules ``(reduction, ignore_index)``, and
    both take the loss's parameters after these two.

    Parameters
    ----------
    name : str
        For `build`, in lower case.
    **ranges
        For every parameter after the first two the values it may take: `at_least(...)`,
        `above(...)`, or ``bool`` for a switch. Its default must be one of them.

    Raises
    ------
    TypeError
        A parameter without a range or a default, or a range without a parameter.
    ValueError
        A default outside its range, or a name that another loss has already.
    """

    def register(function: Function) -> Function:
        parameters = list(inspect.signature(function).parameters.values())[2:]
        given = {p.name: p.default for p in parameters}
        for key in given.keys() - ranges.keys():
            raise TypeError(f"parameter {key!r} of loss {name!r} has no range: @loss(..., {key}=)")
        for key in ranges.keys() - given.keys():
            raise TypeError(f"loss {name!r} gives a range for {key!r}, which is no parameter of it")
        for p in parameters:
            if p.default is p.empty:
                raise TypeError(f"parameter {p.name!r} of loss {name!r} has no default")
        defaults = {k: read(f"default {k} of {name!r}", v, ranges[k]) for k, v in given.items()}
        entry = Entry(name, function, defaults, {k: ranges[k] for k in given})
        if name != name.lower():
            raise ValueError(f"the name of a loss is in lower case, got {name!r}")
        for other in _ENTRIES.values():
            # The same function once more is a module that is being reloaded.
            if _place(other) != _place(entry) and (
                other.name == name or other.function.__name__ == function.__name__
            ):
                raise ValueError(f"{name!r} is registered already, by {'.'.join(_place(other))}")
        _ENTRIES[name] = entry
        return function

    return register


def names() -> tuple[str, ...]:
    """Every loss of single labels that `build` knows, those of images and of pixels alike."""
    return tuple(name for name, e in _ENTRIES.items() if not e.of_masks)


def mask_names() -> tuple[str, ...]:
    """Every loss of whole masks that `build` knows."""
    return tuple(name for name, e in _ENTRIES.items() if e.of_masks)


def label(name: str) -> str:
    """Return the name as the papers print it: ``"anl-ce"`` gives ``"ANL-CE"``."""
    found = _ENTRIES.get(name.lower())
    if found is None:
        return name
    return found.name.title() if found.of_masks else name.upper()


def defaults(name: str) -> dict[str, Any]:
    """Parameters of the named loss with their default values."""
    return dict(entry(name).defaults)


def entry(name: str) -> Entry:
    """Return what is registered under ``name``; ValueError if nothing is."""
    if not isinstance(name, str) or name not in _ENTRIES:
        raise ValueError(f"unknown loss {name!r}; known: {', '.join(_ENTRIES)}")
    return _ENTRIES[name]


def functions() -> dict[str, Callable[..., Tensor]]:
    """Every registered function under its own name in Python: ``"nce_mae"`` for "nce+mae"."""
    return {e.function.__name__: e.function for e in _ENTRIES.values() if not e.of_masks}


def read(what: str, value: object, allowed: Range | type[bool]) -> float | bool:
    """Return ``value`` as `number` does, or as a bool where ``allowed`` is ``bool``."""
    if isinstance(allowed, Range):
        return number(what, value, allowed)
    plain = unwrapped(value)
    if not isinstance(plain, bool):
        raise TypeError(f"{what} must be True or False, got {value!r}")
    return plain


def number(what: str, value: object, allowed: Range) -> float:
    """Return a number (of Python or NumPy, or in a 0-d tensor) as a float within ``allowed``.

    Raises
    ------
    TypeError
        It is no number.
    ValueError
        It is outside ``allowed``, infinite or NaN.
    """
    plain = unwrapped(value)
    if isinstance(plain, bool) or not isinstance(plain, numbers.Real):
        raise TypeError(f"{what} must be a number, got {value!r}")
    try:
        result = float(plain)
    except OverflowError:
        raise ValueError(f"{what} must be {allowed}, got a number too large for a float") from None
    if not math.isfinite(result):
        raise ValueError(f"{what} must be finite and {allowed}, got {value!r}")
    if result not in allowed:
        raise ValueError(f"{what} must be {allowed}, got {value!r}")
    return result


def unwrapped(value: Any) -> Any:
    """Return the Python number in a 0-d tensor, a 0-d array or a NumPy scalar; else ``value``."""
    return value.item() if getattr(value, "ndim", None) == 0 else value


def _place(entry: Entry) -> tuple[str, str]:
    return entry.function.__module__, entry.function.__qualname__
