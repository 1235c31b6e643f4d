"""Images and labels: the embedded digits, CIFAR in three ways, human labels.

`load` gives an `ImageData`. CIFAR is looked for as ``cifar10.npz`` / ``cifar100.npz`` in
``ANL_EDU_DATA`` and then in the cache, and downloaded into the cache if it is nowhere.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pooch
import torch
from filelock import FileLock
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

from anl_edu import cifar
from anl_edu.download import DownloadError, fetch


@dataclass(frozen=True, eq=False, repr=False)
class ImageData:
    """A labelled image set, in memory.

    Attributes
    ----------
    name
        ``"digits"``, ``"cifar10"``, ``"cifar100"``.
    source
        One sentence a lesson can print: which images, how many, from where.
    x_train, x_test
        (N, C, H, W) uint8.
    y_train, y_test
        (N,) int64. ``y_train`` is what the learner is given, and may be wrong; ``y_test`` is true.
    classes
        Class names; label k is ``classes[k]``.
    mean, std
        Per channel, on the 0..1 scale.
    y_clean
        (N,) int64 true labels, once ``y_train`` has been corrupted.
    train_index
        (N,) int64, each training image's place in the full set.
    """

    name: str
    source: str
    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    y_clean: Tensor | None = None
    train_index: Tensor | None = None

    def __repr__(self) -> str:
        return f"ImageData({self.source})"

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def wrong(self) -> Tensor:
        """(N,) bool: which training labels are wrong; all False on clean data."""
        if self.y_clean is None:
            return torch.zeros_like(self.y_train, dtype=torch.bool)
        return self.y_train != self.y_clean

    def with_labels(self, noisy: Tensor) -> ImageData:
        """Return the same images under ``noisy`` (N,) int64 labels; the true ones are kept."""
        if self.y_clean is not None:
            raise ValueError(f"the labels of {self.name} are noisy already: start from clean data")
        if noisy.shape != self.y_train.shape or noisy.dtype != torch.int64:
            raise ValueError(
                f"labels must be ({len(self.y_train)},) int64, "
                f"got {tuple(noisy.shape)} of {noisy.dtype}"
            )
        _check_range(noisy, self.num_classes, "labels")
        return replace(self, y_train=noisy, y_clean=self.y_train)

    def subset(self, n_train: int | None, n_test: int | None = None, seed: int = 0) -> ImageData:
        """Return a random part with the classes in their proportions (true ones, if known).

        None keeps all. The images keep their order, and ``train_index`` their place.
        """
        g = torch.Generator().manual_seed(seed)
        true = self.y_train if self.y_clean is None else self.y_clean
        keep = _stratified(true, n_train, g, "training")
        keep_test = _stratified(self.y_test, n_test, g, "test")
        if len(keep) == len(true) and len(keep_test) == len(self.y_test):
            return self
        return replace(
            self,
            source=f"{len(keep):,} train + {len(keep_test):,} test images of: {self.source}",
            x_train=self.x_train[keep],
            y_train=self.y_train[keep],
            x_test=self.x_test[keep_test],
            y_test=self.y_test[keep_test],
            y_clean=None if self.y_clean is None else self.y_clean[keep],
            train_index=keep if self.train_index is None else self.train_index[keep],
        )


def names() -> tuple[str, ...]:
    """Return the names `load` knows."""
    return ("digits", *cifar.SETS)


def load(name: str, *, download: bool = True) -> ImageData:
    """Return a data set by name.

    Parameters
    ----------
    name
        ``"digits"`` (scikit-learn's 1,797 real 8x8 images: 1,437 train, 360 test, always the same
        split), ``"cifar10"`` or ``"cifar100"``.
    download
        False never asks the network.

    Raises
    ------
    FileNotFoundError
        CIFAR is not here and could not be downloaded; the message names every way to supply it.
    """
    if name == "digits":
        return _digits()
    if name not in cifar.SETS:
        raise ValueError(f"unknown data set {name!r}: use one of {', '.join(names())}")
    spec = cifar.SETS[name]
    path = _find(spec.npz)
    if path is None:
        path = _download_images(spec, download)
    return _read_npz(name, spec, path)


def search_folders() -> tuple[Path, ...]:
    """Return where files are looked for: ``ANL_EDU_DATA`` if set, then the cache."""
    given = os.environ.get("ANL_EDU_DATA")
    folders = [Path(given).expanduser()] if given else []
    return tuple(dict.fromkeys([*folders, _default_cache()]))


def cache_folder() -> Path:
    """Return where downloads land: ``ANL_EDU_DATA`` if set and writable, else the default cache.

    The default is ``data/cache`` in a checkout, and the user's cache folder otherwise.
    """
    first = search_folders()[0]
    return first if first.is_dir() and os.access(first, os.W_OK) else _default_cache()


def _default_cache() -> Path:
    root = Path(__file__).resolve().parents[1]
    if (root / "pyproject.toml").exists():
        return root / "data" / "cache"
    return Path(pooch.os_cache("anl-edu"))


def where() -> dict[str, Path | None]:
    """Return every file that could be used, with its path, or None where there is none."""
    files = [f for spec in cifar.SETS.values() for f in (spec.npz, spec.archive, spec.human)]
    return {file: _find(file) for file in files}


def _find(file: str) -> Path | None:
    return next((f / file for f in search_folders() if (f / file).is_file()), None)


# --- Human labels ---


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

    Notes
    -----
    The labels are licensed CC BY-NC 4.0: they are downloaded, never shipped.
    """
    return _human_file(name, which, download)[0]


