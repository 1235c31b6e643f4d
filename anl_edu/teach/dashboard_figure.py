"""One run while it is made, beside a recorded one: loss, accuracy, fit, and who sets the update."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from anl_edu.teach.curves import example_runs
from anl_edu.teach.figure import new_figure
from anl_edu.teach.style import style_of

PANELS = ("training loss", "test accuracy (%)", "labels repeated (%)", "gradient, wrong labels (%)")
_GREY = "#6E6E6E"


def dashboard(
    live: Sequence[Any],
    replayed: Sequence[Any] = (),
    *,
    epochs: int = 1,
    loss: str = "anl-ce",
    replayed_name: str = "replayed",
    noise: float | None = None,
) -> go.Figure:
    """Draw a run as far as it has come, and a recorded run as far as the live one is.

    Parameters
    ----------
    live, replayed
        Epoch records, see `training.EpochRecord`; may be empty.
    epochs
        Length of the horizontal axes.
    loss
        Name of the live run's loss, for its style.
    replayed_name
        What to call the recorded run; drawn grey and thin, and named as replayed.
    noise
        Share of wrong labels in the data, marked in the last panel.

    The number and order of traces are the same in every state.
    """
    fig = new_figure(
        "A run as it goes",
        question="When does accuracy turn round, and what does the model repeat by then?",
        alt="Training loss, test accuracy, fit and gradient share by epoch",
    )
    fig.set_subplots(2, 2, subplot_titles=PANELS, vertical_spacing=0.17, horizontal_spacing=0.1)
    style, clean, wrong = style_of(loss), style_of("clean"), style_of("wrong")
    # panel, field, factor, name of the live line, its style
    lines = (
        (1, "train_loss", 1, "live run", style),
        (2, "test_accuracy", 100, None, style),
        (3, "clean_accuracy", 100, "live, right labels", clean),
        (3, "memorised", 100, "live, wrong labels", wrong),
        (4, "wrong_share", 100, None, style),
    )
    for panel, key, factor, name, how in lines:
        place = {"row": (panel + 1) // 2, "col": 2 - panel % 2}
        x, y = _line(replayed, key, factor)
        fig.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": _GREY, "width": 1.5, "dash": "dash" if key == "memorised" else "solid"},
            name="replayed, wrong labels" if key == "memorised" else replayed_name,
            legendgroup="replayed",
            showlegend=(panel == 1 or key == "memorised") and len(x) > 0,
            **place,
        )
        x, y = _line(live, key, factor)
        fig.add_scatter(
            x=x,
            y=y,
            mode="lines+markers",
            line=how.line,
            marker={**how.marker, "size": 5},
            name=name or "live run",
            showlegend=name is not None and len(x) > 0,
            **place,
        )
    if noise:
        fig.add_scatter(
            x=[0, epochs + 0.5],
            y=[100 * noise] * 2,
            mode="lines",
            line={"color": _GREY, "dash": "dot", "width": 1.5},
            name="share of wrong labels in the data",
            row=2,
            col=2,
        )
    fig.update_xaxes(range=[0, epochs + 0.5])
    fig.update_xaxes(title_text="epoch", row=2)
    fig.update_yaxes(range=[-2, 102])
    fig.update_yaxes(range=None, autorange=True, row=1, col=1)
    return fig.update_layout(
        height=610, margin={"t": 110}, legend={"orientation": "h", "x": 0, "y": -0.14}
    )


def _line(records: Sequence[Any], key: str, factor: float) -> tuple[np.ndarray, np.ndarray]:
    values = [getattr(record, key) for record in records]
    y = np.array([np.nan if v is None else v for v in values], dtype=float)
    return np.array([record.epoch for record in records], dtype=float), factor * y


FIGURES = {
    "dashboard": lambda: dashboard(*example_runs()["anl-ce"], epochs=20, noise=0.6),
    "dashboard_before": lambda: dashboard([], example_runs()["ce"][0], epochs=10),
}
