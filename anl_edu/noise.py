"""How labels go wrong: transition matrices, drawing noisy labels, realised rates.

Everywhere ``T[i, j]`` is the probability that a sample of true class i carries label j, so the
rows of T sum to 1. A drawn set never has exactly the nominal rate: always show `realised`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

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

CLASSES_OF: Mapping[str, int] = {"digits": 10, "mnist": 10, "cifar10": 10, "cifar100": 100}
KINDS = ("none", "symmetric", "pair", "asymmetric", "asymmetric-superclass")


@dataclass(frozen=True)
class Realised:
    """What a drawn set of labels turned out to be.

    Attributes
    ----------
    rate
        Share of all labels that are wrong, 0..1 (NaN for an empty set).
    matrix
        (K, K) float64; row i is how class i was really labelled, NaN where it has no sample.
    counts
        (K, K) int64; rows are true classes, columns the labels given.
    """

    rate: float
    matrix: Tensor
    counts: Tensor


def symmetric(K: int, rate: float) -> Tensor:
    """Return (K, K) symmetric noise: ``rate`` is spread evenly over the K - 1 other classes.

    The true class is never redrawn, so ``rate`` really is the share of wrong labels.
    """
    _check_classes(K)
    _check_rate(rate)
    T = torch.full((K, K), rate / (K - 1), dtype=torch.float64)
    return T.fill_diagonal_(1 - rate)


def pair_flip(K: int, rate: float) -> Tensor:
    """Return (K, K) pair flips: class i becomes i + 1 (mod K) with probability ``rate``."""
    _check_classes(K)
    return flips({i: (i + 1) % K for i in range(K)}, K, rate)


def asymmetric_cifar10(rate: float) -> Tensor:
    """Return (10, 10): truck→automobile, bird→airplane, deer→horse, cat↔dog.

    Five of ten classes flip, so ``rate`` / 2 of all labels are wrong (Patrini et al. 2017).
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
    """Return (K, K): class i becomes ``step[i]`` with probability ``rate``, others stay."""
    _check_classes(K)
    _check_rate(rate)
    T = torch.eye(K, dtype=torch.float64)
    for i, j in step.items():
        T[i, i] -= rate
        T[i, j] += rate
    return T


def transition(kind: str, rate: float, dataset: str | int) -> Tensor:
    """Return the (K, K) matrix of a named noise; the one place where names become matrices.

    Parameters
    ----------
    kind
        ``"none"``, ``"symmetric"``, ``"pair"``, ``"asymmetric"`` (as published for the data
        set), or ``"asymmetric-superclass"`` (CIFAR-100 only).
    rate
        0..1; ignored by ``"none"``.
    dataset
        ``"digits"``, ``"mnist"``, ``"cifar10"``, ``"cifar100"``, or a number of classes, which
        is enough for the kinds that mean the same on any data.
    """
    if isinstance(dataset, str) and dataset not in CLASSES_OF:
        raise ValueError(
            f"no noise is defined for data set {dataset!r}: use one of {', '.join(CLASSES_OF)}, "
            "or give the number of classes"
        )
    K = CLASSES_OF[dataset] if isinstance(dataset, str) else dataset
    match kind, dataset:
        case "none", _:
            return symmetric(K, 0.0)
        case "symmetric", _:
            return symmetric(K, rate)
        case "pair", _:
            return pair_flip(K, rate)
        case "asymmetric", "cifar10":
            return asymmetric_cifar10(rate)
        case "asymmetric", "digits" | "mnist":
            return asymmetric_mnist(rate)
        case "asymmetric", "cifar100":
            return asymmetric_cifar100(rate, "consecutive")
        case "asymmetric-superclass", "cifar100":
            return asymmetric_cifar100(rate, "superclass")
    if kind in KINDS:
        raise ValueError(f"noise {kind!r} is not defined for {dataset!r}")
    raise ValueError(f"no matrix for noise {kind!r}: use one of {', '.join(KINDS)}")


