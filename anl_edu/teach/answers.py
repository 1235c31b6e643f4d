"""Answers as readers hand them in: filled in or not, called, read as numbers.

Whatever goes wrong here is the answer's doing, and is said to the reader in one line.
"""

from __future__ import annotations

import dis
import numbers
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor


class NotAttempted(Exception):  # noqa: N818 - it is not an error
    """The reader has not filled in the answer yet."""


class AnswerError(Exception):
    """An answer that cannot be judged; the message says why, to the reader."""


def blank(answer: Any) -> bool:
    """Tell whether an answer is still to be filled in, as the notebooks hand it out."""
    if answer is None or answer is ... or answer is NotImplemented:
        return True
    if isinstance(answer, str):
        return not answer.strip(" ?_.")
    if isinstance(answer, list | tuple | dict) and answer:
        return all(map(blank, answer.values() if isinstance(answer, dict) else answer))
    return _unwritten(answer)


def _unwritten(answer: Any) -> bool:
    """Tell whether this is a function whose body is only a docstring, ``pass``, ``...`` and such.

    Its bytecode then uses no argument, names nothing and holds no value. A function that computes
    and forgets to return gives None too, but is not of this kind.
    """
    if not isinstance(answer, FunctionType | MethodType):
        return False
    code = answer.__code__
    if not set(code.co_names) <= {"NotImplemented", "NotImplementedError"}:
        return False
    for step in dis.get_instructions(code):
        if step.opcode in dis.haslocal or step.opcode in dis.hasfree:
            return False
        if step.opname == "LOAD_SMALL_INT":  # from Python 3.14 on, no longer among the constants
            return False
        if step.opcode in dis.hasconst and not blank(step.argval):
            return False
    return True


def require_filled(answer: Any) -> None:
    """Raise NotAttempted for a blank answer, and AnswerError for one that is blank in part.

    An unwritten function makes the whole answer not attempted.
    """
    if blank(answer):
        raise NotAttempted
    part = _blank_part(answer)
    if part:
        raise AnswerError(f"{part} is still blank")


def _blank_part(answer: Any) -> str | None:
    if not isinstance(answer, list | tuple):
        return None
    for n, part in enumerate(answer, 1):
        if blank(part):
            if callable(part):
                raise NotAttempted
            return f"part {n} of {len(answer)}"
        within = _blank_part(part)
        if within:
            return f"{within} of part {n}"
    return None


def call(answer: Callable[..., Any], *args: Any) -> Any:
    """Call the reader's function on copies of the arguments, and return what it gives.

    A copy of a tensor that requires a gradient is no leaf, so it may be changed in place.

    Raises
    ------
    NotAttempted
        It gives a blank, or raises NotImplementedError without a word. (Torch raises that too,
        with words, for the mean of a bool tensor, say: that is an error like others.)
    AnswerError
        It raises (SystemExit too; Ctrl-C passes), or it computes and returns nothing.
    """
    if not callable(answer):
        raise AnswerError(f"a function is needed, not {kind(answer)}")
    try:
        given = answer(*copies(args))
    except (Exception, SystemExit) as error:
        if isinstance(error, NotImplementedError) and not str(error):
            raise NotAttempted from None
        raise AnswerError(f"it raised {one_line(error)}") from error
    if given is None and not _unwritten(answer):
        raise AnswerError("it returns nothing; is a return missing?")
    if blank(given):
        raise NotAttempted
    return given


def copies(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return fresh copies, so that an answer that works in place spoils no later comparison."""
    return tuple(a.clone() if isinstance(a, Tensor) else a for a in args)


def as_numbers(value: Any) -> Tensor:
    """Return what an answer holds as a float64 tensor on the CPU.

    Taken are tensors of any dtype, layout and device, arrays, whatever has ``__float__``
    (Fraction, Decimal, SymPy's numbers), and lists of such, nested or not. Complex numbers are
    not taken, even with an imaginary part of 0.
    """
    if isinstance(value, Tensor):
        if value.is_complex():
            raise AnswerError("real numbers are needed, not complex ones")
        try:
            return value.detach().to_dense().to("cpu", torch.float64)
        except (RuntimeError, TypeError):
            raise AnswerError("an ordinary tensor of numbers is needed") from None
    if isinstance(value, list | tuple | range):
        rows = [as_numbers(part) for part in value]
        if not rows:
            return torch.zeros(0, dtype=torch.float64)
        if any(row.shape != rows[0].shape for row in rows):
            raise AnswerError("the parts of the list have different shapes")
        return torch.stack(rows)
    if hasattr(value, "__array__") and not isinstance(value, str | bytes):
        return _from_array(np.asarray(value))
    return torch.tensor(_from_number(value), dtype=torch.float64)


def _from_array(array: np.ndarray) -> Tensor:
    if array.dtype.kind == "O":
        return as_numbers(array.tolist())
    if array.dtype.kind == "c":
        raise AnswerError("real numbers are needed, not complex ones")
    if array.dtype.kind not in "biuf":
        raise AnswerError(f"numbers are needed, not an array of {array.dtype.name}")
    return torch.from_numpy(array.astype(np.float64))


def _from_number(value: Any) -> float:
    if isinstance(value, numbers.Complex) and not isinstance(value, numbers.Real):
        raise AnswerError("real numbers are needed, not complex ones")
    if not isinstance(value, str | bytes | bytearray):  # float() would read those
        try:
            return float(value)
        except OverflowError:
            raise AnswerError("the number is too large") from None
        except (TypeError, ValueError):
            pass
    raise AnswerError(f"numbers are needed, not {kind(value)}")


def kind(value: Any) -> str:
    """Say what an answer is, for the reader: ``an int``, ``the text 'a'``."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return f"the text {shortened(repr(value))}"
    if callable(value) and not hasattr(value, "__float__"):
        return "a function that is not called"
    if isinstance(value, np.ndarray):
        return "a NumPy array"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def one_line(error: BaseException) -> str:
    """Return an exception's type and the first line of what it says, shortened."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {shortened(lines[0])}" if lines else type(error).__name__


def shortened(text: str, length: int = 160) -> str:
    """Cut a text that is longer than `length`."""
    return text if len(text) <= length else f"{text[: length - 4].rstrip()} ..."
