"""Images with masks in folders: ISIC 2017's lesions, Oxford-IIIT's pets.

All are read, checked and resized once, and kept as tensors in one file beside the other downloads:
training has them in memory. A list of what was read tells whether that file is still theirs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from anl_edu import atomic
from anl_edu.data.cache import cache_folder, find, folders, require_folder
from anl_edu.data.images import ImageData
from anl_edu.progress_bar import progress_bar

ISIC2017 = "isic2017/ISIC-2017_Training_Data"  # what is looked for to find the folder
PETS = "oxford-pets/oxford-iiit-pet/annotations/trainval.txt"
_ISIC_PARTS = {
    "train": ("ISIC-2017_Training_Data", "ISIC-2017_Training_Part1_GroundTruth"),
    "test": ("ISIC-2017_Test_v2_Data", "ISIC-2017_Test_v2_Part1_GroundTruth"),
}
_SUFFIXES = (".jpg", ".jpeg", ".png")


class Pair(NamedTuple):
    """An image and its mask on disk."""

    image: Path
    mask: Path


def isic2017(root: str | os.PathLike[str], *, size: int = 128) -> ImageData:
    """Return ISIC 2017's skin lesions (Codella et al. 2018, arXiv 1710.05006) with their masks.

    Parameters
    ----------
    root
        Holds ``ISIC-2017_Training_Data`` and ``ISIC-2017_Test_v2_Data`` with images
        ``ISIC_0000000.jpg``, and ``ISIC-2017_Training_Part1_GroundTruth`` and
        ``ISIC-2017_Test_v2_Part1_GroundTruth`` with masks ``ISIC_0000000_segmentation.png``, whose
        pixels are 0 or 255. Superpixels (``..._superpixels.png``) may lie among the images.
    size
        Images are resized to size x size, by their area's mean, masks by the nearest pixel.

    Returns
    -------
    ImageData
        Two classes, background and lesion.

    Raises
    ------
    FileNotFoundError
        A folder is missing, an image has no mask, or a mask no image; the message names the file.
    ValueError
        A file that cannot be decoded, a mask of another size than its image, or with another value.
    """
    root = Path(root)
    parts = {}
    for part, names in _ISIC_PARTS.items():
        images, masks = (_listed(root / name) for name in names)
        images = {k: p for k, p in images.items() if not k.endswith("_superpixels")}
        masks = {k.removesuffix("_segmentation"): p for k, p in masks.items()}
        parts[part] = _paired(images, masks)
    return _loaded("isic2017", "ISIC 2017", parts, size, _binary, ("background", "lesion"))


def oxford_pets(
    root: str | os.PathLike[str], *, size: int = 128, download: bool = False
) -> ImageData:
    """Return the Oxford-IIIT pets (Parkhi et al. 2012): pet, background and the border between.

    Parameters
    ----------
    root
        As for torchvision's ``OxfordIIITPet``: holds ``oxford-iiit-pet/images`` and
        ``oxford-iiit-pet/annotations``.
    size
        As for `isic2017`.
    download
        Have torchvision fetch what is missing (800 MB).

    Returns
    -------
    ImageData
        Three classes: background, pet, border; its ``trainval`` and ``test`` parts.

    Raises
    ------
    FileNotFoundError, ValueError
        As `isic2017`.
    """
    from torchvision.datasets import OxfordIIITPet

    parts = {}
    for part, split in (("train", "trainval"), ("test", "test")):
        try:
            found: Any = OxfordIIITPet(
                str(root), split=split, target_types="segmentation", download=download
            )
        except (RuntimeError, FileNotFoundError) as error:
            raise FileNotFoundError(f"the pets are not in {root}: {error}") from None
        pairs = [Pair(Path(a), Path(b)) for a, b in zip(found._images, found._segs, strict=True)]
        for pair in pairs:
            for path in pair:
                if not path.is_file():
                    raise FileNotFoundError(f"{path} is missing; {split}.txt names it")
        parts[part] = pairs
    return _loaded(
        "oxford-pets", "Oxford-IIIT Pet", parts, size, _trimap, ("background", "pet", "border")
    )


def load_isic2017(download: bool) -> ImageData:
    """Load ISIC 2017 from where it is; see `anl_edu.data.load`."""
    require_folder()
    path = find(ISIC2017)
    if path is None:
        raise FileNotFoundError(
            f"ISIC 2017 is not in {folders()}, and is never downloaded: place or link its folder "
            f"as isic2017, so that {ISIC2017} is there (data/README.md says what it holds)"
        )
    return isic2017(path.parent)


def load_pets(download: bool) -> ImageData:
    """Load the pets from where they are, or have torchvision fetch them; see `data.load`."""
    require_folder()
    path = find(PETS)
    root = cache_folder() / "oxford-pets" if path is None else path.parents[2]
    return oxford_pets(root, download=download and path is None)


# --- files -------------------------------------------------------------------------------------


def _listed(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    return {p.stem: p for p in sorted(folder.iterdir()) if p.suffix.lower() in _SUFFIXES}


def _paired(images: dict[str, Path], masks: dict[str, Path]) -> list[Pair]:
    for stem, path in images.items():
        if stem not in masks:
            raise FileNotFoundError(f"{path} has no mask {stem}_segmentation.png")
    for stem, path in masks.items():
        if stem not in images:
            raise FileNotFoundError(f"{path} is the mask of no image: {stem}.jpg is missing")
    return [Pair(path, masks[stem]) for stem, path in images.items()]


def _binary(mask: np.ndarray, path: Path) -> np.ndarray:
    _require_values(mask, (0, 255), path)
    return mask // 255


def _trimap(mask: np.ndarray, path: Path) -> np.ndarray:
    """Turn 1 pet, 2 background, 3 border into classes with the background first."""
    _require_values(mask, (1, 2, 3), path)
    return np.array([0, 1, 0, 2], np.uint8)[mask]


def _require_values(mask: np.ndarray, allowed: Sequence[int], path: Path) -> None:
    strange = np.setdiff1d(mask, allowed)
    if len(strange):
        said = ", ".join(map(str, allowed[:-1]))
        raise ValueError(
            f"{path} has a pixel {strange[0]}; masks here have {said} or {allowed[-1]}"
        )


def _opened(path: Path, mode: str) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert(mode)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{path} cannot be decoded: {error}") from None


def _read(
    pair: Pair, size: int, classes: Callable[[np.ndarray, Path], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return an image (3, size, size) and its mask (size, size), both uint8."""
    image, mask = _opened(pair.image, "RGB"), _opened(pair.mask, "L")
    if image.size != mask.size:
        (w, h), (v, u) = image.size, mask.size
        raise ValueError(f"{pair.mask} is {v}x{u}, and its image {pair.image.name} {w}x{h}")
    named = Image.fromarray(classes(np.asarray(mask), pair.mask))
    small = image.resize((size, size), Image.Resampling.BOX)
    return (
        np.asarray(small).transpose(2, 0, 1),
        np.asarray(named.resize((size, size), Image.Resampling.NEAREST)),
    )


