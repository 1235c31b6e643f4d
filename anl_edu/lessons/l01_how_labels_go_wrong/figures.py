"""Transition matrices, drawn: what becomes of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import torch
from torch import Tensor

from anl_edu import noise
from anl_edu.noise import Realised
from anl_edu.teach.figure import new_figure
from anl_edu.teach.matrix_panels import heat, matrices, names_of
from anl_edu.teach.style import BLACK, VERMILION


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
    names = names_of(classes, K)
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
    fig.add_trace(heat(T, names, text=K <= 12))
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


def four(realised: Mapping[str, Realised], classes: Sequence[str], *, nominal: float) -> go.Figure:
    """Draw what several kinds of noise of one nominal rate came to, each with its realised rate."""
    return matrices(
        {f"{kind}: {found.rate:.2f} wrong": found.matrix for kind, found in realised.items()},
        classes,
        title=f"Realised matrices, nominal rate {nominal:g}",
        question="Where do the wrong labels of a class go: everywhere, to one, to a few?",
    )


FIGURES = {
    "matrix": lambda: matrix(noise.symmetric(4, 0.6), title="Symmetric noise"),
    "four": lambda: four(
        {"next": noise.realised(torch.arange(3), (torch.arange(3) + 1) % 3, 3)}, "abc", nominal=1
    ),
}
