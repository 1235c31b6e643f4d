"""Every kind of label noise under one name: how its labels are drawn, and its matrix if it has one.

A new kind is one entry of `KINDS`. Data sets come in as objects or by name, so that this room knows
none of their files; a new data set needs no entry here, unless a noise of its own was published.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from anl_edu.noise.draw import corrupt
from anl_edu.noise.instance import instance_dependent
from anl_edu.noise.masks import corrupt_masks
from anl_edu.noise.matrices import (
    asymmetric_cifar10,
    asymmetric_cifar100,
    asymmetric_mnist,
    check_rate,
    pair_flip,
    symmetric,
)

if TYPE_CHECKING:
    from anl_edu.data import ImageData

WITH_MASKS = ("scenes", "isic2017", "oxford-pets")  # data sets whose labels are masks


@dataclass(frozen=True)
class Kind:
    """One kind of label noise: one of ``general``, ``special`` and ``draw`` says what it does.

    Attributes
    ----------
    says
        What it does, in a few words, for help texts and menus.
    general
        ``general(K, rate)`` gives the (K, K) matrix where that means the same on any data.
    special
        Data set to ``matrix(rate)``, where the classes matter; the kind exists on these alone.
    draw
        ``draw(images, rate, generator)`` gives the noisy labels (N,), for kinds without a matrix.
    only
        The data sets on which ``draw`` exists; empty means all.
    of_images
        Whether it needs one label an image, and so does not exist on sets with masks.
    rated
        Whether it takes a rate; human labels and "none" have their own.
    """

    says: str
    general: Callable[[int, float], Tensor] | None = None
    special: Mapping[str, Callable[[float], Tensor]] = field(default_factory=dict)
    draw: Callable[[ImageData, float, torch.Generator], Tensor] | None = None
    only: tuple[str, ...] = ()
    of_images: bool = False
    rated: bool = True

    @property
    def has_matrix(self) -> bool:
        return self.draw is None

    def exists_on(self, dataset: str | int) -> bool:
        """Tell whether the kind is defined on a data set, or for a mere number of classes."""
        if self.of_images and dataset in WITH_MASKS:
            return False
        if self.special:
            return dataset in self.special
        return not self.only or dataset in self.only


def _instance(images: ImageData, rate: float, generator: torch.Generator) -> Tensor:
    pixels = images.pixels("instance-dependent noise").flatten(1)  # (N, D)
    return instance_dependent(pixels, images.y_train, rate, images.num_classes, generator)


def _human(which: str, dataset: str) -> Kind:
    return Kind(
        f"CIFAR-N's annotators, {which}",
        draw=lambda images, rate, generator: images.human_labels(which),
        only=(dataset,),
        rated=False,
    )


def _masks(way: str, says: str, only: tuple[str, ...] = WITH_MASKS) -> Kind:
    """Return a kind whose rate is the share of masks that are corrupted, at the usual strength."""
    return Kind(
        says,
        draw=lambda images, rate, generator: corrupt_masks(
            images.y_train, images.num_classes, way, rate, generator=generator
        ),
        only=only,
    )


KINDS: Mapping[str, Kind] = {
    "none": Kind("clean labels", general=lambda K, rate: symmetric(K, 0.0), rated=False),
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
    "instance": Kind("by what the image looks like", draw=_instance, of_images=True),
    **{
        f"human-{which}": _human(which, "cifar10")
        for which in ("aggregate", "random1", "random2", "random3", "worst")
    },
    "human-noisy": _human("noisy", "cifar100"),
    "mask-mixed": _masks("mixed", "masks too large, too small or displaced"),
    "mask-dilation": _masks("dilation", "masks too large"),
    "mask-erosion": _masks("erosion", "masks too small"),
    "mask-displacement": _masks("displacement", "masks displaced"),
    "mask-boundary": _masks("boundary", "edges of masks drawn unsteadily"),
    "mask-confusion": _masks(
        "confusion", "objects under another class", only=("scenes", "oxford-pets")
    ),
    "mask-missing": _masks("missing", "objects forgotten"),
}


def kind(name: str) -> Kind:
    """Return the kind of that name; ValueError lists those there are."""
    if name not in KINDS:
        raise ValueError(f"unknown noise {name!r}: use one of {', '.join(KINDS)}")
    return KINDS[name]


def parse(text: str) -> tuple[str, float]:
    """Read ``"symmetric:0.6"``; kinds that have no rate of one's choice stand alone.

    Raises
    ------
    ValueError
        An unknown kind, a rate that is forgotten, that is none, or that the kind does not take.
    """
    name, colon, rate = text.partition(":")
    rated = kind(name).rated
    if rated and not rate:
        raise ValueError(f"{name} noise needs a rate: {name}:0.4, for instance")
    if not rated:
        if colon:
            raise ValueError(f"{name!r} takes no rate: leave ':{rate}' out")
        return name, 0.0
    try:
        return name, float(rate)
    except ValueError:
        raise ValueError(f"noise {text!r} is not KIND:RATE, for instance symmetric:0.6") from None


def label(name: str, rate: float) -> str:
    """Return a noise as a table's head has it: ``"symmetric 0.4"``, and its name if it has no rate.

    With a colon in place of the blank, `parse` reads it.
    """
    return f"{name} {rate:g}" if kind(name).rated else name


def check(name: str, rate: float, dataset: str) -> None:
    """Raise what drawing this noise would raise: an unknown name, a rate out of 0..1, other data.

    Whether there is such a data set, and whether its human labels are here, is not looked at.
    """
    found = kind(name)
    check_rate(rate)
    if not found.exists_on(dataset):
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
        A number of classes, which is enough for the kinds that mean the same on any data, or a
        data set that has an asymmetric noise: ``"digits"``, ``"mnist"``, ``"cifar10"``,
        ``"cifar100"``.
    """
    found = kind(name)
    if not found.has_matrix:
        raise ValueError(f"noise {name!r} has no matrix: it is drawn image by image")
    if not found.exists_on(dataset):
        raise ValueError(f"noise {name!r} is not defined for {dataset!r}")
    if found.general is None:
        return found.special[str(dataset)](rate)
    if isinstance(dataset, str):
        named = KINDS["asymmetric"].special
        if dataset not in named:
            raise ValueError(
                f"how many classes data set {dataset!r} has is not known here: give the number, "
                f"or one of {', '.join(named)}"
            )
        dataset = len(named[dataset](0.0))
    return found.general(dataset, rate)


def noisy_labels(name: str, images: ImageData, rate: float, generator: torch.Generator) -> Tensor:
    """Draw the noisy labels (N,) of a clean data set under a named noise."""
    found = kind(name)
    check(name, rate, images.name)
    if found.draw is not None:
        return found.draw(images, rate, generator)
    T = transition(name, rate, images.name if found.special else images.num_classes)
    y = images.y_train  # of masks, every pixel is a label
    return corrupt(y.flatten(), T, generator=generator).view_as(y)
