"""How masks go wrong: objects drawn too large, too small, displaced, misnamed or forgotten.

A mask (H, W) holds a class for each pixel; class 0 is the background, connected pixels of one other
class are an object. Unlike wrong labels of images, wrong pixels are neighbours: they lie along the
edges, or fill an object. The share of masks that are corrupted and how strongly are two numbers.

Three of the ways are those of the nearest public protocol, T-Loss (Gonzalez-Jimenez et al. 2023,
arXiv 2306.00753): dilation and erosion until the foreground has changed by the strength, and an
affine displacement. The distances and objects are SciPy's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from anl_edu.noise.draw import realised
from anl_edu.noise.matrices import check_generator, check_labels, check_rate

STRENGTH = 0.7  # of the kinds of `noise.KINDS`: the larger of T-Loss's two
_EDGE_WIDTH = 3.0  # pixels over which the edge of a jittered object waves
_NEAR_ENOUGH = 0.004  # of the foreground, between a displacement's strength and the one asked for

_Way = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class RealisedMasks:
    """What corrupted masks turned out to be, against the clean ones.

    Attributes
    ----------
    share
        Share of the masks with at least one wrong pixel.
    strength
        Mean over these masks of wrong pixels for each pixel of the clean foreground.
    rate
        Share of all pixels that are wrong.
    dice
        (K,) float64: Dice of the noisy against the clean pixels of each class over the whole set,
        ``2 |A and B| / (|A| + |B|)``; NaN for a class in neither.
    counts
        (K, K) int64; rows are true classes, columns the classes given, in pixels.
    """

    share: float
    strength: float
    rate: float
    dice: Tensor
    counts: Tensor


def corrupt_masks(
    masks: Tensor,
    num_classes: int,
    way: str,
    share: float,
    strength: float = STRENGTH,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Corrupt a share of the masks.

    Parameters
    ----------
    masks
        (N, H, W) int64 classes 0..K-1, 0 the background.
    num_classes
        K.
    way
        One of `WAYS`; ``"mixed"`` dilates, erodes or displaces each mask, at random.
    share
        0..1: exactly ``round(share * M)`` of the M masks with a foreground are corrupted.
    strength
        0..1. For ``dilation``, ``erosion``, ``displacement`` and ``boundary``: the number of
        pixels that become wrong in such a mask, as a share of its foreground; a mask without the
        room changes by what there is. For ``confusion`` and ``missing``: the share of objects, of
        all such masks together.
    generator
        A CPU generator; the same state gives the same masks.

    Returns
    -------
    Tensor
        (N, H, W) int64; masks without a foreground are as they were.

    Raises
    ------
    ValueError
        An unknown way, a share or strength outside 0..1, classes outside 0..K-1, or confusion with
        fewer than two classes besides the background.
    """
    if way not in WAYS:
        raise ValueError(f"way must be one of {', '.join(WAYS)}, got {way!r}")
    check_rate(share)
    check_rate(strength)
    check_generator(generator)
    _check_masks(masks, num_classes)
    if way == "confusion" and num_classes < 3:
        raise ValueError(f"there is no other class to confuse with: num_classes is {num_classes}")
    draw = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    noisy = masks.cpu().numpy().copy()
    able = np.flatnonzero((noisy > 0).any((1, 2)))
    chosen = draw.permutation(able)[: round(share * len(able))]
    if way in ("confusion", "missing"):
        _by_object(noisy, chosen, strength, num_classes, draw, missing=way == "missing")
    else:
        ways = list(_T_LOSS) if way == "mixed" else [way]
        for i in chosen:
            noisy[i] = _BY_PIXEL[ways[draw.integers(len(ways))]](noisy[i], strength, draw)
    return torch.from_numpy(noisy).to(masks.device)


def realised_masks(clean: Tensor, noisy: Tensor, num_classes: int) -> RealisedMasks:
    """Return what ``noisy`` masks (N, H, W) really are against the ``clean`` ones."""
    _check_masks(clean, num_classes)
    _check_masks(noisy, num_classes)
    if clean.shape != noisy.shape:
        raise ValueError(f"clean masks {tuple(clean.shape)} do not match {tuple(noisy.shape)}")
    pixels = realised(clean.flatten(), noisy.flatten(), num_classes)
    counts, wrong = pixels.counts, (clean != noisy).flatten(1)
    changed = wrong.any(1)
    foreground = (clean > 0).flatten(1).sum(1)
    each = (wrong.sum(1) / foreground.double())[changed & (foreground > 0)]
    both = (counts.sum(0) + counts.sum(1)).double()
    return RealisedMasks(
        changed.double().mean().item(),
        each.mean().item() if len(each) else 0.0,
        pixels.rate,
        2 * counts.diagonal() / both,  # 0 / 0 is NaN
        counts,
    )


def objects(mask: np.ndarray) -> list[np.ndarray]:
    """Return where (H, W) bool each object of a mask lies, those of a lower class first."""
    found: list[np.ndarray] = []
    for k in np.unique(mask[mask > 0]):
        numbered, count = ndimage.label(mask == k, np.ones((3, 3)))
        found.extend(numbered == n for n in range(1, count + 1))
    return found


