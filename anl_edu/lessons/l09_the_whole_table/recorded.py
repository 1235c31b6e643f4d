"""The tables of lesson 09: recorded runs of data/grids, and published numbers to stand beside."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from statistics import fmean
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from anl_edu import data, gradients, losses, noise, recipes, runs
from anl_edu.runs import Run

FOURTEEN = (
    "ce", "fl", "gce", "sce", "mae", "ece", "nce+mae", "nce+rce", "nfl+rce", "nce+agce", "nce+ael",
    "jal-ce", "anl-ce", "anl-fl",
)  # fmt: skip
EIGHT = ("ce", "gce", "mae", "ece", "nce+rce", "jal-ce", "anl-ce", "anl-fl")
NOISES = (
    ("none", 0.0),
    *(("symmetric", rate) for rate in (0.2, 0.4, 0.6, 0.8)),
    ("pair", 0.45),
    ("asymmetric", 0.2),
    ("asymmetric", 0.4),
    ("instance", 0.4),
)
GRIDS = {
    "digits": (FOURTEEN, NOISES, range(5)),
    "cifar10": (EIGHT, (*NOISES, ("human-worst", 0.0)), range(3)),
}
MEASURES: dict[str, Callable[[Run], float]] = {
    "last epoch": lambda run: run.last.test_accuracy,
    "best epoch": lambda run: run.best,
    "worst class": lambda run: run.last.worst_recall,
    "wrong labels memorised": lambda run: run.last.memorised,
}
PAPERS = {  # short name: how its source begins
    "eps-softmax's table": "Wang et al., eps-Softmax, NeurIPS 2024, Table 2",
    "JAL's table": "Wang et al., Joint Asymmetric Loss, ICCV 2025 (last epoch)",
    "ANL's headline": "Ye et al., Active Negative Loss, NeurIPS 2023",
}


@cache
def cells(dataset: str) -> dict[tuple[str, str], tuple[Run, ...]]:
    """Return the runs of every loss under every noise, in the order of the grid, one a seed.

    Keys are the loss's name and the noise as `noise.label` has it.
    """
    names, noises, seeds = GRIDS[dataset]
    found = runs.find(
        dataset=dataset, scale="desk", loss=names, noise=tuple({kind for kind, _ in noises}),
        seed=tuple(seeds), changes=({},),
    )  # fmt: skip
    by_cell: dict[tuple[str, str], list[Run]] = {
        (name, noise.label(*kind)): [] for kind in noises for name in names
    }
    for run in found:
        some = by_cell.get((run.spec.loss, noise.label(run.spec.noise, run.spec.rate)))
        if some is not None:
            some.append(run)
    return {key: tuple(sorted(some, key=lambda r: r.spec.seed)) for key, some in by_cell.items()}


def noises_of(dataset: str) -> list[str]:
    """Return the names of a grid's noises, in order."""
    return [noise.label(*kind) for kind in GRIDS[dataset][1]]


def seeds_of(dataset: str, kind: str, measure: str = "last epoch") -> dict[str, np.ndarray]:
    """Return for each loss its values (R,), one a seed, in percent."""
    value = MEASURES[measure]
    return {
        loss: np.array([100 * value(run) for run in cells(dataset)[loss, kind]])
        for loss in GRIDS[dataset][0]
    }


def means(dataset: str, measure: str = "last epoch") -> np.ndarray:
    """Return the means over seeds (losses, noises) in percent; NaN where there is no value."""
    columns = [
        [values.mean() for values in seeds_of(dataset, kind, measure).values()]
        for kind in noises_of(dataset)
    ]
    return np.array(columns).T


def seconds(dataset: str) -> dict[str, float]:
    """Return each loss's mean seconds a run, as recorded: an upper bound."""
    by_loss: dict[str, list[float]] = {}
    for (loss, _), some in cells(dataset).items():
        by_loss.setdefault(loss, []).extend(sum(r.seconds for r in run.records) for run in some)
    return {loss: fmean(values) for loss, values in by_loss.items()}


def pulls(dataset: str, p: float) -> dict[str, float]:
    """Return how long each loss's gradient at the logits is for a sample with ``p_y = p``.

    Each with the parameters of its recipe; the other classes share ``1 - p`` evenly.
    """
    K = data.shape_of(dataset)[1]
    logits = torch.zeros(1, K, dtype=torch.float64)
    logits[0, 0] = math.log((K - 1) * p / (1 - p))
    label = torch.zeros(1, dtype=torch.int64)
    built = {loss: recipes.get(dataset, loss).build_loss() for loss in GRIDS[dataset][0]}
    return {
        name: gradients.per_sample_logit_norms(loss, logits, label).item()
        for name, loss in built.items()
    }


def published(kind: str, rate: float, paper: str) -> dict[str, tuple[float, float | None]]:
    """Return a paper's accuracy and deviation on CIFAR-10 for each loss that it has, in percent."""
    names = {losses.label(name).lower(): name for name in losses.names()}
    return {
        names[row["method"].lower()]: (row["accuracy_percent"], row["std"])
        for row in recipes.published("cifar10", noise=kind, rate=rate)
        if row["source"].startswith(PAPERS[paper]) and row["method"].lower() in names
    }


def twice_printed() -> list[tuple[str, list[tuple[str, float, float | None]]]]:
    """Return the cells that more than one paper prints: name, and (paper, accuracy, deviation).

    CIFAR-10, the same noise, rate and method, the last epoch.
    """
    found: dict[str, list[tuple[str, float, float | None]]] = {}
    for kind, rate in NOISES:
        for paper in PAPERS:
            for loss, (accuracy, deviation) in published(kind, rate, paper).items():
                name = f"{losses.label(loss)}, {noise.label(kind, rate)}"
                found.setdefault(name, []).append((paper, accuracy, deviation))
    return [(name, some) for name, some in found.items() if len(some) > 1]


def agreement(dataset: str, kind: str, rate: float, paper: str) -> tuple[float, int]:
    """Return Spearman's rank correlation of our order with a paper's, and over how many losses."""
    theirs = published(kind, rate, paper)
    ours = seeds_of(dataset, noise.label(kind, rate))
    both = [loss for loss in ours if loss in theirs]
    return _ranks([ours[n].mean() for n in both], [theirs[n][0] for n in both]), len(both)


def _ranks(a: Sequence[float], b: Sequence[float]) -> float:
    found: Any = spearmanr(a, b)
    return float(found.statistic)
