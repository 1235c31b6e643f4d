"""Explorers of lesson 08: how masks go wrong, who outweighs whom, and what is memorised when."""

from __future__ import annotations

from functools import cache

import plotly.graph_objects as go
import torch

from anl_edu import data
from anl_edu.data import ImageData
from anl_edu.lessons.l08_segmentation_with_noisy_masks import epochs, figures, recorded
from anl_edu.noise.masks import WAYS, corrupt_masks, realised_masks
from anl_edu.teach.explorer import Explorer, choice, slider
from anl_edu.teach.mask_pictures import mask_pictures
from anl_edu.teach.style import label_of

_SHOWN, _COUNTED = 4, 40


def ways() -> Explorer:
    """Choose a way, its strength and the share of masks; see masks that were drawn so."""
    return Explorer(
        _draw_ways,
        {
            "way": choice("the way", list(WAYS), "dilation"),
            "strength": slider("strength", 0.0, 1.0, 0.1, 0.7),
            "share": slider("share of masks", 0.0, 1.0, 0.1, 1.0),
        },
        title="How masks go wrong",
        readout=_say_ways,
    )


@cache
def _scenes() -> ImageData:
    return data.load("scenes")


@cache
def _drawn(way: str, strength: float, share: float) -> torch.Tensor:
    g, scenes = torch.Generator().manual_seed(0), _scenes()
    return corrupt_masks(scenes.y_train[:_COUNTED], scenes.num_classes, way, share, strength, g)


def _draw_ways(way: str, strength: float, share: float) -> go.Figure:
    scenes, drawn = _scenes(), _drawn(way, strength, share)
    true = scenes.y_train[:_SHOWN]
    return mask_pictures(
        scenes.x_train[:_SHOWN],
        {"true mask": true, "drawn": drawn[:_SHOWN]},
        scenes.classes,
        true=true,
        title=f"Drawn wrongly: {way}, strength {strength:g}",
        question="Orange: wrong pixels. Which neighbours of an orange pixel are orange, too?",
    )


def _say_ways(way: str, strength: float, share: float) -> str:
    scenes = _scenes()
    found = realised_masks(
        scenes.y_train[:_COUNTED], _drawn(way, strength, share), scenes.num_classes
    )
    return (
        f"Of {_COUNTED} masks {found.share:.0%} are wrong, in {100 * found.rate:.1f} % of all "
        f"pixels; mean Dice of the digits as drawn: {100 * found.dice[1:].mean():.0f} %."
    )


def pulls() -> Explorer:
    """Set ANL-CE's weights and the share of ground; see whether digits are outweighed."""
    return Explorer(
        figures.pulls,
        {
            "alpha": slider("α, of the active half", 0.0, 50.0, 1.0, 5.0),
            "beta": slider("β, of the passive half", 0.0, 10.0, 0.5, 5.0),
            "ground": slider("share of ground", 0.5, 0.98, 0.01, 0.85),
        },
        title="Ground against digits",
        readout=_say_pulls,
    )


def _say_pulls(alpha: float, beta: float, ground: float) -> str:
    if not alpha and not beta:
        return "No weight, no pull."
    ours = figures.ground_to_digits("anl-ce", ground, alpha=alpha, beta=beta)
    ce = figures.ground_to_digits("ce", ground)
    return (
        f"At p₀ = 0.99 all ground pulls {ours:.2g} times as hard as all digits (under CE {ce:.2g})."
    )


def memorising() -> Explorer:
    """Scrub through the epochs of a network; see four training masks being learned."""
    last = recorded.specs("ce", epochs.SHARE)[0].recipe.epochs
    return Explorer(
        _draw_epoch,
        {
            "loss": choice("trained with", {label_of(n): n for n in recorded.ROWS}, "ce"),
            "epoch": slider("epoch", 1, last, 1, last),
        },
        title="Four training scenes, epoch by epoch",
        readout=_say_epoch,
    )


def _draw_epoch(loss: str, epoch: int) -> go.Figure:
    some = epochs.scenes()
    return mask_pictures(
        some.images,
        {
            "true mask": some.true,
            "as drawn": some.drawn,
            "network": epochs.predictions()[loss][epoch - 1],
        },
        _scenes().classes,
        true=some.true,
        title=f"{label_of(loss)}, epoch {epoch}; masks: {', '.join(some.ways)}",
        question="Does the lowest row look like the one above it, or like the one above that?",
    )


def _say_epoch(loss: str, epoch: int) -> str:
    run = recorded.recorded(epochs.SHARE, loss)[loss][0]
    dice = run.records[epoch - 1].mean_dice
    return (
        f"Of the wrong pixels in these masks the network repeats "
        f"{epochs.memorised(loss, epoch):.0%}. Mean Dice on test scenes: {100 * dice:.0f} %."
    )


EXPLORERS = {"ways": ways, "pulls": pulls, "memorising": memorising}