def human_labels_for(data: ImageData, which: str, *, download: bool = True) -> Tensor:
    """Return the human labels (N,) of just the images in ``data``, whichever part it is.

    Raises
    ------
    ValueError
        The true labels that came with the human ones are not those of ``data``: other images, or
        another order.
    """
    noisy, clean = _human_file(data.name, which, download)
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


def _human_file(name: str, which: str, download: bool) -> tuple[Tensor, Tensor]:
    if name not in cifar.SETS:
        raise ValueError(f"{name} has no human labels: use one of {', '.join(cifar.SETS)}")
    spec = cifar.SETS[name]
    if which not in spec.human_keys:
        known = ", ".join(spec.human_keys)
        raise ValueError(f"{name} has no human labels {which!r}: use one of {known}")
    path = _find(spec.human)
    if path is None:
        try:
            if not download:
                raise DownloadError("downloading was not asked for")
            path = fetch(spec.human, spec.human_urls, spec.human_sha256, cache_folder())
        except DownloadError as error:
            raise FileNotFoundError(
                f"{spec.human} is not in {_folders()}, and: {error}. Place it there by hand from "
                f"{spec.human_urls[0]}, or set ANL_EDU_DATA to a folder that holds it"
            ) from error
    return cifar.read_human(path, spec, which)


# --- Reading and checking ---


def _digits() -> ImageData:
    raw = load_digits()
    # 0..16 in the source; 0..255 here, as every other set.
    x = torch.from_numpy(np.rint(raw.images * (255 / 16)).astype(np.uint8))[:, None]  # (N, 1, 8, 8)
    y = torch.from_numpy(raw.target.astype(np.int64))
    train, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0, stratify=y)
    train = torch.from_numpy(train)
    scaled = x[train].double() / 255
    return ImageData(
        name="digits",
        source=f"scikit-learn's digits: {len(train):,} train + {len(test):,} test images of 8x8 "
        "grey pixels, embedded",
        x_train=x[train],
        y_train=y[train],
        x_test=x[test],
        y_test=y[test],
        classes=tuple(str(k) for k in range(10)),
        mean=(round(scaled.mean().item(), 4),),
        std=(round(scaled.std().item(), 4),),
        train_index=train,
    )


def _download_images(spec: cifar.Spec, download: bool) -> Path:
    placed = _find(spec.archive)
    try:
        if placed and pooch.file_hash(str(placed)) == spec.sha256:
            archive = placed
        elif download:
            archive = fetch(spec.archive, spec.urls, spec.sha256, cache_folder(), note=spec.note)
        else:
            raise DownloadError("downloading was not asked for")
    except DownloadError as error:
        raise FileNotFoundError(
            f"{spec.title} is not in {_folders()}, and {error}. Three ways to supply it:\n"
            f"  1. set ANL_EDU_DATA to a folder that holds {spec.npz} (Keras layout: x_train "
            "(N, 32, 32, 3) uint8, y_train, x_test, y_test; a part of the set will do);\n"
            f"  2. place {spec.archive}, from {' or '.join(spec.urls[:2])}, in {cache_folder()};\n"
            f"  3. call again with a network: the download resumes; ANL_EDU_MIRROR=https://host/"
            f"folder asks your own copy of {spec.archive} first."
        ) from error
    path = cache_folder() / spec.npz
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f"{path.name}.lock")
    with FileLock(lock):  # of two processes the second waits, and finds the file made
        if not path.exists():
            cifar.archive_to_npz(archive, path, spec)
        if not placed:
            archive.unlink(missing_ok=True)  # the npz holds all of it, and reads ten times faster
    with suppress(OSError):
        lock.unlink()
    return path


def _read_npz(name: str, spec: cifar.Spec, path: Path) -> ImageData:
    a = cifar.read_npz(path, spec)
    n, n_test = len(a.y_train), len(a.y_test)
    whole = (n, n_test) == (50_000, 10_000)
    found = f"{n:,} train + {n_test:,} test images"
    kind = "" if whole else " (a part: the whole set has 50,000 + 10,000)"
    pixels = {
        True: f"; not the original pixels, so accuracies are not {spec.title}'s",
        False: "",
        None: "; pixels not checked",
    }
    return ImageData(
        name=name,
        source=f"{spec.title}: {found}{kind}, from {path.name}{pixels[a.altered]}",
        x_train=a.x_train,
        y_train=a.y_train,
        x_test=a.x_test,
        y_test=a.y_test,
        classes=spec.classes,
        mean=spec.mean,
        std=spec.std,
        train_index=torch.arange(n) if whole and a.train_index is None else a.train_index,
    )


def _stratified(y: Tensor, n: int | None, g: torch.Generator, part: str) -> Tensor:
    """Ascending places of ``n`` labels, each class with its share (largest remainders)."""
    if n is None or n == len(y):
        return torch.arange(len(y))
    if not 0 < n < len(y):
        raise ValueError(f"cannot take {n} of {len(y)} {part} images")
    sizes = torch.bincount(y)  # (K,)
    quota = sizes.double() * n / len(y)
    take = quota.long()
    rest = (quota - take).argsort(descending=True, stable=True)[: n - int(take.sum())]
    take[rest] += 1
    shuffled = torch.randperm(len(y), generator=g)
    by_class = shuffled[torch.argsort(y[shuffled], stable=True)]
    starts = sizes.cumsum(0) - sizes
    rank = torch.arange(len(y)) - starts.repeat_interleave(sizes)  # place within its class
    return by_class[rank < take.repeat_interleave(sizes)].sort().values


def _check_range(labels: Tensor, K: int, what: str) -> None:
    outside = labels[(labels < 0) | (labels >= K)]
    if len(outside):
        raise ValueError(f"{what} hold {int(outside[0])}, outside 0..{K - 1}")


def _folders() -> str:
    return " or ".join(str(folder) for folder in search_folders())
