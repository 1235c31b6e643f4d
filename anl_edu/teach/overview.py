"""A whole table of results at one look: losses down, noises across."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from anl_edu.teach.figure import new_figure
from anl_edu.teach.style import MARGIN_TOP, SEQUENTIAL

INK = "#111111"  # not black, which a dark page turns white
_ROW, _TILTED, _AROUND = 28, 50, 20  # pixels: a row, the names of the columns, below
_COLUMN, _NAMES = 56, 160  # the least that a column takes, and the names of the rows


def overview(
    values: ArrayLike,
    losses: Sequence[str],
    noises: Sequence[str],
    *,
    title: str,
    question: str = "",
    alt: str = "",
    lowest_is_best: bool = False,
    stars: bool = False,
) -> go.Figure:
    """Draw a heat map with its numbers written in; a cell without a value stays empty.

    Parameters
    ----------
    values
        (R, C) percent, NaN where nothing was measured.
    losses, noises
        R and C names.
    title, question, alt
        As in `new_figure`.
    lowest_is_best
        Turns the colours round: light is good either way.
    stars
        Marks the best of each column, and names them in ``alt``.
    """
    exact = np.asarray(values, dtype=float)
    z = np.round(exact, 1)  # (R, C)
    written = np.array([[f"{value:.1f}" for value in row] for row in z], dtype=object)
    if stars:
        first = np.where(np.isnan(exact), -np.inf, -exact if lowest_is_best else exact).argmax(0)
        there = np.isfinite(exact).any(0)
        for column, row in enumerate(first):
            written[row, column] += " ★" * bool(there[column])
        best = (f"{n}: {losses[i]}" for n, i, a in zip(noises, first, there, strict=True) if a)
        alt = f"{alt}{'. ' * bool(alt)}Best of each column: {', '.join(best)}"
    fig = new_figure(title, question=question, alt=alt)
    fig.add_heatmap(
        z=z,
        x=list(noises),
        y=list(losses),
        name="mean (%)",
        colorscale=SEQUENTIAL,
        reversescale=lowest_is_best,
        showscale=False,
        hoverongaps=False,
        xgap=1,
        ygap=1,
        hovertemplate="%{y}, %{x}: %{z:.1f} %<extra></extra>",
    )
    for color, rows, columns in _texts(z, lowest_is_best):
        fig.add_scatter(
            x=[noises[c] for c in columns],
            y=[losses[r] for r in rows],
            text=list(written[rows, columns]),
            mode="text",
            textfont={"color": color, "size": 13},
            showlegend=False,
            hoverinfo="skip",
        )
    fig.update_xaxes(
        type="category", showgrid=False, side="top", ticks="", showline=False, tickangle=-30
    )
    fig.update_yaxes(
        type="category", showgrid=False, autorange="reversed", ticks="", showline=False
    )
    meta = fig.layout.meta | {"width": _NAMES + _COLUMN * len(noises)}  # where a page is narrower
    top = (fig.layout.margin.t or MARGIN_TOP) + _TILTED
    return fig.update_layout(
        height=_AROUND + top + _ROW * len(losses),
        margin={"t": top, "b": 20},
        title={"y": 0.96, "yanchor": "top"},
        meta=meta,
    )


def _texts(z: np.ndarray, light_is_low: bool) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return ink, rows and columns of the numbers on light cells and of those on dark ones.

    Plotly's own choice of ink is grey on the grey middle of the scale.
    """
    there = np.isfinite(z)
    if not there.any():
        return []
    low, high = float(z[there].min()), float(z[there].max())
    share = (np.nan_to_num(z) - low) / (high - low or 1.0)
    light = (1 - share if light_is_low else share) > 0.45
    found = []
    for color, cells in ((INK, there & light), ("#FFFFFF", there & ~light)):
        rows, columns = np.nonzero(cells)
        found.append((color, rows, columns))
    return found


FIGURES = {
    "overview": lambda: overview(
        [[60.0, 30.0], [58.5, np.nan]],
        ["CE", "ANL-CE"],
        ["none", "pair 0.45"],
        title="All runs",
        alt="Accuracy of two losses under two noises",
        stars=True,
    ),
}
