"""Runs that race, drawn as they go: accuracy, which labels are repeated, and who pulls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go

from anl_edu.teach.curves import example_runs
from anl_edu.teach.figure import new_figure
from anl_edu.teach.style import Style, style_of

PANELS = (
    "test accuracy (%)",
    "training labels repeated (%)",
    "pull of wrong labels (%)",
)
_GREY = "#6E6E6E"
# panel, field of a record, what follows the run's name, dash
_LINES = (
    ((1, 1), "test_accuracy", "", "solid"),
    ((1, 2), "clean_accuracy", ": right labels", "solid"),
    ((1, 2), "memorised", ": wrong labels", "dash"),
    ((2, 2), "wrong_share", "", "solid"),
)


@dataclass(frozen=True)
class Racer:
    """A run that is drawn.

    Attributes
    ----------
    name
        What the legend calls it.
    loss
        Gives it its colour and marker.
    records
        Epoch records, see `training.EpochRecord`; may be empty.
    """

    name: str
    loss: str
    records: Sequence[Any] = field(default=())

    @property
    def style(self) -> Style:
        return style_of(self.loss)


def dashboard(
    live: Racer, rival: Racer | None = None, *, epochs: int = 1, noise: float | None = None
) -> go.Figure:
    """Draw a run as far as it has come, and the one that it races against.

    Parameters
    ----------
    live
        The run that is made now.
    rival
        Drawn thinner, and in grey where it has the loss of the live run.
    epochs
        Length of the horizontal axes.
    noise
        Share of wrong labels in the live run's data, marked in the last panel: their share of the
        gradient, were every image to pull equally.

    The number and order of traces are the same in every state.
    """
    fig = new_figure(
        "The race, epoch by epoch",
        question="When does accuracy turn round, and what does the model repeat by then?",
        alt="Test accuracy, labels repeated and the wrong labels' share of the gradient, by epoch",
    )
    fig.set_subplots(
        2, 2, specs=[[{"rowspan": 2}, {}], [None, {}]], subplot_titles=PANELS,
        vertical_spacing=0.16, horizontal_spacing=0.12,
    )  # fmt: skip
    fig.update_annotations(font={"size": 14})
    same = rival is not None and rival.style == live.style
    for racer in (rival or Racer("no rival", live.loss), live):
        color = _GREY if same and racer is rival else racer.style.color
        thin = racer is not live
        for (row, col), key, part, dash in _LINES:
            x, y = _line(racer.records, key)
            main = key in ("test_accuracy", "memorised")
            fig.add_scatter(
                x=x,
                y=y,
                mode="lines+markers",
                line={"color": color, "dash": dash, "width": 1.5 if thin else 2.5},
                marker={
                    "color": color,
                    "symbol": racer.style.symbol,
                    "size": 7,
                    "maxdisplayed": 5,
                },
                name=racer.name + part,
                legendgroup=racer.name + (part if part.endswith("wrong labels") else ""),
                showlegend=main and len(x) > 0,
                row=row,
                col=col,
            )
    fig.add_scatter(
        x=[0, epochs + 0.5] if noise else [],
        y=[100 * noise] * 2 if noise else [],
        mode="lines",
        line={"color": _GREY, "dash": "dot", "width": 1.5},
        name="share of wrong labels in the data",
        showlegend=bool(noise),
        row=2,
        col=2,
    )
    fig.update_xaxes(range=[0, epochs + 0.5])
    fig.update_xaxes(title_text="epoch", row=2)
    fig.update_xaxes(title_text="epoch", row=1, col=1)
    fig.update_yaxes(range=[-2, 102])
    # held to the figure's edge, so that it meets no axis title at any width
    legend = {"orientation": "h", "x": 0, "yref": "container", "y": 0.01, "yanchor": "bottom"}
    return fig.update_layout(
        height=590, margin={"t": 105, "b": 125, "l": 50, "r": 15}, legend=legend
    )


def _line(records: Sequence[Any], key: str) -> tuple[np.ndarray, np.ndarray]:
    values = [getattr(record, key) for record in records]
    y = np.array([np.nan if v is None else v for v in values], dtype=float)
    return np.array([record.epoch for record in records], dtype=float), 100 * y


def _example(loss: str, count: int = 20, seed: int = 0) -> Racer:
    return Racer(f"{loss.upper()}, symmetric", loss, example_runs(count)[loss][seed])


FIGURES = {
    "dashboard": lambda: dashboard(_example("anl-ce"), _example("ce"), epochs=20, noise=0.6),
    "dashboard_same": lambda: dashboard(_example("ce", 8), _example("ce", seed=1), epochs=20),
    "dashboard_before": lambda: dashboard(Racer("ANL-CE", "anl-ce"), _example("ce"), epochs=20),
}
