"""Every data set under one name.

A new data set is a module that loads it and one entry of `SETS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from anl_edu.data import cifar, digits, folders, mask_folders, pairs, scenes
from anl_edu.data.cache import find
from anl_edu.data.images import ImageData


@dataclass(frozen=True)
class DataSet:
    """What is known of a data set before it is loaded.

    Attributes
    ----------
    title
        Its name in prose.
    shape
        (C, H, W) of an image.
    num_classes
        K.
    load
        ``load(download)`` gives the data.
    images, human
        Names of files that hold its images or its human labels, of large sets the list of them;
        nothing for embedded data.
    fetched
        Whether it can be downloaded.
    masks
        Whether its labels are masks, a class for each pixel.
    own_noise
        Whether its labels come with wrong ones among them, nobody knows which.
    """

    title: str
    shape: tuple[int, int, int]
    num_classes: int
    load: Callable[[bool], ImageData]
    images: tuple[str, ...] = ()
    human: tuple[str, ...] = ()
    fetched: bool = True
    own_noise: bool = False
    masks: bool = False


def _on_disk(title: str, K: int, load: Callable[[bool], ImageData], file: str) -> DataSet:
    return DataSet(title, (3, 224, 224), K, load, (file,), (), False, True)


def _cifar(name: str) -> DataSet:
    spec = cifar.SETS[name]
    files = (spec.npz, spec.archive)
    K = len(spec.classes)
    return DataSet(spec.title, (3, 32, 32), K, partial(cifar.load, name), files, (spec.human,))


SETS: Mapping[str, DataSet] = {
    "digits": DataSet("digits", (1, 8, 8), 10, lambda download: digits.load()),
    "digit-pairs": DataSet("digit pairs", (1, 8, 16), 100, lambda download: pairs.load()),
    "scenes": DataSet(
        "scenes", (3, scenes.SIZE, scenes.SIZE), 11, lambda download: scenes.load(), masks=True
    ),
    "cifar10": _cifar("cifar10"),
    "cifar100": _cifar("cifar100"),
    "isic2017": DataSet(
        "ISIC 2017", (3, 128, 128), 2, mask_folders.load_isic2017, (mask_folders.ISIC2017,),
        fetched=False, masks=True,
    ),
    "oxford-pets": DataSet(
        "Oxford-IIIT Pet", (3, 128, 128), 3, mask_folders.load_pets, (mask_folders.PETS,),
        masks=True,
    ),
    "webvision": _on_disk("mini WebVision", 50, folders.load_webvision, folders.WEBVISION),
    "clothing1m": _on_disk("Clothing1M", 14, folders.load_clothing1m, folders.CLOTHING1M),
}  # fmt: skip


def names() -> tuple[str, ...]:
    """Return the names `load` knows."""
    return tuple(SETS)


def info(name: str) -> DataSet:
    """Return what is known of a data set without loading it; ValueError lists those there are."""
    if name not in SETS:
        raise ValueError(f"unknown data set {name!r}: use one of {', '.join(SETS)}")
    return SETS[name]


def shape_of(name: str) -> tuple[tuple[int, int, int], int]:
    """Return (C, H, W) of an image and the number of classes, without loading anything."""
    found = info(name)
    return found.shape, found.num_classes


def load(name: str, *, download: bool = True) -> ImageData:
    """Return a data set by name.

    Parameters
    ----------
    name
        ``"digits"`` (scikit-learn's 1,797 real 8x8 images: 1,437 train, 360 test, always the same
        split), ``"digit-pairs"`` (made of them: 100 classes, 20 train and 10 test images each),
        ``"scenes"`` (made of them too, with masks: 1,000 train and 250 test images, 64x64),
        ``"cifar10"``, ``"cifar100"``, ``"oxford-pets"`` (pets with masks, 128x128); or, never
        downloaded, ``"isic2017"`` (lesions with masks, 128x128), and, left on disk, ``"webvision"``
        (its first 50 classes) and ``"clothing1m"``.
    download
        False never asks the network.

    Raises
    ------
    FileNotFoundError
        It is not here and could not be downloaded; the message names every way to supply it.
    ValueError
        An unknown name, or a file that is here is broken or another one; the message names it.
    NotADirectoryError
        ``ANL_EDU_DATA`` is set and is no folder.
    """
    return info(name).load(download)


def where() -> dict[str, Path | None]:
    """Return every file that could be used, with its path, or None where there is none."""
    return {file: find(file) for s in SETS.values() for file in (*s.images, *s.human)}
