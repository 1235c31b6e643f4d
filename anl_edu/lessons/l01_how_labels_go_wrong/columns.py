"""The transition matrix read by columns: how far a given label may be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
import torch
from torch import Tensor

from anl_edu import noise
from anl_edu.teach.lines import bars


def trust(T: Tensor, prior: Tensor) -> Tensor:
    """Return (K,): the probability that a given label j is right, P(y = j | label = j).

    Parameters
    ----------
    T
        (K, K) transition matrix, rows are true classes.
    prior
        (K,) share of the images that belong to each class.
    """
    joint = prior[:, None] * T  # (K, K): share of all images of class i, labelled j
    return joint.diagonal() / joint.sum(0)


def rows_and_columns(T: Tensor, classes: Sequence[str]) -> go.Figure:
    """Draw for each class how many of its images, and how many of its labels, are right."""
    K = len(T)
    even = torch.full((K,), 1 / K, dtype=T.dtype)
    fig = bars(
        list(classes),
        {
            "of the images of this class: labelled right": T.diagonal().tolist(),
            "of the labels of this name: right": trust(T, even).tolist(),
        },
        title="Row against column",
        y_title="share that is right",
        question="Which class keeps its labels, and which label can be believed?",
        alt="For each class the share of its images labelled right, and of its labels that are",
    )
    fig.update_traces(text=None, textposition="none")
    fig.update_yaxes(range=[0, 1.02])
    return fig.update_layout(
        height=460, margin={"b": 110}, legend={"orientation": "h", "x": 0, "y": -0.3}
    )


FIGURES = {
    "rows_and_columns": lambda: rows_and_columns(noise.pair_flip(3, 0.4), ["a", "b", "c"]),
}
