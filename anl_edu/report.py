"""The demo's report: a table of runs, and one self-contained page that opens without a network."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, pstdev

import plotly.graph_objects as go
import plotly.io as pio
from tabulate import tabulate

from anl_edu import atomic
from anl_edu.figures import alt_text, data_table, label_of, still
from anl_edu.figures import training as figures
from anl_edu.runs import Run

LOSSES = ("ce", "mae", "nce+rce", "anl-ce")

READING = (
    "last: test accuracy at the last epoch, which is what one would have had. best: the best of\n"
    "any epoch, which takes clean labels to pick. memorised: share of the wrong training labels\n"
    "that the model repeats at the end. Percent, mean and standard deviation over seeds."
)

_STYLE = """
body { font: 17px/1.55 system-ui, sans-serif; color: #1b1b1b; max-width: 60rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; } th, td { padding: .3rem .9rem; text-align: right;
       border-bottom: 1px solid #ccc; } th:first-child, td:first-child { text-align: left; }
.note { color: #444; } details { margin: .5rem 0 1.5rem; } details table { font-size: 14px; }
details > div { overflow-x: auto; }
"""


def by_loss(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Group runs by loss, in the order of their first appearance."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.spec.loss, []).append(run)
    return groups


def rows(runs: Sequence[Run]) -> list[tuple[str, str, str, str]]:
    """One row a loss: name, last, best, memorised, each mean +- standard deviation in percent."""
    table = []
    for loss, group in by_loss(runs).items():
        columns = (
            [run.last.test_accuracy for run in group],
            [run.best for run in group],
            [run.last.memorised for run in group],
        )
        last, best, memorised = map(_mean_and_spread, columns)
        table.append((label_of(loss), last, best, memorised))
    return table


def _mean_and_spread(shares: Sequence[float]) -> str:
    if any(map(math.isnan, shares)):  # nothing to memorise where no label is wrong
        return "–"
    return f"{100 * fmean(shares):.1f} ± {100 * pstdev(shares):.1f}"


def table(runs: Sequence[Run], form: str) -> str:
    """Return the table of `rows` in one of tabulate's forms (``"github"``, ``"html"``...)."""
    return tabulate(
        rows(runs),
        headers=["loss", "last", "best", "memorised"],
        tablefmt=form,
        colalign=("left", "right", "right", "right"),
        disable_numparse=True,
    )


def write(runs: Sequence[Run], path: str | Path) -> Path:
    """Write the report as one HTML file with everything it needs inside; whole or not at all."""
    path = Path(path)
    with atomic.writing(path) as file:
        file.write(page(runs).encode())
    return path


def picture(runs: Sequence[Run], path: str | Path) -> Path:
    """Write the report's first figure as a PNG (see `figures.still` for what that needs)."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    records = {loss: [run.records for run in group] for loss, group in by_loss(runs).items()}
    return still(figures.accuracy_curves(records), path)


def page(runs: Sequence[Run]) -> str:
    """Return the report's HTML."""
    if not runs:
        raise ValueError("a report needs at least one run")
    spec, meta = runs[0].spec, runs[0].meta
    seeds = sorted({run.spec.seed for run in runs})
    recipe = spec.recipe
    records = {loss: [run.records for run in group] for loss, group in by_loss(runs).items()}
    noise = fmean(run.meta["realised_rate"] for run in runs)
    sections = "\n".join(
        _section(heading, text, figure, first=index == 0)
        for index, (heading, text, figure) in enumerate(_sections(records, noise))
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Four losses, {noise:.0%} wrong labels</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Four losses, {noise:.0%} wrong labels</h1>
<p>Each model saw the same images and the same wrong labels. They differ in the loss alone (and
in its penalty: ANL trains with L1, as its authors do).</p>
{table(runs, "html")}
<p class="note">{html.escape(READING)}</p>
<p class="note">Data: {html.escape(str(meta["data"]))}. Labels: {spec.noise} noise of nominal rate
{spec.rate:g}, realised {noise:.4f}. Model: {recipe.model}, {recipe.epochs} epochs of batch
{recipe.batch_size}, learning rate {recipe.lr:g}, cosine to 0. Seeds: {", ".join(map(str, seeds))}.
Device: {html.escape(str(meta["processor"]))}. torch {html.escape(str(meta["torch"]))}. Desk-size
runs: they show the effect and reproduce no published figure.</p>
{sections}
</body>
</html>
"""


def _sections(
    records: Mapping[str, Sequence[Sequence[object]]], noise: float
) -> list[tuple[str, str, go.Figure]]:
    return [
        (
            "Accuracy on clean test images",
            "Training accuracy says nothing here: the labels are wrong. Follow each line from its "
            "highest point to its end. Thin lines are single seeds.",
            figures.accuracy_curves(records),
        ),
        (
            "Wrong labels memorised",
            "A wrong label carries nothing that helps on new images. A loss that lets the model "
            "repeat it has spent the model's capacity on noise.",
            figures.memorised_curves(records),
        ),
        (
            "Who sets the update",
            "Each sample pulls on the model through its gradient at the logits. This is the share "
            "of the pull that comes from wrongly labelled samples.",
            figures.gradient_shares(records, noise=noise),
        ),
        (
            "Right and wrong labels, loss by loss",
            "The share of right labels and of wrong labels that each model repeats.",
            figures.fit_curves(records),
        ),
    ]


def _section(heading: str, text: str, figure: go.Figure, *, first: bool) -> str:
    drawn = pio.to_html(
        figure,
        include_plotlyjs=first,
        include_mathjax=False,
        full_html=False,
        default_height="440px",
        config={"responsive": True, "displaylogo": False},
    )
    return f"""<section>
<h2>{html.escape(heading)}</h2>
<p>{html.escape(text)}</p>
<div role="img" aria-label="{html.escape(alt_text(figure), quote=True)}">{drawn}</div>
<details><summary>In words and numbers</summary><p>{html.escape(alt_text(figure))}</p>
<div>{data_table(figure)}</div></details>
</section>"""