def corrupt(
    labels: Tensor,
    T: Tensor,
    method: Literal["exact", "independent"] = "exact",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw noisy labels; every label is drawn once, from its true class, so none flips twice.

    Parameters
    ----------
    labels
        (N,) int64 true labels, 0..K-1.
    T
        (K, K) transition matrix.
    method
        ``"exact"``: of the n_i samples of class i, exactly int(T[i, j] n_i) get label j, chosen
        without replacement, and the rest keep i, so the realised rate falls slightly short
        (0.792 for 0.8 on CIFAR-100). ``"independent"``: each label is drawn from its row.
    generator
        A CPU generator; the same state gives the same labels.

    Returns
    -------
    Tensor
        (N,) int64 on the device of ``labels``.
    """
    K = _check_matrix(T)
    _check_labels(labels, K)
    y = labels.cpu()
    T = T.to("cpu", torch.float64)
    if method == "exact":
        noisy = _exact(y, T, generator)
    elif method == "independent":
        u = torch.rand(len(y), 1, dtype=torch.float64, generator=generator)  # (N, 1)
        edges = T.cumsum(1)  # (K, K)
        edges = edges / edges[:, -1:]  # so that rounding cannot leave a sliver past the last class
        noisy = torch.searchsorted(edges[y], u, right=True).squeeze(1)
    else:
        raise ValueError(f"method must be 'exact' or 'independent', got {method!r}")
    return noisy.to(labels.device)


def _exact(y: Tensor, T: Tensor, generator: torch.Generator | None) -> Tensor:
    K = len(T)
    counts = exact_counts(torch.bincount(y, minlength=K), T)  # (K, K)
    shuffled = torch.randperm(len(y), generator=generator)
    by_class = shuffled[torch.argsort(y[shuffled], stable=True)]  # classes in turn, random inside
    noisy = torch.empty_like(y)
    noisy[by_class] = torch.arange(K).repeat(K).repeat_interleave(counts.flatten())
    return noisy


def exact_counts(sizes: Tensor, T: Tensor) -> Tensor:
    """Return (K, K) int64: how many of the ``sizes[i]`` samples of class i get label j.

    Off the diagonal int(T[i, j] n_i), except that a product within 1e-9 below a whole number
    counts as that number: 0.29 * 100 is 28.999999999999996 in floating point, and means 29.
    """
    counts = torch.floor(T * sizes[:, None] + 1e-9).long()
    counts.fill_diagonal_(0)
    return counts + torch.diag(sizes - counts.sum(1))


def instance_dependent(
    features: Tensor,
    labels: Tensor,
    rate: float,
    num_classes: int,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw labels that go wrong by what the sample looks like (PDN: Xia et al., NeurIPS 2020).

    Each sample gets its own rate q from N(rate, 0.1²) truncated to [0, 1], and goes to a wrong
    class j with probability q · softmax_j(x W[y]), its own class left out.

    Parameters
    ----------
    features
        (N, D) or (N, C, H, W), any real or integer dtype. Columns or channels are standardised
        here: on raw 0..255 pixels the softmax would put everything on one class.
    labels
        (N,) int64 true labels.
    rate
        The mean of the untruncated normal, 0..1. Truncation pulls the realised rate inwards
        within about 0.2 of either end; a rate of 0 means no noise at all.
    num_classes
        K.
    generator
        A CPU generator.

    Returns
    -------
    Tensor
        (N,) int64 on the device of ``labels``.
    """
    K = num_classes
    _check_classes(K)
    _check_rate(rate)
    _check_labels(labels, K)
    if features.ndim < 2 or len(features) != len(labels):
        raise ValueError(
            f"features must be ({len(labels)}, ...) to go with the labels, "
            f"got shape {tuple(features.shape)}"
        )
    if rate == 0 or len(labels) == 0:
        return labels.clone()
    x = _standardise(features.cpu().float()).flatten(1)  # (N, D)
    y = labels.cpu()

    low, high = torch.special.ndtr((torch.tensor([0.0, 1.0], dtype=torch.float64) - rate) / 0.1)
    u = torch.rand(len(y), dtype=torch.float64, generator=generator)
    q = (rate + 0.1 * torch.special.ndtri(low + (high - low) * u)).clamp(0, 1)  # (N,)

    P = q[:, None] * wrong_class_shares(x, y, K, generator)  # (N, K)
    P[torch.arange(len(y)), y] = 1 - q
    return torch.multinomial(P, 1, generator=generator).squeeze(1).to(labels.device)


def wrong_class_shares(
    features: Tensor, labels: Tensor, num_classes: int, generator: torch.Generator | None = None
) -> Tensor:
    """Return (N, K) float64: which class each sample would go to, were its label wrong.

    One random W ~ N(0, 1) of shape (K, D, K); row n is the softmax of x_n W[y_n], with the
    sample's own class left out (PDN: Xia et al., NeurIPS 2020). `instance_dependent` draws from
    this; here ``features``, (N, D) or (N, C, H, W), are taken as they are.
    """
    x = features.cpu().float().flatten(1)  # (N, D)
    y = labels.cpu()
    shares = torch.empty(len(y), num_classes, dtype=torch.float64)
    for i in range(num_classes):  # one class at a time: W whole would take K² D numbers
        W = torch.randn(x.shape[1], num_classes, generator=generator)  # (D, K)
        mine = y == i
        scores = (x[mine] @ W).double()
        scores[:, i] = -torch.inf
        shares[mine] = scores.softmax(1)
    return shares


def realised(clean: Tensor, noisy: Tensor, K: int) -> Realised:
    """Return the rate, matrix and counts that ``noisy`` really has against ``clean``."""
    _check_labels(clean, K)
    _check_labels(noisy, K)
    if clean.shape != noisy.shape:
        raise ValueError(f"{len(clean)} clean labels do not match {len(noisy)} noisy ones")
    pairs = clean.cpu() * K + noisy.cpu()
    counts = torch.bincount(pairs, minlength=K * K).reshape(K, K)
    wrong = (clean != noisy).double().mean().item()
    return Realised(wrong, counts / counts.sum(1, keepdim=True).double(), counts)


def _standardise(x: Tensor) -> Tensor:
    """Zero mean and unit deviation in each column (N, D) or channel (N, C, ...)."""
    others = [d for d in range(x.ndim) if d != 1]
    centred = x - x.mean(others, keepdim=True)
    return centred / centred.square().mean(others, keepdim=True).sqrt().clamp_min(1e-6)


def _check_rate(rate: float) -> None:
    if not 0 <= rate <= 1:
        raise ValueError(f"noise rate must be between 0 and 1, got {rate!r}")


def _check_classes(K: int) -> None:
    if K < 2:
        raise ValueError(f"noise needs at least 2 classes, got {K!r}")


def _check_labels(labels: Tensor, K: int) -> None:
    if labels.dtype != torch.int64 or labels.ndim != 1:
        raise TypeError(
            f"labels must be (N,) int64, got shape {tuple(labels.shape)} of {labels.dtype}"
        )
    outside = labels[(labels < 0) | (labels >= K)]
    if len(outside):
        raise ValueError(f"label {int(outside[0])} is outside 0..{K - 1}")


def _check_matrix(T: Tensor) -> int:
    if T.ndim != 2 or T.shape[0] != T.shape[1] or len(T) < 2 or not T.is_floating_point():
        raise ValueError(f"T must be a (K, K) float matrix, got {tuple(T.shape)} of {T.dtype}")
    if not (T >= 0).all():
        raise ValueError(f"T holds {T.min().item()!r}: probabilities are 0 or more")
    sums = T.double().sum(1)
    worst = int((sums - 1).abs().argmax())
    if abs(sums[worst].item() - 1) > 1e-6:
        raise ValueError(f"row {worst} of T sums to {sums[worst].item():.6g}, not 1")
    return len(T)
