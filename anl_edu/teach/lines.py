"""The two plots that lessons draw most: named lines over a shared x, and grouped bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from anl_edu.teach.figure import new_figure
from anl_edu.teach.style import BLACK, BLUE, ORANGE, PALETTE, VERMILION

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")


def lines(
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    x_title: str,
    y_title: str,
    alt: str,
    question: str = "",
    level: float | None = None,
    level_name: str = "",
) -> go.Figure:
    """Draw named curves over a shared x, each with its own colour, dash and marker."""
    fig = new_figure(title, x_title, y_title, question=question, alt=alt)
    every = max(1, len(x) // 10)
    for n, (name, y) in enumerate(series.items()):
        color = PALETTE[n % len(PALETTE)]
        fig.add_trace(
            go.Scatter(
                x=list(x),
                y=[float(v) for v in y],
                name=name,
                mode="lines+markers",
                line={"color": color, "dash": _DASHES[n % len(_DASHES)], "width": 2.5},
                marker={
                    "symbol": _SYMBOLS[n % len(_SYMBOLS)],
                    "color": color,
                    # one marker in `every` points, so that the dash stays visible
                    "size": [9 if i % every == 0 else 0 for i in range(len(x))],
                    "line": {"width": 0},
                },
            )
        )
    if level is not None:
        fig.add_hline(
            y=level,
            line={"color": BLACK, "width": 1.5},
            annotation={"text": level_name, "font": {"size": 13}},
            annotation_position="bottom left",
        )
    return fig


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
        fig.add_trace(
            go.Bar(
                x=list(groups),
                y=[float(v) for v in y],
                name=name,
                text=[f"{v:.2f}" for v in y],
                textposition="outside",
                cliponaxis=False,
                marker={
                    "color": (BLUE, ORANGE, VERMILION)[n % 3],
                    "pattern": {"shape": ("", "/", "x")[n % 3]},
                },
            )
        )
    fig.update_xaxes(type="category")
    fig.update_layout(barmode="group", showlegend=len(series) > 1)
    return fig


FIGURES = {
    "bars": lambda: bars(
        ["a"], {"one": [0.4], "two": [0.2]}, title="Bars", y_title="share", alt="Two bars"
    ),
    "lines": lambda: lines(
        [0, 1], {"one": [0, 1]}, title="Lines", x_title="x", y_title="y", alt="A line"
    ),
}
