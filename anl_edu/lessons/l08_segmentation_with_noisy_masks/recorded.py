"""The recorded runs of lesson 08: losses of pixels and of masks, by the share of wrong masks.

Made by ``anl-edu record data/grids/scenes.toml``.
"""

from __future__ import annotations

from statistics import fmean
from typing import Any

import numpy as np
from tabulate import tabulate

from anl_edu import runs
from anl_edu.runs import Run, RunSpec
from anl_edu.runs.table import mean_and_spread
from anl_edu.teach.style import label_of

ER = "anl-ce + ER"  # ANL-CE with the entropy regulariser
# name of the row: loss, what differs from its recipe
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "ce": ("ce", {}),
    "gce": ("gce", {}),
    "dice": ("dice", {}),
    "t-loss": ("t-loss", {}),
    "nce+rce": ("nce+rce", {}),
    "anl-ce": ("anl-ce", {}),
    ER: ("anl-ce", {"entropy": 0.05}),
}
SWAPPED: dict[str, tuple[str, dict[str, Any]]] = {
    "ce with L1": ("ce", {"l1": 5e-5, "weight_decay": 0}),
    "anl-ce without L1": ("anl-ce", {"l1": 0}),
    "anl-ce without its passive half": ("anl-ce", {"loss_parameters": {"alpha": 25, "beta": 0}}),
    "anl-ce with α = 5, β = 5": ("anl-ce", {"loss_parameters": {"alpha": 5, "beta": 5}}),
}  # at the largest share alone
SHARES = (0.0, 0.3, 0.5, 0.7)
SEEDS = (1, 2, 3)  # seed 0 chose the recipe


def specs(name: str, share: float) -> list[RunSpec]:
    """Return what describes the runs of a row where a share of the masks is wrong, one a seed."""
    loss, changes = (ROWS | SWAPPED)[name]
    noise = ("mask-mixed", share) if share else ("none", 0.0)
    return [RunSpec("scenes", loss, *noise, seed, changes=changes) for seed in SEEDS]


def recorded(share: float, *names: str) -> dict[str, list[Run]]:
    """Return the runs of some rows, all of `ROWS` by default, where a share of masks is wrong."""
    return {name: [runs.get(spec) for spec in specs(name, share)] for name in names or ROWS}


def last(share: float, field: str, *names: str) -> dict[str, float]:
    """Return each row's mean over seeds of a field of the last epoch, in percent."""
    return {
        name: 100 * fmean(getattr(run.last, field) for run in some)
        for name, some in recorded(share, *names).items()
    }


def class_dice(share: float) -> dict[str, np.ndarray]:
    """Return each row's Dice of every class (K,) at the last epoch, the mean over seeds."""
    return {
        name: np.mean([run.last.dice or () for run in some], 0)
        for name, some in recorded(share).items()
    }


def table(field: str) -> str:
    """Return a field of the last epoch as Markdown: a row a loss, a column a share of wrong masks.

    Mean ± sample deviation over seeds, in percent.
    """
    columns = [
        [mean_and_spread([getattr(run.last, field) for run in some]) for some in cells.values()]
        for cells in map(recorded, SHARES)
    ]
    lines = list(zip(map(label_of, ROWS), *columns, strict=True))
    heads = ["trained with", *(f"{share:.0%} of the masks wrong" for share in SHARES)]
    align = ("left", *["right"] * len(SHARES))
    return tabulate(lines, heads, "github", colalign=align, disable_numparse=True)
