"""What training asks of data, and says where it is not so."""

from __future__ import annotations

import torch
from torch import Tensor

from anl_edu.data import ImageData, ImageFiles


def check_data(data: ImageData) -> None:
    """Raise where images or labels are of another form than training takes."""
    parts = [("train", data.x_train, data.y_train), ("test", data.x_test, data.y_test)]
    for part, x, y in parts:
        features = x.dtype == torch.float32 and x.ndim == 4 and tuple(x.shape[2:]) == (1, 1)
        if (x.dtype != torch.uint8 or x.ndim != 4) and not features:
            raise TypeError(
                f"x_{part} must be uint8 images (N, C, H, W), got {tuple(x.shape)} of {x.dtype}; "
                "they are normalised in training. Features are float32 (N, D, 1, 1)"
            )
        of_masks = (len(x), *x.shape[2:])
        _check_labels(f"y_{part}", y, of_masks if data.masks else (len(x),), data.num_classes)
    if data.y_clean is not None:
        shape = tuple(data.y_train.shape)
        _check_labels("y_clean", data.y_clean, shape, data.num_classes)
    if data.masks and isinstance(data.x_train, ImageFiles):
        raise TypeError("images with masks must be in memory; they are files")
    if data.x_train.shape[1:] != data.x_test.shape[1:]:
        shapes = (tuple(data.x_train.shape[1:]), tuple(data.x_test.shape[1:]))
        raise ValueError(f"training images are {shapes[0]} and test images {shapes[1]}")
    if len(data.y_train) == 0:
        raise ValueError("the training set is empty")


def _check_labels(name: str, y: Tensor, shape: tuple[int, ...], num_classes: int) -> None:
    if y.dtype != torch.int64 or y.shape != shape:
        said = f"({shape[0]},)" if len(shape) == 1 else str(shape)
        raise ValueError(f"{name} must be {said} int64, got {tuple(y.shape)} of {y.dtype}")
    if len(y) and not 0 <= int(y.min()) <= int(y.max()) < num_classes:
        found = f"{int(y.min())}..{int(y.max())}"
        raise ValueError(f"{name} must lie in 0..{num_classes - 1}; found {found}")
