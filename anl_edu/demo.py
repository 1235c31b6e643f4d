"""The demo: four losses on digits with wrong labels, and its report on one self-contained page."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import plotly.graph_objects as go

from anl_edu import atomic, losses, runs
from anl_edu.data import ImageData
from anl_edu.recipes import Recipe
from anl_edu.runs import Live, Run, RunSpec, by_loss
from anl_edu.runs import table as runs_table
from anl_edu.runs.grid import grid
from anl_edu.runs.table import READING
from anl_edu.teach import curves as figures
from anl_edu.teach import still
from anl_edu.teach.follow import Follow, wall
from anl_edu.teach.report_page import report_page, section

LOSSES = ("ce", "mae", "nce+rce", "anl-ce")

WALL = ("ce", "anl-ce")  # side by side over the same wrongly labelled digits
_STOPS = (0, 1, 3, 6, 10, 15, 20, 30, 40, 60)  # epochs of their slider

_LOSSES = {  # what each is, in a line, for one image whose label has the probability p_y
    "ce": ("−log p<sub>y</sub>",
           "The usual loss. The less a label is believed, the harder it pulls."),
    "mae": ("1 − p<sub>y</sub>", "Robust: its sum over all labels is the same for every "
            "prediction, so evenly wrong labels cancel. Deaf to what it believes least."),
    "nce+rce": ("log p<sub>y</sub> / Σ log p<sub>k</sub> + 9.21 (1 − p<sub>y</sub>)",
                "Active and passive: a normalised cross entropy, and MAE with a weight."),
    "anl-ce": ("5 L<sub>y</sub> / Σ L<sub>k</sub> + 5 (1 − F<sub>y</sub> / Σ F<sub>k</sub>)",
               "Active Negative Loss: with L<sub>k</sub> = −log p<sub>k</sub> and "
               "F<sub>k</sub> = 16.1 − L<sub>k</sub>, the second half looks at all classes that "
               "the label does <em>not</em> name."),
}  # fmt: skip


def specs(rate: float, seeds: int, **changes: Any) -> list[RunSpec]:
    """Return the demo's runs: every loss with every seed, on digits under symmetric noise."""
    return grid("digits", LOSSES, [("symmetric", rate)], range(seeds), **changes)


def train(specs: Sequence[RunSpec], digits: ImageData) -> Iterator[Live]:
    """Give each run, started; the caller iterates its epochs."""
    for spec in specs:
        yield runs.start(spec, digits, track_gradients=True)


def followed(spec: RunSpec, digits: ImageData) -> Follow | None:
    """Return what follows 48 wrongly labelled images of a run; None where no label is wrong."""
    noisy = runs.prepare(spec, digits)
    return Follow.wrong(noisy) if bool(noisy.wrong.any()) else None


def write(made: Sequence[Run], path: str | Path, follow: Follow | None = None) -> Path:
    """Write the report as one HTML file with everything it needs inside; whole or not at all."""
    path = Path(path)
    with atomic.writing(path) as file:
        file.write(page(made, follow).encode())
    return path


def picture(runs: Sequence[Run], path: str | Path) -> Path:
    """Write the curves of accuracy as a PNG (see `figures.still` for what that needs)."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    records = {loss: [run.records for run in group] for loss, group in by_loss(runs).items()}
    return still(figures.accuracy_curves(records), path)


def page(runs: Sequence[Run], follow: Follow | None = None) -> str:
    """Return the report's HTML.

    Parameters
    ----------
    runs
        At least one.
    follow
        Wrongly labelled images, followed through a run of each loss of `WALL`; left out, the
        report has no wall of them.
    """
    if not runs:
        raise ValueError("a report needs at least one run")
    spec, meta = runs[0].spec, runs[0].meta
    seeds = sorted({run.spec.seed for run in runs})
    recipe = spec.recipe
    records = {loss: [run.records for run in group] for loss, group in by_loss(runs).items()}
    noise = fmean(run.meta["realised_rate"] for run in runs)
    charts = _charts(records, noise, follow)
    sections = "\n".join(section(f"chart-{i}", *chart) for i, chart in enumerate(charts))
    title = f"Four losses, {noise:.0%} wrong labels"
    body = f"""<h1>{title}</h1>
<p>A network learns handwritten digits from labels of which {noise:.0%} are wrong, and is tested on
labels that are right. It has enough weights to learn every wrong label by heart. Whether it does
depends on the <em>loss</em>: what each image asks of the network, given its label y and the
probability p<sub>y</sub> that the network gives to it.</p>
<div class="wide">{_explained(runs)}</div>
<p>Each model saw the same images and the same wrong labels. They differ in the loss and its penalty
alone: {html.escape(_losses(runs))}.</p>
<h2>What came out</h2>
<div class="wide">{runs_table(runs, "html")}</div>
<p class="note">{html.escape(READING)}</p>
{sections}
<h2>How it was made</h2>
<p class="note">Data: {html.escape(str(meta["data"]))}. Labels: {spec.noise} noise of nominal rate
{spec.rate:g}, realised {noise:.4f}. Model: {recipe.model}, {recipe.epochs} epochs of batch
{recipe.batch_size}, learning rate {recipe.lr:g}, schedule {recipe.schedule}, computed in
{html.escape(str(meta["precision"]))}. Seeds: {", ".join(map(str, seeds))}. Device:
{html.escape(str(meta["processor"]))}. torch {html.escape(str(meta["torch"]))}. Desk-size runs:
they show the effect and reproduce no published figure.</p>
<p>Why it comes out so, and when it does not, is what the lessons are about: <code>make lab</code>
opens the first.</p>"""
    return report_page(title, body, {f"chart-{i}": chart[2] for i, chart in enumerate(charts)})


def _explained(runs: Sequence[Run]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(losses.label(loss))}</td><td>{formula}</td><td>{words}</td></tr>"
        for loss, (formula, words) in _LOSSES.items()
        if loss in by_loss(runs)
    )
    head = "<tr><th scope='col'>loss</th><th scope='col'>formula</th><th scope='col'></th></tr>"
    return f'<table class="words">{head}{rows}</table>'


def _losses(runs: Sequence[Run]) -> str:
    """In what the losses differ: parameters and penalties, as the recipes have them."""
    return "; ".join(_loss(group[0].spec.recipe) for group in by_loss(runs).values())


def _loss(recipe: Recipe) -> str:
    parameters = [f"{name} {value:g}" for name, value in recipe.build_loss().parameters_.items()]
    penalties = [f"L1 {recipe.l1:g}", f"weight decay {recipe.weight_decay:g}"]
    return f"{losses.label(recipe.loss)} ({', '.join([*parameters, *penalties])})"


def _charts(
    records: Mapping[str, Sequence[Sequence[object]]], noise: float, follow: Follow | None
) -> list[tuple[str, str, go.Figure]]:
    """Return heading, text and figure of each section."""
    charts = [
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
            "Whom the loss listens to",
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
    if follow is not None and follow.names:
        last = len(follow.probabilities(follow.names[0])) - 1
        stops = sorted({min(stop, last) for stop in _STOPS})
        charts.insert(
            0,
            (
                "Digits with wrong labels",
                "Each of these carries a wrong label. A cross: the model repeats that label. A "
                "circle: it names the true class all the same. A dash: neither. Move the slider: "
                "which model turns from circles to crosses?",
                wall(follow, stops),
            ),
        )
    return charts
