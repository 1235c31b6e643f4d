"""What hidden tests share.

A hidden cell loads it afresh from disk, whatever was done to it before:

    import importlib, sys
    sys.modules.pop("anl_edu.labs.grading", None)
    _grading = importlib.import_module("anl_edu.labs.grading")
    _me = _grading.own(1, STUDENT)
    _grading.function(ce_table, reference, inputs)

Its names begin with an underscore: a student's helper of the same name would be lost otherwise.

**Threat model.** The student's code and the test run in one Python process, so nothing here stops
somebody who takes Python apart. It stops what a notebook cell does by simple means: functions of
the package taken as one's own, at whatever time they were imported (their code raises while an
answer is judged, and their modules cannot be imported); names shadowed in the notebook, and
built-in functions, `math` or tensor methods replaced (the test looks); objects that claim to equal
everything (only plain tensors and numbers are taken, and they become plain floats first);
exceptions swallowed by a handler of IPython's and cells that never end or write without end (the
course's nbgrader_config.py sees these from outside); somebody else's id (it is compared with the
submission's folder). The references of hidden tests are plain Python on plain floats, computed
after the answer was. What is not stopped, and meant to be seen by who reads the submission: code
copied from the package or another student, and code written to attack the grader.
"""

from __future__ import annotations

import builtins
import gc
import importlib
import math
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from anl_edu.labs.variants import Variant

SEALED = (
    "anl_edu.losses",
    "anl_edu.gradients",
    "anl_edu.lessons",
    "anl_edu.labs.plain",
    "anl_edu.labs.plain2",
    "anl_edu.labs.plain3",
    *(f"anl_edu.labs.lab{n}" for n in (1, 2, 3)),
)
_BUILT_IN = len.__class__
_METHOD = list.append.__class__
_KIND: Any = len.__class__.__class__  # type, by no name that could be another's
_USED = ("abs", "all", "any", "getattr", "isinstance", "iter", "len", "max", "min", "sum", "vars")

tested = 0  # answers found right; nbgrader_config.py asks for it


class WrongAnswerError(AssertionError):
    """An answer that is not right; the message names what was expected of it, without numbers."""


def own(lab: int, student: Any) -> Variant:
    """Return the variant of the student whose submission this is, made afresh.

    nbgrader runs a submission in ``.../autograded/STUDENT/LAB``. If that names another student than
    the notebook does, no answer counts: `WrongAnswerError` says so.
    """
    _genuine()
    variants = fresh("anl_edu.labs.variants")
    me: Variant = variants.variant(lab, student)
    here = Path.cwd()
    if here.parent.parent.name == "autograded":
        owner = variants.normalised(here.parent.name)
        if owner != me.student:
            raise WrongAnswerError(f"STUDENT is {me.student!r}, but {owner!r} handed this in")
    return me


def fresh(module: str) -> types.ModuleType:
    """Load a module of the package from disk, in the place of the one that is there."""
    sys.modules.pop(module, None)
    return importlib.import_module(module)


def function(
    answer: Any,
    reference: Callable[..., Any],
    inputs: Sequence[tuple[Any, ...]],
    *,
    rtol: float = 1e-4,
    atol: float = 1e-6,
    seal: Sequence[str] = SEALED,
    autograd: bool = True,
) -> None:
    """Compare a function's values with those of a reference, which works on nested lists of floats.

    Parameters
    ----------
    answer
        The student's function; it gets copies of tensors.
    reference
        The same in plain Python: tensors come to it as nested lists, and it returns such a list, or
        a float.
    inputs
        The arguments of each call.
    seal
        Modules and packages whose functions raise while the answer is computed.
    autograd
        Whether the answer may differentiate by torch.
    """
    _genuine()
    for n, args in enumerate(inputs, 1):
        with sealed(*seal), torch.inference_mode(not autograd):
            given = numbers(answer(*[_copy(a) for a in args]))
        wanted = reference(*[plain(a) for a in args])
        compare(given, wanted, f"hidden test {n}", rtol=rtol, atol=atol)
    _passed()


