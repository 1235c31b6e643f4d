"""From a data set and a loss to a recipe."""

from __future__ import annotations

from typing import Any

from anl_edu import losses
from anl_edu.recipes.desk import DESK
from anl_edu.recipes.recipe import Recipe
from anl_edu.recipes.reference import ANL, PAPER, PARAMETERS

SCALES = ("desk", "paper")


def get(dataset: str, loss: str, scale: str = "desk", **changes: Any) -> Recipe:
    """Recipe for a loss on a data set.

    Parameters
    ----------
    dataset
        One of ``datasets(scale)``.
    loss
        A name of `losses.names`. Losses that the protocol says nothing about keep their own
        default parameters.
    scale
        ``"desk"`` or ``"paper"``.
    changes
        Fields to replace, as in `Recipe.replace`; e.g. ``entropy=entropy_weight(dataset)`` for
        the entropy-regularised variant.
    """
    if scale not in SCALES:
        raise ValueError(f"unknown scale {scale!r}; known: {', '.join(SCALES)}")
    known = datasets(scale)
    if dataset not in known:
        raise ValueError(f"no {scale} recipe for {dataset!r}; known: {', '.join(known)}")
    if loss not in losses.names():
        raise ValueError(f"unknown loss {loss!r}; known: {', '.join(losses.names())}")
    protocol = dict((PAPER if scale == "paper" else DESK)[dataset])
    like = protocol.pop("like", dataset)  # the data set whose loss parameters fit
    if loss.startswith("anl-"):
        # the L1 penalty stands in the place of weight decay
        alpha, beta, delta = ANL[like]
        settings: dict[str, Any] = {"loss_parameters": {"alpha": alpha, "beta": beta}, "l1": delta}
        protocol["weight_decay"] = 0.0
    else:
        settings = {"loss_parameters": PARAMETERS[like].get(loss, {})}
    merged = {**protocol, **settings}
    return Recipe(dataset=dataset, loss=loss, scale=scale, **merged).replace(**changes)


def datasets(scale: str = "desk") -> tuple[str, ...]:
    """Names of the data sets that have a recipe at this scale."""
    return tuple(PAPER if scale == "paper" else DESK)
