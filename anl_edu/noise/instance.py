"""Noise that depends on what a sample looks like (PDN: Xia et al., NeurIPS 2020)."""

from __future__ import annotations

import torch
from torch import Tensor

from anl_edu.noise.matrices import (
    check_classes,
    check_generator,
    check_labels,
    check_rate,
    check_tensor,
)


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
        (N, D) or (N, C, H, W), any real or integer dtype, finite. Columns or channels are
        standardised here, once: give them as they are.
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

    Notes
    -----
    To standardise is our own deviation: the code of PDN, and the later code of ANL's authors, takes
    pixels of 0..255 or 0..1 as they are. Those are all positive, so that the brightness they share
    decides: for 68 % of the images of a CIFAR-10 class the likeliest wrong class is the same one,
    close to a matrix; standardised, for 25 % (5,085 images, one W). In either case the softmax is
    nearly one-hot: with D in the thousands the scores are far apart.

    The rows called "instance" in the tables of eps-softmax and of JAL are of another generator
    again, which flips exactly int(rate N) labels and knows no rate of a single sample. None of the
    three may be compared with another.
    """
    K = num_classes
    rate = _checked(features, labels, K, generator, rate)
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
    _checked(features, labels, num_classes, generator)
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


def _checked(
    features: Tensor,
    labels: Tensor,
    K: int,
    generator: torch.Generator | None,
    rate: float = 0.0,
) -> float:
    check_classes(K)
    rate = check_rate(rate)
    check_labels(labels, K)
    check_generator(generator)
    check_tensor(features, "features")
    if features.ndim < 2 or len(features) != len(labels):
        raise ValueError(
            f"features must be ({len(labels)}, ...) to go with the labels, "
            f"got shape {tuple(features.shape)}"
        )
    if features.is_complex() or not features.isfinite().all():
        raise ValueError("features must be finite real numbers")
    return rate


def _standardise(x: Tensor) -> Tensor:
    """Zero mean and unit deviation in each column (N, D) or channel (N, C, ...); constants to 0."""
    others = [d for d in range(x.ndim) if d != 1]
    # The mean in float64: of a constant column nothing may be left that the division would blow up.
    centred = x - x.mean(others, keepdim=True, dtype=torch.float64).to(x.dtype)
    return centred / centred.square().mean(others, keepdim=True).sqrt().clamp_min(1e-6)
