"""Replayed runs, and how to choose: sizes of weights, accuracy on noisy labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist, fmean
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor, nn

from anl_edu import losses, noise
from anl_edu.data import ImageData, load
from anl_edu.runs import Live
from anl_edu.teach import curves
from anl_edu.teach.figure import new_figure
from anl_edu.teach.lines import lines
from anl_edu.teach.pictures import pictures
from anl_edu.teach.style import nth_style

SMALL = 1e-3  # a weight below this is called "near zero"


def noisy_accuracy(clean: float, eta: float, K: int) -> float:
    """Accuracy to expect on symmetrically noisy labels, of a model whose true one is `clean`.

    The model's errors must not depend on the noise, as on images it was not trained on.
    """
    return (1 - eta) * clean + (1 - clean) * eta / (K - 1)


def errors(clean: float, eta: float, K: int, n: int) -> tuple[float, float]:
    """Return the standard errors of a true accuracy `clean`: read off n true, off n noisy labels.

    Noisy accuracies are read on the line of `noisy_accuracy`, so their error is divided by its
    slope.
    """
    slope = noisy_accuracy(1, eta, K) - noisy_accuracy(0, eta, K)
    q = noisy_accuracy(clean, eta, K)
    return math.sqrt(clean * (1 - clean) / n), math.sqrt(q * (1 - q) / n) / slope


def swapped(gap: int, eta: float, n: int, *, best: float = 0.9, K: int = 10) -> float:
    """Return how often the worse of two models looks better on n images of its own, by chance.

    Parameters
    ----------
    gap
        Points between their true accuracies; the better has `best`.
    eta
        Rate of symmetric noise in the labels that they are measured by; 0 for true labels.
    n
        Images that each is measured on, not the same for both.

    Returns
    -------
    float
        0..1/2, by the normal approximation.
    """
    spread = math.hypot(*(errors(a, eta, K, n)[1] for a in (best, best - gap / 100)))
    return 0.5 * math.erfc(gap / 100 / spread / math.sqrt(2))


def images_needed(gap: int, eta: float, swaps: float = 0.05) -> int:
    """Return from how many images on, to two digits, `swapped` is no more than `swaps`."""
    one = gap / 100 / NormalDist().inv_cdf(1 - swapped(gap, eta, 1))  # the spread at one image
    n = (one * NormalDist().inv_cdf(1 - swaps) / (gap / 100)) ** 2
    digits = 10 ** max(0, math.floor(math.log10(n)) - 1)
    return digits * math.ceil(n / digits)


def two_models(n: float, gap: int, eta: float) -> go.Figure:
    """Draw where two models' accuracies are read, off n true labels and off n noisy ones.

    Parameters
    ----------
    n
        Held-out images.
    gap
        Points between the models; the better is right on 90 % of all images.
    eta
        Rate of symmetric noise, ten classes.
    """
    fig = new_figure(
        f"Two models, {gap} points apart, on {n:,.0f} images",
        question="By which labels could you say which model is the better?",
        alt="Two bell curves over true accuracy, twice: narrow by true labels, wide by noisy ones",
    )
    fig.set_subplots(
        1, 2, shared_yaxes=True, subplot_titles=("by true labels", f"by noisy labels, η = {eta:g}")
    )
    away = np.linspace(-4, 4, 81)  # in standard errors
    for col, rate in ((1, 0.0), (2, eta)):
        for i, (name, accuracy) in enumerate({"better": 0.9, "worse": 0.9 - gap / 100}.items()):
            spread = errors(accuracy, rate, 10, round(n))[1]
            fig.add_scatter(
                x=100 * (accuracy + spread * away),
                y=np.exp(-0.5 * away**2),
                mode="lines",
                line=nth_style(i).line,
                name=f"{name}: {100 * accuracy:.0f} %",
                legendgroup=name,
                showlegend=col == 1,
                row=1,
                col=col,
            )
    fig.update_xaxes(title_text="true accuracy as it is read (%)", range=[50, 110])
    fig.update_yaxes(title_text="how likely, of its highest", range=[0, 1.1], col=1)
    return fig.update_layout(
        height=440, margin={"t": 120}, legend={"orientation": "h", "x": 0, "y": -0.25}
    )


def stays_ahead(ours: Sequence[Sequence[Any]], theirs: Sequence[Sequence[Any]]) -> int | None:
    """First epoch from which on the mean test accuracy of `ours` is above that of `theirs`.

    Each is runs of epoch records, one run a seed. None if `ours` is not ahead at the end.
    """
    means = [
        [fmean(run[e].test_accuracy for run in some) for e in range(min(map(len, some)))]
        for some in (ours, theirs)
    ]
    first = None
    for epoch, (a, b) in enumerate(zip(*means, strict=False), start=1):
        first = (first or epoch) if a > b else None
    return first


def let_go(live: Live) -> float:
    """Share of right training labels that NNCE has let go of: every other class below p_min."""
    data = live.data
    p = live.predict(data.x_train).softmax(1).scatter(1, data.y_train[:, None], 0.0)
    return float((p.amax(1) < losses.P_MIN)[~data.wrong].double().mean())


def flat(model: nn.Module) -> Tensor:
    """Sizes |theta| of all parameters of a model, in one (P,) tensor."""
    return torch.cat([p.detach().flatten().abs().cpu() for p in model.parameters()])


def weight_sizes(sizes: Mapping[str, Tensor]) -> go.Figure:
    """Draw, for each network, the share of parameters smaller than a given size.

    `sizes` maps a name to |theta| of all parameters, as `flat` gives them.
    """
    x = np.geomspace(1e-5, 1, 101)
    shares = {
        name: list(100 * np.searchsorted(np.sort(theta.numpy()), x) / len(theta))
        for name, theta in sizes.items()
    }
    fig = lines(
        x,
        shares,
        title="How large are the weights?",
        x_title="size |θ|",
        y_title="parameters smaller than this (%)",
        question="Which line starts high: which network has many weights near zero?",
        alt=f"Share of parameters below each size; marked: {SMALL:g}",
    )
    fig.add_vline(x=SMALL, line={"color": "#777777", "dash": "dot", "width": 1.5})
    fig.add_annotation(
        x=math.log10(SMALL), y=50, text="near zero: left of this line", showarrow=False,
        xanchor="right", xshift=-5, font={"size": 12},
    )  # fmt: skip
    fig.update_xaxes(type="log", dtick=1, exponentformat="power")
    return fig.update_yaxes(range=[-2, 102])


def noisy_against_clean(
    points: Mapping[str, tuple[float, float]], *, eta: float, K: int, n: int
) -> go.Figure:
    """Draw accuracy on held-out noisy labels against accuracy on the true labels of the same.

    Parameters
    ----------
    points
        Name to (true accuracy, noisy accuracy), both 0..1.
    eta, K, n
        Rate of symmetric noise, classes, and how many images were held out: for the line that
        theory gives, and twice its standard error.
    """
    fig = new_figure(
        "Held-out images: noisy labels against true ones",
        question="Could you choose with the vertical axis alone?",
        alt="Settings of higher true accuracy have higher accuracy on noisy labels, along a line",
    )
    fig.set_subplots(1, 2, subplot_titles=("all settings", "the upper end, enlarged"))
    a = np.linspace(0, 1, 41)
    q = np.array([noisy_accuracy(v, eta, K) for v in a])
    band = 2 * np.sqrt(q * (1 - q) / n)
    for col in (1, 2):
        place = {"row": 1, "col": col, "showlegend": col == 1}
        fig.add_scatter(
            x=100 * np.concatenate([a, a[::-1]]),
            y=100 * np.concatenate([q - band, (q + band)[::-1]]),
            fill="toself",
            fillcolor="rgba(120,120,120,0.18)",
            line={"width": 0},
            mode="lines",
            name="± 2 standard errors",
            hoverinfo="skip",
            **place,
        )
        line = {"color": "#555555", "width": 2}
        fig.add_scatter(x=100 * a, y=100 * q, mode="lines", line=line, name="theory", **place)
        for i, (name, (true, noisy)) in enumerate(points.items()):
            fig.add_scatter(
                x=[100 * true],
                y=[100 * noisy],
                mode="markers",
                name=name,
                legendgroup=name,
                marker=nth_style(i).marker | {"size": 11},
                **place,
            )
    top = 100 * noisy_accuracy(1.0, eta, K)
    fig.update_xaxes(title_text="accuracy on the true labels (%)")
    fig.update_yaxes(title_text="accuracy on the noisy labels (%)", col=1)
    fig.update_xaxes(range=[0, 102], col=1).update_xaxes(range=[84, 100], col=2)
    fig.update_yaxes(range=[0, math.ceil(top / 10) * 10 + 5], col=1)
    fig.update_yaxes(range=[top - 11, top + 5], col=2)
    return fig.update_layout(
        height=560, margin={"t": 120}, legend={"orientation": "h", "x": 0, "y": -0.2}
    )


def wrongly_labelled(images: ImageData) -> go.Figure:
    """Show real training images under wrong labels: symmetric noise, and flips between alikes."""
    rows = {
        f"{kind} {rate:g}": noise.noisy_labels(kind, images, rate, torch.Generator().manual_seed(0))
        for kind, rate in (("symmetric", 0.6), ("asymmetric", 0.4))
    }
    return pictures(
        images,
        rows,
        title=f"{len(images.x_train):,} training images are here; some of the wrongly labelled",
        question="In which row could you have made the mistake yourself?",
    )


_REPLAYED = "Replayed: CIFAR-10, desk size, symmetric 0.6"


def replayed_accuracy(records: curves.Runs) -> go.Figure:
    """Draw the recorded runs' test accuracy by epoch, the range cut to what they reach."""
    fig = curves.accuracy_curves(
        records, title=_REPLAYED, question="Where do the curves cross, and which of them turn?"
    )
    return fig.update_yaxes(range=[0, 50])


def replayed_last_against_best(records: curves.Runs) -> go.Figure:
    """Draw the recorded runs' last epochs beside their best ones."""
    return curves.last_against_best(records, title=_REPLAYED).update_yaxes(range=[0, 50])


def _example_sizes() -> dict[str, Tensor]:
    x = torch.linspace(0, 1, 500)
    return {"with L1": 0.3 * x**6, "without": 0.3 * x}


FIGURES = {
    "wrongly_labelled": lambda: wrongly_labelled(load("digits")),
    "replayed_accuracy": lambda: replayed_accuracy(curves.example_runs()),
    "replayed_last_against_best": lambda: replayed_last_against_best(curves.example_runs()),
    "weight_sizes": lambda: weight_sizes(_example_sizes()),
    "two_models": lambda: two_models(375, 3, 0.6),
    "noisy_against_clean": lambda: noisy_against_clean(
        {"one": (0.9, 0.37), "two": (0.5, 0.24)}, eta=0.6, K=10, n=300
    ),
}
