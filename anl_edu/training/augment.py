"""Crop, flip and rotate a whole batch on the device, with one draw for each image.

The usual image pipeline moves each picture through PIL on a worker process. Here all of it
is one gather: every output pixel looks up its place in the zero-padded uint8 data set, after
the rotation, the flip and the crop have been undone in turn. The draws of an epoch are made on
the CPU, so that one seed gives the same pictures on every device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

KINDS = ("crop", "flip", "rotate")


class Draws(NamedTuple):
    """What chance decided for each image; fields of kinds not asked for are None."""

    top: Tensor | None  # (N,) int64 in 0..2*padding, row of the crop in the padded image
    left: Tensor | None  # (N,) int64 in 0..2*padding
    flip: Tensor | None  # (N,) bool
    angle: Tensor | None  # (N,) float32, radians, counter-clockwise

    def to(self, device: torch.device) -> Draws:
        """Move the draws to another device, in one copy each."""
        return Draws(*(d if d is None else d.to(device) for d in self))

    def select(self, index: Tensor) -> Draws:
        """Take the draws of the images at ``index`` (B,)."""
        return Draws(*(d if d is None else d[index] for d in self))


class Augment:
    """Random crop, horizontal flip and rotation of images held as uint8 on the device.

    Parameters
    ----------
    kinds
        Any of ``"crop"`` (zero padding, then a crop of the old size, as torchvision's
        RandomCrop), ``"flip"`` (left-right, probability 1/2) and ``"rotate"`` (uniform in
        ±``degrees``, nearest pixel, black outside, as RandomRotation). They are applied in
        this order, whatever order they are given in. Empty: images pass unchanged.
    padding
        Black pixels added on each side before the crop.
    degrees
        Largest rotation.
    """

    def __init__(self, kinds: Sequence[str], padding: int = 4, degrees: float = 20.0) -> None:
        for kind in kinds:
            if kind not in KINDS:
                raise ValueError(
                    f"augmentation {kind!r} is not for images in memory, which have "
                    f"{', '.join(KINDS)}"
                )
        self.kinds = frozenset(kinds)
        self.padding = padding if "crop" in self.kinds else 0
        self.degrees = degrees

    def prepare(self, images: Tensor) -> Tensor:
        """Pad ``(N, C, H, W)`` uint8 images with black and store channels last, once."""
        p = self.padding
        padded = functional.pad(images, (p, p, p, p)) if p else images
        return padded.permute(0, 2, 3, 1).contiguous()  # (N, H + 2p, W + 2p, C)

    def draw(self, n: int, generator: torch.Generator | None = None) -> Draws:
        """Draw for ``n`` images, on the CPU. Kinds not asked for draw nothing."""
        top = left = flip = angle = None
        if "crop" in self.kinds:
            top, left = torch.randint(2 * self.padding + 1, (2, n), generator=generator)
        if "flip" in self.kinds:
            flip = torch.rand(n, generator=generator) < 0.5
        if "rotate" in self.kinds:
            degrees = (torch.rand(n, generator=generator) * 2 - 1) * self.degrees
            angle = torch.deg2rad(degrees)
        return Draws(top, left, flip, angle)

    def __call__(self, prepared: Tensor, index: Tensor, draws: Draws) -> Tensor:
        """Augment a batch.

        Parameters
        ----------
        prepared
            What `prepare` gave, ``(N, H + 2p, W + 2p, C)``.
        index
            ``(B,)`` int64: which images.
        draws
            Draws for these B images.

        Returns
        -------
        ``(B, C, H, W)`` uint8, in channels-last memory format.
        """
        if not self.kinds:
            return prepared[index].permute(0, 3, 1, 2)
        height = prepared.shape[1] - 2 * self.padding
        width = prepared.shape[2] - 2 * self.padding
        device = prepared.device
        row = torch.arange(height, device=device)[None, :, None]  # (1, H, 1)
        col = torch.arange(width, device=device)[None, None, :]  # (1, 1, W)
        outside = None
        if draws.angle is not None:
            row, col = _rotated(row, col, height, width, draws.angle)  # (B, H, W)
            outside = (row < 0) | (row >= height) | (col < 0) | (col >= width)
            row, col = row.clamp(0, height - 1), col.clamp(0, width - 1)
        if draws.flip is not None:
            col = torch.where(draws.flip[:, None, None], width - 1 - col, col)
        if draws.top is not None and draws.left is not None:
            row = row + draws.top[:, None, None]
            col = col + draws.left[:, None, None]
        images = prepared[index[:, None, None], row, col]  # (B, H, W, C)
        if outside is not None:
            images.masked_fill_(outside[..., None], 0)
        return images.permute(0, 3, 1, 2)


def _rotated(
    row: Tensor, col: Tensor, height: int, width: int, angle: Tensor
) -> tuple[Tensor, Tensor]:
    """Where each output pixel comes from when the image turns about its centre."""
    cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]  # (B, 1, 1)
    y, x = row - (height - 1) / 2, col - (width - 1) / 2
    from_y = sin * x + cos * y + (height - 1) / 2
    from_x = cos * x - sin * y + (width - 1) / 2
    return torch.floor(from_y + 0.5).long(), torch.floor(from_x + 0.5).long()


class Normalise:
    """From uint8 pixels to ``(x / 255 - mean) / std``, channel by channel, in float32.

    Features, which are float32, are not divided by 255.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], device: torch.device) -> None:
        m = torch.tensor(mean, dtype=torch.float64).view(1, -1, 1, 1)
        s = torch.tensor(std, dtype=torch.float64).view(1, -1, 1, 1)
        if bool((s <= 0).any()):
            raise ValueError(f"std must be positive; got {tuple(std)}")
        self.scale = (1 / (255 * s)).float().to(device)
        self.feature_scale = (1 / s).float().to(device)
        self.shift = (-m / s).float().to(device)

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise ``(N, C, H, W)`` uint8, or features; the memory format is kept."""
        scale = self.scale if images.dtype == torch.uint8 else self.feature_scale
        return torch.addcmul(self.shift, images.float(), scale)
