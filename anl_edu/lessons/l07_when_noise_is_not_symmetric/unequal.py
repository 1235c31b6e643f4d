"""Classes of unequal size, made from equal ones."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from anl_edu.data import ImageData


def thinned(data: ImageData, whole: Collection[int] = (0, 1, 2), divisor: int = 3) -> ImageData:
    """Return a set with all images of the classes `whole`, and every `divisor`-th of the others.

    In training and in test, so that both have the same shares.
    """
    true = data.y_train if data.y_clean is None else data.y_clean
    return data.part(_kept(true, whole, divisor), _kept(data.y_test, whole, divisor))


def _kept(y: Tensor, whole: Collection[int], divisor: int) -> Tensor:
    keep = torch.zeros_like(y, dtype=torch.bool)
    for k in y.unique().tolist():
        keep[(y == k).nonzero()[:: 1 if k in whole else divisor, 0]] = True
    return keep.nonzero()[:, 0]
