"""Nominal and realised noise rates: what was asked for, and what was drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import torch

from anl_edu import noise

from .core import new_figure
from .noise import lead
from .style import BLACK, BLUE, ORANGE, PALETTE, VERMILION

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")


def lines(
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    x_title: str,
    y_title: str,
    alt: str,
    question: str = "",
    level: float | None = None,
    level_name: str = "",
) -> go.Figure:
    """Draw named curves over a shared x, each with its own colour, dash and marker."""
    fig = new_figure(title, x_title, y_title, question=question, alt=alt)
    every = max(1, len(x) // 10)
    for n, (name, y) in enumerate(series.items()):
        color = PALETTE[n % len(PALETTE)]
        fig.add_trace(
            go.Scatter(
                x=list(x),
                y=[float(v) for v in y],
                name=name,
                mode="lines+markers",
                line={"color": color, "dash": _DASHES[n % len(_DASHES)], "width": 2.5},
                marker={
                    "symbol": _SYMBOLS[n % len(_SYMBOLS)],
                    "color": color,
                    # one marker in `every` points, so that the dash stays visible
                    "size": [9 if i % every == 0 else 0 for i in range(len(x))],
                    "line": {"width": 0},
                },
            )
        )
    if level is not None:
        fig.add_hline(
            y=level,
            line={"color": BLACK, "width": 1.5},
            annotation={"text": level_name, "font": {"size": 13}},
            annotation_position="bottom left",
        )
    return fig


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


def bars(
    groups: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    y_title: str,
    alt: str,
    question: str = "",
) -> go.Figure:
    """Draw grouped bars, each series with its own colour and hatching, values written on them."""
    fig = new_figure(title, "", y_title, question=question, alt=alt)
    for n, (name, y) in enumerate(series.items()):
        fig.add_trace(
            go.Bar(
                x=list(groups),
                y=[float(v) for v in y],
                name=name,
                text=[f"{v:.2f}" for v in y],
                textposition="outside",
                cliponaxis=False,
                marker={
                    "color": (BLUE, ORANGE, VERMILION)[n % 3],
                    "pattern": {"shape": ("", "/", "x")[n % 3]},
                },
            )
        )
    fig.update_xaxes(type="category")
    fig.update_layout(barmode="group", showlegend=len(series) > 1)
    return fig


FIGURES = {
    "redrawn": redrawn,
    "shortfall": lambda: shortfall(10, 0.4, range(5, 200)),
    "draws": lambda: draws(10, 40, 0.4),
    "margins": lambda: margins([0.0, 0.25, 0.5, 0.75, 1.0]),
    "bars": lambda: bars(
        ["a"], {"one": [0.4], "two": [0.2]}, title="Bars", y_title="share", alt="Two bars"
    ),
    "lines": lambda: lines(
        [0, 1], {"one": [0, 1]}, title="Lines", x_title="x", y_title="y", alt="A line"
    ),
}
