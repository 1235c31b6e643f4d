"""Runs as a table: one row a loss, mean and spread over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from anl_edu import losses
from anl_edu.runs.run import Run, by_loss

READING = (
    "last: test accuracy at the last epoch, which is what one would have had. best: the best of\n"
    "any epoch, which takes clean labels to pick. memorised: share of the wrong training labels\n"
    "that the model repeats at the end. Percent: mean ± sample deviation over seeds, which one\n"
    "seed alone does not have (–)."
)


def rows(runs: Sequence[Run]) -> list[tuple[str, str, str, str]]:
    """One row a loss: name, last, best, memorised, each mean ± sample deviation in percent."""
    table = []
    for loss, group in by_loss(runs).items():
        columns = (
            [run.last.test_accuracy for run in group],
            [run.best for run in group],
            [run.last.memorised for run in group],
        )
        last, best, memorised = map(mean_and_spread, columns)
        table.append((losses.label(loss), last, best, memorised))
    return table


def table(runs: Sequence[Run], form: str = "github") -> str:
    """Return the table of `rows` in one of tabulate's forms (``"github"``, ``"html"``...)."""
    from tabulate import tabulate

    return tabulate(
        rows(runs),
        headers=["loss", "last", "best", "memorised"],
        tablefmt=form,
        colalign=("left", "right", "right", "right"),
        disable_numparse=True,
    )


def mean_and_spread(shares: Sequence[float]) -> str:
    """Return mean ± sample deviation in percent; one value has no deviation."""
    if any(map(math.isnan, shares)):  # nothing to memorise where no label is wrong
        return "–"
    spread = f"{100 * stdev(shares):.1f}" if len(shares) > 1 else "–"
    return f"{100 * fmean(shares):.1f} ± {spread}"
