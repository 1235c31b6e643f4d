"""Exercises of lesson 08: a loss of pixels, Dice, and who pulls at the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anl_edu import losses
from anl_edu.teach.exercise import Exercise, register
from anl_edu.teach.judges import judge_function

_Loss = Callable[[Tensor, Tensor], Tensor]


def _case(N: int, K: int, H: int, W: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return logits (N, K, H, W) float32 and masks (N, H, W) in which class 0 is frequent."""
    rng = np.random.default_rng(seed)
    logits = torch.from_numpy(2 * rng.standard_normal((N, K, H, W)).astype(np.float32))
    masks = torch.from_numpy(rng.integers(1 - 2 * K, K, (N, H, W))).clamp(min=0)
    masks[0, 0, :K] = torch.arange(K)  # no class is missing
    return logits, masks


# --- 08-pixels ---------------------------------------------------------------------------------


def _mae(z: Tensor, y: Tensor) -> Tensor:
    return 1 - z.softmax(1).gather(1, y[:, None])[:, 0]


def _ce(z: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(z, y, reduction="none")


_PIXELS: list[tuple[Any, ...]] = [
    (_ce, *_case(2, 3, 4, 5, seed=0)),
    (_mae, *_case(3, 4, 6, 5, seed=1)),
]


def _pixels(loss: _Loss, z: Tensor, y: Tensor) -> Tensor:
    return loss(z.movedim(1, -1).flatten(0, -2), y.flatten()).view(y.shape)


def _pixels_loop(loss: _Loss, z: Tensor, y: Tensor) -> Tensor:
    out = torch.empty(y.shape)
    for i in range(y.shape[1]):
        for j in range(y.shape[2]):
            out[:, i, j] = loss(z[:, :, i, j], y[:, i, j])
    return out


_PIXEL_MISTAKES: dict[str, Callable[..., Any]] = {
    "not-moved": lambda loss, z, y: loss(z.reshape(-1, z.shape[1]), y.flatten()).view(y.shape),
    "turned": lambda loss, z, y: loss(z.transpose(1, 3).flatten(0, 2), y.flatten()).view(y.shape),
    "flat": lambda loss, z, y: _pixels(loss, z, y).flatten(),
    "mean": lambda loss, z, y: _pixels(loss, z, y).mean(),
    "image": lambda loss, z, y: _pixels(loss, z, y).mean((1, 2)),
    "sum": lambda loss, z, y: _pixels(loss, z, y).sum((1, 2)),
    "channel-first": lambda loss, z, y: _pixels(loss, z, y)[:, None],
    "own-class": lambda loss, z, y: _pixels(loss, z, z.argmax(1)),
}

register(
    Exercise(
        name="08-pixels",
        lesson=8,
        difficulty=2,
        task="Write pixel_losses(loss, logits, masks): from a loss that takes logits (M, K) and "
        "labels (M,) and gives (M,), the loss of each pixel, (N, H, W), of logits (N, K, H, W) "
        "and masks (N, H, W).",
        judge=judge_function(_pixels, _PIXELS, _PIXEL_MISTAKES),
        hints={
            "not-moved": "reshape runs through memory in order: a row of yours mixes neighbouring "
            "pixels of one class. Move the axis of the classes to the end first.",
            "turned": "the classes are last now, but height and width have changed places, and "
            "the masks' have not. movedim(1, -1) keeps the order of the others.",
            "flat": "the values are right; give them the masks' shape again.",
            "mean": "this is the mean over all pixels; the loss of each one is asked for.",
            "image": "this is a mean for each image; the loss of each pixel is asked for.",
            "sum": "this is a sum for each image; the loss of each pixel is asked for.",
            "channel-first": "the values are right, but there is an axis too many: (N, H, W).",
            "own-class": "the labels are those of the masks, not the network's own.",
        },
        general_hints=[
            "A pixel is a sample: M is N times H times W.",
            "movedim puts the classes last; flatten makes one axis of all the others.",
            "logits.movedim(1, -1).flatten(0, -2) is (M, K); masks.flatten() is (M,)",
        ],
        solution="def pixel_losses(loss, logits, masks):\n"
        "    z = logits.movedim(1, -1).flatten(0, -2)  # (M, K)\n"
        "    return loss(z, masks.flatten()).view(masks.shape)",
        because="Whatever is true of a loss of samples is true of it on pixels: bounds, symmetry, "
        "gradients. What changes is the samples: they are many, and neighbours.",
        wrong_bank=[(fn, key) for key, fn in _PIXEL_MISTAKES.items()],
        right_bank=[
            _pixels,
            _pixels_loop,
            lambda loss, z, y: torch.stack(
                [loss(a.flatten(1).T, b.flatten()).view(b.shape) for a, b in zip(z, y, strict=True)]
            ),
            lambda loss, z, y: loss(
                z.permute(0, 2, 3, 1).reshape(-1, z.shape[1]), y.reshape(-1)
            ).reshape(y.shape),
        ],
    )
)

# --- 08-dice -----------------------------------------------------------------------------------


def _said_and_true(N: int, K: int, H: int, W: int, seed: int) -> tuple[Tensor, Tensor, int]:
    z, y = _case(N, K, H, W, seed)
    said = torch.where(z[:, 0] > 0.5, z.argmax(1), y)
    said[0, 0, :K] = torch.arange(K)
    return said, y, K


_MASKS: list[tuple[Any, ...]] = [
    _said_and_true(3, 3, 5, 6, seed=2),
    _said_and_true(4, 5, 6, 7, seed=3),
]


def _counts(said: Tensor, true: Tensor, K: int) -> tuple[Tensor, Tensor, Tensor]:
    """Count the pixels of each class that both have, that are named it, that are it: (K,)."""
    counts = torch.bincount((K * true + said).flatten(), minlength=K * K).view(K, K).double()
    return counts.diagonal(), counts.sum(0), counts.sum(1)


def _dice(said: Tensor, true: Tensor, K: int) -> Tensor:
    both, named, are = _counts(said, true, K)
    return 2 * both / (named + are)


def _dice_loop(said: Tensor, true: Tensor, K: int) -> list[float]:
    found = []
    for k in range(K):
        a, b = (said == k).numpy(), (true == k).numpy()
        found.append(2 * (a & b).sum() / (a.sum() + b.sum()))
    return found


def _by_image(said: Tensor, true: Tensor, K: int) -> Tensor:
    each = torch.stack([_dice(a, b, K) for a, b in zip(said, true, strict=True)])
    return each.nanmean(0)


def _iou(said: Tensor, true: Tensor, K: int) -> Tensor:
    both, named, are = _counts(said, true, K)
    return both / (named + are - both)


def _recall(said: Tensor, true: Tensor, K: int) -> Tensor:
    both, _, are = _counts(said, true, K)
    return both / are


def _precision(said: Tensor, true: Tensor, K: int) -> Tensor:
    both, named, _ = _counts(said, true, K)
    return both / named


_DICE_MISTAKES: dict[str, Callable[..., Any]] = {
    "iou": _iou,
    "no-2": lambda said, true, K: _dice(said, true, K) / 2,
    "recall": _recall,
    "precision": _precision,
    "accuracy": lambda said, true, K: torch.stack(
        [((said == k) == (true == k)).double().mean() for k in range(K)]
    ),
    "by-image": _by_image,
    "mean": lambda said, true, K: _dice(said, true, K).mean(),
    "foreground": lambda said, true, K: _dice(said, true, K)[1:],
    "loss": lambda said, true, K: 1 - _dice(said, true, K),
}

register(
    Exercise(
        name="08-dice",
        lesson=8,
        difficulty=1,
        task="Write dice(said, true, K): from masks (N, H, W) that a network says and true ones, "
        "the Dice of each of the K classes, (K,): twice the pixels that both give the class, over "
        "the pixels that one gives it plus those that the other does, counted over all images.",
        judge=judge_function(_dice, _MASKS, _DICE_MISTAKES),
        hints={
            "iou": "this is intersection over union: pixels that both give the class are counted "
            "once below. For Dice they are counted twice, above and below.",
            "no-2": "the factor 2 is missing: equal masks must give 1.",
            "recall": "this divides by the true pixels alone (recall): a network that gives the "
            "class to every pixel would have 1.",
            "precision": "this divides by the pixels that are said alone (precision).",
            "accuracy": "this also counts the pixels that neither gives the class, which are most.",
            "by-image": "this is the mean over images; count over all images first, then divide "
            "once. (An image without the class has no Dice.)",
            "mean": "this is the mean over classes; one value for each class is asked for.",
            "foreground": "the first class, the ground, is missing.",
            "loss": "this is 1 minus Dice.",
        },
        general_hints=[
            "For class k: a = said == k, b = true == k. What is in both is a & b.",
            "2 * (a & b).sum() / (a.sum() + b.sum())",
            "Do that for k in range(K), and torch.stack the values.",
        ],
        solution="import torch\n\n"
        "def dice(said, true, K):\n"
        "    pairs = [(said == k, true == k) for k in range(K)]\n"
        "    return torch.stack([2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in pairs])",
        because="The pixels that neither gives the class are counted nowhere: that is why Dice "
        "sees what accuracy does not, a class that is lost.",
        wrong_bank=[(fn, key) for key, fn in _DICE_MISTAKES.items()],
        right_bank=[_dice, _dice_loop, lambda s, t, K: 2 * _iou(s, t, K) / (1 + _iou(s, t, K))],
    )
)

# --- 08-pull -----------------------------------------------------------------------------------

_PULLED: list[tuple[Any, ...]] = [_case(2, 3, 4, 5, seed=4), _case(3, 5, 6, 7, seed=5)]


def _by_class(weight: Tensor, masks: Tensor, K: int) -> Tensor:
    return torch.bincount(masks.flatten(), weight.flatten(), K) / weight.sum()


def _pulls(z: Tensor, y: Tensor) -> Tensor:
    return 1 - z.softmax(1).gather(1, y[:, None])[:, 0]  # |d CE / d z_y|


def _pull(z: Tensor, y: Tensor) -> Tensor:
    return _by_class(_pulls(z, y), y, z.shape[1])


def _by_autograd(z: Tensor, y: Tensor) -> Tensor:
    z = z.clone().requires_grad_()
    (g,) = torch.autograd.grad(losses.build("ce", reduction="sum")(z, y), z)
    return _by_class(-g.gather(1, y[:, None])[:, 0], y, z.shape[1])


def _means(z: Tensor, y: Tensor) -> Tensor:
    w = _pulls(z, y)
    return torch.stack([w[y == k].mean() for k in range(z.shape[1])])


_PULL_MISTAKES: dict[str, Callable[..., Any]] = {
    "pixels": lambda z, y: _by_class(torch.ones_like(z[:, 0]), y, z.shape[1]),
    "sum": lambda z, y: _pull(z, y) * _pulls(z, y).sum(),
    "over-pixels": lambda z, y: _pull(z, y) * _pulls(z, y).mean(),
    "means": _means,
    "means-shared": lambda z, y: _means(z, y) / _means(z, y).sum(),
    "right": lambda z, y: _by_class(1 - _pulls(z, y), y, z.shape[1]),
    "said": lambda z, y: _by_class(_pulls(z, y), z.argmax(1), z.shape[1]),
    "loss": lambda z, y: _by_class(F.cross_entropy(z, y, reduction="none"), y, z.shape[1]),
    "over-images": lambda z, y: _by_class(
        1 - z.softmax(0).gather(1, y[:, None])[:, 0], y, z.shape[1]
    ),
}

register(
    Exercise(
        name="08-pull",
        lesson=8,
        difficulty=2,
        task="Write pull(logits, masks): of CE's pull at the labels' own logits, 1 - p_y a pixel, "
        "the share that the pixels of each class have, (K,), adding to 1; logits are "
        "(N, K, H, W), masks (N, H, W).",
        judge=judge_function(_pull, _PULLED, _PULL_MISTAKES),
        hints={
            "pixels": "this is each class's share of the pixels; weigh each pixel by 1 - p_y.",
            "sum": "these are the sums for each class; divide by the sum over all pixels.",
            "over-pixels": "you divided by the number of pixels; divide by the sum of all pulls, "
            "so that the shares add to 1.",
            "means": "this is the mean pull of a pixel of each class; add up, then divide by all.",
            "means-shared": "these are shares of means: a class must count as often as it has "
            "pixels.",
            "right": "p_y is what the network already gives; the pull is what is missing, 1 - p_y.",
            "said": "the pixels are grouped by what the network says; group them by their label.",
            "loss": "this is each class's share of the loss; the pull is the slope, 1 - p_y.",
            "over-images": "the softmax runs over the images; the classes are axis 1.",
        },
        general_hints=[
            "p_y of each pixel: logits.softmax(1).gather(1, masks[:, None])[:, 0]",
            "Then add 1 - p_y up over the pixels with masks == k, for each k.",
            "Divide these K sums by their sum.",
        ],
        solution="import torch\n\n"
        "def pull(logits, masks):\n"
        "    w = 1 - logits.softmax(1).gather(1, masks[:, None])[:, 0]  # (N, H, W)\n"
        "    sums = torch.stack([w[masks == k].sum() for k in range(logits.shape[1])])\n"
        "    return sums / sums.sum()",
        because="At the start every pixel pulls alike, and the ground has as large a share as "
        "it has pixels: so it is learned first. A loss that soon lets go of what is learned gives "
        "the other classes their turn; one that does not, stays there.",
        wrong_bank=[(fn, key) for key, fn in _PULL_MISTAKES.items()],
        right_bank=[
            _pull,
            _by_autograd,
            lambda z, y: (
                (F.one_hot(y, z.shape[1]) * _pulls(z, y)[..., None]).sum((0, 1, 2))
                / _pulls(z, y).sum()
            ),
        ],
    )
)
