"""Figures of lesson 05: how hard samples pull, where to, and which samples a loss listens to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from anl_edu import gradients, losses
from anl_edu.teach import simplex
from anl_edu.teach.figure import new_figure
from anl_edu.teach.kept import kept
from anl_edu.teach.lines import add_line, lines
from anl_edu.teach.style import BLACK, BLUE, ORANGE, SKY, VERMILION, label_of, style_of

LEARNED = 0.9  # a sample counts as learned when the model gives its label more than this
FLOOR = 1e-8  # smaller gradients, 0 among them, share the first bin of a distribution
GROUPS = ("learned", "not yet learned", "wrong label")
_LOOKS = (
    {"color": BLUE, "shape": "", "text": "correct label, learned"},
    {"color": SKY, "shape": "/", "text": "correct label, not yet learned"},
    {"color": VERMILION, "shape": "x", "text": "wrong label"},
)
_TICKS = (1e-3, 1e-2, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1 - 1e-5, 1 - 1e-6, 1 - 1e-7)
_ODDS = np.logspace(-3, 7.5, 211)  # p_y : (1 - p_y), and so p_y from 0.001 to 1 - 3e-8


# How hard one sample pulls ----------------------------------------------------------------------


@kept(maxsize=128)
def pull_curve(name: str, K: int = 10, gamma: float = 0.5, p_min: float = losses.P_MIN) -> Tensor:
    """Return |d loss / d z_y| at every odds of the label that `pull` draws, (211,) float64."""
    odds = torch.from_numpy(_ODDS)
    return gradients.label_gradient(name, odds / (1 + odds), K=K, gamma=gamma, p_min=p_min)


def pull(
    name: str = "nnce",
    odds: float = 9.0,
    K: int = 10,
    gamma: float = 0.5,
    p_min: float = losses.P_MIN,
) -> go.Figure:
    """Draw |d loss / d z_y| over p_y, the other classes sharing the rest, and mark one p_y.

    Both axes are logarithmic, the horizontal one in the odds p_y / (1 - p_y): so both ends of
    (0, 1) are wide open. Cross entropy is drawn beside every loss.
    """
    p_y = odds / (1 + odds)
    here = gradients.label_gradient(name, p_y, K=K, gamma=gamma, p_min=p_min).item()
    fig = new_figure(
        f"How hard one sample pulls with {label_of(name)}",
        "p<sub>y</sub>, the label's probability",
        "size of d loss / d z<sub>y</sub>",
        question=f"At p<sub>y</sub> = {probability(p_y)} the pull is {here:.3g}",
        alt=f"{label_of(name)} pulls with {here:.3g} at p_y = {probability(p_y)}, K = {K}",
    )
    both = dict.fromkeys(("ce", name))
    for loss in ("ce", name):
        style = style_of(loss)
        size = pull_curve(loss, K, gamma, p_min).numpy()
        fig.add_scatter(
            x=_ODDS,
            y=np.where(size > 1e-9, size, np.nan),
            mode="lines",
            line={**style.line, "width": 2 if loss == "ce" else 3.5},
            name=label_of(loss),
            showlegend=loss != "ce" or len(both) == 2,
        )
    fig.add_scatter(
        x=[odds],
        y=[here if here > 1e-9 else None],
        mode="markers",
        marker={"size": 13, "color": BLACK, "symbol": "circle-open", "line": {"width": 3}},
        name="the sample",
    )
    fig.add_vline(x=odds, line={"color": BLACK, "width": 1, "dash": "dot"})
    if "p_min" in losses.defaults(name):  # the others reach p_min at p_y = 1 - (K - 1) p_min
        edge = 1 / ((K - 1) * p_min) - 1
        fig.add_vrect(x0=edge, x1=1e9, fillcolor="#BBBBBB", opacity=0.4, line_width=0)
        fig.add_annotation(
            x=math.log10(min(edge, 10**7.4)), y=0.99, yref="paper", xanchor="right",
            text="grey: the other classes are below p<sub>min</sub>", showarrow=False,
            font={"size": 12},
        )  # fmt: skip
    ticks = [t / (1 - t) for t in _TICKS]
    fig.update_xaxes(
        type="log",
        range=[-3, 7.5],
        tickvals=ticks,
        ticktext=[f"{t:.4g}" for t in _TICKS[:-3]] + [f"1−10<sup>−{k}</sup>" for k in (5, 6, 7)],
        tickangle=0,
        tickfont={"size": 11},
    )
    fig.update_yaxes(type="log", range=[-5, 1], dtick=1, exponentformat="power")
    return fig.update_layout(legend={"orientation": "h", "x": 0, "y": -0.38}, height=470)


def probability(p: float) -> str:
    """Write a probability so that 1 - 1e-6 does not look like 1."""
    if p > 0.99995:
        return f"1 − {1 - p:.0e}".replace("e-0", "e-")
    return f"{p:.4g}" if p > 0.9 else f"{p:.3g}"


def climb(name: str, steps: int = 400, start: float = 0.1, first: float = 0.05) -> np.ndarray:
    """Follow one sample's logits under gradient descent on its own loss, (steps + 1,).

    Parameters
    ----------
    name
        One of ``losses.names()``. K = 10.
    start
        p_y before the first step; the other classes share the rest equally, and so stay equal.
    first
        How far the first step moves z_y: it sets the learning rate, which then stays, so that
        losses of different scale can be compared.

    Returns
    -------
    ndarray
        The lead z_y - z_k of the label over each other class, after 0, 1, ... steps.
    """
    K = 10
    lead = math.log(start * (K - 1) / (1 - start))
    rate = first / gradients.label_gradient(name, start, K=K).item()
    path = [lead]
    for _ in range(steps):
        p_y = 1 / (1 + (K - 1) * math.exp(-lead))
        lead += rate * gradients.label_gradient(name, p_y, K=K).item() * K / (K - 1)
        path.append(lead)
    return np.array(path)


def climbs(paths: Mapping[str, np.ndarray]) -> go.Figure:
    """Draw the paths of `climb`, and the lead at which the other classes reach p_min."""
    edge = math.log(1 / losses.P_MIN - 9)
    fig = lines(
        np.arange(max(map(len, paths.values()))),
        paths,
        title="One sample learns its label",
        x_title="gradient steps",
        y_title="lead of the label, z<sub>y</sub> − z<sub>k</sub>",
        question="Which curve bends down as the sample is learned, and which bends up?",
        alt="With CE the lead slows down; with NNCE it grows faster and faster, up to p_min",
        style_of=style_of,
        markers=0,
    )
    fig.add_hline(
        y=edge,
        line={"color": "#555555", "dash": "dot"},
        annotation={"text": "other classes at p<sub>min</sub>", "font_size": 12},
        annotation_position="top left",
    )
    return fig.update_yaxes(range=[-1, 1.15 * max(edge, *(p.max() for p in paths.values()))])


# Where to ---------------------------------------------------------------------------------------


@kept(maxsize=128)
def simplex_gradients(name: str, y: int, n: int) -> tuple[Tensor, Tensor]:
    """Return the gradient at the logits over `simplex.grid(n)` for label y, and the predictions.

    Returns
    -------
    g, p
        (n + 1, 2n + 1, 3) each, float64.
    """
    p = simplex.grid(n)[2]
    z = p.reshape(-1, 3).log().requires_grad_()
    label = torch.full((len(z),), y)
    (g,) = torch.autograd.grad(losses.build(name, reduction="sum")(z, label), z)
    return g.reshape(p.shape), p


def field(name: str = "ce", y: int = 0) -> go.Figure:
    """Draw, over the three-class simplex, where a step down a loss's gradient takes a prediction.

    A step on the logits along -g moves the probabilities along -(diag(p) - p p^T) g: that is the
    arrow's direction. The colour is the size of g, which says how far one step goes.
    """
    g, _ = simplex_gradients(name, y, 42)
    size = g.norm(dim=-1).numpy()
    x, height, _ = simplex.grid(42)
    inside = np.abs(x)[None, :] <= 1 - height[:, None] + 1e-9
    low, high = size[inside].min(), size[inside].max()
    fig = simplex.new_simplex(
        f"{label_of(name)}, label: class {y}",
        "Arrows: where the prediction moves. Colour: how hard it is pulled.",
    )
    fig.layout.meta = {
        "gist": f"Arrows over the triangle of predictions show where {label_of(name)} moves them; "
        f"the size of the gradient runs from {low:.2g} to {high:.2g}"
    }
    fig.add_contour(
        x=x,
        y=height,
        z=np.log10(size.clip(1e-4)),
        name="log10 of the gradient's size",
        zmin=-3,
        zmax=0,
        colorscale=[[0, "#FFFFFF"], [0.5, "#F3D9A4"], [1, ORANGE]],
        contours={"start": -3, "end": 0, "size": 0.25, "showlines": False},
        colorbar={
            "title": {"text": "size of<br>the gradient"},
            "len": 0.8,
            "tickvals": [-3, -2, -1, 0],
            "ticktext": ["0.001", "0.01", "0.1", "1"],
        },
        hovertemplate="p<sub>0</sub> %{y:.2f}<br>log10 of the size %{z:.2f}<extra></extra>",
    )
    for trace in _arrows(name, y):
        fig.add_trace(trace)
    return fig


def fields(names: Sequence[str], y: int = 0) -> go.Figure:
    """Draw the `field` of several losses, a panel each."""
    singles = [field(name, y) for name in names]
    fig = new_figure(
        f"Where each loss moves a prediction, label: class {y}",
        question="Whose arrows leave the way that CE's take, and where does the colour fade?",
        alt="; ".join(single.layout.meta["gist"] for single in singles),
    )
    rows = (len(names) + 1) // 2
    fig.set_subplots(
        rows, 2, subplot_titles=[label_of(n) for n in names],
        horizontal_spacing=0.02, vertical_spacing=0.1,
    )  # fmt: skip
    for place, single in enumerate(singles):
        row, column = place // 2 + 1, place % 2 + 1
        for trace in single.data:
            if place and trace.type == "contour":
                trace.showscale = False
            fig.add_trace(trace, row=row, col=column)
        for shape in single.layout.shapes:
            fig.add_shape(
                shape.to_plotly_json() | {"xref": None, "yref": None}, row=row, col=column
            )
        axis = {"visible": False, "constrain": "domain"}
        fig.update_xaxes(axis | {"range": [-1.15, 1.15]}, row=row, col=column)
        fig.update_yaxes(
            axis
            | {
                "range": [-0.08, 1.05],
                "scaleanchor": f"x{place + 1}" if place else "x",
                "scaleratio": math.sqrt(3),
            },
            row=row,
            col=column,
        )
    return fig.update_layout(height=110 + 270 * rows, margin={"l": 10, "r": 10, "t": 110, "b": 10})


def _arrows(name: str, y: int, n: int = 12, length: float = 0.11) -> list[go.Scatter]:
    """Return shafts and heads of the arrows, in the triangle's coordinates (p_2 - p_1, p_0)."""
    g, p = simplex_gradients(name, y, n)
    x, height, _ = simplex.grid(n)
    row, column = np.nonzero(np.abs(x)[None, :] < 1 - height[:, None] - 1e-9)
    keep = ((column + row) % 2 == 0) & (height[row] > 0.02)
    g, p = g[row[keep], column[keep]], p[row[keep], column[keep]]
    move = -p * (g - (p * g).sum(1, keepdim=True))  # (M, 3): -(diag(p) - p p^T) g
    dx, dy = (move[:, 2] - move[:, 1]).numpy(), move[:, 0].numpy()
    # On the page the triangle is equilateral: heights are stretched by sqrt(3).
    norm = np.hypot(dx, math.sqrt(3) * dy)
    still = norm < 1e-12
    dx, dy = (length * d / np.where(still, np.inf, norm) for d in (dx, dy))
    px, py = (p[:, 2] - p[:, 1]).numpy(), p[:, 0].numpy()
    gap = np.full_like(px, np.nan)
    shaft_x = np.stack([px - dx / 2, px + dx / 2, gap], 1).ravel()
    shaft_y = np.stack([py - dy / 2, py + dy / 2, gap], 1).ravel()
    angle = np.degrees(np.arctan2(dx, math.sqrt(3) * dy))  # clockwise from straight up
    return [
        go.Scatter(
            x=shaft_x, y=shaft_y, mode="lines", line={"color": BLACK, "width": 2},
            name="direction", showlegend=False, hoverinfo="skip",
        ),
        go.Scatter(
            x=px + dx / 2, y=py + dy / 2, mode="markers", name="arrow heads", showlegend=False,
            marker={"symbol": "arrow", "size": 11, "color": BLACK, "angle": angle},
            hoverinfo="skip",
        ),
    ]  # fmt: skip