# --- one mask (H, W) and a strength give another --------------------------------------------------


def _dilated(mask: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    """Give the ground pixels next to objects to the nearest of them."""
    ground = mask == 0
    distance, (rows, columns) = ndimage.distance_transform_edt(ground, return_indices=True)
    taken = _nearest(distance, ground, strength * (~ground).sum(), draw)
    return np.where(taken, mask[rows, columns], mask)


def _eroded(mask: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    """Give the pixels of objects that lie at their edges to the ground."""
    inside = mask > 0
    # an object that touches another of another class has an edge there, too
    same = np.ones_like(inside)
    for k in np.unique(mask[inside]):
        same &= ~((mask != k) & ndimage.binary_dilation(mask == k))
    distance = ndimage.distance_transform_edt(np.pad(inside & same, 1))[1:-1, 1:-1]
    return np.where(_nearest(distance, inside, strength * inside.sum(), draw), 0, mask)


def _displaced(mask: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    """Shift, turn and stretch the whole mask at random, as far as changes enough pixels."""
    H, W = mask.shape
    wanted = strength * (mask > 0).sum()
    direction = draw.uniform(0, 2 * np.pi)
    shift = np.array([np.sin(direction) * H, np.cos(direction) * W]) / 2
    angle, stretch = draw.uniform(-1, 1), draw.uniform(-0.5, 0.5)
    centre = (np.array([H, W]) - 1) / 2

    def moved(t: float) -> np.ndarray:
        cos, sin = np.cos(t * angle), np.sin(t * angle)
        turn = np.array([[cos, -sin], [sin, cos]]) * (1 + t * stretch)
        offset = centre - turn @ (centre + t * shift)
        return ndimage.affine_transform(mask, turn, offset, order=0, mode="constant", cval=0)

    # More pixels change as t grows, at first, and not evenly: of the steps of a fine walk take the
    # first that is near enough, or the nearest of those until twice as many have changed.
    best, gap = mask, wanted
    for t in np.arange(1, 257) / 256:
        new = moved(t)
        off = abs((new != mask).sum() - wanted)
        if off < gap:
            best, gap = new, off
        if gap <= _NEAR_ENOUGH * (mask > 0).sum() or off > wanted:
            break
    return best


def _jittered(mask: np.ndarray, strength: float, draw: np.random.Generator) -> np.ndarray:
    """Let the edges wave in and out: the pixels nearest to them change, smooth chance deciding."""
    ground = mask == 0
    if not ground.any():
        return mask  # no edge
    out, (rows, columns) = ndimage.distance_transform_edt(ground, return_indices=True)
    within = ndimage.distance_transform_edt(~ground)
    wave = ndimage.gaussian_filter(draw.standard_normal(mask.shape), _EDGE_WIDTH, mode="wrap")
    wave /= wave.std()
    # How strong a wave must be to carry the edge over a pixel: outwards where it is positive.
    needed = np.where(ground, out / np.maximum(wave, 1e-9), within / np.maximum(-wave, 1e-9))
    flipped = _nearest(needed, needed < 1e6, strength * (~ground).sum(), draw)
    return np.where(flipped, np.where(ground, mask[rows, columns], 0), mask)


def _nearest(
    distance: np.ndarray, among: np.ndarray, count: float, draw: np.random.Generator
) -> np.ndarray:
    """Choose the ``count`` pixels of ``among`` with the smallest distance; equal ones by chance."""
    places = np.flatnonzero(among)
    order = np.lexsort((draw.random(len(places)), distance.flat[places]))
    chosen = np.zeros(among.size, dtype=bool)
    chosen[places[order[: round(count)]]] = True
    return chosen.reshape(among.shape)


def _by_object(
    noisy: np.ndarray,
    chosen: np.ndarray,
    strength: float,
    K: int,
    draw: np.random.Generator,
    missing: bool,
) -> None:
    """Give a share of all objects of some masks another class, or the background's, in place."""
    found = [(i, where) for i in chosen for where in objects(noisy[i])]
    for n in draw.permutation(len(found))[: round(strength * len(found))]:
        i, where = found[n]
        k = noisy[i][where][0]
        noisy[i][where] = 0 if missing else 1 + (k - 1 + draw.integers(1, K - 1)) % (K - 1)


_T_LOSS: Mapping[str, _Way] = {
    "dilation": _dilated, "erosion": _eroded, "displacement": _displaced,
}  # fmt: skip
_BY_PIXEL = {**_T_LOSS, "boundary": _jittered}
WAYS = (*_BY_PIXEL, "confusion", "missing", "mixed")


def _check_masks(masks: Tensor, K: int) -> None:
    if masks.ndim != 3 or masks.dtype != torch.int64:
        raise ValueError(
            f"masks must be (N, H, W) int64, got {tuple(masks.shape)} of {masks.dtype}"
        )
    check_labels(masks.flatten(), K, "masks")
