"""A recipe in words: what a lesson says of every training that it shows."""

from __future__ import annotations

from collections.abc import Mapping

from anl_edu.recipes import Recipe
from anl_edu.runs import RunSpec
from anl_edu.teach.style import label_of


def recipe_words(specs: Mapping[str, RunSpec]) -> str:
    """Say how these runs are trained: what all share in the first line, then what is a run's own.

    Parameters
    ----------
    specs
        What each run is called in the text, and the run.
    """
    recipes = {name: spec.recipe for name, spec in specs.items()}
    shared = {_training(recipe) for recipe in recipes.values()}
    lines = [*shared] if len(shared) == 1 else []
    for name, recipe in recipes.items():
        own = [_own(recipe)] if lines and len(shared) == 1 else [_training(recipe), _own(recipe)]
        lines.append(f"{label_of(name)}: " + "; ".join(own))
    return "\n".join(lines)


def _training(recipe: Recipe) -> str:
    how = f"{recipe.schedule} schedule" + (" to 0" if recipe.schedule == "cosine" else "")
    clip = "no clipping" if recipe.clip_norm is None else f"gradient norm <= {recipe.clip_norm:g}"
    return (
        f"SGD, momentum {recipe.momentum:g}, learning rate {recipe.lr:g}, {how}, "
        f"batch {recipe.batch_size}, {recipe.epochs} epochs, {clip}"
    )


def _own(recipe: Recipe) -> str:
    weights = [f"{key} = {value:g}" for key, value in recipe.loss_parameters.items()]
    penalties = [
        f"{word} {value:g}"
        for word, value in (
            ("weight decay", recipe.weight_decay),
            ("L1", recipe.l1),
            ("entropy", recipe.entropy),
        )
        if value
    ]
    return ", ".join([*weights, *penalties]) or "no penalty"
