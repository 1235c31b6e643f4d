"""Nominal and realised noise rates: what was asked for, and what was drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import torch

from anl_edu import noise
from anl_edu.lessons.l01_how_labels_go_wrong.figures import lead
from anl_edu.teach.figure import new_figure
from anl_edu.teach.lines import lines
from anl_edu.teach.style import BLACK, BLUE, VERMILION

SIZES = tuple(sorted({round(5 * 1.02**k) for k in range(349)}))  # 5 to 5,000 samples per class


def shortfall(K: int, rate: float, sizes: Sequence[int] = SIZES) -> go.Figure:
    """Draw the realised rate of both drawing methods against the number of samples per class.

    ``exact`` is computed from the counts it would use; for ``independent`` the number of wrong
    labels is binomial, so the band is the nominal rate plus and minus two of its deviations.
    """
    drawn = [(K - 1) * _cell(K, rate, n) / n for n in sizes]
    spread = 2 * np.sqrt(rate * (1 - rate) / (np.asarray(sizes) * K))
    fig = new_figure(
        f"Realised rate, {K} classes, symmetric {rate:g}",
        "samples per class",
        "realised rate",
        question="Which method is right on average, and which one is never too high?",
        alt="The exact method never exceeds the nominal rate and approaches it in a saw-tooth; "
        "independent draws spread evenly around it",
    )
    band = {"mode": "lines", "line": {"width": 1, "color": BLUE, "dash": "dot"}}
    fig.add_trace(
        go.Scatter(x=list(sizes), y=rate - spread, name="independent: 2 deviations below", **band)
    )
    fig.add_trace(
        go.Scatter(
            x=list(sizes),
            y=rate + spread,
            name="independent: 2 deviations above",
            fill="tonexty",
            fillcolor="rgba(0,114,178,0.15)",
            **band,
        )
    )
    fig.add_trace(
        go.Scatter(
            x=list(sizes),
            y=drawn,
            name="exact",
            mode="lines",
            line={"color": VERMILION, "width": 2.5},
        )
    )
    fig.add_hline(
        y=rate,
        line={"color": BLACK, "width": 1.5, "dash": "dash"},
        annotation={"text": f"nominal {rate:g}", "font": {"size": 13}},
        annotation_position="top left",
    )
    fig.update_yaxes(range=[-0.02, 1.02])
    fig.update_xaxes(type="log", dtick=1)
    return fig.update_layout(
        height=480, margin={"b": 120}, legend={"orientation": "h", "x": 0, "y": -0.22}
    )


def exact_rate(K: int, rate: float, size: int) -> float:
    """Return the rate ``exact`` gives for symmetric noise and `size` samples in each class."""
    counts = noise.exact_counts(torch.full((K,), size), noise.symmetric(K, rate))  # (K, K)
    return int(counts.sum() - counts.diagonal().sum()) / int(counts.sum())


def first_noise(K: int, rate: float) -> int:
    """Return the smallest number of samples per class for which ``exact`` gives any noise."""
    return next(n for n in range(1, 10**6) if _cell(K, rate, n))


def close_from(K: int, rate: float, within: float = 0.01) -> int:
    """Return the number of samples per class from which on ``exact`` stays close to `rate`."""
    enough = math.ceil((K - 1) / within)  # less than one label is cut off in each of K - 1 cells
    return 1 + max(
        n for n in range(1, enough + 1) if rate - (K - 1) * _cell(K, rate, n) / n > within
    )


def _cell(K: int, rate: float, size: int) -> int:
    return int(rate / (K - 1) * size + 1e-9)


def margins(rates: Sequence[float], classes: Sequence[int] = (4, 10, 100)) -> go.Figure:
    """Draw T_ii minus the largest other entry of its row, for symmetric noise and pair flips."""
    series = {
        f"symmetric, K = {K}": [float(lead(noise.symmetric(K, r)).min()) for r in rates]
        for K in classes
    }
    series["pair flip, any K > 2"] = [float(lead(noise.pair_flip(10, r)).min()) for r in rates]
    return lines(
        rates,
        series,
        title="How far ahead is the true class?",
        x_title="noise rate η",
        y_title="T[i, i] − largest other T[i, j]",
        question="Where does each line cross zero?",
        alt="Symmetric noise loses its lead at (K-1)/K, pair flips already at one half",
        level=0,
        level_name="below: a wrong class leads",
    )


def votes(rates: Sequence[float], accuracy: Mapping[str, Sequence[float]]) -> go.Figure:
    """Draw the test accuracy (0..1) of a vote among neighbours against the noise rate."""
    return lines(
        rates,
        {kind: [100 * a for a in values] for kind, values in accuracy.items()},
        title="Voting among 50 neighbours, digits",
        x_title="noise rate η",
        y_title="test accuracy (%)",
        question="Where does each curve break?",
        alt="Test accuracy of a vote among neighbours, for each kind of noise, by noise rate",
    )


FIGURES = {
    "votes": lambda: votes([0.0, 0.5], {"symmetric": [0.9, 0.9], "pair": [0.9, 0.4]}),
    "shortfall": lambda: shortfall(20, 0.3),
    "margins": lambda: margins([0.0, 0.25, 0.5, 0.75, 1.0]),
}
