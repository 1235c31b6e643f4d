"""Figures of lesson 10: which labels go wrong, how many to review, what noisy labels reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from numpy.typing import NDArray
from torch import Tensor

from anl_edu.lessons.l10_your_own_data.errors import found_by
from anl_edu.teach.figure import new_figure
from anl_edu.teach.lines import lines
from anl_edu.teach.matrix_panels import matrices
from anl_edu.teach.style import BLACK

STEP = 12  # rows from one point of a curve to the next


def matrix_from_joint(joint: NDArray[np.float64]) -> Tensor:
    """Return T[i, j], from cleanlab's joint shares: its rows are labels given, columns classes."""
    shares = torch.from_numpy(np.asarray(joint)).T  # (K, K): class, label
    return shares / shares.sum(1, keepdim=True)


def estimated(named: Mapping[str, Tensor]) -> go.Figure:
    """Draw transition matrices side by side: what was estimated, and what was planted."""
    return matrices(
        named,
        title="Which labels become which",
        question="Which errors agree with each other, and does the estimate see them?",
    )


def review(reviewed: int, order: str) -> go.Figure:
    """Draw precision and recall of the first rows of an order, by how many are reviewed."""
    counts, wrong = found_by(order)
    n = list(range(STEP, len(counts), STEP))
    hits = np.array([counts[k] for k in n])
    fig = lines(
        n,
        {"precision (%)": 100 * hits / np.array(n), "recall (%)": 100 * hits / wrong},
        title=f"Reviewed in the order of {order}",
        x_title="labels reviewed",
        y_title="share (%)",
        question="After how many does another hour find hardly anything?",
        alt=f"Precision falls and recall rises with the number reviewed; order: {order}",
    )
    fig.update_yaxes(range=[0, 104])
    fig.add_vline(x=reviewed, line={"color": BLACK, "width": 1.5, "dash": "dash"})
    fig.add_scatter(
        x=[reviewed, reviewed],
        y=[100 * share for share in at(reviewed, order)],
        name=f"at {reviewed}",
        mode="markers",
        marker={"symbol": "diamond", "size": 12, "color": BLACK},
    )
    return fig


def at(reviewed: int, order: str) -> tuple[float, float]:
    """Return precision and recall of the first ``reviewed`` rows of an order."""
    counts, wrong = found_by(order)
    return counts[reviewed] / reviewed, counts[reviewed] / wrong


def read_off(accuracy: float, eta: float, agree: float, K: int = 10) -> tuple[float, float]:
    """Return the accuracy on noisy labels of two models that are equally often right.

    Parameters
    ----------
    accuracy
        On true labels.
    eta
        Share of wrong labels.
    agree
        Share of these that are the next class; the others may be any class.

    Returns
    -------
    tuple
        Of a model whose errors may be any class, and of one that errs as the labels do where they
        agree: it says the next class.
    """
    anything = eta * (1 - agree) / (K - 1)  # a label is this one wrong class
    following = eta * agree + anything
    right = accuracy * (1 - eta)
    wrong = 1 - accuracy
    return right + wrong * eta / (K - 1), right + wrong * following


def misleading(eta: float, agree: float) -> go.Figure:
    """Draw what noisy labels make of two kinds of model, by how often each is really right."""
    true = np.linspace(0.5, 1, 26)
    both = np.array([read_off(a, eta, agree) for a in true])  # (26, 2)
    return lines(
        100 * true,
        {
            "errors of any kind": 100 * both[:, 0],
            "repeats the labels' own errors": 100 * both[:, 1],
        },
        title=f"{eta:.0%} wrong labels, {agree:.0%} of them agreeing",
        x_title="accuracy on true labels (%)",
        y_title="accuracy on noisy labels (%)",
        question="How much worse may the second model be, and still look better?",
        alt="Two rising lines; the model that repeats the errors of the labels is read too high",
    )


def level(accuracy: float, eta: float, agree: float) -> float:
    """Return how accurate a model that repeats errors has to be, to look as good as another.

    The other errs in any way and has this accuracy; 0..1, or NaN where the labels cannot tell.
    """
    aim = read_off(accuracy, eta, agree)[0]
    low, high = (read_off(a, eta, agree)[1] for a in (0.0, 1.0))
    return max(0.0, (aim - low) / (high - low)) if high > low else float("nan")


def chosen(rows: Sequence[tuple[str, float, float]]) -> go.Figure:
    """Draw models by their accuracy on true labels and on noisy ones; name, true, noisy."""
    fig = new_figure(
        "Read off held-out rows",
        "accuracy on true labels (%)",
        "accuracy on noisy labels (%)",
        question="Would the noisy labels have chosen the better loss?",
        alt="Each point is a network; one loss lies above and to the right of the other",
    )
    for name, symbol in zip(
        dict.fromkeys(row[0] for row in rows), ("circle", "square"), strict=True
    ):
        some = [row for row in rows if row[0] == name]
        fig.add_scatter(
            x=[100 * row[1] for row in some],
            y=[100 * row[2] for row in some],
            name=name,
            mode="markers",
            marker={"symbol": symbol, "size": 13},
        )
    return fig


FIGURES = {
    "estimated": lambda: estimated({"planted": torch.eye(3), "estimated": torch.eye(3)}),
    "review": lambda: review(120, "self-confidence"),
    "misleading": lambda: misleading(0.4, 1.0),
    "chosen": lambda: chosen([("CE", 0.8, 0.6), ("ANL-CE", 0.9, 0.7)]),
}
