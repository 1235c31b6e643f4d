"""The two plots that lessons draw most: named lines over a shared x, and grouped bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from anl_edu.teach.figure import new_figure
from anl_edu.teach.style import BLACK, BLUE, ORANGE, VERMILION, Style, label_of, nth_style, style_of

_PATTERNS = ("", "/", "x", ".")


def lines(
    x: ArrayLike,
    series: Mapping[str, ArrayLike],
    *,
    title: str,
    x_title: str,
    y_title: str,
    alt: str,
    question: str = "",
    style_of: Callable[[str], Style] | None = None,
    markers: int = 10,
    level: float | None = None,
    level_name: str = "",
) -> go.Figure:
    """Draw named lines over a shared x, each with its own colour, dash and marker.

    Parameters
    ----------
    x, series
        (M,) numbers, and name to (M,) numbers.
    title, x_title, y_title, question, alt
        As in `new_figure`.
    style_of
        From a name to its style; `style.style_of` for lines that are losses, which also writes
        their names as the papers do. Without it a line's style is that of its place.
    markers
        About how many points of a line carry a marker, so that the dash stays visible; 0 for none.
    level, level_name
        A level line across the figure, and what it says.
    """
    fig = new_figure(title, x_title, y_title, question=question, alt=alt)
    for place, (name, y) in enumerate(series.items()):
        style = nth_style(place) if style_of is None else style_of(name)
        add_line(fig, x, y, name if style_of is None else label_of(name), style, markers=markers)
    if level is not None:
        fig.add_hline(
            y=level,
            line={"color": BLACK, "width": 1.5},
            annotation={"text": level_name, "font": {"size": 13}},
            annotation_position="bottom left",
        )
    return fig


def add_line(
    fig: go.Figure,
    x: ArrayLike,
    y: ArrayLike,
    name: str,
    style: Style,
    *,
    markers: int = 10,
    **more: Any,
) -> None:
    """Add a named line to `fig`; `more` are properties of the trace and its place."""
    look: dict[str, Any] = {"mode": "lines", "line": style.line}
    if markers:
        look["mode"] = "lines+markers"
        look["marker"] = style.marker | {"maxdisplayed": markers}
    fig.add_scatter(x=np.asarray(x), y=np.asarray(y, dtype=float), name=name, **look, **more)


def bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    y_title: str,
    alt: str,
    question: str = "",
) -> go.Figure:
    """Draw grouped bars, each series with its own colour and hatching, values written on them."""
    fig = new_figure(title, "", y_title, question=question, alt=alt)
    for n, (name, y) in enumerate(series.items()):
        fig.add_bar(
            x=list(groups),
            y=[float(v) for v in y],
            name=name,
            text=[f"{v:.2f}" for v in y],
            textposition="outside",
            cliponaxis=False,
            marker={
                "color": (BLUE, ORANGE, VERMILION)[n % 3],
                "pattern": {"shape": _PATTERNS[n % 3]},
            },
        )
    fig.update_xaxes(type="category")
    return fig.update_layout(barmode="group", showlegend=len(series) > 1)


def recall_bars(recalls: Mapping[str, Sequence[float]], classes: Sequence[str]) -> go.Figure:
    """Draw for each class the share of its test images that each model gets right.

    Parameters
    ----------
    recalls
        Loss name to (K,) shares.
    classes
        K names.
    """
    fig = new_figure(
        "Test accuracy, class by class",
        "true class",
        "share predicted correctly",
        question="Which classes does each model get wrong: a little of all, or all of a few?",
        alt="Accuracy on each class for " + " and ".join(label_of(n) for n in recalls),
    )
    for n, (name, values) in enumerate(recalls.items()):
        fig.add_bar(
            x=list(classes),
            y=list(values),
            name=label_of(name),
            marker={
                "color": style_of(name).color,
                "pattern": {
                    "shape": _PATTERNS[n % len(_PATTERNS)],
                    "fgcolor": "white",
                    "fillmode": "overlay",
                },
            },
        )
    fig.update_xaxes(type="category")
    return fig.update_layout(barmode="group").update_yaxes(range=[0, 1.02])


FIGURES = {
    "bars": lambda: bars(
        ["a"], {"one": [0.4], "two": [0.2]}, title="Bars", y_title="share", alt="Two bars"
    ),
    "lines": lambda: lines(
        [0, 1], {"one": [0, 1]}, title="Lines", x_title="x", y_title="y", alt="A line"
    ),
    "recall_bars": lambda: recall_bars({"ce": [0.6, 0.5], "mae": [1.0, 0.0]}, ("0", "1")),
}
