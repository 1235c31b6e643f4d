"""The simplex of predictions over three classes, as a triangle.

Class 0 is at the top: height is p_0, and p_2 - p_1 runs from left to right, so both axes can be
read as they stand.
"""

from __future__ import annotations

import math

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from anl_edu.teach.figure import new_figure
from anl_edu.teach.style import BLACK

EDGE = 1e-3  # the smallest probability drawn on the simplex: some losses are infinite at 0


def grid(n: int = 42) -> tuple[np.ndarray, np.ndarray, Tensor]:
    """Return a grid over the three-class simplex.

    Returns
    -------
    x, y, p
        x (2n + 1,) is p_2 - p_1, y (n + 1,) is p_0, and p (n + 1, 2n + 1, 3) float64 holds the
        predictions. Grid points outside the triangle hold the nearest prediction on its edge, so
        that a contour runs smoothly up to it.
    """
    y = np.linspace(0, 1, n + 1)
    x = np.linspace(-1, 1, 2 * n + 1)
    Y, X = np.meshgrid(y, x, indexing="ij")
    X = np.clip(X, Y - 1, 1 - Y)
    p = np.stack([Y, (1 - Y - X) / 2, (1 - Y + X) / 2], -1)
    p = EDGE + (1 - 3 * EDGE) * p
    return x, y, torch.from_numpy(p)


def new_simplex(title: str, verdict: str) -> go.Figure:
    """Return a figure with the empty triangle of predictions; `verdict` says what will be seen."""
    fig = new_figure(title, "p₂ − p₁", "p₀", question=verdict, alt=verdict)
    room = 0.16
    left = f"M -1.3,{-room} L -1.3,{1 + room} L 0,{1 + room} L 0,1 L -1,0 L 1,0 L 1,{-room} Z"
    right = f"M 1.3,{-room} L 1.3,{1 + room} L 0,{1 + room} L 0,1 L 1,0 L 1,{-room} Z"
    for path in (left, right):  # the contour runs a little past the triangle: cover that
        fig.add_shape(type="path", path=path, fillcolor="white", line={"width": 0}, layer="above")
    fig.add_shape(type="path", path="M -1,0 L 1,0 L 0,1 Z", line={"color": BLACK, "width": 1.5})
    corners = ((0, 1, "sure of class 0", 16), (-1, 0, "sure of class 1", -16),
               (1, 0, "sure of class 2", -16))  # fmt: skip
    for x, y, text, shift in corners:
        fig.add_annotation(x=x, y=y, text=text, showarrow=False, yshift=shift, font={"size": 13})
    fig.add_annotation(x=0, y=1 / 3, text="+", showarrow=False, font={"size": 18})
    fig.update_xaxes(visible=False, range=[-1.3, 1.3], constrain="domain")
    fig.update_yaxes(
        visible=False, range=[-0.1, 1.12], scaleanchor="x", scaleratio=math.sqrt(3),
        constrain="domain",
    )  # fmt: skip
    fig.update_layout(height=480, margin={"l": 20, "r": 20, "t": 80, "b": 10})
    return fig
