"""Pairs of digits: a hundred classes of few images each, made from the embedded digits."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from anl_edu.data import digits
from anl_edu.data.images import ImageData

TRAIN, TEST = 20, 10  # images of each class


def load() -> ImageData:
    """Return 100 classes, two digits side by side: 20 train and 10 test images of each.

    Train pairs are made of train digits, test pairs of test digits, always the same ones. Class
    k is the pair that reads as the number k: 07 is class 7.
    """
    single = digits.load()
    random = np.random.RandomState(0)  # the one generator of NumPy that is frozen for ever
    x_train, y_train = _pairs(single.x_train, single.y_train, TRAIN, random)
    x_test, y_test = _pairs(single.x_test, single.y_test, TEST, random)
    return ImageData(
        name="digit-pairs",
        source=f"pairs of scikit-learn's digits: {len(y_train):,} train + {len(y_test):,} test "
        "images of 8x16 grey pixels in 100 classes, embedded",
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        classes=tuple(f"{k:02}" for k in range(100)),
        mean=single.mean,
        std=single.std,
        train_index=torch.arange(len(y_train)),
    )


def _pairs(
    x: Tensor, y: Tensor, per_class: int, random: np.random.RandomState
) -> tuple[Tensor, Tensor]:
    """Draw left and right digits of every class with replacement: (100 n, 1, 8, 16), (100 n,)."""
    places = [np.flatnonzero(y.numpy() == k) for k in range(10)]
    labels = np.repeat(np.arange(100), per_class)
    sides = []
    for digit in (labels // 10, labels % 10):  # left, right
        drawn = [places[k][random.randint(len(places[k]))] for k in digit]
        sides.append(x[torch.tensor(np.array(drawn))])
    return torch.cat(sides, dim=3), torch.from_numpy(labels.astype(np.int64))
