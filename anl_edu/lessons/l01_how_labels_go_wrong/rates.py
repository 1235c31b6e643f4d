"""Nominal and realised noise rates: what was asked for, and what was drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import torch

from anl_edu import noise
from anl_edu.lessons.l01_how_labels_go_wrong.figures import lead
from anl_edu.teach.figure import new_figure
from anl_edu.teach.lines import lines
from anl_edu.teach.style import BLACK, BLUE, VERMILION


def redrawn(classes: Sequence[int] = (2, 3, 10, 100)) -> go.Figure:
    """Draw the true rate of symmetric noise that may redraw the true class, eta (1 - 1/K)."""
    rates = np.linspace(0, 1, 21).tolist()
    series = {f"{K} classes": [r * (1 - 1 / K) for r in rates] for K in classes}
    fig = lines(
        rates,
        {"never redrawn: what was asked for": rates, **series},
        title="Symmetric noise that may redraw the true class",
        x_title="nominal rate η",
        y_title="share of labels really wrong",
        question="For which number of classes does the slip matter most?",
        alt="The fewer the classes, the further the true rate falls below the nominal one",
    )
    fig.update_yaxes(range=[-0.03, 1.03])
    return fig


def shortfall(K: int, rate: float, sizes: Sequence[int]) -> go.Figure:
    """Draw the realised rate of both drawing methods against the number of samples per class.

    ``exact`` is computed from the counts it would use; for ``independent`` the number of wrong
    labels is binomial, so the band is the nominal rate plus and minus two of its deviations.
    """
    drawn = [exact_rate(K, rate, n) for n in sizes]
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
    fig.update_xaxes(type="log", dtick=1)
    return fig


def exact_rate(K: int, rate: float, size: int) -> float:
    """Return the rate ``exact`` gives for symmetric noise and `size` samples in each class."""
    counts = noise.exact_counts(torch.full((K,), size), noise.symmetric(K, rate))  # (K, K)
    return int(counts.sum() - counts.diagonal().sum()) / int(counts.sum())


def draws(K: int, size: int, rate: float) -> go.Figure:
    """Draw how the realised rate spreads: `size` samples in each of K classes, symmetric noise.

    The number of wrong labels among N = K·size independent draws is binomial (N, rate), so the
    curve is computed, not simulated. ``exact`` always gives one and the same rate.
    """
    N = K * size
    k = torch.arange(N + 1, dtype=torch.float64)
    centre, dev = rate * N, max((rate * (1 - rate) * N) ** 0.5, 0.5)
    k = k[(k - centre).abs() <= 5 * dev]
    log_p = (
        torch.lgamma(torch.tensor(N + 1.0, dtype=torch.float64))
        - torch.lgamma(k + 1)
        - torch.lgamma(N - k + 1)
        + torch.xlogy(k, torch.tensor(rate, dtype=torch.float64))
        + torch.xlogy(N - k, torch.tensor(1 - rate, dtype=torch.float64))
    )
    step = max(1, len(k) // 120)
    density = log_p.exp() / log_p.exp().max()
    exact = exact_rate(K, rate, size)
    fig = new_figure(
        f"{N:,} labels: exact gives {exact:.4f}, nominal is {rate:g}",
        "realised rate",
        "likelihood (peak = 1)",
        question=f"{size} samples in each of {K} classes, symmetric noise",
        alt=f"Independent draws spread around {rate:g} with deviation "
        f"{(rate * (1 - rate) / N) ** 0.5:.4f}; exact drawing always gives {exact:.4f}",
    )
    fig.add_trace(
        go.Scatter(
            x=(k / N)[::step].numpy(),
            y=density[::step].numpy(),
            name="independent",
            mode="lines",
            fill="tozeroy",
            fillcolor="rgba(0,114,178,0.15)",
            line={"color": BLUE, "width": 2.5},
        )
    )
    for name, at, color, dash, symbol in (
        ("exact", exact, VERMILION, "dash", "x"),
        ("nominal", rate, BLACK, "dot", "circle"),
    ):
        fig.add_trace(
            go.Scatter(
                x=[at, at],
                y=[0, 1],
                name=name,
                mode="lines+markers",
                line={"color": color, "dash": dash, "width": 2.5},
                marker={"symbol": symbol, "size": 9},
            )
        )
    fig.update_xaxes(range=[-0.02, 1.02])
    fig.update_yaxes(range=[0, 1.08])
    return fig


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


FIGURES = {
    "redrawn": redrawn,
    "shortfall": lambda: shortfall(10, 0.4, range(5, 200)),
    "draws": lambda: draws(10, 40, 0.4),
    "margins": lambda: margins([0.0, 0.25, 0.5, 0.75, 1.0]),
}
