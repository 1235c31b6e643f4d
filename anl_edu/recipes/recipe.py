"""A recipe: everything training needs to know but model, data and seed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from anl_edu import losses, models

if TYPE_CHECKING:
    from anl_edu.data import ImageData

# of images in memory: crop, flip, rotate; of image files: resized-crop, flip, colour-jitter
AUGMENTATIONS = ("crop", "flip", "rotate", "resized-crop", "colour-jitter")
PRECISIONS = ("float32", "bfloat16", "float16", "auto")


class Frozen(Mapping[str, Any]):
    """A mapping that cannot change and can be hashed; lists inside become tuples."""

    def __init__(self, items: Mapping[str, Any]) -> None:
        frozen = {k: tuple(v) if isinstance(v, list) else v for k, v in sorted(items.items())}
        self._items = MappingProxyType(frozen)

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(dict(self._items))

    def __hash__(self) -> int:
        return hash(tuple(self._items.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return Frozen, (dict(self._items),)


@dataclass(frozen=True)
class Recipe:
    """Everything `anl_edu.training.fit` needs to know but model, data and seed.

    `anl_edu.recipes.get` gives known recipes; ``replace`` changes one. Numbers take one form
    whatever came in (an int for a float), so that equal recipes are equal in every way.
    """

    dataset: str
    loss: str
    scale: str = "desk"
    loss_parameters: Mapping[str, float] = field(default_factory=dict)
    model: str = "mlp"
    model_options: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 60
    batch_size: int = 128
    lr: float = 0.01
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0
    l1: float = 0.0  # delta: weight of sum |theta| over every parameter
    entropy: float = 0.0  # lambda: weight of the entropy regulariser
    clip_norm: float | None = 5.0  # None: no clipping
    schedule: str = "cosine"  # to 0; "exponential": lr * decay ** epoch; or "constant"
    decay: float = 1.0
    augment: tuple[str, ...] = ()
    # Of the forward pass; parameters, loss and updates are float32 always. "auto" is float32 at
    # desk size, and at paper size on CPUs and MPS; on CUDA at paper size what the card is made for.
    precision: str = "float32"
    train_images: int | None = None  # size of the stratified subset; None for all
    test_images: int | None = None
    train_eval: int | None = None  # training images predicted each epoch; None for all
    held_out: float = 0.0  # share of the noisy training images kept aside, to choose by

    def __post_init__(self) -> None:
        # frozen inside too, and one form whatever came in: a list, a dict, an int for a float
        for name in ("loss_parameters", "model_options"):
            object.__setattr__(self, name, Frozen(getattr(self, name)))
        object.__setattr__(self, "augment", tuple(self.augment))
        for name in ("epochs", "batch_size"):
            _require(self, name, "a whole number of at least 1", _is_count)
        for name in ("train_images", "test_images", "train_eval"):
            _require(self, name, "a whole number of at least 1, or None", _is_count_or_none)
        for name in ("lr", "decay"):
            _require(self, name, "a number above 0", lambda v: _is_number(v) and v > 0)
        for name in ("weight_decay", "l1", "entropy"):
            _require(self, name, "a number of at least 0", lambda v: _is_number(v) and v >= 0)
        for name in ("momentum", "held_out"):
            _require(self, name, "in [0, 1)", lambda v: _is_number(v) and 0 <= v < 1)
        _require(
            self,
            "clip_norm",
            "a number above 0, or None",
            lambda v: v is None or (_is_number(v) and v > 0),
        )
        _require(self, "nesterov", "true or false", lambda v: isinstance(v, bool))
        _require(self, "schedule", "one of " + ", ".join(_SCHEDULES), lambda v: v in _SCHEDULES)
        _require(self, "precision", "one of " + ", ".join(PRECISIONS), lambda v: v in PRECISIONS)
        _require(
            self,
            "augment",
            "made of " + ", ".join(AUGMENTATIONS),
            lambda v: all(kind in AUGMENTATIONS for kind in v),
        )
        numbers = (
            "lr",
            "decay",
            "weight_decay",
            "l1",
            "entropy",
            "momentum",
            "clip_norm",
            "held_out",
        )
        for name in numbers:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, float(getattr(self, name)))
        parameters = {k: _as_float(v) for k, v in self.loss_parameters.items()}
        object.__setattr__(self, "loss_parameters", Frozen(parameters))
        if self.precision == "auto" and self.scale == "desk":
            object.__setattr__(self, "precision", "float32")  # the same result for every reader

    def replace(self, **changes: Any) -> Recipe:
        """Return a copy with some fields changed; an unknown field raises, naming the known ones.

        ``loss_parameters`` and ``model_options`` are merged into the old ones.
        """
        known = [f.name for f in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                raise ValueError(f"a recipe has no field {name!r}; it has {', '.join(known)}")
        for name in ("loss_parameters", "model_options"):
            if name in changes:
                changes[name] = {**getattr(self, name), **changes[name]}
        return dataclasses.replace(self, **changes)

    def lr_at(self, epoch: int) -> float:
        """Learning rate of a 1-based epoch."""
        return self.lr * _SCHEDULES[self.schedule](self, epoch)

    def build_loss(self) -> losses.LossModule:
        """Mean loss, from `losses.build`."""
        return losses.build(self.loss, **dict[str, Any](self.loss_parameters))

    def build_model(self, data: ImageData, seed: int | None = None) -> nn.Module:
        """Model for these images, with fresh weights.

        With a ``seed`` the weights depend on it alone and the framework's generator is left as
        it was; without, they come from that generator.
        """
        shape = tuple(data.x_train.shape[1:])
        if seed is None:
            return models.build(self.model, shape, data.num_classes, **self.model_options)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return models.build(self.model, shape, data.num_classes, **self.model_options)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as recorded runs store them."""
        plain = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: _plain(value) for name, value in plain.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _as_float(value: Any) -> Any:
    return float(value) if _is_number(value) else value


_SCHEDULES = {
    "cosine": lambda r, epoch: (1 + math.cos(math.pi * (epoch - 1) / r.epochs)) / 2,
    "exponential": lambda r, epoch: r.decay ** (epoch - 1),
    "constant": lambda r, epoch: 1.0,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_count_or_none(value: Any) -> bool:
    return value is None or _is_count(value)


def _require(recipe: Recipe, name: str, words: str, holds: Any) -> None:
    value = getattr(recipe, name)
    if not holds(value):
        raise ValueError(f"{name} of a recipe must be {words}; got {value!r}")
