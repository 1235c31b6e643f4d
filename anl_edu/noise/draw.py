"""Drawing noisy labels from a transition matrix, and what a draw really came to."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from anl_edu.noise.matrices import check_classes, check_generator, check_labels, check_matrix


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
        (0.792 for 0.8 on CIFAR-100); a warning says so where less than half is left.
        ``"independent"``: each label is drawn from its row.
    generator
        A CPU generator; the same state gives the same labels.

    Returns
    -------
    Tensor
        (N,) int64 on the device of ``labels``.

    Notes
    -----
    ``"exact"`` is how the code of ANL and of JAL draws. That of eps-softmax flips exactly
    int(rate N / K) labels of each class, each to any other class (so its 0.8 is 0.8), and draws
    CIFAR-100's asymmetric noise independently: one nominal rate is not one noise.
    """
    K = check_matrix(T)
    check_labels(labels, K)
    check_generator(generator)
    y = labels.cpu()
    T = T.to("cpu", torch.float64)
    if method == "exact":
        noisy = _exact(y, T, generator)
        asked = 1 - T.diagonal()[y].mean().item()
        drawn = (noisy != y).double().mean().item()
        if drawn < asked / 2:
            warnings.warn(
                f"{asked:.3g} of the labels were to be wrong, {drawn:.3g} are: of {len(y)} labels "
                f"in {K} classes, int(T[i, j] n_i) is too often 0. Draw with "
                "method='independent', take more samples, or a noise with fewer targets.",
                stacklevel=2,
            )
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


def realised(clean: Tensor, noisy: Tensor, K: int) -> Realised:
    """Return the rate, matrix and counts that ``noisy`` really has against ``clean``."""
    check_classes(K)
    check_labels(clean, K, "clean labels")
    check_labels(noisy, K, "noisy labels")
    if clean.shape != noisy.shape:
        raise ValueError(f"{len(clean)} clean labels do not match {len(noisy)} noisy ones")
    clean, noisy = clean.cpu(), noisy.cpu()
    counts = torch.bincount(clean * K + noisy, minlength=K * K).reshape(K, K)
    wrong = (clean != noisy).double().mean().item()
    return Realised(wrong, counts / counts.sum(1, keepdim=True).double(), counts)
