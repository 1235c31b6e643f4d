"""Recipes side by side: what differs between two runs, and that nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from IPython.display import Markdown

from anl_edu.recipes import Recipe
from anl_edu.runs import RunSpec
from anl_edu.teach.style import label_of

_ROWS: Mapping[str, Callable[[Recipe], str]] = {
    "network": lambda r: " ".join([r.model, *map(str, r.model_options.get("widths", ()))]),
    "training images": lambda r: f"{r.train_images:,}" if r.train_images else "all",
    "augmentation": lambda r: " and ".join(r.augment) or "none",
    "optimiser": lambda r: f"SGD, momentum {r.momentum:g}",
    "learning rate": lambda r: f"{r.lr:g}",
    "its schedule": lambda r: f"{r.schedule}, to 0" if r.schedule == "cosine" else r.schedule,
    "epochs": lambda r: f"{r.epochs}",
    "images in a batch": lambda r: f"{r.batch_size}",
    "gradient norm clipped at": lambda r: "never" if r.clip_norm is None else f"{r.clip_norm:g}",
    "weight decay": lambda r: f"{r.weight_decay:g}",
    "weight δ of the L1 penalty": lambda r: f"{r.l1:g}",
    "parameters of the loss": lambda r: (
        ", ".join(f"{name} = {value:g}" for name, value in r.loss_parameters.items()) or "none"
    ),
}


def differing(specs: Mapping[str, RunSpec | Recipe]) -> list[str]:
    """Return the names of the rows in which the recipes differ."""
    recipes = _recipes(specs)
    return [name for name, say in _ROWS.items() if len({say(r) for r in recipes}) > 1]


def recipe_table(specs: Mapping[str, RunSpec | Recipe]) -> Markdown:
    """Return a table of how each run is trained, one column a run; rows that differ are bold.

    Parameters
    ----------
    specs
        What each run is called, and the run or its recipe. Names of losses are written as the
        papers do.
    """
    bold = differing(specs)
    lines = ["| | " + " | ".join(map(label_of, specs)) + " |", "|---" * (1 + len(specs)) + "|"]
    for name, say in _ROWS.items():
        mark = "**" if name in bold else ""
        cells = (name, *map(say, _recipes(specs)))
        lines.append("| " + " | ".join(f"{mark}{cell}{mark}" for cell in cells) + " |")
    return Markdown("\n".join(lines))


def _recipes(specs: Mapping[str, RunSpec | Recipe]) -> list[Recipe]:
    return [given.recipe if isinstance(given, RunSpec) else given for given in specs.values()]
