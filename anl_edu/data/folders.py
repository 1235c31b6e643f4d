"""Data that memory cannot hold: folders of images, WebVision and Clothing1M.

All give an `ImageData` whose images are `ImageFiles`. Nothing is downloaded: the sets are large and
come with conditions of their own.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from anl_edu.data.cache import find, folders, require_folder
from anl_edu.data.files import ImageFiles, list_files
from anl_edu.data.images import ImageData
from anl_edu.progress_bar import progress_bar

WEBVISION = "webvision/info/train_filelist_google.txt"  # what is looked for to find the folder
CLOTHING1M = "clothing1m/noisy_label_kv.txt"
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CLOTHING = (0.6959, 0.6537, 0.6371), (0.3113, 0.3192, 0.3214)  # as in MLNT's code, and since
_CLOTHES = (
    "T-shirt, shirt, knitwear, chiffon, sweater, hoodie, windbreaker, jacket, down coat, suit, "
    "shawl, dress, vest, underwear"
)
_WEBVISION_CLASSES = 1000  # in its lists, of which the first 50 make "mini" WebVision
Labelled = tuple[ImageFiles, Tensor]


def image_folder(
    train: str | os.PathLike[str],
    test: str | os.PathLike[str],
    *,
    size: int = 224,
    name: str = "folder",
    mean: Sequence[float] = _IMAGENET[0],
    std: Sequence[float] = _IMAGENET[1],
    broken: str = "raise",
) -> ImageData:
    """Return images in one folder a class, as torchvision's ``ImageFolder`` has them.

    Parameters
    ----------
    train, test
        Folders that hold ``class/anything/image.jpg``; the same classes in both.
    size
        Height and width in training.
    name
        What to call the set.
    mean, std
        Per channel, on the 0..1 scale; ImageNet's unless given.
    broken
        ``"raise"``: an image that cannot be decoded is an error when it is read. ``"skip"``: all
        are decoded now, once, and those that cannot be are left out, with a warning.

    Raises
    ------
    FileNotFoundError
        A folder is missing, or a class has no image; the message names it.
    ValueError
        The classes differ, or nothing is left.
    """
    from torchvision.datasets import ImageFolder

    found = []
    for root in (Path(train), Path(test)):
        if not root.is_dir():
            raise FileNotFoundError(f"there is no folder {root}")
        try:
            found.append(ImageFolder(str(root)))
        except FileNotFoundError as error:  # no class, or one without images: torchvision names it
            raise FileNotFoundError(f"{root}: {error}") from None
    classes = [tuple(each.classes) for each in found]
    if classes[0] != classes[1]:
        odd = sorted(set(classes[0]) ^ set(classes[1]))[0]
        raise ValueError(f"the classes of {train} and {test} differ: only one of them has {odd!r}")
    parts = []
    for root, each in zip((Path(train), Path(test)), found, strict=True):
        names = [os.path.relpath(path, root) for path, _ in each.samples]
        labels = torch.tensor([k for _, k in each.samples])
        parts.append((list_files(root, names, size), labels))
    return _images(name, f"images in {train} and {test}", parts, classes[0], (mean, std), broken)


def webvision_mini(
    root: str | os.PathLike[str], *, size: int = 224, classes: int = 50, broken: str = "raise"
) -> ImageData:
    """Return WebVision 1.0's images from Google in its first classes, and their validation set.

    Li et al. 2017, with the first 50 classes as Chen et al. (ICML 2019) have it: some 66,000 noisy
    training images and 2,500 right ones. The labels that came with the images are ``y_train``;
    which of them are right is not known.

    Parameters
    ----------
    root
        Holds ``info/train_filelist_google.txt`` and ``info/val_filelist.txt`` (lines "path label"),
        the training images under the paths of the first, and ``val_images_256/``.
    size, broken
        As for `image_folder`.
    classes
        How many.

    Raises
    ------
    FileNotFoundError, ValueError
        As `image_folder`; also for a line that is no "path label", or a label out of range.
    """
    root, known = _folder(root), _WEBVISION_CLASSES
    parts = []
    for file, place in (("train_filelist_google", root), ("val_filelist", root / "val_images_256")):
        rows = _read_pairs(root / "info" / f"{file}.txt", known)
        kept = [(path, k) for path, k in rows if k < classes]
        labels = torch.tensor([k for _, k in kept], dtype=torch.int64)
        parts.append((list_files(place, [path for path, _ in kept], size), labels))
    names = tuple(str(k) for k in range(classes))
    said = f"WebVision (Google), first {classes} classes"
    return _images("webvision", said, parts, names, _IMAGENET, broken)


def clothing1m(
    root: str | os.PathLike[str], *, size: int = 224, test: str = "test", broken: str = "raise"
) -> ImageData:
    """Return Clothing1M (Xiao et al., CVPR 2015): a million noisy labels of 14 kinds of clothes.

    Parameters
    ----------
    root
        Holds ``noisy_train_key_list.txt`` and ``clean_test_key_list.txt`` (a path a line),
        ``noisy_label_kv.txt`` and ``clean_label_kv.txt`` (lines "path label"), and the images under
        these paths.
    size, broken
        As for `image_folder`.
    test
        ``"test"`` or ``"val"``: which of the clean parts stands as the test set.

    Raises
    ------
    FileNotFoundError, ValueError
        As `webvision_mini`; also for an image without a label.
    """
    if test not in ("test", "val"):
        raise ValueError(f"test must be 'test' or 'val', got {test!r}")
    root, classes = _folder(root), tuple(_CLOTHES.split(", "))
    parts = []
    for labels, keys in (("noisy", "noisy_train"), ("clean", f"clean_{test}")):
        label_of = dict(_read_pairs(root / f"{labels}_label_kv.txt", len(classes)))
        names = [line for _, line in _read_lines(root / f"{keys}_key_list.txt")]
        for name in names:
            if name not in label_of:
                raise ValueError(
                    f"{name} of {keys}_key_list.txt has no label in {labels}_label_kv.txt"
                )
        y = torch.tensor([label_of[name] for name in names], dtype=torch.int64)
        parts.append((list_files(root, names, size), y))
    return _images("clothing1m", "Clothing1M", parts, classes, _CLOTHING, broken)


def load_webvision(download: bool) -> ImageData:
    """Load mini WebVision from where it is; see `anl_edu.data.load`."""
    return webvision_mini(_placed(WEBVISION, "WebVision").parent.parent)


def load_clothing1m(download: bool) -> ImageData:
    """Load Clothing1M from where it is; see `anl_edu.data.load`."""
    return clothing1m(_placed(CLOTHING1M, "Clothing1M").parent)


def _placed(file: str, title: str) -> Path:
    require_folder()
    path = find(file)
    if path is None:
        raise FileNotFoundError(
            f"{title} is not in {folders()}, and is never downloaded: place or link its folder as "
            f"{file.split('/')[0]}, so that {file} is there (data/README.md says what it holds)"
        )
    return path


def _images(
    name: str,
    source: str,
    parts: Sequence[Labelled],
    classes: tuple[str, ...],
    scale: tuple[Sequence[float], Sequence[float]],
    broken: str,
) -> ImageData:
    if broken not in ("raise", "skip"):
        raise ValueError(f"broken must be 'raise' or 'skip', got {broken!r}")
    kept: list[Labelled] = []
    for what, (files, labels) in zip(("training", "test"), parts, strict=True):
        kept.append(_without_broken(files, labels) if broken == "skip" else (files, labels))
        if not len(kept[-1][0]):
            raise ValueError(f"there are no {what} images in {files.root}")
    (x_train, y_train), (x_test, y_test) = kept
    return ImageData(
        name=name,
        source=f"{source}: {len(y_train):,} train + {len(y_test):,} test images, on disk",
        x_train=cast(Tensor, x_train),
        y_train=y_train,
        x_test=cast(Tensor, x_test),
        y_test=y_test,
        classes=classes,
        mean=tuple(scale[0]),
        std=tuple(scale[1]),
        train_index=torch.arange(len(y_train)),
    )


def _without_broken(files: ImageFiles, labels: Tensor) -> Labelled:
    """Decode every image once, and leave out what cannot be, with a warning that names some."""

    def whole(place: int) -> bool:
        try:
            files.read(place)
        except ValueError:
            return False
        return True

    total = len(files)
    with (
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads,  # PIL decodes without the lock
        progress_bar(total=total, unit="image", desc=f"checking {files.root.name}") as bar,
    ):
        good = torch.ones(total, dtype=torch.bool)
        for start in range(0, total, 1000):  # a million tasks at once would be memory of their own
            places = range(start, min(start + 1000, total))
            good[start : places.stop] = torch.tensor(list(threads.map(whole, places)))
            bar.update(len(places))
    bad = (~good).nonzero()[:, 0].tolist()
    if not bad:
        return files, labels
    some = ", ".join(str(files.path(place)) for place in bad[:3])
    warnings.warn(
        f"{len(bad):,} of {total:,} images cannot be decoded and are left out: {some}"
        + (", ..." if len(bad) > 3 else ""),
        RuntimeWarning,
        stacklevel=4,
    )
    return files[good], labels[good]


def _folder(root: str | os.PathLike[str]) -> Path:
    if not Path(root).is_dir():
        raise FileNotFoundError(f"there is no folder {root}")
    return Path(root)


def _read_lines(path: Path) -> Iterable[tuple[int, str]]:
    """Lines that are not empty, with their numbers from 1."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: it says which images there are")
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(n, line.strip()) for n, line in enumerate(lines, start=1) if line.strip()]


def _read_pairs(path: Path, K: int) -> list[tuple[str, int]]:
    """Read lines "path label" with labels in 0..K-1; a path may hold spaces."""
    pairs = []
    for n, line in _read_lines(path):
        name, *label = line.rsplit(maxsplit=1)
        if not (label and label[0].removeprefix("-").isdecimal()):
            raise ValueError(f"{path}, line {n}: {line[:80]!r} is no 'path label'")
        k = int(label[0])
        if not 0 <= k < K:
            raise ValueError(f"{path}, line {n}: label {k} is outside 0..{K - 1}")
        pairs.append((name, k))
    return pairs
