"""From a data set, a loss and a noise to a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anl_edu import data
from anl_edu.recipes.desk import DESK
from anl_edu.recipes.lab import LAB
from anl_edu.recipes.recipe import Recipe
from anl_edu.recipes.reference import LOSSES, PROTOCOLS, settings

_TABLES: Mapping[str, Mapping[str, Any]] = {"desk": DESK, "lab": LAB, "paper": PROTOCOLS}
SCALES = tuple(_TABLES)


def get(
    dataset: str,
    loss: str,
    scale: str = "desk",
    *,
    noise: str | None = None,
    rate: float | None = None,
    **changes: Any,
) -> Recipe:
    """Recipe for a loss on a data set.

    Parameters
    ----------
    dataset
        One of ``datasets(scale)``.
    loss
        A name of `losses.names`. Losses that the protocol says nothing about keep their own
        default parameters.
    scale
        ``"desk"``, ``"lab"`` or ``"paper"``.
    noise, rate
        Which noise it is for: some authors choose a loss's parameters by it. See `settings` for
        what holds without.
    changes
        Fields to replace, as in `Recipe.replace`; e.g. ``entropy=entropy_weight(dataset)`` for
        the entropy-regularised variant.
    """
    if scale not in SCALES:
        raise ValueError(f"unknown scale {scale!r}; known: {', '.join(SCALES)}")
    known = datasets(scale)
    if dataset not in known:
        there = f"known: {', '.join(known)}"
        if scale == "paper" and dataset in LOSSES:
            why = (
                "nothing here loads its images"
                if dataset in PROTOCOLS
                else "how ANL's authors trained on it was never published"
            )
            raise ValueError(
                f"no recipe for {dataset!r} yet: what is known of it is in recipes.settings, but "
                f"{why}; {there}"
            )
        raise ValueError(f"no {scale} recipe for {dataset!r}; {there}")
    protocol = dict(_TABLES[scale][dataset])
    like = protocol.pop("like", dataset)  # the data set whose loss parameters fit
    own = protocol.pop("losses", {})  # what single losses have otherwise than there
    fields: dict[str, Any] = {
        "precision": "auto" if scale == "paper" else "float32",
        **protocol,
        **settings(like, loss, noise, rate),
        **own.get(loss, {}),
    }
    return Recipe(dataset=dataset, loss=loss, scale=scale, **fields).replace(**changes)


def datasets(scale: str = "desk") -> tuple[str, ...]:
    """Names of the data sets that have a recipe at this scale and can be loaded."""
    return tuple(name for name in _TABLES[scale] if name in data.names())