# Which samples a loss listens to ----------------------------------------------------------------


def group_shares(norms: Tensor, p_y: Tensor, wrong: Tensor, learned: float = LEARNED) -> Tensor:
    """Split the sum of gradient norms among three groups of samples.

    Parameters
    ----------
    norms, p_y, wrong
        (N,) gradient norms, probabilities of the (perhaps wrong) labels, and bool mask.
    learned
        A correctly labelled sample is learned where p_y exceeds this.

    Returns
    -------
    Tensor
        (3,) float64 in the order of `GROUPS`, adding to 1; NaN where all norms are 0.
    """
    groups = (~wrong & (p_y > learned), ~wrong & (p_y <= learned), wrong)
    parts = torch.stack([norms.double()[group].sum() for group in groups])
    return parts / parts.sum()


def shares_by_group(shares: Mapping[str, np.ndarray], *, noise: float | None = None) -> go.Figure:
    """Draw who the gradient comes from, epoch by epoch, one panel a loss.

    Parameters
    ----------
    shares
        Name to (E, 3) shares in the order of `GROUPS`.
    noise
        Realised share of wrong labels, marked by a line.
    """
    fig = new_figure(
        "Where the gradient comes from",
        question="When does the dark blue part grow, and does it last?",
        alt="For each loss, shares of gradient norm from learned and not yet learned samples with "
        "correct labels and from wrong labels, stacked, by epoch",
    )
    names = list(shares)
    _panels(fig, [label_of(name) for name in names])
    for place, name in enumerate(names, start=1):
        values = 100 * np.asarray(shares[name], dtype=float)  # (E, 3)
        for group, look in reversed(list(enumerate(_LOOKS))):  # wrong labels at the bottom
            fig.add_scatter(
                x=np.arange(len(values)),
                y=values[:, group],
                stackgroup="all",
                mode="lines",
                line={"width": 0.5, "color": BLACK},
                fillcolor=look["color"],
                fillpattern={
                    "shape": look["shape"],
                    "fgcolor": "white",
                    "bgcolor": look["color"],
                    "size": 7,
                },
                name=look["text"],
                legendgroup=str(group),
                showlegend=place == 1,
                row=1,
                col=place,
            )
        if noise is not None:
            fig.add_hline(
                y=100 * noise, line={"color": BLACK, "dash": "dot", "width": 2}, row=1, col=place
            )
    fig.update_yaxes(range=[0, 100])
    fig.update_yaxes(title_text="share of the gradient (%)", col=1)
    fig.update_xaxes(title_text="epoch")
    return fig


