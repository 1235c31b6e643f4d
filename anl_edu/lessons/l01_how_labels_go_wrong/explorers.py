"""Explorers of lesson 01: the transition matrix, and the rate that is really drawn."""

from __future__ import annotations

import plotly.graph_objects as go
from torch import Tensor

from anl_edu import noise
from anl_edu.lessons.l01_how_labels_go_wrong.figures import lead, matrix
from anl_edu.lessons.l01_how_labels_go_wrong.rates import (
    close_from,
    first_noise,
    shortfall,
)
from anl_edu.teach.explorer import Explorer, choice, slider

# Label on the control -> (kind, data set); kinds without a data set take any number of classes.
KINDS: dict[str, tuple[str, str | None]] = {
    "symmetric": ("symmetric", None),
    "pair flip": ("pair", None),
    "asymmetric, digits (10 classes)": ("asymmetric", "digits"),
    "asymmetric, CIFAR-10 (10 classes)": ("asymmetric", "cifar10"),
}


def transition() -> Explorer:
    """Kind, rate and number of classes; the matrix, and who is the most frequent label."""
    return Explorer(
        _draw_matrix,
        {
            "kind": choice("kind of noise", list(KINDS), "symmetric"),
            "rate": slider("noise rate η", 0.0, 1.0, 0.05, 0.4),
            "K": slider("number of classes K", 2, 20, 1, 5, tooltip="not for asymmetric noise"),
        },
        title="A transition matrix",
        readout=_say_matrix,
    )


def saw() -> Explorer:
    """Classes and rate; what ``exact`` and ``independent`` give on sets of every size."""
    return Explorer(
        shortfall,
        {
            "K": slider("number of classes K", 2, 100, 1, 20),
            "rate": slider("noise rate η", 0.05, 0.95, 0.05, 0.3),
        },
        title="Which rate do you get?",
        readout=lambda K, rate: (
            f"exact: no noise at all below {first_noise(K, rate)} samples per class; never more "
            f"than 0.01 short from {close_from(K, rate)} on."
        ),
    )


def _matrix_of(kind: str, rate: float, K: int) -> Tensor:
    name, dataset = KINDS[kind]
    return noise.transition(name, rate, dataset or K)


def _draw_matrix(kind: str, rate: float, K: int) -> go.Figure:
    T = _matrix_of(kind, rate, K)
    return matrix(
        T,
        title=f"{kind}, η = {rate:.2f}",
        question="In which rows is the most frequent label the true class?",
    )


def _say_matrix(kind: str, rate: float, K: int) -> str:
    T = _matrix_of(kind, rate, K)
    wrong = 1 - float(T.diagonal().mean())
    leads = int((lead(T) > 1e-12).sum())
    return (
        f"With classes of equal size {100 * wrong:.1f} % of the labels are wrong. "
        f"The true class is the most frequent label in {leads} of {len(T)} rows."
    )


EXPLORERS = {"transition": transition, "saw": saw}
