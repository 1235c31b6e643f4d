"""Scenes to segment: real digits on textured ground, composed here, with exact masks.

No segmentation set is small enough to come with the package, so one is made of what does: the 8x8
digits of scikit-learn, enlarged, turned and set into a picture. Everything is computed from uniform
draws by sums, products and quotients in float64, which all machines round alike: the same seed
gives the same bytes everywhere.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from anl_edu.data import digits
from anl_edu.data.images import ImageData

SIZE = 64  # pixels a side
CLASSES = ("background", *map(str, range(10)))
_PATCH = 32  # a digit is drawn in a square of this side, one in each quarter of the scene
_JITTER = 4  # pixels that it may be moved by
_GROUND = 9  # the texture is drawn on a grid of this side, and interpolated
_INK = 0.42  # how dark a digit's pixel is where the digit begins, as a share of the darkest


def compose(images: Tensor, labels: Tensor, count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Compose scenes of one to four digits each.

    Parameters
    ----------
    images, labels
        Digits to draw from, (M, 1, 8, 8) uint8 and (M,) int64 in 0..9.
    count
        N, how many scenes.
    seed
        Decides everything.

    Returns
    -------
    scenes : (N, 3, 64, 64) uint8
    masks : (N, 64, 64) int64
        0 for ground, 1 + the digit's class where a digit is.
    """
    if images.shape[1:] != (1, 8, 8) or images.dtype != torch.uint8:
        raise ValueError(
            f"images must be (M, 1, 8, 8) uint8, got {tuple(images.shape)} of {images.dtype}"
        )
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    draw = np.random.default_rng(seed)
    scenes, base = _ground(count, draw)  # (N, 3, H, W), (N, 3)
    masks = np.zeros((count, SIZE, SIZE), np.int64)
    there = draw.random((count, 4)) < 0.7
    there[np.arange(count), draw.integers(0, 4, count)] = True  # no scene without a digit
    order = np.argsort(draw.random((count, 4)), 1)  # a later one covers an earlier one's edge
    # ink is lighter than the ground by at least so much, in every channel
    ink = base[:, None] + 0.25 + 0.25 * draw.random((count, 4, 3))  # (N, 4, 3)
    pixels, classes = images[:, 0].numpy(), labels.numpy()
    for turn in range(4):
        rows = np.flatnonzero(there[np.arange(count), order[:, turn]])
        quarter = order[rows, turn]
        which = draw.integers(0, len(pixels), len(rows))
        stroke = _strokes(pixels[which], draw)  # (R, P, P) in 0..1
        moved = draw.integers(-_JITTER, _JITTER + 1, (2, len(rows)))
        top, left = (
            np.clip(at * (SIZE - _PATCH) + shift, 0, SIZE - _PATCH)
            for at, shift in zip((quarter // 2, quarter % 2), moved, strict=True)
        )
        y = (top[:, None] + np.arange(_PATCH))[:, :, None]  # (R, P, 1)
        x = (left[:, None] + np.arange(_PATCH))[:, None, :]  # (R, 1, P)
        at = rows[:, None, None]
        shown = np.where(stroke >= _INK, classes[which][:, None, None] + 1, masks[at, y, x])
        masks[at, y, x] = shown
        cover = np.clip((stroke - _INK) / 0.3 + 0.5, 0, 1)[..., None]  # half at the mask's edge
        new = ink[rows, quarter][:, None, None]  # (R, 1, 1, 3)
        old = scenes[at, :, y, x]  # (R, P, P, 3)
        scenes[at, :, y, x] = old + (new - old) * cover
    scenes += 0.12 * (draw.random((count, 1, SIZE, SIZE)) - 0.5)
    shades = np.floor(255 * np.clip(scenes, 0, 1) + 0.5).astype(np.uint8)
    return torch.from_numpy(shades), torch.from_numpy(masks)


@cache
def load(train: int = 1000, test: int = 250) -> ImageData:
    """Return composed scenes; those for testing are made of digits that no training scene holds."""
    source = digits.load()
    x_train, y_train = compose(source.x_train, source.y_train, train, seed=0)
    x_test, y_test = compose(source.x_test, source.y_test, test, seed=1)
    sums = x_train.double().sum((0, 2, 3)), x_train.double().square().sum((0, 2, 3))
    mean, square = (s / (255**power * train * SIZE**2) for power, s in enumerate(sums, start=1))
    return ImageData(
        name="scenes",
        source=f"{train:,} train + {test:,} test scenes of 64x64 pixels, composed of "
        "scikit-learn's digits",
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        classes=CLASSES,
        mean=tuple(round(float(m), 4) for m in mean),
        std=tuple(round(float((s - m * m).sqrt()), 4) for m, s in zip(mean, square, strict=True)),
        train_index=torch.arange(train),
    )


def _ground(count: int, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw textured ground (N, 3, H, W) in 0..1, and its mean colour (N, 3)."""
    base = 0.2 + 0.3 * draw.random((count, 1)) + 0.1 * (draw.random((count, 3)) - 0.5)
    coarse = draw.random((count, 3, _GROUND, _GROUND))
    place = np.arange(SIZE) * ((_GROUND - 1) / SIZE)
    low = place.astype(np.int64)
    part = place - low
    rows = coarse[:, :, low] * (1 - part[:, None]) + coarse[:, :, low + 1] * part[:, None]
    fine = rows[..., low] * (1 - part) + rows[..., low + 1] * part  # (N, 3, H, W)
    return base[:, :, None, None] + 0.3 * (fine - 0.5), base


def _strokes(pixels: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Enlarge digits (R, 8, 8) to 18 to 30 pixels and turn them a little: (R, P, P) in 0..1."""
    R = len(pixels)
    side = 18 + 12 * draw.random(R)
    t = 0.18 * (2 * draw.random(R) - 1)  # tan of half the angle, of up to 20 degrees
    cos, sin = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
    centred = np.arange(_PATCH) + 0.5 - _PATCH / 2
    v, u = centred[None, :, None], centred[None, None, :]
    scale = (8 / side)[:, None, None]
    cos, sin = cos[:, None, None], sin[:, None, None]
    row = scale * (cos * v - sin * u) + 4.5  # in the digit with a rim of one empty pixel
    column = scale * (sin * v + cos * u) + 4.5
    rimmed = np.pad(pixels / 255.0, ((0, 0), (1, 1), (1, 1)))  # (R, 10, 10)
    r, c = (np.clip(np.floor(p), 0, 8).astype(np.int64) for p in (row, column))
    dr, dc = np.clip(row - r, 0, 1), np.clip(column - c, 0, 1)
    at = np.arange(R)[:, None, None]
    upper = rimmed[at, r, c] * (1 - dc) + rimmed[at, r, c + 1] * dc
    lower = rimmed[at, r + 1, c] * (1 - dc) + rimmed[at, r + 1, c + 1] * dc
    return upper * (1 - dr) + lower * dr
