"""How to train: the reference protocol and desk-size recipes as data, and published numbers.

``scale="paper"`` is the protocol of Ye et al. 2023 (NeurIPS) and 2025 (TPAMI, arXiv 2412.02373):
SGD with momentum 0.9, cosine to 0, gradient norm clipped at 5 after the L1 penalty has joined.
``scale="desk"`` is the same method on fewer images and smaller networks, for a laptop: its
figures are never a reproduction of the paper's.
"""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from anl_edu import augment, losses, models

if TYPE_CHECKING:
    from anl_edu.data import ImageData

SCALES = ("desk", "paper")


@dataclass(frozen=True)
class Recipe:
    """Everything `anl_edu.train.fit` needs to know but model, data and seed.

    `get` gives known recipes; ``replace`` changes one.
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
    schedule: str = "cosine"  # to 0; or "exponential": lr * decay ** epoch
    decay: float = 1.0
    augment: tuple[str, ...] = ()
    train_images: int | None = None  # size of the stratified subset; None for all
    test_images: int | None = None
    train_eval: int | None = None  # training images predicted each epoch; None for all

    def __post_init__(self) -> None:
        # frozen inside too, and one form whatever came in: a list, a dict, an int for a float
        for name in ("loss_parameters", "model_options"):
            object.__setattr__(self, name, _Frozen(getattr(self, name)))
        object.__setattr__(self, "augment", tuple(self.augment))
        for name in ("epochs", "batch_size"):
            _require(self, name, "a whole number of at least 1", _is_count)
        for name in ("train_images", "test_images", "train_eval"):
            _require(self, name, "a whole number of at least 1, or None", _is_count_or_none)
        for name in ("lr", "decay"):
            _require(self, name, "a number above 0", lambda v: _is_number(v) and v > 0)
        for name in ("weight_decay", "l1", "entropy"):
            _require(self, name, "a number of at least 0", lambda v: _is_number(v) and v >= 0)
        _require(self, "momentum", "in [0, 1)", lambda v: _is_number(v) and 0 <= v < 1)
        _require(
            self,
            "clip_norm",
            "a number above 0, or None",
            lambda v: v is None or (_is_number(v) and v > 0),
        )
        _require(self, "nesterov", "true or false", lambda v: isinstance(v, bool))
        _require(self, "schedule", "one of " + ", ".join(_SCHEDULES), lambda v: v in _SCHEDULES)
        _require(
            self,
            "augment",
            "made of " + ", ".join(augment.KINDS),
            lambda v: all(kind in augment.KINDS for kind in v),
        )

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

    def build_loss(self) -> nn.Module:
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
        for name in ("loss_parameters", "model_options"):
            plain[name] = dict(plain[name])
        return plain | {"augment": list(self.augment)}


def get(dataset: str, loss: str, scale: str = "desk", **changes: Any) -> Recipe:
    """Recipe for a loss on a data set.

    Parameters
    ----------
    dataset
        One of ``datasets(scale)``.
    loss
        A name of `losses.names`. Losses that the protocol says nothing about keep their own
        default parameters.
    scale
        ``"desk"`` or ``"paper"``.
    changes
        Fields to replace, as in `Recipe.replace`; e.g. ``entropy=entropy_weight(dataset)`` for
        the entropy-regularised variant.
    """
    if scale not in SCALES:
        raise ValueError(f"unknown scale {scale!r}; known: {', '.join(SCALES)}")
    known = datasets(scale)
    if dataset not in known:
        raise ValueError(f"no {scale} recipe for {dataset!r}; known: {', '.join(known)}")
    if loss not in losses.names():
        raise ValueError(f"unknown loss {loss!r}; known: {', '.join(losses.names())}")
    protocol = dict((_PAPER if scale == "paper" else _DESK)[dataset])
    like = protocol.pop("like", dataset)  # the data set whose loss parameters fit
    if loss.startswith("anl-"):
        # the L1 penalty stands in the place of weight decay
        alpha, beta, delta = _ANL[like]
        settings: dict[str, Any] = {"loss_parameters": {"alpha": alpha, "beta": beta}, "l1": delta}
        protocol["weight_decay"] = 0.0
    else:
        settings = {"loss_parameters": _PARAMETERS[like].get(loss, {})}
    merged = {**protocol, **settings}
    return Recipe(dataset=dataset, loss=loss, scale=scale, **merged).replace(**changes)


def datasets(scale: str = "desk") -> tuple[str, ...]:
    """Names of the data sets that have a recipe at this scale."""
    return tuple(_PAPER if scale == "paper" else _DESK)


def entropy_weight(dataset: str) -> float:
    """Lambda of the entropy regulariser in the reference protocol."""
    if dataset not in _ENTROPY:
        raise ValueError(f"no published lambda for {dataset!r}; known: {', '.join(_ENTROPY)}")
    return _ENTROPY[dataset]


def published(
    dataset: str | None = None,
    method: str | None = None,
    noise: str | None = None,
    rate: float | None = None,
) -> list[dict[str, Any]]:
    """List published test accuracies, to stand beside one's own.

    Each row has dataset, method (``"ANL-CE"``; matched in any case, so a loss name works), noise,
    rate, accuracy_percent, std (None where not given) and source (paper, table, protocol).
    """
    rows = []
    for row in _published():
        if dataset is not None and row["dataset"] != dataset:
            continue
        if method is not None and row["method"].lower() != method.lower():
            continue
        if noise is not None and row["noise"] != noise:
            continue
        if rate is not None and not math.isclose(row["rate"], rate):
            continue
        rows.append(dict(row))
    return rows


@cache
def _published() -> list[dict[str, Any]]:
    text = resources.files("anl_edu").joinpath("published.csv").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = []
    for row in csv.DictReader(text.splitlines()):
        numbers = {
            "rate": float(row["rate"] or 0),
            "accuracy_percent": float(row["accuracy_percent"]),
            "std": float(row["std"]) if row["std"] else None,
        }
        rows.append({**row, **numbers})
    return rows


class _Frozen(Mapping[str, Any]):
    """A mapping that cannot change, with the repr and equality of a sorted dict."""

    def __init__(self, items: Mapping[str, Any]) -> None:
        frozen = {k: tuple(v) if isinstance(v, list) else v for k, v in sorted(items.items())}
        self._items = MappingProxyType(frozen)

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Any:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(dict(self._items))

    def __hash__(self) -> int:
        return hash(tuple(self._items.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return _Frozen, (dict(self._items),)


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


# --- the tables -----------------------------------------------------------------------------

_PAPER: dict[str, dict[str, Any]] = {
    "mnist": {"model": "cnn4", "epochs": 50, "batch_size": 128, "lr": 0.01, "weight_decay": 1e-3},
    "cifar10": {
        "model": "cnn8",
        "epochs": 120,
        "batch_size": 128,
        "lr": 0.01,
        "weight_decay": 1e-4,
        "augment": ("crop", "flip"),
    },
    "cifar100": {
        "model": "resnet34",
        "epochs": 200,
        "batch_size": 128,
        "lr": 0.1,
        "weight_decay": 1e-5,
        "augment": ("crop", "flip", "rotate"),
    },
    "webvision": {
        "model": "resnet50",
        "epochs": 250,
        "batch_size": 512,
        "lr": 0.4,
        "nesterov": True,
        "weight_decay": 3e-5,
        "schedule": "exponential",
        "decay": 0.97,
        "augment": ("crop", "flip"),
    },
}

_ANL = {  # alpha, beta, delta
    "mnist": (1.0, 1.0, 1e-6),
    "cifar10": (5.0, 5.0, 5e-5),
    "cifar100": (10.0, 1.0, 5e-7),
    "webvision": (20.0, 1.0, 5e-6),
}

_ENTROPY = {"cifar10": 2.0, "cifar100": 0.01}


def _weights(alpha: float, beta: float, **more: float) -> dict[str, float]:
    return {"alpha": alpha, "beta": beta, **more}


_PARAMETERS: dict[str, dict[str, dict[str, float]]] = {
    "mnist": {
        "sce": _weights(0.01, 1),
        "nce+mae": _weights(1, 10),
        "nce+rce": _weights(1, 10),
        "nfl+rce": _weights(1, 10),
        "nce+agce": _weights(0, 1, a=4, q=0.2),
        "nce+aul": _weights(0, 1, a=3, q=0.1),
        "nce+ael": _weights(0, 1, a=3.5),
    },
    "cifar10": {
        "sce": _weights(0.1, 1),
        "nce+mae": _weights(1, 1),
        "nce+rce": _weights(1, 1),
        "nfl+rce": _weights(1, 1),
        "nce+agce": _weights(1, 4, a=6, q=1.5),
        "nce+aul": _weights(1, 4, a=6.3, q=1.5),
        "nce+ael": _weights(1, 4, a=5),
    },
    "cifar100": {
        "sce": _weights(6, 0.1),
        "nce+mae": _weights(10, 0.1),
        "nce+rce": _weights(10, 0.1),
        "nfl+rce": _weights(10, 0.1),
        "nce+agce": _weights(10, 0.1, a=1.8, q=3),
        "nce+aul": _weights(10, 0.015, a=6, q=3),
        "nce+ael": _weights(10, 0.1, a=1.5),
    },
    "webvision": {
        "sce": _weights(10, 1),
        "nce+rce": _weights(50, 0.1),
        "nce+agce": _weights(50, 0.1, a=2.5, q=3),
    },
}

_DESK: dict[str, dict[str, Any]] = {
    "digits": {"like": "cifar10", "model": "mlp", "epochs": 60, "batch_size": 64, "lr": 0.05},
    # 60 % symmetric noise, 5,000 images: the shape of the paper's result (CE memorises and falls,
    # ANL does not) in about a minute on one core. Flips only: random crops on top would keep a
    # network this small from memorising within 30 epochs. One learning rate for all.
    "cifar10": {
        "model": "cnn8",
        "model_options": {"widths": (16, 32, 64), "hidden": 256, "shrink": 2},
        "epochs": 30,
        "batch_size": 64,
        "lr": 0.05,
        "weight_decay": 1e-4,
        "augment": ("flip",),
        "train_images": 5000,
        "test_images": 1000,
        "train_eval": 1000,
    },
}
