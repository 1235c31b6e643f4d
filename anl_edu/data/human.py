"""The labels that real annotators gave: CIFAR-10N and CIFAR-100N (Wei et al., ICLR 2022)."""

from __future__ import annotations

import torch
from torch import Tensor

from anl_edu.data import cifar
from anl_edu.data.cache import cache_folder, find, folders, require_folder
from anl_edu.data.cifar_files import read_human
from anl_edu.data.download import DownloadError, fetch
from anl_edu.data.images import ImageData


def human_labels(name: str, which: str, *, download: bool = True) -> Tensor:
    """Return the labels real annotators gave: CIFAR-10N / CIFAR-100N (Wei et al., ICLR 2022).

    Parameters
    ----------
    name
        ``"cifar10"`` or ``"cifar100"``.
    which
        CIFAR-10: ``"aggregate"`` (9.01 % wrong), ``"random1"``, ``"random2"``, ``"random3"``
        (17.23, 18.12, 17.64 %), ``"worst"`` (40.21 %). CIFAR-100: ``"noisy"`` (40.20 %).

    Returns
    -------
    Tensor
        (50000,) int64, in the order of the full training set (torchvision's).

    Raises
    ------
    FileNotFoundError
        The file is not here and could not be downloaded.
    ValueError
        An unknown name, or the file here is not the published one.

    Notes
    -----
    Three people labelled each image of CIFAR-10. "worst" is a wrong answer wherever one was given;
    "aggregate" is the majority's, and for the 6.08 % of images where all three differ it is drawn
    among them, which is wrong in 73 % of these. So "aggregate" is no rate of two annotators erring:
    two or more err on 10.65 % (8.3 % if they erred independently).

    The labels are licensed CC BY-NC 4.0: they are downloaded, never shipped.
    """
    return label_file(name, which, download)[0]


def human_labels_for(data: ImageData, which: str, *, download: bool = True) -> Tensor:
    """Return the human labels (N,) of just the images in ``data``, whichever part it is.

    Raises
    ------
    ValueError
        The true labels that came with the human ones are not those of ``data``: other images, or
        another order.
    """
    noisy, clean = label_file(data.name, which, download)
    true = data.y_train if data.y_clean is None else data.y_clean
    index = data.train_index
    if index is None:
        if len(true) != len(clean):
            raise ValueError(
                f"{len(true):,} images without train_index: which of the {len(clean):,} they are "
                "is not known, so they have no human labels"
            )
        index = torch.arange(len(clean))
    if len(index) and not 0 <= int(index.min()) <= int(index.max()) < len(clean):
        raise ValueError(
            f"train_index runs from {int(index.min())} to {int(index.max())}, "
            f"but there are {len(clean):,} human labels"
        )
    differ = int((clean[index] != true).sum())
    if differ:
        raise ValueError(
            f"{differ:,} of {len(true):,} true labels differ between {data.name} and its human "
            "labels: these are other images, or in another order"
        )
    return noisy[index]


def label_file(name: str, which: str, download: bool) -> tuple[Tensor, Tensor]:
    """Return (noisy, clean), both (50000,) int64, from the published file of a data set."""
    require_folder()
    if name not in cifar.SETS:
        raise ValueError(f"{name} has no human labels: use one of {', '.join(cifar.SETS)}")
    spec = cifar.SETS[name]
    if which not in spec.human_keys:
        known = ", ".join(spec.human_keys)
        raise ValueError(f"{name} has no human labels {which!r}: use one of {known}")
    path = find(spec.human)
    if path is None:
        try:
            if not download:
                raise DownloadError("downloading was not asked for")
            path = fetch(spec.human, spec.human_urls, spec.human_sha256, cache_folder())
        except DownloadError as error:
            raise FileNotFoundError(
                f"{spec.human} is not in {folders()}, and: {error}. Place it there by hand from "
                f"{spec.human_urls[0]}, or set ANL_EDU_DATA to a folder that holds it"
            ) from error
    return read_human(path, spec, which)
