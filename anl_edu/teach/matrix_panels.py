"""Matrices whose rows are true classes, drawn side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from anl_edu import noise
from anl_edu.teach.figure import new_figure
from anl_edu.teach.style import SEQUENTIAL


def matrices(
    named: Mapping[str, Tensor],
    classes: Sequence[str] | None = None,
    *,
    title: str,
    question: str = "",
    x: str = "label given",
    alt: str = "",
) -> go.Figure:
    """Draw several (K, K) matrices side by side, two to a row, on one colour scale.

    Rows are true classes, columns what `x` says; entries are shares of a row, NaN stays empty.
    """
    alt = alt or f"{len(named)} transition matrices: {', '.join(named)}"
    fig = new_figure(title, question=question, alt=alt)
    rows = (len(named) + 1) // 2
    fig.set_subplots(
        rows, 2, subplot_titles=list(named), horizontal_spacing=0.14, vertical_spacing=0.2 / rows
    )
    for place, (name, T) in enumerate(named.items()):
        names = names_of(classes, len(T))
        trace = heat(T, names, text=False)
        trace.update(name=name, coloraxis="coloraxis", colorscale=None)
        fig.add_trace(trace, row=place // 2 + 1, col=place % 2 + 1)
    fig.update_xaxes(type="category", showgrid=False, constrain="domain")
    for row in range(1, rows):  # the names under the last row serve the ones above too
        fig.update_xaxes(showticklabels=False, row=row)
    fig.update_xaxes(title_text=x, row=rows)
    fig.update_yaxes(
        type="category",
        showgrid=False,
        autorange="reversed",
        constrain="domain",
        title_text="true class",
    )
    for place in range(len(named)):
        anchor = "x" if place == 0 else f"x{place + 1}"
        fig.update_yaxes(scaleanchor=anchor, row=place // 2 + 1, col=place % 2 + 1)
    fig.update_layout(
        height=130 + 380 * rows,
        margin={"t": 115},
        coloraxis={
            "colorscale": SEQUENTIAL,
            "cmin": 0,
            "cmax": 1,
            "colorbar": {"title": {"text": "share"}},
        },
    )
    return fig


def names_of(classes: Sequence[str] | None, K: int) -> list[str]:
    """Return K class names, the numbers where there are none."""
    return list(classes) if classes is not None else [str(k) for k in range(K)]


def heat(T: Tensor, names: list[str], text: bool) -> go.Heatmap:
    """Return a heat map of a (K, K) matrix, its entries written where `text` asks for them."""
    z = T.double().numpy()
    trace = go.Heatmap(
        z=z,
        x=names,
        y=names,
        zmin=0,
        zmax=1,
        colorscale=SEQUENTIAL,
        showlegend=False,
        hovertemplate="true %{y}, label %{x}: %{z:.3f}<extra></extra>",
    )
    if text:
        shown = np.where(np.isnan(z) | (z < 5e-4), "", np.char.mod("%.2f", np.nan_to_num(z)))
        size = 14 if len(z) <= 6 else 12
        trace.update(text=shown, texttemplate="%{text}", textfont={"size": size})
    return trace


FIGURES = {
    "matrices": lambda: matrices(
        {"pair": noise.pair_flip(3, 0.4), "symmetric": noise.symmetric(3, 0.4)}, title="Two noises"
    ),
}
