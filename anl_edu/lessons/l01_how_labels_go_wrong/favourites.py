"""Instance-dependent noise: where each image would go, and how many of a class go the same way."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from anl_edu import noise

# On 5,085 training images of CIFAR-10 with one W (seed 0): what `favourites` gave there.
CIFAR10: Mapping[str, tuple[float, float]] = {
    "raw 0..255": (1.000, 0.68),
    "standardised": (0.978, 0.25),
}


def standardised(pixels: Tensor) -> Tensor:
    """Return (N, D) pixels with mean 0 and deviation 1 in each column; constant ones stay 0."""
    return (pixels - pixels.mean(0)) / pixels.std(0).clamp_min(1)


def favourites(features: Tensor, y: Tensor, K: int) -> tuple[float, float]:
    """Return the mean share of each image's favourite wrong class, and how common it is.

    The second number is the share of a class's images that have the class's most common favourite,
    averaged over the classes.
    """
    generator = torch.Generator().manual_seed(0)
    s = noise.wrong_class_shares(features, y, K, generator)  # (N, K)
    favourite = s.argmax(1)
    common = noise.realised(y, favourite, K).matrix.max(1).values
    return s.max(1).values.mean().item(), common.mean().item()


def agreement(features: Tensor, y: Tensor, noisy: Tensor) -> float:
    """Return how often the nearest wrongly labelled image of the class bears the same wrong label.

    Parameters
    ----------
    features
        (N, D), in which nearness is measured.
    y, noisy
        (N,) true classes and labels given.
    """
    same = total = 0
    for k in y.unique():
        hit = ((y == k) & (noisy != y)).nonzero().flatten()
        near = torch.cdist(features[hit], features[hit]).fill_diagonal_(torch.inf).argmin(1)
        same += int((noisy[hit] == noisy[hit][near]).sum())
        total += len(hit)
    return same / total
