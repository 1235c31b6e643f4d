"""Lesson 00: a figure that grows while models train, and the first explorer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from IPython.display import HTML, display

from anl_edu.lessons.l00_start_here.figures import label_mix
from anl_edu.teach.canvas import Canvas, new_canvas
from anl_edu.teach.describe import alt_text, details
from anl_edu.teach.explorer import WIDGET_MIME, Explorer, slider
from anl_edu.teach.figure import mime_bundle

if TYPE_CHECKING:
    from anl_edu.training import EpochRecord


def watch(
    runs: Mapping[str, Iterator[EpochRecord]],
    draw: Callable[[Mapping[str, list[EpochRecord]]], go.Figure],
    *,
    every: int = 2,
    look: Sequence[Callable[[str, Any], None]] = (),
) -> dict[str, list[EpochRecord]]:
    """Train several runs side by side, one epoch of each in turn, and draw as they go.

    Parameters
    ----------
    runs
        Loss name to a run's records, as `runs.start` or `training.fit` gives them. They draw on no
        common generator, so side by side they come out as they would one after the other.
    draw
        From the records so far to a figure.
    every
        Epochs between two drawings.
    look
        Functions called with a run's name and the run, before training and after each of its
        epochs: `Follow.look` and the like.

    Returns
    -------
    dict
        Loss name to its records. Interrupting the kernel ends the training and gives what is
        there.
    """
    records: dict[str, list[EpochRecord]] = {name: [] for name in runs}
    figure = draw(records)
    canvas = new_canvas(figure, alt_text(figure))
    handle = display(_bundle(canvas, figure), raw=True, display_id=True)

    def look_at(name: str) -> None:
        for note in look:
            note(name, runs[name])

    try:
        for name in runs:
            look_at(name)
        for epoch, step in enumerate(zip(*runs.values(), strict=True), start=1):
            for name, record in zip(runs, step, strict=True):
                records[name].append(record)
                look_at(name)
            if epoch % every == 0:
                figure = draw(records)
                canvas.draw(figure, alt_text(figure))
    except KeyboardInterrupt:
        pass
    figure = draw(records)
    canvas.draw(figure, alt_text(figure))
    if handle is not None:
        handle.update(_bundle(canvas, figure), raw=True)  # what a saved notebook keeps
    display(HTML(details(figure)))
    return records


def _bundle(canvas: Canvas, figure: go.Figure) -> dict[str, Any]:
    """Return the live drawing and, for readers without a kernel, the figure as it stands."""
    view = {"version_major": 2, "version_minor": 0, "model_id": canvas.widget.model_id}
    return {WIDGET_MIME: view} | mime_bundle(figure)


def mix() -> Explorer:
    """Move the noise rate and the number of classes, and see what labels one class gets."""
    return Explorer(
        label_mix,
        {
            "rate": slider("noise rate", 0.0, 1.0, 0.05, 0.3),
            "K": slider("number of classes K", 2, 20, 1, 10),
        },
        "How the images of one class are labelled",
        readout=_say,
    )


def _say(rate: float, K: int) -> str:
    limit = (K - 1) / K
    shares = f"Right: {1 - rate:.1%}, each wrong label: {rate / (K - 1):.1%}. "
    if abs(rate - limit) < 1e-9:
        return f"{shares}A tie: all are equally frequent, and nothing is left to learn from."
    word = "most" if rate < limit else "least"
    return f"{shares}The right label is the {word} frequent one."


EXPLORERS = {"mix": mix}
