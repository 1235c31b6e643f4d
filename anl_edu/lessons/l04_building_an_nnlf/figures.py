"""Lesson 04: one sample's loss table, and the steps from it to a normalised negative loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from anl_edu.teach.figure import new_figure
from anl_edu.teach.lines import lines
from anl_edu.teach.style import BLUE, DASHES, GREEN, ORANGE, PURPLE, nth_style, style_of

STAGES = ("table", "complement", "flip", "normalise")

_PALE = "#E3E3E3"
_LEFT, _RIGHT = (0.0, 0.43), (0.57, 1.0)


def loss_steps(
    p: np.ndarray,
    L: np.ndarray,
    A: float,
    y: int,
    stage: str = "table",
    *,
    classes: Sequence[str] | None = None,
    loss: str = "CE",
) -> go.Figure:
    """Draw one step of the construction for one sample: what goes in, what comes out.

    Parameters
    ----------
    p
        (K,) probabilities of the sample.
    L
        (K,) its row of the loss table: the loss under every label.
    A
        Largest value the table can take; larger entries are drawn, and counted, as A.
    y
        The label, 0..K-1.
    stage
        One of `STAGES`: p to L; L to L without the label; L to A - L; A - L to its shares.
    classes
        (K,) class names; 0..K-1 when left out.
    loss
        Name of the active loss, for the title.
    """
    if stage not in STAGES:
        raise ValueError(f"stage must be one of {', '.join(STAGES)}, got {stage!r}")
    L = np.minimum(L, A)  # (K,)
    names = [str(k) for k in range(len(p))] if classes is None else list(classes)
    flipped = A - L  # (K,)
    shares = flipped / flipped.sum()  # (K,)
    others = np.arange(len(p)) != y
    if stage == "table":
        before, after, left, right = p, L, "p<sub>k</sub>", "L<sub>k</sub>"
        title = f"Table: with the label {names[y]}, {loss} = L<sub>y</sub> = {L[y]:.2f}"
    elif stage == "complement":
        before, after, left, right = L, L, "L<sub>k</sub>", "L<sub>k</sub>, k ≠ y"
        title = f"Complement: the sum of L<sub>k</sub> over k ≠ y is {L[others].sum():.2f}"
    elif stage == "flip":
        before, after, left, right = L, flipped, "L<sub>k</sub>", "A − L<sub>k</sub>, k ≠ y"
        title = f"Flip: the sum of A − L<sub>k</sub> over k ≠ y is {flipped[others].sum():.2f}"
    else:
        before, after, left, right = flipped, shares, "A − L<sub>k</sub>", "share of the total"
        title = f"Normalise: 1 − the label's share = 1 − {shares[y]:.3f} = {1 - shares[y]:.3f}"
    flipping = stage == "flip"
    fig = new_figure(
        title,
        alt=f"Two panels with a bar for each of {len(p)} classes: {_plain(left)} on the left, "
        f"{_plain(right)} on the right; the label's bars are hatched",
    )
    tops = (1.0 if stage == "table" else A, 1.0 if stage == "normalise" else A)
    gap = {
        "type": "bar",
        "name": "gap A − L<sub>k</sub>",
        "x": list(range(len(p))),
        "y": flipped,
        "base": L if flipping else np.zeros_like(L),
        "marker": {"color": "#BFE5DA", "line": {"color": GREEN, "width": 1}},
        "text": [_short(v) for v in flipped],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "visible": flipping,
        "hovertemplate": "A − L = %{y:.3f}<extra></extra>",
    }
    fig.add_traces(
        [
            {
                **_bars(
                    before, y, GREEN if stage == "normalise" else BLUE, tops[0], text=not flipping
                ),
                "name": f"{left} (left)",
            },
            gap,
            {
                **_bars(after, y, GREEN if flipping or stage == "normalise" else BLUE, tops[1],
                        left_out=stage in ("complement", "flip")),
                "name": f"{right} (right)", "xaxis": "x2", "yaxis": "y2",
            },
        ]
    )  # fmt: skip
    fig.update_layout(_two_panels(_ticks(names, p, y), (left, right), tops, A))
    return fig


def _bars(
    values: np.ndarray,
    y: int,
    color: str,
    top: float,
    *,
    text: bool = True,
    left_out: bool = False,
) -> dict[str, Any]:
    """Return a bar trace: the label hatched, and pale where it is left out."""
    own = [k == y for k in range(len(values))]
    # Above a tall bar the number would lie on the line at the top; on hatching it is unreadable.
    tall = [v > 0.85 * top and not k for v, k in zip(values, own, strict=True)]
    return {
        "type": "bar",
        "x": list(range(len(values))),
        "y": values,
        "marker": {
            "color": [(_PALE if left_out else ORANGE) if k else color for k in own],
            "pattern": {"shape": ["/" if k else "" for k in own]},
            "line": {"color": "#555555", "width": 1},
        },
        "text": [_short(v) if text else "" for v in values],
        "textposition": ["inside" if t else "outside" for t in tall],
        "insidetextfont": {"color": "white"},
        "cliponaxis": False,
        "hovertemplate": "class %{x}: %{y:.4g}<extra></extra>",
    }


def _short(value: float) -> str:
    if value != 0 and abs(value) < 0.0005:
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def _plain(text: str) -> str:
    return text.replace("<sub>", "_").replace("</sub>", "")


def _ticks(names: Sequence[str], p: np.ndarray, y: int) -> list[str]:
    return [
        f"<b>{name} (y)</b><br>{_short(v)}" if k == y else f"{name}<br>{_short(v)}"
        for k, (name, v) in enumerate(zip(names, p, strict=True))
    ]


def _two_panels(
    ticks: Sequence[str], heads: Sequence[str], tops: Sequence[float], A: float
) -> dict[str, Any]:
    """Lay out two panels of bars with heads; where bars reach up to A, a line marks it."""
    axis = {
        "tickvals": list(range(len(ticks))),
        "ticktext": list(ticks),
        "range": [-0.6, len(ticks) - 0.4],
        "showgrid": False,
        "title": {"text": "class k, and p<sub>k</sub>"},
    }
    layout: dict[str, Any] = {
        "barmode": "overlay",
        "bargap": 0.3,
        "showlegend": False,
        "uniformtext": {"minsize": 11, "mode": "show"},
    }
    notes: list[dict[str, Any]] = [_note("→", x=0.5, xref="paper", size=26)]
    lines = []
    for suffix, domain, head, top in zip(("", "2"), (_LEFT, _RIGHT), heads, tops, strict=True):
        layout[f"xaxis{suffix}"] = {**axis, "domain": domain, "anchor": f"y{suffix}"}
        layout[f"yaxis{suffix}"] = {
            "range": [0, (1.15 if top == 1 else 1.2) * top],
            "anchor": f"x{suffix}",
            "tickmode": "linear",
            "dtick": 0.2 if top == 1 else 5 if top > 6 else 0.5,
        }
        across = f"x{suffix} domain"
        notes.append(_note(f"<b>{head}</b>", x=0.5, xref=across, size=16))
        if top == A:
            notes.append(
                {
                    **_note(f"A = {A:.2f}", x=1, xref=across, size=12),
                    "y": 0.995,
                    "xanchor": "right",
                    "yanchor": "top",
                }
            )
            lines.append(
                {
                    "type": "line",
                    "xref": across,
                    "yref": f"y{suffix}",
                    **{"x0": 0, "x1": 1, "y0": A, "y1": A},
                    "line": {"dash": "dash", "color": "#222222", "width": 1.5},
                }
            )
    return layout | {"annotations": notes, "shapes": lines}


def _note(text: str, *, x: float, xref: str, size: int) -> dict[str, Any]:
    return {
        "text": text,
        "x": x,
        "xref": xref,
        "y": 1.01,
        "yref": "paper",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": size},
    }


def downhill(
    paths: Mapping[str, np.ndarray], y: int, *, classes: Sequence[str] | None = None
) -> go.Figure:
    """Draw where gradient descent on each function takes one sample's probabilities.

    Parameters
    ----------
    paths
        Name of the function to (T, K) probabilities after 0, 1, ... T - 1 steps.
    y
        The label, drawn thick.
    classes
        (K,) class names; 0..K-1 when left out.
    """
    K = next(iter(paths.values())).shape[1]
    names = [str(k) for k in range(K)] if classes is None else list(classes)
    ends = ", ".join(f"{name} {path[-1, y]:.2f}" for name, path in paths.items())
    fig = new_figure(
        "Walking downhill on each function",
        question="Where does the label's probability (thick line) end?",
        alt=f"{len(paths)} panels of {K} lines, the probability of each class step by step; "
        f"the label's ends at: {ends}",
    )
    others = [k for k in range(K) if k != y]
    width = (1 - 0.05 * (len(paths) - 1)) / len(paths)
    layout: dict[str, Any] = {"margin": {"t": 110}, "annotations": []}
    traces = []
    for place, (name, path) in enumerate(paths.items()):
        suffix = str(place + 1) if place else ""
        start = place * (width + 0.05)
        for k in range(K):
            look = {"color": ORANGE, "dash": "solid", "width": 6}
            if k != y:
                rank = others.index(k) % 3
                look = {"color": (BLUE, GREEN, PURPLE)[rank], "dash": DASHES[rank + 1]}
            traces.append(
                {
                    "type": "scatter",
                    "x": list(range(len(path))),
                    "y": path[:, k],
                    "name": f"{names[k]} (y)" if k == y else names[k],
                    "hovertemplate": f"{name}, {names[k]}: %{{y:.3f}}<extra></extra>",
                    "legendgroup": names[k],
                    "showlegend": place == 0,
                    "mode": "lines",
                    "line": look,
                    "xaxis": f"x{suffix}",
                    "yaxis": f"y{suffix}",
                }
            )
        layout["annotations"].append(
            _note(f"<b>{name}</b>", x=0.5, xref=f"x{suffix} domain", size=15)
        )
        layout[f"xaxis{suffix}"] = {
            "domain": [start, min(1.0, start + width)],
            "anchor": f"y{suffix}",
            "title": {"text": "step"},
        }
        layout[f"yaxis{suffix}"] = {
            "anchor": f"x{suffix}",
            "range": [-0.03, 1.03],
            "showticklabels": place == 0,
        }
    layout["yaxis"]["title"] = {"text": "p<sub>k</sub>"}
    fig.add_traces(traces)
    return fig.update_layout(layout)


def sums_over_labels(lead: Sequence[float], sums: Mapping[str, Sequence[float]]) -> go.Figure:
    """Draw each loss summed over all labels against how sure the prediction is.

    Parameters
    ----------
    lead
        (M,) how far one logit is ahead of all the others; the first 0, the uniform prediction.
    sums
        Loss name to its (M,) sums over all labels; drawn as multiples of the first.
    """
    fig = lines(
        lead,
        {name: np.asarray(values, dtype=float) / values[0] for name, values in sums.items()},
        title="Which losses sum to a constant over the labels?",
        x_title="lead of one logit over the others (0: undecided)",
        y_title="sum ÷ its first value",
        question="Which lines are flat?",
        alt="Sums over the labels; the losses that meet the symmetry condition are flat at 1",
        style_of=style_of,
        markers=8,
    )
    # Where flat lines lie on one another, the markers of the later ones are smaller.
    for place, trace in enumerate(fig.data):
        trace.marker.size = 13 - 2 * place
    return fig.update_yaxes(rangemode="tozero")


def slopes(
    p: Sequence[float],
    curves: Mapping[str, ArrayLike],
    title: str,
    *,
    question: str = "",
    y: str = "size of the gradient at z<sub>y</sub>",
    top: float | None = None,
) -> go.Figure:
    """Draw some quantity of several losses against the label's probability.

    Parameters
    ----------
    p
        (M,) probabilities of the label.
    curves
        Name to its (M,) values.
    title, question, y
        What the figure says, asks and measures.
    top
        Upper end of the vertical axis; fitted to the data when left out.
    """
    looks = {name: nth_style(place + 1) for place, name in enumerate(curves)}
    looks["cross entropy"] = style_of("ce")  # as in every lesson
    fig = lines(
        p,
        curves,
        title=title,
        x_title="p<sub>y</sub>, the label's probability",
        y_title=y,
        question=question,
        alt=f"{len(curves)} curves against the label's probability",
        style_of=looks.__getitem__,
        markers=0,
    )
    if top is not None:
        fig.update_yaxes(range=[0, top])
    return fig.update_layout(legend={"orientation": "h", "x": 0, "y": -0.22})


def _example_paths() -> dict[str, np.ndarray]:
    """Return made-up paths in the right form, for tests of the drawing alone."""
    share = np.linspace(0.25, 0.9, 20)
    rest = (1 - share) / 3
    up = np.stack([share, rest, rest, rest], 1)  # (T, K)
    return {"flip": up, "normalise": up**0.9 / (up**0.9).sum(1, keepdims=True)}


_EXAMPLE = (np.array([0.1, 0.7, 0.2]), np.array([2.3, 0.36, 1.6]))  # p, L

FIGURES = {
    **{f"loss_steps_{stage}": partial(loss_steps, *_EXAMPLE, 16.1, 0, stage) for stage in STAGES},
    "downhill": lambda: downhill(_example_paths(), 0),
    "sums_over_labels": lambda: sums_over_labels(
        (0.1, 0.5, 0.9), {"ce": (23.0, 30.0, 60.0), "anl-ce": (50.0, 50.0, 50.0)}
    ),
    "slopes": lambda: slopes((0.1, 0.9), {"one": (0.9, 0.1), "other": (0.5, 0.3)}, "Slopes"),
}
