"""Many annotators and one scene: how many of them give each pixel its right class, and where."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from anl_edu.noise.masks import STRENGTH, corrupt_masks


def votes(
    masks: Tensor, K: int, way: str, share: float, strength: float = STRENGTH, annotators: int = 100
) -> Tensor:
    """Return which share of the annotators gives each pixel each class, (N, K, H, W).

    Parameters
    ----------
    masks
        (N, H, W) int64, the true ones.
    way, strength
        As in `noise.corrupt_masks`, of those annotators who draw wrongly.
    share
        0..1, how many of them do.
    """
    truth = torch.nn.functional.one_hot(masks, K).movedim(-1, 1).double()
    total = torch.zeros_like(truth)
    for seed in range(annotators):
        drawn = corrupt_masks(masks, K, way, 1.0, strength, torch.Generator().manual_seed(seed))
        total.scatter_add_(1, drawn[:, None], torch.ones_like(total[:, :1]))
    return (1 - share) * truth + share * total / annotators


def right(votes: Tensor, masks: Tensor) -> Tensor:
    """Return which share of the annotators gives each pixel its true class, (N, H, W)."""
    return votes.gather(1, masks[:, None])[:, 0]


def edge_distance(masks: Tensor) -> Tensor:
    """Return how far each pixel is from the other side of an edge, (N, H, W), in pixels.

    Positive on the ground, negative on objects; neighbours across the edge have 1 and -1.
    """
    ground = (masks == 0).numpy()
    out = [
        np.where(g, ndimage.distance_transform_edt(g), -ndimage.distance_transform_edt(~g))
        for g in ground
    ]
    return torch.from_numpy(np.stack(out))


def by_distance(wrong: Tensor, distance: Tensor, low: int = -4, high: int = 10) -> dict[int, float]:
    """Return the share of wrong pixels among those at each whole distance from an edge.

    ``wrong`` and ``distance`` are (N, H, W); distances are rounded away from 0, and those beyond
    ``low`` and ``high`` left out.
    """
    whole = distance.sign() * distance.abs().ceil()
    return {
        d: wrong[whole == d].double().mean().item()
        for d in range(low, high + 1)
        if (whole == d).any()
    }
