"""Reading CIFAR's and CIFAR-N's files without trusting them.

Pickles are read only after their checksum has been verified, and even then only NumPy arrays and
plain values may come out of them. An npz file may be anybody's, and is looked at before it is read.
"""

from __future__ import annotations

import hashlib
import math
import pickle
import tarfile
import zipfile
from dataclasses import dataclass
from io import BytesIO
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

    Nothing is read before its size is known to be right, so that a broken or forged file costs
    neither memory nor time.

    Raises
    ------
    ValueError
        The file is broken, or an array is missing or of another shape, type or range.
    """
    parts = {}
    try:
        with zipfile.ZipFile(path) as file:
            for split in ("train", "test"):
                parts[split] = _part(file, split, spec)
    except _UnfitError as error:
        raise ValueError(f"{path} {error}") from None
    except Exception as error:  # a broken file may raise anything: zlib's errors, tokenize's, ...
        if isinstance(error, OSError) and error.filename is not None:
            raise  # it cannot be opened
        raise ValueError(f"{path} cannot be read as an npz file: {_brief(error)}") from error
    (images, y_train, train_index), (test_images, y_test, _) = parts["train"], parts["test"]
    return Arrays(
        x_train=_channels_first(images),
        y_train=torch.from_numpy(y_train),
        x_test=_channels_first(test_images),
        y_test=torch.from_numpy(y_test),
        train_index=None if train_index is None else torch.from_numpy(train_index),
        altered=_altered(images, train_index, spec),
    )


class _UnfitError(Exception):
    """A readable file that does not hold what it should; the message goes on after its path."""


def _brief(error: Exception) -> str:
    words = str(error).splitlines()[0][:120] if str(error) else ""
    plain = isinstance(error, BadZipFile | ValueError | EOFError)
    # numpy advises to trust a file that it cannot read, by allow_pickle: not from us
    return words if plain and words and "pickle" not in words else "damaged, or another file"


def _altered(
    images: NDArray[np.uint8], train_index: NDArray[np.int64] | None, spec: Spec
) -> bool | None:
    first = train_index is None or np.array_equal(train_index[:1000], np.arange(1000))
    if spec.fingerprint is None or len(images) < 1000 or not first:
        return None
    return hashlib.sha256(images[:1000].tobytes()).hexdigest() != spec.fingerprint


def _part(
    file: zipfile.ZipFile, split: str, spec: Spec
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64] | None]:
    x, y, index = f"x_{split}", f"y_{split}", f"{split}_index"
    size, K = FULL_SIZE[split], len(spec.classes)
    members = [name.removesuffix(".npy") for name in file.namelist()]
    for key in (x, y):
        if key not in members:
            raise _UnfitError(f"holds no {key}: it has {', '.join(members[:9]) or 'nothing'}")
    shape, dtype = _header(file, x)
    if dtype != np.uint8 or len(shape) != 4 or shape[1:] != (32, 32, 3):
        raise _UnfitError(f"holds {x} of {shape} {dtype}: it must be (N, 32, 32, 3) uint8")
    n = shape[0]
    if n > size:
        raise _UnfitError(f"holds {n:,} images in {x}: {spec.title} has {size:,}")
    images = _array(file, x)
    labels = _integers(file, y, n)
    if n and not 0 <= labels.min() <= labels.max() < K:
        bad = labels.min() if labels.min() < 0 else labels.max()
        raise _UnfitError(f"holds label {bad} in {y}, outside 0..{K - 1}")
    if index not in members:
        return images, labels.astype(np.int64), None
    places = _integers(file, index, n)
    if n and not 0 <= places.min() <= places.max() < size:
        raise _UnfitError(f"holds a place in {index} that leaves 0..{size - 1}")
    return images, labels.astype(np.int64), places.astype(np.int64)


def _integers(file: zipfile.ZipFile, key: str, n: int) -> NDArray[Any]:
    """Read an array of n integers; Keras gives labels as (N, 1)."""
    shape, dtype = _header(file, key)
    if dtype.kind not in "iu" or shape not in ((n,), (n, 1)):
        raise _UnfitError(f"holds {key} of {shape} {dtype}: it must be {n} integers")
    return _array(file, key).reshape(-1)


def _header(file: zipfile.ZipFile, key: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of an array, which has been seen to fill its member of the file."""
    info = file.getinfo(f"{key}.npy")
    with file.open(info) as member:
        if np.lib.format.read_magic(member) != (1, 0):  # others are for headers beyond 64 kB
            raise ValueError(f"{key} has a header of another kind than np.savez gives it")
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        claimed = math.prod(shape) * dtype.itemsize
        if not dtype.hasobject and member.tell() + claimed != info.file_size:
            raise ValueError(f"{key} claims {claimed:,} bytes and does not have them")
    return shape, dtype


def _array(file: zipfile.ZipFile, key: str) -> NDArray[Any]:
    with file.open(f"{key}.npy") as member:
        return np.lib.format.read_array(member, allow_pickle=False)


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
    """Return (noisy, clean) (50000,) int64 labels from the published CIFAR-N file.

    Raises
    ------
    ValueError
        It is another file: torch's reader would take a flipped bit for a label.
    """
    raw = path.read_bytes()
    found = hashlib.sha256(raw).hexdigest()
    if found != spec.human_sha256:
        raise ValueError(
            f"{path} is not {spec.title}'s published label file: its SHA-256 is {found[:12]}…, not "
            f"{spec.human_sha256[:12]}… (cut short, changed or another file)"
        )
    with torch.serialization.safe_globals(numpy_globals()):
        content = torch.load(BytesIO(raw), map_location="cpu", weights_only=True)
    noisy, clean = (
        torch.from_numpy(np.asarray(content[key], np.int64))
        for key in (spec.human_keys[which], "clean_label")
    )
    return noisy, clean