def _loaded(
    name: str,
    title: str,
    parts: dict[str, list[Pair]],
    size: int,
    classes: Callable[[np.ndarray, Path], np.ndarray],
    names: tuple[str, ...],
) -> ImageData:
    for part, pairs in parts.items():
        if not pairs:
            raise FileNotFoundError(f"there are no {part} images of {title}")
    everything = [pair for pairs in parts.values() for pair in pairs]
    kept = cache_folder() / f"{name}-{size}-{_fingerprint(everything)}.npz"
    if kept.is_file():
        with np.load(kept) as archive:
            x, y = archive["x"], archive["y"]
    else:
        x, y = _read_all(everything, size, classes, title)
        with atomic.writing(kept) as file:
            np.savez(file, x=x, y=y)
    images, masks = torch.from_numpy(x), torch.from_numpy(y).long()
    n = len(parts["train"])
    mean, std = _scale(images[:n])
    return ImageData(
        name=name,
        source=f"{title}: {n:,} train + {len(images) - n:,} test images with masks, resized to "
        f"{size}x{size}",
        x_train=images[:n],
        y_train=masks[:n],
        x_test=images[n:],
        y_test=masks[n:],
        classes=names,
        mean=mean,
        std=std,
        train_index=torch.arange(n),
    )


def _read_all(
    pairs: Sequence[Pair],
    size: int,
    classes: Callable[[np.ndarray, Path], np.ndarray],
    title: str,
) -> tuple[np.ndarray, np.ndarray]:
    x = np.empty((len(pairs), 3, size, size), np.uint8)
    y = np.empty((len(pairs), size, size), np.uint8)
    with (
        ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads,  # PIL decodes without the lock
        progress_bar(total=len(pairs), unit="image", desc=f"reading {title}") as bar,
    ):
        for i, (image, mask) in enumerate(threads.map(lambda p: _read(p, size, classes), pairs)):
            x[i], y[i] = image, mask
            bar.update()
    return x, y


def _fingerprint(pairs: Sequence[Pair]) -> str:
    sha = hashlib.sha256()
    for path in (path for pair in pairs for path in pair):
        about = path.stat()
        sha.update(f"{path.name} {about.st_size} {about.st_mtime_ns}\n".encode())
    return sha.hexdigest()[:12]


def _scale(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel on the 0..1 scale, from exact sums."""
    count = images[:, 0].numel()
    sums = [images[:, c].long() for c in range(3)]
    mean = [float(s.sum()) / count / 255 for s in sums]
    square = [float((s * s).sum()) / count / 255**2 for s in sums]
    return (
        tuple(round(m, 4) for m in mean),
        tuple(round((s - m * m) ** 0.5, 4) for m, s in zip(mean, square, strict=True)),
    )
