"""Lab 3's experiment: a noise of the student's own, and short trainings to compare under it."""

from __future__ import annotations

import torch
from torch import Tensor

from anl_edu import recipes, training
from anl_edu.data import ImageData
from anl_edu.labs.variants import Variant
from anl_edu.recipes import Recipe
from anl_edu.training import EpochRecord

IMAGES, EPOCHS, SEEDS, WEIGHTS = 480, 20, (0, 1, 2), (0.0, 0.5, 2.0, 8.0)
HELD_OUT = 1 / 3
BAND = 0.04


def band(me: Variant) -> tuple[float, float]:
    """Return between which rates the noise of a student's own lies: 0.08 wide, about 0.22 to 0.34.

    The rate of a matrix is the mean over the classes of 1 - T[i, i].
    """
    middle = 0.22 + (me.seed % 5) * 0.03
    return round(middle - BAND, 2), round(middle + BAND, 2)


def own_digits(me: Variant) -> ImageData:
    """Return 480 training images of the variant's digits, truly labelled, and its test images."""
    return me.data().subset(IMAGES)


def uniforms(me: Variant) -> Tensor:
    """Return the variant's random numbers, one a training image: (480,) float64 in [0, 1)."""
    generator = torch.Generator().manual_seed(me.seed)
    return torch.rand(IMAGES, dtype=torch.float64, generator=generator)


def recipe(loss: str, weight: float = 0.0) -> Recipe:
    """Return how a loss is trained in this lab; ``weight`` is that of the entropy regulariser.

    The digits' desk recipe, smaller and shorter; a third of the noisy labels is held out.
    """
    return recipes.get("digits", loss).replace(
        model_options={"hidden": (64, 64)},
        batch_size=32,
        epochs=EPOCHS,
        held_out=HELD_OUT,
        entropy=weight,
    )


def train(data: ImageData, loss: str, seed: int, weight: float = 0.0) -> EpochRecord:
    """Train once and return the last epoch's record.

    Parameters
    ----------
    data
        Images with the labels to learn from.
    loss
        A name of `losses.names`.
    seed
        Decides which labels are held out, the initial weights and the order.
    weight
        Of the entropy regulariser.
    """
    how = recipe(loss, weight)
    model = how.build_model(data, seed=seed)
    *_, last = training.fit(model, data, how.build_loss(), how, seed=seed, device="cpu")
    return last
