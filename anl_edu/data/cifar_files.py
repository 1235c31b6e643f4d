"""Reading CIFAR's and CIFAR-N's files without trusting them.

Pickles are read only after their checksum has been verified, and even then only NumPy arrays and
plain values may come out of them.
"""

from __future__ import annotations

import hashlib
import pickle
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anl_edu import atomic
from anl_edu.data.cifar import Spec

FULL_SIZE = {"train": 50_000, "test": 10_000}
_RECONSTRUCT = np.empty(0).__reduce__()[0]  # its module is not the same in NumPy 1 and 2
_PICKLED_NUMPY = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


@dataclass(frozen=True)
class Arrays:
    """What an npz file holds: (N, C, H, W) uint8 images, (N,) int64 labels and places."""

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    train_index: Tensor | None
    altered: bool | None  # the pixels are not the published ones; None: could not be checked


class _NumpyOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _PICKLED_NUMPY[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"refused to load {module}.{name}") from None


def read_pickle(file: IO[bytes]) -> Any:
    """Unpickle a file of NumPy arrays and plain values; anything else is refused."""
    return _NumpyOnly(file, encoding="latin1").load()


def archive_to_npz(archive: Path, npz: Path, spec: Spec) -> None:
    """Write a verified archive's images and labels as ``npz`` (Keras layout), in one step."""
    with tarfile.open(archive, "r:gz") as tar:

        def batch(member: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
            file = tar.extractfile(member)
            if file is None:
                raise ValueError(f"{member} of {archive} is not a file")
            content = read_pickle(file)
            images = content["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            return images, np.asarray(content[spec.label_key], np.uint8)

        train = [batch(member) for member in spec.train_files]
        x_test, y_test = batch(spec.test_file)
    with atomic.writing(npz) as out:
        np.savez(
            out,
            x_train=np.concatenate([x for x, _ in train]),
            y_train=np.concatenate([y for _, y in train]),
            x_test=x_test,
            y_test=y_test,
        )


def read_npz(path: Path, spec: Spec) -> Arrays:
    """Read and check a Keras-layout file; a part of the set is fine.

    Raises
    ------
    ValueError
        The file is broken, or an array is missing or of another shape, type or range.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            content = {key: file[key] for key in file.files}
    except (BadZipFile, ValueError, OSError, EOFError) as error:
        raise ValueError(f"{path} cannot be read as an npz file: {error}") from error
    parts = [_part(path, content, split, len(spec.classes)) for split in ("train", "test")]
    (images, y_train, train_index), (test_images, y_test, _) = parts
    return Arrays(
        x_train=_channels_first(images),
        y_train=torch.from_numpy(y_train),
        x_test=_channels_first(test_images),
        y_test=torch.from_numpy(y_test),
        train_index=None if train_index is None else torch.from_numpy(train_index),
        altered=_altered(images, train_index, spec),
    )


def _altered(
    images: NDArray[np.uint8], train_index: NDArray[np.int64] | None, spec: Spec
) -> bool | None:
    first = train_index is None or np.array_equal(train_index[:1000], np.arange(1000))
    if spec.fingerprint is None or len(images) < 1000 or not first:
        return None
    return hashlib.sha256(images[:1000].tobytes()).hexdigest() != spec.fingerprint


def _part(
    path: Path, content: Mapping[str, NDArray[Any]], split: str, K: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64] | None]:
    x, y = f"x_{split}", f"y_{split}"
    for key in (x, y):
        if key not in content:
            raise ValueError(f"{path} holds no {key}: it has {', '.join(content) or 'nothing'}")
    images, labels = content[x], content[y].reshape(-1)  # Keras gives labels as (N, 1)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (32, 32, 3):
        raise ValueError(
            f"{x} in {path} must be (N, 32, 32, 3) uint8, got {images.shape} of {images.dtype}"
        )
    if labels.dtype.kind not in "iu" or len(labels) != len(images):
        raise ValueError(
            f"{y} in {path} must be {len(images)} integers, got {len(labels)} of {labels.dtype}"
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < K:
        bad = labels.min() if labels.min() < 0 else labels.max()
        raise ValueError(f"{y} in {path} holds label {bad}, outside 0..{K - 1}")
    index = content.get(f"{split}_index")
    if index is not None:
        size = FULL_SIZE[split]
        if index.shape != labels.shape or index.dtype.kind not in "iu":
            raise ValueError(f"{split}_index in {path} must be {len(labels)} integers")
        if len(index) and not 0 <= index.min() <= index.max() < size:
            raise ValueError(f"{split}_index in {path} leaves 0..{size - 1}")
    return images, labels.astype(np.int64), None if index is None else index.astype(np.int64)


def _channels_first(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def numpy_globals() -> list[Any]:
    """Return what `torch.serialization.safe_globals` must allow for NumPy's integer arrays."""
    return [
        (_RECONSTRUCT, "numpy.core.multiarray._reconstruct"),
        (_RECONSTRUCT, "numpy._core.multiarray._reconstruct"),
        np.ndarray,
        np.dtype,
        type(np.dtype(np.int64)),
    ]


def read_human(path: Path, spec: Spec, which: str) -> tuple[Tensor, Tensor]:
    """Return (noisy, clean) (50000,) int64 labels from a CIFAR-N file.

    Raises
    ------
    ValueError
        The file is broken, holds anything but arrays and plain values, or lacks these labels.
    """
    key = spec.human_keys[which]
    try:
        with torch.serialization.safe_globals(numpy_globals()):
            content = torch.load(path, map_location="cpu", weights_only=True)
        noisy, clean = (
            torch.from_numpy(np.asarray(content[k], np.int64)) for k in (key, "clean_label")
        )
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path} is not a CIFAR-N label file: {reason}") from error
    if noisy.shape != clean.shape or noisy.ndim != 1:
        raise ValueError(f"{path}: {key} {tuple(noisy.shape)} and clean_label do not match")
    if not 0 <= int(noisy.min()) <= int(noisy.max()) < len(spec.classes):
        raise ValueError(f"{path}: {key} holds labels outside 0..{len(spec.classes) - 1}")
    return noisy, clean