def distributions(norms: Mapping[str, Tensor], wrong: Tensor, heading: str = "") -> go.Figure:
    """Draw the distribution of per-sample gradient norms, correct and wrong labels apart.

    Parameters
    ----------
    norms
        Loss name to (N,) norms, in any unit.
    wrong
        (N,) bool. Each group's bins add to 100 %.
    heading
        What to call this moment, e.g. ``"epoch 5"``.
    """
    means = "; ".join(
        f"{label_of(n)} correct {v[~wrong].mean():.2g}, wrong {v[wrong].mean():.2g}"
        for n, v in norms.items()
    )
    fig = new_figure(
        f"Gradients of single samples{', ' if heading else ''}{heading}",
        question="Which group pulls harder? Dotted lines: the two means",
        alt=f"Distributions of gradient norms over the samples; means: {means}",
    )
    rows = (len(norms) + 1) // 2
    fig.set_subplots(
        rows, 2, shared_xaxes=True, shared_yaxes=True, vertical_spacing=0.12,
        subplot_titles=[label_of(name) for name in norms],
    )  # fmt: skip
    edges = np.linspace(math.log10(FLOOR), 1, 37)
    centres = (edges[1:] + edges[:-1]) / 2
    for place, values in enumerate(norms.values()):
        for part, mask in (("clean", ~wrong), ("wrong", wrong)):
            style = style_of(part)
            some = values[mask].double().numpy()
            count, _ = np.histogram(np.log10(some.clip(FLOOR, 9.9)), edges)
            mean = math.log10(max(float(some.mean()), FLOOR)) if len(some) else np.nan
            for trace in (
                {
                    "x": centres,
                    "y": 100 * count / max(1, len(some)),
                    "line": {**style.line, "shape": "hvh", "width": 2},
                    "name": label_of(part),
                    "showlegend": place == 0,
                },
                {
                    "x": [mean, mean],
                    "y": [0, 100],
                    "line": {"color": style.color, "dash": "dot", "width": 1.5},
                    "name": f"mean of {label_of(part)}",
                    "showlegend": False,
                },
            ):
                fig.add_scatter(**trace, mode="lines", row=place // 2 + 1, col=place % 2 + 1)
    ticks = [-8, -6, -4, -2, 0]
    fig.update_xaxes(
        range=[math.log10(FLOOR) - 0.2, 1.1], tickvals=ticks,
        ticktext=["≤10<sup>−8</sup>", "10<sup>−6</sup>", "10<sup>−4</sup>", "0.01", "1"],
    )  # fmt: skip
    fig.update_xaxes(title_text="size of the gradient", row=rows, col=2)  # left: animate's label
    fig.update_yaxes(range=[0, 100])
    fig.update_yaxes(title_text="samples (%)", col=1)
    return fig.update_layout(
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.07, "yanchor": "bottom"},
        margin={"t": 110},
        height=200 + 190 * rows,
    )


