"""Labelled images: uint8 tensors or files, labels, class names, statistics, and who they are."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from anl_edu.data.files import ImageFiles, in_memory


@dataclass(frozen=True, eq=False, repr=False)
class ImageData:
    """A labelled image set, in memory or, where that cannot hold it, on disk.

    Attributes
    ----------
    name
        As `anl_edu.data.load` knows it.
    source
        One sentence a lesson can print: which images, how many, from where.
    x_train, x_test
        (N, C, H, W) uint8, or `ImageFiles` in the place of both. They are typed as the tensors that
        they nearly always are; what takes files too says ``Images``. Rows of D features, which are
        no images, are float32 (N, D, 1, 1).
    y_train, y_test
        (N,) int64, or (N, H, W) for masks, which have a class for each pixel. ``y_train`` is what
        the learner is given, and may be wrong; ``y_test`` is true.
    classes
        Class names; label k is ``classes[k]``.
    mean, std
        Per channel, on the 0..1 scale; of features on their own.
    y_clean
        True labels of the same shape, once ``y_train`` has been corrupted.
    train_index
        (N,) int64, each training image's place in the full set.
    whole
        For a part: the fingerprint of the set it was cut from, and its own as it was cut.
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
    whole: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"ImageData({self.source})"

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    @property
    def masks(self) -> bool:
        """Whether the labels are masks (N, H, W), a class for each pixel."""
        return self.y_train.ndim == 3

    @property
    def wrong(self) -> Tensor:
        """Bool, of the shape of ``y_train``: which labels are wrong; all False on clean data."""
        if self.y_clean is None:
            return torch.zeros_like(self.y_train, dtype=torch.bool)
        return self.y_train != self.y_clean

    @property
    def fingerprint(self) -> str:
        """Short hash of the images and their true labels; that of the whole set for a part of it.

        Two sets with one fingerprint are the same images, or cut from the same, whatever they are
        called and however they are labelled now. A copy that went through JPEG has another, and so
        has a part whose images were changed after it was cut. Of files it is names and lengths.
        """
        true = self.y_train if self.y_clean is None else self.y_clean
        sha = hashlib.sha256()
        for t in (self.x_train, true, self.x_test, self.y_test):
            if isinstance(t, ImageFiles):
                sha.update(t.identity())
                continue
            sha.update(f"{tuple(t.shape)}{t.dtype}".encode())
            sha.update(t.cpu().contiguous().numpy().data)
        own = sha.hexdigest()[:16]
        return self.whole[0] if self.whole is not None and self.whole[1] == own else own

    def pixels(self, what: str) -> Tensor:
        """Return the training images (N, C, H, W); TypeError for files: ``what`` needs pixels."""
        return in_memory(self.x_train, what)

    def clean(self) -> ImageData:
        """Return the same images under their true labels."""
        if self.y_clean is None:
            return self
        return replace(self, y_train=self.y_clean, y_clean=None)

    def human_labels(self, which: str) -> Tensor:
        """Return the labels (N,) that annotators gave these images: `data.human_labels_for`."""
        from anl_edu.data.human import human_labels_for

        return human_labels_for(self, which)

    def with_labels(self, noisy: Tensor) -> ImageData:
        """Return the same images under ``noisy`` int64 labels or masks; the true ones are kept."""
        if self.y_clean is not None:
            raise ValueError(f"the labels of {self.name} are noisy already: start from clean data")
        if noisy.shape != self.y_train.shape or noisy.dtype != torch.int64:
            raise ValueError(
                f"labels must be {tuple(self.y_train.shape)} int64, "
                f"got {tuple(noisy.shape)} of {noisy.dtype}"
            )
        _check_range(noisy, self.num_classes, "labels")
        return replace(self, y_train=noisy, y_clean=self.y_train)

    def subset(self, n_train: int | None, n_test: int | None = None, seed: int = 0) -> ImageData:
        """Return a random part with the classes in their proportions (true ones, if known).

        Images with masks are chosen without regard to classes. None keeps all. The images keep
        their order, and ``train_index`` their place.
        """
        g = torch.Generator().manual_seed(seed)
        true = self.y_train if self.y_clean is None else self.y_clean
        keep = _stratified(true, n_train, g, "training")
        keep_test = _stratified(self.y_test, n_test, g, "test")
        if len(keep) == len(true) and len(keep_test) == len(self.y_test):
            return self
        return self.part(keep, keep_test)

    def hold_out(self, share: float, seed: int = 0) -> tuple[ImageData, ImageData]:
        """Return the set without a random share of its training images, and with these alone.

        Both keep the test images, and their noisy and true labels; the images are shuffled.
        """
        n = len(self.y_train)
        count = math.ceil(share * n)
        if not 0 < count < n:
            raise ValueError(f"cannot hold out a share of {share} of {n} training images")
        order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
        return self.part(order[count:]), self.part(order[:count])

    def part(self, train: Tensor, test: Tensor | None = None) -> ImageData:
        """Return some of the training images, and some of the test images or all, by place."""
        if test is None:
            source = f"{len(train):,} of the training images of: {self.source}"
        else:
            source = f"{len(train):,} train + {len(test):,} test images of: {self.source}"
        part = replace(
            self,
            source=source,
            x_train=self.x_train[train],
            y_train=self.y_train[train],
            x_test=self.x_test if test is None else self.x_test[test],
            y_test=self.y_test if test is None else self.y_test[test],
            y_clean=None if self.y_clean is None else self.y_clean[train],
            train_index=train if self.train_index is None else self.train_index[train],
            whole=None,
        )
        return replace(part, whole=(self.fingerprint, part.fingerprint))


def _stratified(y: Tensor, n: int | None, g: torch.Generator, part: str) -> Tensor:
    """Ascending places of ``n`` labels, each class with its share (largest remainders)."""
    if n is None or n == len(y):
        return torch.arange(len(y))
    if not 0 < n < len(y):
        raise ValueError(f"cannot take {n} of {len(y)} {part} images")
    if y.ndim > 1:
        return torch.randperm(len(y), generator=g)[:n].sort().values
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
