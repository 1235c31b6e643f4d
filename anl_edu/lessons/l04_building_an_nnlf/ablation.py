"""Which part of ANL does what: recorded runs that differ in one thing each, and the dip.

The runs were made by ``anl-edu record --noise symmetric:0.6 --seeds 5`` with ``--dataset``, and
``--loss`` and ``--set`` as `ROWS` says. The dip is trained live.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import plotly.graph_objects as go

from anl_edu import losses, runs
from anl_edu.progress_bar import progress_bar
from anl_edu.recipes import Recipe
from anl_edu.runs import Run, RunSpec
from anl_edu.runs.table import mean_and_spread
from anl_edu.teach import curves
from anl_edu.teach.figure import new_figure
from anl_edu.teach.lines import add_line
from anl_edu.teach.style import nth_style

SEEDS = range(5)
# name of the row: loss, what differs from its recipe
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "CE": ("ce", {}),
    "CE, L1 as ANL": ("ce", {"l1": 5e-5, "weight_decay": 0.0}),
    "MAE": ("mae", {}),
    "NCE + MAE": ("nce+mae", {}),
    "5 NCE": ("anl-ce", {"loss_parameters": {"beta": 0}}),
    "5 NNCE": ("anl-ce", {"loss_parameters": {"alpha": 0}}),
    "NCE + NNCE": ("anl-ce", {"loss_parameters": {"alpha": 1, "beta": 1}}),
    "5 NCE + 5 NNCE, no penalty": ("anl-ce", {"l1": 0}),
    "5 NCE + 5 NNCE, weight decay": ("anl-ce", {"l1": 0, "weight_decay": 1e-4}),
    "5 NCE + 5 NNCE, L1: ANL-CE": ("anl-ce", {}),
}


@cache  # fifty files, and a lesson asks for them again and again
def recorded(dataset: str) -> dict[str, list[Run]]:
    """Return the runs of each of `ROWS`, one a seed, on ``"digits"`` or ``"cifar10"``."""
    return {
        name: [
            runs.get(RunSpec(dataset, loss, "symmetric", 0.6, seed, changes=changes))
            for seed in SEEDS
        ]
        for name, (loss, changes) in ROWS.items()
    }


def table(dataset: str) -> str:
    """Return the ablation as Markdown: penalty, last epoch, its worst seed, memorised.

    Mean ± sample deviation over `SEEDS`, in percent.
    """
    from tabulate import tabulate

    lines = []
    for name, group in recorded(dataset).items():
        last = mean_and_spread([run.last.test_accuracy for run in group])
        worst = f"{100 * min(run.last.test_accuracy for run in group):.1f}"
        memorised = mean_and_spread([run.last.memorised for run in group])
        lines.append([name, _penalty(group[0].spec.recipe), last, worst, memorised])
    heads = ["trained with", "penalty", "last epoch", "worst seed", "memorised"]
    align = ("left", "left", "right", "right", "right")
    return tabulate(lines, heads, "github", colalign=align, disable_numparse=True)


def _penalty(recipe: Recipe) -> str:
    said = {"L1": recipe.l1, "weight decay": recipe.weight_decay}
    return ", ".join(f"{name} {weight:g}" for name, weight in said.items() if weight) or "none"


def summary(dataset: str) -> dict[str, tuple[float, float]]:
    """Return each row's mean accuracy at the last epoch and mean memorised share, in percent."""
    return {
        name: (
            100 * float(np.mean([run.last.test_accuracy for run in group])),
            100 * float(np.mean([run.last.memorised for run in group])),
        )
        for name, group in recorded(dataset).items()
    }


@dataclass(frozen=True)
class Watched:
    """One run of `watch_dip`, epoch by epoch.

    Attributes
    ----------
    accuracy
        (E,) on clean test images.
    clamped
        (E,) share of all probabilities on training images that are below p_min.
    """

    accuracy: np.ndarray
    clamped: np.ndarray

    @property
    def dip(self) -> int:
        """The epoch with the largest fall of accuracy from the epoch before, of all but two."""
        return int(np.diff(self.accuracy).argmin()) + 2

    @property
    def depth(self) -> float:
        """How far accuracy falls in that epoch, in points (1 = 1 %)."""
        return -100 * float(np.diff(self.accuracy).min())

    @property
    def reaches(self) -> int | None:
        """The first epoch after which a tenth of all probabilities is below p_min."""
        there = self.clamped > 0.1
        return int(there.argmax()) + 1 if there.any() else None