def sizes(means: Mapping[str, np.ndarray]) -> go.Figure:
    """Draw the mean gradient norm by epoch, correct and wrong labels apart, one panel a loss.

    Parameters
    ----------
    means
        Name to (E, 2) mean norms: correct labels, wrong labels. Drawn as multiples of the first
        epoch's mean of the two.
    """
    fig = new_figure(
        "How large the gradients are",
        question="1 is the size before training. How much is left at the end?",
        alt="Mean gradient norm of correct and of wrong labels by epoch, relative to the start",
    )
    _panels(fig, [label_of(name) for name in means])
    for place, values in enumerate(means.values(), start=1):
        values = np.asarray(values, dtype=float)
        for column, part in enumerate(("clean", "wrong")):
            add_line(
                fig,
                np.arange(len(values)),
                values[:, column] / values[0].mean(),
                label_of(part),
                style_of(part),
                markers=0,
                showlegend=place == 1,
                row=1,
                col=place,
            )
    fig.update_yaxes(type="log", dtick=1)
    fig.update_yaxes(title_text="mean size, relative to the start", col=1)
    return fig.update_xaxes(title_text="epoch")


def logit_against_parameter(
    logit: Tensor, parameter: Tensor, wrong: Tensor, *, most: int = 300
) -> go.Figure:
    """Draw each sample's gradient norm at the parameters against that at the logits.

    At most `most` samples, the first ones, are drawn.
    """
    fig = new_figure(
        "Two sizes of one sample's gradient",
        "at the logits",
        "at all parameters",
        question="Does the order of the samples change?",
        alt="One point a sample: gradient norm at all parameters against the norm at the logits",
    )
    for part, mask in (("clean", ~wrong), ("wrong", wrong)):
        style = style_of(part)
        mask = mask & (torch.arange(len(wrong)) < most)
        fig.add_scatter(
            x=logit[mask].numpy(),
            y=parameter[mask].numpy(),
            mode="markers",
            marker={**style.marker, "size": 6, "opacity": 0.7},
            name=label_of(part),
        )
    fig.update_xaxes(type="log", dtick=1, exponentformat="power")
    return fig.update_yaxes(type="log", dtick=1, exponentformat="power")


