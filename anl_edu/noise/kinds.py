"""Every kind of label noise under one name: how its labels are drawn, and its matrix if it has one.

A new kind is one entry of `KINDS`. Data sets come in as objects, so that this room knows no files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from anl_edu.noise.draw import corrupt
from anl_edu.noise.instance import instance_dependent
from anl_edu.noise.matrices import (
    asymmetric_cifar10,
    asymmetric_cifar100,
    asymmetric_mnist,
    pair_flip,
    symmetric,
)

if TYPE_CHECKING:
    from anl_edu.data import ImageData

# Data sets by name, where a kind asks which they are; a plain number of classes does elsewhere.
CLASSES_OF: Mapping[str, int] = {"digits": 10, "mnist": 10, "cifar10": 10, "cifar100": 100}

Matrix = Callable[[float], Tensor]


@dataclass(frozen=True)
class Kind:
    """One kind of label noise.

    Attributes
    ----------
    says
        What it does, in a few words, for help texts and menus.
    rated
        Whether it takes a rate; human labels and "none" have their own.
    general
        ``general(K, rate)`` gives the (K, K) matrix where that means the same on any data.
    special
        Data set to ``matrix(rate)``, where classes matter.
    draw
        ``draw(images, rate, generator)`` gives the noisy labels (N,), for kinds without a matrix.
    """

    says: str
    rated: bool = True
    general: Callable[[int, float], Tensor] | None = None
    special: Mapping[str, Matrix] | None = None
    draw: Callable[[ImageData, float, torch.Generator], Tensor] | None = None

    @property
    def has_matrix(self) -> bool:
        return self.draw is None

    def matrix(self, rate: float, dataset: str | int) -> Tensor | None:
        """Return the (K, K) matrix on a data set, or None where it is not defined there."""
        if self.general is not None:
            return self.general(CLASSES_OF[dataset] if isinstance(dataset, str) else dataset, rate)
        chosen = (self.special or {}).get(dataset) if isinstance(dataset, str) else None
        return None if chosen is None else chosen(rate)


def _instance(images: ImageData, rate: float, generator: torch.Generator) -> Tensor:
    pixels = images.x_train.flatten(1)  # (N, D); standardised there, a choice of ours
    return instance_dependent(pixels, images.y_train, rate, images.num_classes, generator)


def _human(which: str) -> Kind:
    return Kind(
        f"CIFAR-N's annotators, {which}",
        rated=False,
        draw=lambda images, rate, generator: images.human_labels(which),
    )


KINDS: Mapping[str, Kind] = {
    "none": Kind("clean labels", rated=False, general=lambda K, rate: symmetric(K, 0.0)),
    "symmetric": Kind("any other class, evenly", general=symmetric),
    "pair": Kind("the next class", general=pair_flip),
    "asymmetric": Kind(
        "a similar class, as published for the data set",
        special={
            "digits": asymmetric_mnist,
            "mnist": asymmetric_mnist,
            "cifar10": asymmetric_cifar10,
            "cifar100": lambda rate: asymmetric_cifar100(rate, "consecutive"),
        },
    ),
    "asymmetric-superclass": Kind(
        "the next class of the true superclass",
        special={"cifar100": lambda rate: asymmetric_cifar100(rate, "superclass")},
    ),
    "instance": Kind("by what the image looks like", draw=_instance),
    **{
        f"human-{which}": _human(which)
        for which in ("aggregate", "random1", "random2", "random3", "worst", "noisy")
    },
}


def kind(name: str) -> Kind:
    """Return the kind of that name; ValueError lists those there are."""
    if name not in KINDS:
        raise ValueError(f"unknown noise {name!r}: use one of {', '.join(KINDS)}")
    return KINDS[name]


def check(name: str, rate: float, dataset: str) -> None:
    """Raise ValueError unless this noise can be drawn, at this rate, on this data set."""
    found = kind(name)
    if not 0 <= rate <= 1:
        raise ValueError(f"noise rate must be between 0 and 1, got {rate!r}")
    if found.has_matrix:
        transition(name, rate, dataset)
    elif name.startswith("human-"):
        known = {"cifar10": name != "human-noisy", "cifar100": name == "human-noisy"}
        if not known.get(dataset, False):
            raise ValueError(f"noise {name!r} is not defined for {dataset!r}")


def transition(name: str, rate: float, dataset: str | int) -> Tensor:
    """Return the (K, K) matrix of a named noise.

    Parameters
    ----------
    name
        One of `KINDS` that has a matrix: all but instance-dependent noise and human labels.
    rate
        0..1; ignored by ``"none"``.
    dataset
        ``"digits"``, ``"mnist"``, ``"cifar10"``, ``"cifar100"``, or a number of classes, which
        is enough for the kinds that mean the same on any data.
    """
    if isinstance(dataset, str) and dataset not in CLASSES_OF:
        raise ValueError(
            f"no noise is defined for data set {dataset!r}: use one of {', '.join(CLASSES_OF)}, "
            "or give the number of classes"
        )
    found = kind(name)
    if not found.has_matrix:
        raise ValueError(f"noise {name!r} has no matrix: it is drawn image by image")
    T = found.matrix(rate, dataset)
    if T is None:
        raise ValueError(f"noise {name!r} is not defined for {dataset!r}")
    return T


def noisy_labels(name: str, images: ImageData, rate: float, generator: torch.Generator) -> Tensor:
    """Draw the noisy labels (N,) of a clean data set under a named noise."""
    found = kind(name)
    if found.draw is not None:
        return found.draw(images, rate, generator)
    T = transition(name, rate, images.name)
    return corrupt(images.y_train, T, generator=generator)
