"""Explorers of lesson 09: cells seed by seed, other people's table beside ours, chance."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from anl_edu import noise
from anl_edu.lessons.l09_the_whole_table import chance, figures, recorded
from anl_edu.teach.explorer import Explorer, choice, slider
from anl_edu.teach.style import label_of

_DATASETS = {"digits, five seeds": "digits", "CIFAR-10 at desk size, three seeds": "cifar10"}
PUBLISHED = {noise.label(kind, rate): (kind, rate) for kind, rate in recorded.NOISES[:5]} | {
    noise.label(kind, rate): (kind, rate) for kind, rate in recorded.NOISES[6:8]
}


def cells(noise: str = "symmetric 0.6") -> Explorer:
    """Choose a column of the digits' table and a measure; see what its cells are made of."""
    return Explorer(
        _draw_cells,
        {
            "noise": choice("noise", recorded.noises_of("digits"), noise),
            "measure": choice("measure", list(recorded.MEASURES), "last epoch"),
            "shown": choice("losses", {"all": 14, "the best six": 6}, 14),
        },
        title="What is behind a column?",
        readout=_say_cells,
    )


def _draw_cells(noise: str, measure: str, shown: int) -> go.Figure:
    seeds = {
        loss: values
        for loss, values in recorded.seeds_of("digits", noise, measure).items()
        if not np.isnan(values).any()  # nothing to memorise without noise
    }
    first = sorted(seeds, key=lambda loss: -seeds[loss].mean())[:shown]
    return figures.seed_strip(
        {loss: seeds[loss] for loss in first},
        title=f"Digits, {noise}, {measure}: five seeds",
        y=f"{measure} (%)",
    )


def _say_cells(noise: str, measure: str, shown: int) -> str:
    seeds = recorded.seeds_of("digits", noise, measure)
    deviations = sorted((v.std(ddof=1), n) for n, v in seeds.items() if not np.isnan(v).any())
    if not deviations:
        return "No label is wrong: there is nothing to memorise."
    (low, quiet), (high, loud) = deviations[0], deviations[-1]
    return (
        f"Deviation over seeds: {low:.1f} points ({label_of(quiet)}) to {high:.1f} "
        f"({label_of(loud)})."
    )


def beside(noise: str = "symmetric 0.6") -> Explorer:
    """Choose our table, a noise and a paper; see both, a point a loss."""
    return Explorer(
        _draw_beside,
        {
            "dataset": choice("our table", _DATASETS, "digits"),
            "noise": choice("noise", list(PUBLISHED), noise),
            "paper": choice("published by", list(recorded.PAPERS)[:2], next(iter(recorded.PAPERS))),
        },
        title="Our table beside a published one",
        readout=_say_beside,
    )


def _draw_beside(dataset: str, noise: str, paper: str) -> go.Figure:
    kind, rate = PUBLISHED[noise]
    ours = recorded.seeds_of(dataset, noise)
    name = "digits" if dataset == "digits" else "CIFAR-10"
    return figures.beside(
        ours,
        recorded.published(kind, rate, paper),
        title=f"{noise}: {name} here, CIFAR-10 there",
        x="ours, mean ± deviation (%)",
        y=f"{paper} (%)",
    )


def _say_beside(dataset: str, noise: str, paper: str) -> str:
    rank, count = recorded.agreement(dataset, *PUBLISHED[noise], paper)
    if count < 3:
        return f"{count} losses stand in both tables: no order to compare."
    return f"{count} losses stand in both tables; rank correlation {rank:+.2f}."


def seeds() -> Explorer:
    """Set a true difference, the deviation over seeds and their number; see what would be found."""
    return Explorer(
        _draw_seeds,
        {
            "difference": slider("true difference (points)", 0.0, 5.0, 0.25, 1.0),
            "sd": slider("deviation over seeds (points)", 0.25, 6.0, 0.25, 1.5),
            "seeds": slider("seeds per method", 2, 50, 1, 3),
            "correlation": slider(
                "shared by both methods' seeds",
                0.0,
                0.95,
                0.05,
                0.0,
                tooltip="correlation of the two accuracies over seeds",
            ),
        },
        title="400 experiments: which method is better?",
        readout=_say_seeds,
    )


def _draw_seeds(difference: float, sd: float, seeds: int, correlation: float) -> go.Figure:
    found = chance.experiments(difference, sd, seeds, correlation)
    wrong = 100 * (found < 0).mean()
    points = f"{difference:g} point{'s' * (difference != 1)}"
    return figures.experiment_hist(
        found,
        difference,
        title=f"{points} apart, deviation {sd:g}, {seeds} seeds each",
        said=f"{wrong:.0f} % of the experiments name the wrong winner",
    )


def _say_seeds(difference: float, sd: float, seeds: int, correlation: float) -> str:
    wrong = 100 * (chance.experiments(difference, sd, seeds, correlation) < 0).mean()
    if difference == 0:
        return "There is no difference: any winner is a wrong one."
    said = 100 * chance.power(difference, sd, seeds, correlation)
    return (
        f"{wrong:.0f} % name the wrong winner; {said:.0f} % find the right one with a t-test at "
        "5 %."
    )


EXPLORERS = {"cells": cells, "beside": beside, "seeds": seeds}
