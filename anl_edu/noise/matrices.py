"""Transition matrices: T[i, j] is the probability that true class i carries label j.

The rows of T sum to 1; every function gives a (K, K) float64 tensor.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, Literal

import torch
from torch import Tensor

# Class ids in torchvision's order.
CIFAR10_FLIPS: Mapping[int, int] = {9: 1, 2: 0, 4: 7, 3: 5, 5: 3}
MNIST_FLIPS: Mapping[int, int] = {7: 1, 2: 7, 3: 8, 5: 6, 6: 5}
# The superclass (0..19) of each of CIFAR-100's fine ids, as published with the data set.
# fmt: off
CIFAR100_SUPERCLASS: tuple[int, ...] = (
    4, 1, 14, 8, 0, 6, 7, 7, 18, 3, 3, 14, 9, 18, 7, 11, 3, 9, 7, 11,
    6, 11, 5, 10, 7, 6, 13, 15, 3, 15, 0, 11, 1, 10, 12, 14, 16, 9, 11, 5,
    5, 19, 8, 8, 15, 13, 14, 17, 18, 10, 16, 4, 17, 4, 2, 0, 17, 4, 18, 17,
    10, 3, 2, 12, 12, 16, 12, 1, 9, 19, 2, 10, 0, 1, 16, 12, 9, 13, 15, 13,
    16, 19, 2, 4, 6, 19, 5, 5, 8, 19, 18, 1, 2, 15, 6, 0, 17, 8, 14, 13,
)
# fmt: on


def symmetric(K: int, rate: float) -> Tensor:
    """Return (K, K) symmetric noise: ``rate`` is spread evenly over the K - 1 other classes.

    The true class is never redrawn, so ``rate`` really is the share of wrong labels.
    """
    check_classes(K)
    rate = check_rate(rate)
    T = torch.full((K, K), rate / (K - 1), dtype=torch.float64)
    return T.fill_diagonal_(1 - rate)


def pair_flip(K: int, rate: float) -> Tensor:
    """Return (K, K) pair flips: class i becomes i + 1 (mod K) with probability ``rate``."""
    check_classes(K)
    return flips({i: (i + 1) % K for i in range(K)}, K, rate)


def asymmetric_cifar10(rate: float) -> Tensor:
    """Return (10, 10): truck→automobile, bird→airplane, deer→horse, cat↔dog.

    Five of ten classes flip, so ``rate`` / 2 of all labels are wrong (Patrini et al. 2017).

    Published numbers are not all of this noise. The code of APL, of ALFs and of eps-softmax flips
    the five pairs one after another in the same array, so that dog→cat draws also from cats which
    have just become dogs, and some cats come back: at 0.4 cat→dog is 0.24, and 0.184 of all labels
    are wrong, not 0.2. Here, as for ANL and JAL, every label is drawn once, from its true class.
    """
    return flips(CIFAR10_FLIPS, 10, rate)


def asymmetric_mnist(rate: float) -> Tensor:
    """Return (10, 10) for MNIST and the digits: 7→1, 2→7, 3→8, 5↔6 (Patrini et al. 2017)."""
    return flips(MNIST_FLIPS, 10, rate)


def asymmetric_cifar100(
    rate: float, groups: Literal["consecutive", "superclass"] = "consecutive"
) -> Tensor:
    """Return (100, 100): each class becomes the next one of its group of five, circularly.

    Parameters
    ----------
    rate
        Probability that a label flips, 0..1.
    groups
        ``"consecutive"`` is the noise of the published numbers: fine ids 0-4, 5-9, … Papers call
        it "within the superclass", but the ids are alphabetical, and only 6 of the 100 flips
        stay inside one. ``"superclass"`` flips inside the 20 real superclasses.
    """
    if groups == "consecutive":
        blocks = [list(range(i, i + 5)) for i in range(0, 100, 5)]
    elif groups == "superclass":
        blocks = [[i for i in range(100) if CIFAR100_SUPERCLASS[i] == s] for s in range(20)]
    else:
        raise ValueError(f"groups must be 'consecutive' or 'superclass', got {groups!r}")
    step = {i: block[(n + 1) % 5] for block in blocks for n, i in enumerate(block)}
    return flips(step, 100, rate)


def flips(step: Mapping[int, int], K: int, rate: float) -> Tensor:
    """Return (K, K): class i becomes ``step[i]`` with probability ``rate``, others stay.

    Raises
    ------
    ValueError
        A class is outside 0..K-1, or flips to itself.
    """
    check_classes(K)
    rate = check_rate(rate)
    T = torch.eye(K, dtype=torch.float64)
    for i, j in step.items():
        for k in (i, j):
            if not isinstance(k, Integral) or not 0 <= k < K:
                raise ValueError(f"step {i!r} to {j!r}: {k!r} is no class of 0..{K - 1}")
        if i == j:
            raise ValueError(f"step {i!r} to {j!r}: a class cannot flip to itself")
        T[i, i] -= rate
        T[i, j] += rate
    return T


def check_rate(rate: Any) -> float:
    real: bool = isinstance(rate, Real)
    if not real:
        raise TypeError(f"noise rate must be a number, got {rate!r}")
    if not 0 <= rate <= 1:
        raise ValueError(f"noise rate must be between 0 and 1, got {rate!r}")
    return float(rate)


def check_classes(K: Any) -> None:
    if not isinstance(K, Integral):
        raise TypeError(f"the number of classes must be a whole number, got {K!r}")
    if K < 2:
        raise ValueError(f"noise needs at least 2 classes, got {K!r}")


def check_tensor(t: Any, what: str) -> None:
    if not isinstance(t, Tensor):
        raise TypeError(f"{what} must be a tensor, got {type(t).__name__}")


def check_labels(labels: Any, K: int, what: str = "labels") -> None:
    check_tensor(labels, what)
    if labels.dtype != torch.int64 or labels.ndim != 1:
        raise TypeError(
            f"{what} must be (N,) int64, got shape {tuple(labels.shape)} of {labels.dtype}"
        )
    outside = labels[(labels < 0) | (labels >= K)]
    if len(outside):
        raise ValueError(f"{what} hold {int(outside[0])}, outside 0..{K - 1}")


def check_generator(generator: Any) -> None:
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator or None, got {generator!r}")
    if generator is not None and generator.device.type != "cpu":
        raise ValueError(f"generator must be a CPU generator, got one on {generator.device}")


def check_matrix(T: Any) -> int:
    check_tensor(T, "T")
    if T.ndim != 2 or T.shape[0] != T.shape[1] or len(T) < 2 or not T.is_floating_point():
        raise ValueError(f"T must be a (K, K) float matrix, got {tuple(T.shape)} of {T.dtype}")
    if not (T >= 0).all():
        raise ValueError(f"T holds {T.min().item()!r}: probabilities are 0 or more")
    sums = T.double().sum(1)
    worst = int((sums - 1).abs().argmax())
    if abs(sums[worst].item() - 1) > 1e-6:
        raise ValueError(f"row {worst} of T sums to {sums[worst].item():.6g}, not 1")
    return len(T)