def gradient(
    answer: Any,
    reference: Callable[..., Any],
    inputs: Sequence[tuple[Any, ...]],
    *,
    rtol: float = 1e-4,
    atol: float = 1e-6,
    seal: Sequence[str] = SEALED,
) -> None:
    """Compare the gradient of ``answer(logits, ...).sum()`` at the logits, the first argument.

    ``reference(logits, ...)`` gives that gradient as a nested list.
    """
    _genuine()
    for n, (logits, *rest) in enumerate(inputs, 1):
        z = logits.clone().requires_grad_()
        with sealed(*seal):
            value = answer(z, *[_copy(a) for a in rest])
            if value.__class__ is not torch.Tensor or not value.requires_grad:
                raise WrongAnswerError(f"hidden test {n}: no gradient reaches the logits")
            (slope,) = torch.autograd.grad(value.sum(), z)
        wanted = reference(plain(logits), *[plain(a) for a in rest])
        compare(numbers(slope), wanted, f"hidden test {n}, gradient", rtol=rtol, atol=atol)
    _passed()


def number(answer: Any, right: float, *, rtol: float = 1e-3, atol: float = 1e-9) -> None:
    """Compare one number, which may stand in brackets: `one`."""
    _genuine()
    compare(one(answer), float(right), "the number", rtol=rtol, atol=atol)
    _passed()


def everything(answer: Any, right: Sequence[float], *, rtol: float = 1e-3) -> None:
    """Compare a list of numbers."""
    _genuine()
    compare(numbers(answer), [float(r) for r in right], "a number", rtol=rtol, atol=1e-9)
    _passed()


def mean(values: Sequence[float]) -> float:
    """Return the mean of plain floats."""
    return math.fsum(values) / len(values)


def choice(answer: Any, right: str) -> None:
    """Compare a choice, in any case."""
    if answer.__class__ is not str or answer.strip().lower() != right.lower():
        raise WrongAnswerError("that is not the right choice")
    _passed()


def logits(N: int, K: int, seed: int, scale: float = 2.0) -> torch.Tensor:
    """Return logits (N, K) float32, the same on every machine."""
    g = torch.Generator().manual_seed(seed)
    return scale * torch.randn(N, K, generator=g)


def table(N: int, K: int, seed: int, top: float = 5.0) -> torch.Tensor:
    """Return a loss table (N, K) float32 with values from 0 to `top`."""
    return top * torch.rand(N, K, generator=torch.Generator().manual_seed(seed))


def labels(N: int, K: int, seed: int) -> torch.Tensor:
    """Return labels (N,) int64."""
    return torch.randint(K, (N,), generator=torch.Generator().manual_seed(seed))


