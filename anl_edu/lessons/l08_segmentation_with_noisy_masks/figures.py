"""Wrong pixels: where they lie, who agrees on them, who outweighs whom, and what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from anl_edu import losses
from anl_edu.lessons.l08_segmentation_with_noisy_masks.recorded import ER
from anl_edu.teach.figure import new_figure
from anl_edu.teach.lines import add_line
from anl_edu.teach.style import SEQUENTIAL, Style, label_of, nth_style, style_of

CLASSES = 11
_ODDS = np.linspace(-2.5, 7.5, 81)  # log(p0 / (1 - p0)): p0 from 0.08 to 0.9994
_TICKS = (0.1, 0.5, 0.9, 0.99, 0.999)


def by_distance(shares: Mapping[str, Mapping[int, float]], *, title: str) -> go.Figure:
    """Draw the share of wrong pixels by their distance from an edge, a line a kind of noise."""
    fig = new_figure(
        title,
        "distance from the edge (pixels; negative: inside a digit)",
        "wrong pixels (%)",
        question="Where would you look for the wrong pixels? Where need you not look?",
        alt="; ".join(
            f"{name}: at most {100 * max(some.values()):.0f} %, at least "
            f"{100 * min(some.values()):.0f} %"
            for name, some in shares.items()
        ),
    )
    for place, (name, some) in enumerate(shares.items()):
        y = [100 * v for v in some.values()]
        add_line(fig, list(some), y, name, nth_style(place), markers=len(some))
    return fig.update_yaxes(rangemode="tozero")


def agreement_maps(right: Mapping[str, Tensor], *, title: str) -> go.Figure:
    """Draw how many annotators are right at each pixel; outlined is where most are wrong.

    Parameters
    ----------
    right
        Name to (H, W) shares.
    """
    below = {name: 100 * (some < 0.5).double().mean().item() for name, some in right.items()}
    fig = new_figure(
        title,
        question="At which pixels are most annotators wrong?",
        alt="; ".join(f"{n}: most are wrong at {v:.1f} % of the pixels" for n, v in below.items()),
    )
    fig.set_subplots(1, len(right), horizontal_spacing=0.02, subplot_titles=list(right))
    for column, (name, some) in enumerate(right.items(), start=1):
        fig.add_heatmap(
            z=(100 * some).round().tolist(), name=name, coloraxis="coloraxis", row=1, col=column,
            hovertemplate="%{z:.0f} % are right<extra></extra>",
        )  # fmt: skip
        fig.add_contour(
            z=(some < 0.5).double().tolist(), row=1, col=column, showscale=False,
            contours={"coloring": "none", "start": 0.5, "end": 0.5, "size": 1},
            line={"color": "#D55E00", "width": 3}, hoverinfo="skip", name=f"{name}: half",
            showlegend=False,
        )  # fmt: skip
    hidden = {"showticklabels": False, "showgrid": False, "ticks": "", "showline": False}
    fig.update_xaxes(**hidden)
    fig.update_yaxes(autorange="reversed", scaleanchor="x", constrain="domain", **hidden)
    return fig.update_layout(
        height=310,
        margin={"t": 110, "b": 20},
        coloraxis={
            "colorscale": SEQUENTIAL, "cmin": 0, "cmax": 100,
            "colorbar": {"title": {"text": "right (%)"}},
        },
    )  # fmt: skip


def two_pulls(loss: str, p0: Tensor, **parameters: Any) -> tuple[Tensor, Tensor]:
    """Return how hard a pixel of ground and a pixel of a digit pull at their own class's logit.

    The network gives the ground p0 at every pixel, and each of the ten digits (1 - p0) / 10.

    Parameters
    ----------
    p0
        (M,) float64 in (0, 1).

    Returns
    -------
    ground, digit : (M,)
        Minus the derivative of the loss by the label's logit.
    """
    rest = ((1 - p0) / (CLASSES - 1)).log()
    z = torch.stack([p0.log(), *[rest] * (CLASSES - 1)], 1)  # (M, K)
    module = losses.build(loss, "sum", **parameters)
    pulls = []
    for label in (0, 1):
        leaf = z.clone().requires_grad_()
        y = torch.full((len(p0),), label)
        (g,) = torch.autograd.grad(module(leaf, y), leaf)
        pulls.append(-g[:, label])
    return pulls[0], pulls[1]


def pulls(alpha: float, beta: float, ground: float) -> go.Figure:
    """Draw the pull of all ground and of all digits in a network that says ground, by how surely.

    Parameters
    ----------
    alpha, beta
        Of ANL-CE.
    ground
        Share of the pixels that are ground; the rest are digits.
    """
    p0 = torch.from_numpy(_ODDS).sigmoid()
    fig = new_figure(
        f"ANL-CE with α = {alpha:g}, β = {beta:g}, and CE",
        "p₀, what the network gives the ground, at every pixel",
        "pull at their own logit, times share",
        question="How sure of the ground may a network be before the digits are no longer heard?",
        alt="Pull of all pixels of ground and of all pixels of digits, by p₀, for ANL-CE and CE",
    )
    for loss, parameters in (("anl-ce", {"alpha": alpha, "beta": beta}), ("ce", {})):
        look = style_of(loss)
        for part, share, values in zip(
            ("ground", "digits"),
            (ground, 1 - ground),
            two_pulls(loss, p0, **parameters),
            strict=True,
        ):
            dashed = Style(look.color, "solid" if part == "digits" else "dot", look.symbol)
            name = f"{label_of(loss)}: all {part}"
            add_line(fig, _ODDS, share * values.numpy(), name, dashed, markers=6)
    fig.update_xaxes(
        tickvals=[float(np.log(v / (1 - v))) for v in _TICKS], ticktext=[f"{v:g}" for v in _TICKS]
    )
    steps = (0.0001, 0.001, 0.01, 0.1, 1)
    fig.update_yaxes(
        type="log", range=[-4, 0.2], tickvals=steps, ticktext=[f"{v:g}" for v in steps]
    )
    return fig.update_layout(
        height=460, margin={"b": 120}, legend={"orientation": "h", "x": 0, "y": -0.26}
    )


def ground_to_digits(loss: str, ground: float, p0: float = 0.99, **parameters: Any) -> float:
    """Return how many times as hard all ground pulls as all digits do, at one p0 of `two_pulls`."""
    of_ground, of_digits = two_pulls(loss, torch.tensor([p0], dtype=torch.float64), **parameters)
    return (ground * of_ground / ((1 - ground) * of_digits)).item()


def class_dice(
    dice: Mapping[str, Sequence[float] | np.ndarray], classes: Sequence[str], *, title: str
) -> go.Figure:
    """Draw the Dice of each class as a map, a row a loss."""
    values = 100 * np.array([dice[name] for name in dice])  # (L, K)
    fig = new_figure(
        title,
        "class",
        question="Which losses have a class that they hardly find?",
        alt="; ".join(
            f"{label_of(n)}: worst {row[1:].min():.0f} %"
            for n, row in zip(dice, values, strict=True)
        ),
    )
    fig.add_heatmap(
        z=values.tolist(), x=list(classes), y=[label_of(n) for n in dice], text=values.round(),
        texttemplate="%{text:.0f}", coloraxis="coloraxis", name="Dice (%)",
        hovertemplate="%{y}, class %{x}: %{z:.1f} %<extra></extra>",
    )  # fmt: skip
    fig.update_xaxes(type="category", showgrid=False)
    fig.update_yaxes(autorange="reversed", showgrid=False)
    return fig.update_layout(
        height=150 + 40 * len(dice),
        coloraxis={
            "colorscale": SEQUENTIAL, "cmin": 0, "cmax": 100,
            "colorbar": {"title": {"text": "Dice (%)"}},
        },
    )  # fmt: skip


def by_share(
    dice: Mapping[str, Sequence[float]], shares: Sequence[float], *, title: str
) -> go.Figure:
    """Draw a Dice by the share of wrong masks, a line a loss; both in 0..1 and drawn as percent."""
    fig = new_figure(
        title,
        "masks that are wrong (%)",
        "Dice (%)",
        question="Which lines stay level? Which start lower?",
        alt="; ".join(
            f"{label_of(n)}: {100 * v[0]:.0f} % to {100 * v[-1]:.0f} %" for n, v in dice.items()
        ),
    )
    x = [100 * share for share in shares]
    for name, values in dice.items():
        y = [100 * v for v in values]
        add_line(fig, x, y, label_of(name), style_of(name), markers=len(x))
    return fig.update_xaxes(tickvals=x)


FIGURES = {
    "by_distance": lambda: by_distance({"masks": {-1: 0.3, 1: 0.3, 2: 0.1}}, title="D"),
    "agreement_maps": lambda: agreement_maps(
        {"dilation": torch.eye(8), "erosion": torch.eye(8)}, title="A"
    ),
    "pulls": lambda: pulls(5.0, 5.0, 0.85),
    "class_dice": lambda: class_dice(
        {"ce": [0.9, 0.5], ER: [0.9, 0.0]}, ["ground", "1"], title="C"
    ),
    "by_share": lambda: by_share({"ce": [0.8, 0.6], ER: [0.7, 0.7]}, [0.0, 0.7], title="S"),
}
