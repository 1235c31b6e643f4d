"""The demo: four losses on digits with wrong labels, and its report on one self-contained page."""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from anl_edu import atomic, losses, runs
from anl_edu.data import ImageData
from anl_edu.recipes import Recipe
from anl_edu.runs import Live, Run, RunSpec, by_loss
from anl_edu.runs import table as runs_table
from anl_edu.runs.grid import grid
from anl_edu.runs.table import READING
from anl_edu.teach import alt_text, data_table, still
from anl_edu.teach import curves as figures
from anl_edu.teach.follow import Follow, wall
from anl_edu.teach.page import STYLE

LOSSES = ("ce", "mae", "nce+rce", "anl-ce")

WALL = ("ce", "anl-ce")  # side by side over the same wrongly labelled digits
_STOPS = (0, 1, 3, 6, 10, 15, 20, 30, 40, 60)  # epochs of their slider

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fff; --faint: #444; --rule: #ccc; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --paper: #16181b; --faint: #b5b5b5; --rule: #4a4a4a; }
}
body { font: 17px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; } a { color: inherit; }
table { border-collapse: collapse; } th, td { padding: .3rem .9rem .3rem 0; text-align: right;
       border-bottom: 1px solid var(--rule); vertical-align: top; }
th:first-child, td:first-child, .words :is(th, td) { text-align: left; }
.wide { overflow-x: auto; } .note { color: var(--faint); font-size: 15px; }
.chart { min-height: 440px; } .panels { min-width: 640px; }
details { margin: .5rem 0 1.5rem; } details table { font-size: 14px; }
"""

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

# plotly.js, 4.8 MB, travels compressed; what cannot unpack it still shows words and numbers.
_UNPACK = """
(async () => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => { document.body.dataset.jpThemeLight = String(!dark.matches); };
  dark.addEventListener("change", theme); theme();
  const digits = "ALPHABET", packed = document.getElementById("packed").textContent;
  const value = new Uint8Array(128); [...digits].forEach((c, i) => { value[c.charCodeAt(0)] = i; });
  const bytes = new Uint8Array(packed.length / 5 * 4), view = new DataView(bytes.buffer);
  for (let i = 0, o = 0; i < packed.length; i += 5, o += 4) {
    let word = 0;
    for (let j = 0; j < 5; j++) word = word * 85 + value[packed.charCodeAt(i + j)];
    view.setUint32(o, word);
  }
  const stream = new Blob([bytes.subarray(0, LENGTH)]).stream();
  const text = await new Response(stream.pipeThrough(new DecompressionStream("gzip"))).text();
  const cut = text.indexOf("\\0"), script = document.createElement("script");
  script.textContent = text.slice(0, cut);
  document.head.append(script);
  for (const [id, figure] of Object.entries(JSON.parse(text.slice(cut + 1)))) {
    await Plotly.newPlot(id, figure.data, figure.layout, {responsive: true, displaylogo: false});
    if (figure.frames) await Plotly.addFrames(id, figure.frames);
  }
})();
"""
# base 85 as in RFC 1924, but for "<", which may not stand in a page as it likes
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~"


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
    sections = "\n".join(_section(f"chart-{i}", *chart) for i, chart in enumerate(charts))
    packed, length = _packed({f"chart-{i}": figure for i, (_, _, figure) in enumerate(charts)})
    script = _UNPACK.replace("ALPHABET", _ALPHABET).replace("LENGTH", str(length))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Four losses, {noise:.0%} wrong labels</title>
<style>{_STYLE}</style>
{STYLE}
</head>
<body>
<main>
<h1>Four losses, {noise:.0%} wrong labels</h1>
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
opens the first.</p>
</main>
<script type="text/plain" id="packed">{packed}</script>
<script>{script}</script>
</body>
</html>
"""


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


def _section(name: str, heading: str, text: str, figure: go.Figure) -> str:
    words = alt_text(figure)
    role = "group" if figure.layout.sliders else "img"  # an image has no controls inside
    panels = " panels" if len(list(figure.select_xaxes())) > 1 else ""
    return f"""<section>
<h2>{html.escape(heading)}</h2>
<p>{html.escape(text)}</p>
<div class="wide"><div class="chart{panels}" id="{name}" role="{role}"
 aria-label="{html.escape(words, quote=True)}"></div></div>
<details><summary>In words and numbers</summary><p>{html.escape(words)}</p>
<div class="wide">{data_table(figure)}</div></details>
</section>"""


def _packed(charts: Mapping[str, go.Figure]) -> tuple[str, int]:
    """Return plotly.js and the figures, compressed and as text, and how many bytes that were."""
    drawn = ",".join(f"{json.dumps(name)}:{_bare(fig).to_json()}" for name, fig in charts.items())
    packed = gzip.compress(f"{get_plotlyjs()}\0{{{drawn}}}".encode(), 9, mtime=0)
    padded = packed + b"\0" * (-len(packed) % 4)
    return base64.b85encode(padded).decode().replace("<", ","), len(packed)


def _bare(figure: go.Figure) -> go.Figure:
    """Return the figure without the title, which its section has, and its legend below it."""
    bare = go.Figure(figure)
    for layout in (bare.layout, *(frame.layout for frame in bare.frames)):
        layout.title.text = ""
    below = {"orientation": "h", "x": 0, "y": -0.22, "yanchor": "top"}
    top = 25
    if bare.layout.sliders:  # it has the place below
        below, top = below | {"y": 1.12, "yanchor": "bottom"}, 70
    return bare.update_layout(legend=below, margin={"t": top, "l": 55, "r": 15})
