"""Lesson 00: a figure that grows while models train, and the first explorer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import plotly.graph_objects as go
from IPython.display import HTML, clear_output, display

from anl_edu.figures.core import mime_bundle, on_colab, show
from anl_edu.figures.describe import details
from anl_edu.figures.start import label_mix
from anl_edu.train import EpochRecord

from .core import Explorer, slider


def watch(
    runs: Mapping[str, Iterator[EpochRecord]],
    draw: Callable[[Mapping[str, list[EpochRecord]]], go.Figure],
    *,
    every: int = 2,
) -> dict[str, list[EpochRecord]]:
    """Train several runs side by side, one epoch of each in turn, and draw as they go.

    Parameters
    ----------
    runs
        Loss name to a run's records, as `runs.start` or `train.fit` gives them. They draw on no
        common generator, so side by side they come out as they would one after the other.
    draw
        From the records so far to a figure.
    every
        Epochs between two drawings.

    Returns
    -------
    dict
        Loss name to its records. Interrupting the kernel ends the training and gives what is
        there.
    """
    records: dict[str, list[EpochRecord]] = {name: [] for name in runs}
    handle = None if on_colab() else display(mime_bundle(draw(records)), raw=True, display_id=True)

    def redraw() -> None:
        if handle is not None:
            handle.update(mime_bundle(draw(records)), raw=True)
        else:  # Colab knows no plotly of its own, and cannot update one in place
            clear_output(wait=True)
            show(draw(records))

    try:
        for epoch, step in enumerate(zip(*runs.values(), strict=True), start=1):
            for name, record in zip(runs, step, strict=True):
                records[name].append(record)
            if epoch % every == 0:
                redraw()
    except KeyboardInterrupt:
        pass
    redraw()
    if handle is not None:
        display(HTML(details(draw(records))))
    return records


def mix() -> Explorer:
    """Move the noise rate and the number of classes, and see what labels one class gets."""
    return Explorer(
        label_mix,
        {
            "rate": slider("noise rate", 0.0, 1.0, 0.05, 0.3),
            "K": slider("number of classes K", 2, 20, 1, 5),
        },
        "How the images of one class are labelled",
        readout=_say,
    )


def _say(rate: float, K: int) -> str:
    limit = (K - 1) / K
    if abs(rate - limit) < 1e-9:
        return "A tie: every label is equally frequent, and nothing is left to learn from."
    word = "most" if rate < limit else "least"
    return f"The right label is the {word} frequent one."


EXPLORERS = {"mix": mix}