def _panels(fig: go.Figure, titles: Sequence[str]) -> None:
    fig.set_subplots(1, len(titles), shared_yaxes=True, subplot_titles=list(titles))
    fig.update_layout(
        legend={"orientation": "h", "x": 0, "y": -0.3}, margin={"t": 110, "b": 110}, height=450
    )


def _example() -> tuple[dict[str, Any], Tensor]:
    """Return made-up norms in the right form, for tests of the drawing alone."""
    generator = torch.Generator().manual_seed(0)
    norms = torch.rand(40, generator=generator) + 0.01
    return {"ce": norms, "anl-ce": 0.2 * norms.square()}, torch.arange(40) % 3 == 0


FIGURES = {
    "pull": pull,
    "climbs": lambda: climbs({"ce": climb("ce", 40), "nnce": climb("nnce", 40)}),
    "field": field,
    "fields": lambda: fields(("ce", "nce")),
    "shares_by_group": lambda: shares_by_group(
        {"ce": np.full((4, 3), 1 / 3), "anl-ce": np.array([[0.1, 0.3, 0.6], [0.7, 0.1, 0.2]])},
        noise=0.6,
    ),
    "distributions": lambda: distributions(*_example(), heading="epoch 1"),
    "sizes": lambda: sizes({"ce": np.ones((3, 2)), "anl-ce": np.array([[1, 2], [0.3, 0.1]])}),
    "logit_against_parameter": lambda: logit_against_parameter(
        _example()[0]["ce"], _example()[0]["anl-ce"], _example()[1]
    ),
}
