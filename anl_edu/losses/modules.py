"""Losses as modules: checked input, reduction and ignored labels."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from anl_edu.losses.registry import above, at_least, entry, number, unwrapped
from anl_edu.losses.tables import active_negative


class LossModule(nn.Module):
    """What every loss module has: a name, parameters of its own, a reduction, ignored labels.

    Attributes
    ----------
    name : str
        Name that `build` knows, or the one given to `anl`.
    parameters_ : dict
        The loss's own parameters (alpha, beta, ...), as they were given.
    """

    def __init__(
        self, name: str, parameters: dict[str, Any], reduction: str, ignore_index: int
    ) -> None:
        super().__init__()
        if reduction not in ("none", "mean", "sum"):
            raise ValueError(f"reduction must be 'none', 'mean' or 'sum', got {reduction!r}")
        self.name = name
        self.parameters_ = parameters
        self.reduction = reduction
        self.ignore_index = _integer("ignore_index", ignore_index)

    def check(self, logits: Tensor, targets: Tensor) -> None:
        """Raise where shapes or dtypes do not fit, or, on the CPU, class ids are out of range."""
        _check_form(logits, targets)
        if self._readable(targets):
            check_labels(targets, logits.shape[1], self.ignore_index)

    def reduced(self, values: Tensor) -> Tensor:
        """Return values as ``reduction`` has it."""
        return values if self.reduction == "none" else getattr(values, self.reduction)()

    def _readable(self, targets: Tensor) -> bool:
        return targets.is_cpu and not torch.compiler.is_compiling()

    def extra_repr(self) -> str:
        shown = [repr(self.name), *(f"{k}={v!r}" for k, v in self.parameters_.items())]
        return ", ".join([*shown, f"reduction={self.reduction!r}"])


class Loss(LossModule):
    """A loss used as `torch.nn.CrossEntropyLoss` is. Made by `build` or `anl`.

    Called with logits (N, K, ...) of any floating dtype and targets (N, ...) int64, it gives a
    scalar, or (N, ...) for ``reduction="none"``, in float32 (float64 for float64 logits).

    Positions whose target is ``ignore_index`` count for nothing: value 0, no gradient, and "mean"
    divides by the number of the others. Where that number is 0 (an empty or wholly ignored batch)
    the mean is 0 with gradient 0, unlike PyTorch's NaN, so that a step on it changes nothing. As in
    PyTorch, logits there have to be numbers: where they are NaN or infinite the value is still 0,
    but the gradient is NaN (hiding them would cost a quarter of the time of a loss per pixel).

    Shapes and dtypes are checked at every call, class ids only where they lie in the CPU's memory:
    on a GPU reading them back would stall every step, so call `check_labels` once per data set.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[Tensor, Tensor], Tensor],
        parameters: dict[str, Any],
        reduction: str = "mean",
        ignore_index: int = -100,
    ) -> None:
        super().__init__(name, parameters, reduction, ignore_index)
        self.function = function

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Reduced loss; see the class."""
        _check_form(logits, targets)
        K, readable = logits.shape[1], self._readable(targets)
        if readable and targets.numel() and not 0 <= self.ignore_index < K:
            # On a CPU gather itself refuses an id outside 0..K-1, wrong or to be ignored. Relying
            # on that, and not looking first, saves small batches a twentieth of their time.
            try:
                return self.reduced(self.function(logits, targets))  # (N, ...)
            except RuntimeError:
                if not ((targets < 0) | (targets >= K)).any():
                    raise
        if readable:
            check_labels(targets, K, self.ignore_index)
        values = self.unreduced(logits, targets)
        if self.reduction == "none":
            return values
        total = values.sum()
        if self.reduction == "sum":
            return total
        return total / (targets != self.ignore_index).sum().clamp(min=1)

    def unreduced(self, logits: Tensor, targets: Tensor) -> Tensor:
        """One value per target, (N, ...), 0 where ignored.

        Reads no value back, so it checks nothing and works under `torch.func.vmap`.
        """
        keep = targets != self.ignore_index
        values = self.function(logits, torch.where(keep, targets, 0))
        return torch.where(keep, values, 0)


def build(
    name: str, reduction: str = "mean", ignore_index: int = -100, **parameters: float
) -> LossModule:
    """Make a loss by name, e.g. ``build("anl-ce", alpha=5, beta=5)``.

    Parameters
    ----------
    name : str
        One of `names()`, which gives a `Loss`, or of `mask_names()`.
    reduction : {"mean", "sum", "none"}
        As in `torch.nn.CrossEntropyLoss`.
    ignore_index : int
        Target value that counts for nothing.
    **parameters
        The loss's own parameters, as numbers of Python or NumPy or 0-d tensors; the others keep
        the values of ``defaults(name)``.

    Raises
    ------
    ValueError
        Unknown name or reduction, or a parameter out of its range.
    TypeError
        A parameter the loss does not have, or one that is not a number; an ``ignore_index`` that
        is not an integer.
    """
    found = entry(name)
    settings = {**found.defaults, **{k: found.read(k, v) for k, v in parameters.items()}}
    if found.of_masks:
        made: LossModule = found.function(reduction, ignore_index, **settings)
        return made
    return Loss(name, partial(found.function, **settings), settings, reduction, ignore_index)


def anl(
    table: Callable[[Tensor], Tensor],
    maximum: float,
    alpha: float = 5.0,
    beta: float = 5.0,
    *,
    name: str | None = None,
    reduction: str = "mean",
    ignore_index: int = -100,
) -> Loss:
    """Turn any active loss with a finite maximum into its own Active Negative Loss.

    Parameters
    ----------
    table : callable
        ``table(logits)`` gives the loss of every sample under every label, (N, K, ...) from
        logits (N, K, ...). All entries finite and >= 0; another shape is an error.
    maximum : float
        A, the largest value an entry is to have. Larger entries count as A, without gradient, in
        the negative half. Some entry of every row must stay below it.
    alpha, beta : float
        Weights of the normalised and of the normalised negative half.
    name : str, optional
        What the module calls itself; by default from the table function's name.
    reduction, ignore_index
        As in `build`.

    Examples
    --------
    >>> square = lambda logits: (1 - logits.softmax(1)) ** 2
    >>> loss = anl(square, maximum=1.0)
    """
    if not callable(table):
        raise TypeError(f"table must be a function of logits, got {type(table).__qualname__}")
    A = number("maximum", maximum, above(0))
    alpha = number("alpha of 'anl'", alpha, at_least(0))
    beta = number("beta of 'anl'", beta, at_least(0))
    settings = {"maximum": A, "alpha": alpha, "beta": beta}
    title = name or f"anl({getattr(table, '__name__', type(table).__name__)})"
    function = partial(_anl_of, table, A=A, alpha=alpha, beta=beta)
    return Loss(title, function, settings, reduction, ignore_index)


def check_labels(labels: Tensor, num_classes: int, ignore_index: int = -100) -> None:
    """Raise if a label is not an int64 class id in 0..num_classes-1 (or ``ignore_index``).

    For a whole data set, once, on any device; it reads two numbers back.
    """
    _check_tensor("targets", labels)
    if labels.dtype != torch.int64:
        raise TypeError(f"targets must be int64 class ids, got {labels.dtype}; use .long()")
    kept = labels[labels != ignore_index]
    if kept.numel():
        low, high = (int(v) for v in torch.aminmax(kept))
        if low < 0 or high >= num_classes:
            wrong = low if low < 0 else high
            raise ValueError(f"class id {wrong} is outside 0..{num_classes - 1}")


def _anl_of(
    table: Callable[[Tensor], Tensor],
    logits: Tensor,
    targets: Tensor,
    *,
    A: float,
    alpha: float,
    beta: float,
) -> Tensor:
    L = table(logits)
    _check_tensor("what table(logits) gives", L)
    if L.shape != logits.shape:
        raise ValueError(
            f"table(logits) must give {tuple(logits.shape)}, a loss under every label, "
            f"got {tuple(L.shape)}"
        )
    return active_negative(L, targets, A, alpha, beta)


def _integer(what: str, value: object) -> int:
    plain = unwrapped(value)
    if isinstance(plain, bool) or not isinstance(plain, int):
        raise TypeError(f"{what} must be an integer, got {value!r}")
    if not -(2**63) <= plain < 2**63:
        raise ValueError(f"{what} must be an int64, as targets are, got one that is larger")
    return plain


def _check_tensor(what: str, value: object) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{what} must be a tensor, got {type(value).__qualname__}")


def _check_form(logits: Tensor, targets: Tensor) -> None:
    _check_tensor("logits", logits)
    _check_tensor("targets", targets)
    shape, given = logits.shape, targets.shape
    if not logits.is_floating_point():
        raise TypeError(f"logits must be floating point, got {logits.dtype}")
    if targets.dtype != torch.int64:
        raise TypeError(f"targets must be int64 class ids, got {targets.dtype}; use .long()")
    if len(shape) < 2 or shape[1] < 2:
        raise ValueError(f"logits must be (N, K, ...) with K >= 2, got {tuple(shape)}")
    expected = shape[:1] + shape[2:]
    if given != expected:
        raise ValueError(
            f"targets must be {tuple(expected)} for logits {tuple(shape)}, got {tuple(given)}"
        )