def pixels(answer: Any) -> Callable[..., torch.Tensor]:
    """Return the function that hands `answer` the same samples as pixels, and unfolds its values.

    (N, K) arrives there as (N / 2, K, 2), labels (N,) as (N / 2, 2).
    """

    def fold(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        folded = value.reshape(-1, 2, *value.shape[1:])  # (N / 2, 2, K)
        return folded if value.ndim == 1 else folded.movedim(1, -1)

    def folded(*args: Any) -> torch.Tensor:
        given: torch.Tensor = answer(*map(fold, args))
        if given.ndim == 3:  # (N / 2, K, 2)
            given = given.movedim(-1, 1)
        return given.flatten(0, 1)

    return folded


def numbers(value: Any) -> Any:
    """Return a plain tensor, array, list or number as nested lists of plain floats."""
    kind = value.__class__
    if kind is torch.Tensor or kind is torch.nn.Parameter:
        return value.detach().to("cpu", torch.float64).tolist()
    if kind is list or kind is tuple:
        return [numbers(part) for part in value]
    if kind is float or kind is int:
        return float(value)
    if kind.__module__ == "numpy":
        return numbers(value.tolist())
    raise WrongAnswerError(f"tensors or numbers are needed, not {kind.__name__}")


def one(value: Any) -> Any:
    """Return `numbers` without brackets round a single entry: one number is one number.

    The checks take it so: the slope of a batch of one sample has shape (1,).
    """
    given = numbers(value)
    while given.__class__ is list and len(given) == 1:
        given = given[0]
    return given


def plain(value: Any) -> Any:
    """Return tensors as nested lists, all else as it is."""
    return value.tolist() if isinstance(value, torch.Tensor) else value


def compare(given: Any, wanted: Any, what: str, *, rtol: float, atol: float) -> None:
    """Raise `WrongAnswerError` where nested lists of floats differ in shape or value."""
    if wanted.__class__ is list or given.__class__ is list:
        if given.__class__ is not list or wanted.__class__ is not list or len(given) != len(wanted):
            raise WrongAnswerError(f"{what}: the result does not have the right shape")
        for mine, right in zip(given, wanted, strict=True):
            compare(mine, right, what, rtol=rtol, atol=atol)
    elif not math.isclose(given, wanted, rel_tol=rtol, abs_tol=atol):  # nan is close to nothing
        raise WrongAnswerError(f"{what}: a value is not right")


@contextmanager
def sealed(*names: str) -> Iterator[None]:
    """Make every function and method of these modules and packages raise, and importing them too.

    Also those of a module that has been loaded anew since: what counts is the file of their code.
    """
    codes = [(function, function.__code__) for function in _functions(names)]
    inside = {name: module for name, module in sys.modules.items() if _within(name, names)}
    shut = _Shut(names)
    for function, code in codes:
        function.__code__ = _refuse.__code__.replace(co_freevars=code.co_freevars)
    for name in inside:
        sys.modules[name] = None  # type: ignore[assignment]  # importing it raises
    sys.meta_path.insert(0, shut)
    try:
        yield
    finally:
        sys.meta_path.remove(shut)
        sys.modules.update(inside)
        for function, code in codes:
            function.__code__ = code


def _refuse(*args: Any, **more: Any) -> Any:
    raise AssertionError("the package's own function is not an answer to this question")


@dataclass(frozen=True)
class _Shut(MetaPathFinder):
    """Finds no module of these names, whatever else would."""

    names: tuple[str, ...]

    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        if _within(name, self.names):
            raise ImportError(f"{name} is not to be imported here")


def _within(name: str, names: Sequence[str]) -> bool:
    return any(name == outer or name.startswith(f"{outer}.") for outer in names)


@cache
def _functions(names: tuple[str, ...]) -> list[types.FunctionType]:
    """Return every function there is whose code stands in a file of these modules."""
    root = Path(__file__).parents[2]
    bases = [str(root.joinpath(*name.split("."))) for name in names]
    files = (*[f"{base}.py" for base in bases], *[f"{base}/" for base in bases])
    return [
        found
        for found in gc.get_objects()
        if _KIND(found) is types.FunctionType and found.__code__.co_filename.startswith(files)
    ]


def _passed() -> None:
    global tested
    tested += 1


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, torch.Tensor) else value


def _genuine() -> None:
    """Raise `WrongAnswerError` where what a verdict rests on has been replaced."""
    for name in _USED:
        if getattr(builtins, name).__class__ is not _BUILT_IN:
            raise WrongAnswerError(f"the built-in function {name} has been replaced")
    for name in ("isclose", "exp", "log", "log1p", "fsum", "sqrt"):
        if getattr(math, name).__class__ is not _BUILT_IN:
            raise WrongAnswerError(f"math.{name} has been replaced")
    for name in ("tolist", "detach", "to", "clone", "sum"):
        if getattr(torch.Tensor, name).__class__ is not _METHOD:
            raise WrongAnswerError(f"torch.Tensor.{name} has been replaced")