def watch_dip(
    variants: Mapping[str, Mapping[str, Any]], *, epochs: int = 20, seed: int = 0
) -> dict[str, Watched]:
    """Train ANL-CE on the digits, 60 % symmetric noise, with some settings changed.

    Parameters
    ----------
    variants
        Name to what differs from the recipe, as in `RunSpec.changes`.
    epochs
        After how many epochs (of the recipe's 60) to stop.
    """
    found = {}
    with progress_bar(total=len(variants) * epochs, unit="epoch", leave=False) as bar:
        for name, changes in variants.items():
            spec = RunSpec("digits", "anl-ce", "symmetric", 0.6, seed, changes=dict(changes))
            live = runs.start(spec)
            p_min = spec.recipe.loss_parameters.get("p_min", losses.P_MIN)
            accuracy, clamped = [], []
            for record in live:
                p = live.predict(live.data.x_train).softmax(1)
                accuracy.append(record.test_accuracy)
                clamped.append((p < p_min).double().mean().item())
                bar.update()
                if record.epoch == epochs:
                    break
            live.close()
            found[name] = Watched(np.array(accuracy), np.array(clamped))
    return found


def dip_figure(watched: Mapping[str, Watched]) -> go.Figure:
    """Draw accuracy, and the share of probabilities below p_min, by epoch for each variant."""
    fig = new_figure(
        "The dip, and the clamp",
        question="What happens to the right-hand line in the epoch in which the left one falls?",
        alt="Two panels by epoch, a line a variant: test accuracy, and the share of all "
        "probabilities below p_min",
    )
    heads = ("right on clean test images (%)", "probabilities below p_min (%)")
    fig.set_subplots(1, 2, subplot_titles=heads, horizontal_spacing=0.1)
    for place, (name, w) in enumerate(watched.items()):
        epochs = np.arange(1, len(w.accuracy) + 1)
        for column, values in enumerate((w.accuracy, w.clamped), start=1):
            add_line(
                fig,
                epochs,
                100 * values,
                name if column == 1 else f"{name}, below p_min",
                nth_style(place),
                legendgroup=name,
                showlegend=column == 1,
                row=1,
                col=column,
            )
    fig.update_xaxes(title_text="epoch")
    fig.update_yaxes(range=[-2, 102])
    return fig.update_layout(
        height=440, margin={"t": 110, "b": 100}, legend={"orientation": "h", "x": 0, "y": -0.22}
    )


def curves_figure(dataset: str, names: Sequence[str]) -> go.Figure:
    """Draw test accuracy by epoch for some of `ROWS`: the mean over seeds thick, seeds thin."""
    found = recorded(dataset)
    return curves.accuracy_curves(
        {name: [run.records for run in found[name]] for name in names},
        title="Recorded: accuracy of the parts of ANL-CE",
        question="Each line with a negative half falls once. When, and does it get up again?",
        style=lambda name: nth_style(list(ROWS).index(name)),
    )


def dip_rows(watched: Mapping[str, Watched]) -> Sequence[tuple[str, str, str]]:
    """Say of each variant when it dips, how deep, and when it reaches the clamp."""
    rows = []
    for name, w in watched.items():
        reached = f"epoch {w.reaches}" if w.reaches else f"not in {len(w.accuracy)} epochs"
        rows.append((name, f"falls {w.depth:.0f} points in epoch {w.dip}", reached))
    return rows


def _example() -> dict[str, Watched]:
    return {"one": Watched(np.array([0.5, 0.9, 0.6, 0.9]), np.array([0.0, 0.0, 0.4, 0.6]))}


FIGURES = {
    "dip_figure": lambda: dip_figure(_example()),
    "curves_figure": lambda: curves_figure("digits", ("5 NNCE", "NCE + NNCE")),
}
