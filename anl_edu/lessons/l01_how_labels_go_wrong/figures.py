"""Transition matrices, drawn: what becomes of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from anl_edu import noise
from anl_edu.noise import Realised
from anl_edu.teach.figure import new_figure
from anl_edu.teach.style import BLACK, SEQUENTIAL, VERMILION


def matrix(
    T: Tensor, classes: Sequence[str] | None = None, *, title: str, question: str = ""
) -> go.Figure:
    """Draw a transition matrix; a circle or a square marks the most frequent label of a row.

    Parameters
    ----------
    T
        (K, K), rows are true classes. Rows of NaN (a class without samples) stay empty.
    classes
        K names; 0..K-1 without.
    """
    K = len(T)
    names = _names(classes, K)
    seen = ~T.isnan().any(1)
    kept = lead(T) > 1e-12
    fig = new_figure(
        title,
        "label given, j",
        "true class, i",
        question=question,
        alt=f"Transition matrix over {K} classes. "
        f"The true class is the single most frequent label in {int(kept.sum())} of {K} rows",
    )
    fig.add_trace(_heat(T, names, text=K <= 12))
    fig.update_traces(colorbar={"title": {"text": "T[i, j]"}}, showscale=K > 12)  # or as numbers
    top = T.nan_to_num(-1).argmax(1)
    for mask, name, symbol, color in (
        (kept, "most frequent: the true class", "circle", BLACK),
        (~kept & seen, "most frequent: a wrong class, or a tie", "square", VERMILION),
    ):
        rows = mask.nonzero().flatten().tolist()
        fig.add_trace(
            go.Scatter(
                x=[names[int(top[i])] for i in rows],
                y=[names[i] for i in rows],
                text=[f"{float(T[i, top[i]]):.2f}" for i in rows],
                name=name,
                mode="markers+text" if K <= 12 else "markers",
                textfont={"size": 13},
                marker={
                    "symbol": symbol,
                    "size": 40 if K <= 6 else 31 if K <= 12 else 9,
                    "color": "white",
                    "line": {"width": 2.5, "color": color},
                },
                hoverinfo="skip",
                showlegend=True,
            )
        )
    axis = {"type": "category", "categoryarray": names, "showgrid": False, "constrain": "domain"}
    fig.update_xaxes(**axis)
    fig.update_yaxes(autorange="reversed", scaleanchor="x", **axis)
    fig.update_layout(
        height=600,
        margin={"b": 110},
        legend={"orientation": "h", "x": 0, "y": -0.17},
    )
    return fig


def lead(T: Tensor) -> Tensor:
    """Return (K,): by how much T[i, i] exceeds the largest other entry of its row."""
    return T.diagonal() - T.clone().fill_diagonal_(-torch.inf).amax(1)


def matrices(
    named: Mapping[str, Tensor],
    classes: Sequence[str] | None = None,
    *,
    title: str,
    question: str = "",
) -> go.Figure:
    """Draw several (K, K) matrices side by side, two to a row, on one colour scale."""
    fig = new_figure(
        title, question=question, alt=f"{len(named)} transition matrices: {', '.join(named)}"
    )
    rows = (len(named) + 1) // 2
    fig.set_subplots(
        rows, 2, subplot_titles=list(named), horizontal_spacing=0.14, vertical_spacing=0.2 / rows
    )
    for place, (name, T) in enumerate(named.items()):
        names = _names(classes, len(T))
        trace = _heat(T, names, text=False)
        trace.update(name=name, coloraxis="coloraxis", colorscale=None)
        fig.add_trace(trace, row=place // 2 + 1, col=place % 2 + 1)
    fig.update_xaxes(type="category", showgrid=False, constrain="domain")
    for row in range(1, rows):  # the names under the last row serve the ones above too
        fig.update_xaxes(showticklabels=False, row=row)
    fig.update_xaxes(title_text="label given", row=rows)
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


def four(realised: Mapping[str, Realised], classes: Sequence[str], *, nominal: float) -> go.Figure:
    """Draw what several kinds of noise of one nominal rate came to, each with its realised rate."""
    return matrices(
        {f"{kind}: {found.rate:.2f} wrong": found.matrix for kind, found in realised.items()},
        classes,
        title=f"Realised matrices, nominal rate {nominal:g}",
        question="Where do the wrong labels of a class go: everywhere, to one, to a few?",
    )


def _names(classes: Sequence[str] | None, K: int) -> list[str]:
    return list(classes) if classes is not None else [str(k) for k in range(K)]


def _heat(T: Tensor, names: list[str], text: bool) -> go.Heatmap:
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
    "matrix": lambda: matrix(noise.symmetric(4, 0.6), title="Symmetric noise"),
    "matrices": lambda: matrices(
        {"pair": noise.pair_flip(3, 0.4), "symmetric": noise.symmetric(3, 0.4)}, title="Two noises"
    ),
    "four": lambda: four(
        {"next": noise.realised(torch.arange(3), (torch.arange(3) + 1) % 3, 3)}, "abc", nominal=1
    ),
}
