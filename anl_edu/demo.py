"""The demo: four losses on digits with wrong labels, and its report on one self-contained page."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio

from anl_edu import atomic, losses, runs
from anl_edu.data import ImageData
from anl_edu.recipes import Recipe
from anl_edu.runs import Live, Run, RunSpec, by_loss
from anl_edu.runs import table as runs_table
from anl_edu.runs.grid import grid
from anl_edu.runs.table import READING
from anl_edu.teach import alt_text, data_table, still
from anl_edu.teach import curves as figures

LOSSES = ("ce", "mae", "nce+rce", "anl-ce")

_STYLE = """
body { font: 17px/1.55 system-ui, sans-serif; color: #1b1b1b; max-width: 60rem;
       margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; }
table { border-collapse: collapse; } th, td { padding: .3rem .9rem; text-align: right;
       border-bottom: 1px solid #ccc; } th:first-child, td:first-child { text-align: left; }
.note { color: #444; } details { margin: .5rem 0 1.5rem; } details table { font-size: 14px; }
details > div { overflow-x: auto; }
"""


def specs(rate: float, seeds: int, **changes: Any) -> list[RunSpec]:
    """Return the demo's runs: every loss with every seed, on digits under symmetric noise."""
    return grid("digits", LOSSES, [("symmetric", rate)], range(seeds), **changes)


def train(specs: Sequence[RunSpec], digits: ImageData) -> Iterator[Live]:
    """Give each run, started; the caller iterates its epochs."""
    for spec in specs:
        yield runs.start(spec, digits, track_gradients=True)


def write(made: Sequence[Run], path: str | Path) -> Path:
    """Write the report as one HTML file with everything it needs inside; whole or not at all."""
    path = Path(path)
    with atomic.writing(path) as file:
        file.write(page(made).encode())
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
<p>Each model saw the same images and the same wrong labels. They differ in the loss and its penalty
alone: {html.escape(_losses(runs))}.</p>
{runs_table(runs, "html")}
<p class="note">{html.escape(READING)}</p>
<p class="note">Data: {html.escape(str(meta["data"]))}. Labels: {spec.noise} noise of nominal rate
{spec.rate:g}, realised {noise:.4f}. Model: {recipe.model}, {recipe.epochs} epochs of batch
{recipe.batch_size}, learning rate {recipe.lr:g}, schedule {recipe.schedule}, computed in
{html.escape(str(meta["precision"]))}. Seeds: {", ".join(map(str, seeds))}. Device:
{html.escape(str(meta["processor"]))}. torch {html.escape(str(meta["torch"]))}. Desk-size runs:
they show the effect and reproduce no published figure.</p>
{sections}
</body>
</html>
"""


def _losses(runs: Sequence[Run]) -> str:
    """In what the losses differ: parameters and penalties, as the recipes have them."""
    return "; ".join(_loss(group[0].spec.recipe) for group in by_loss(runs).values())


def _loss(recipe: Recipe) -> str:
    parameters = [f"{name} {value:g}" for name, value in recipe.build_loss().parameters_.items()]
    penalties = [f"L1 {recipe.l1:g}", f"weight decay {recipe.weight_decay:g}"]
    return f"{losses.label(recipe.loss)} ({', '.join([*parameters, *penalties])})"


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
