"""A small data set to decide about."""

from __future__ import annotations

import torch

from anl_edu.data import ImageData


def some_data() -> ImageData:
    """Twelve grey images of three classes."""
    g = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (15, 1, 4, 4), dtype=torch.uint8, generator=g)
    y = torch.arange(15) % 3
    return ImageData(
        name="some",
        source="twelve images",
        x_train=x[:12],
        y_train=y[:12],
        x_test=x[12:],
        y_test=y[12:],
        classes=("one", "two", "eight"),
        mean=(0.5,),
        std=(0.3,),
        train_index=torch.arange(12),
    )
