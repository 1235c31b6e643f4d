"""Lesson 00: two losses racing on wrong labels, and why wrong labels leave anything to learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from anl_edu.teach.curves import example_runs
from anl_edu.teach.figure import new_figure
from anl_edu.teach.lines import add_line
from anl_edu.teach.style import BLUE, VERMILION, label_of, style_of

_PANELS = (
    ("test_accuracy", "right on clean test images (%)"),
    ("memorised", "wrong labels memorised (%)"),
)


def race(runs: Mapping[str, Sequence[Any]], epochs: int) -> go.Figure:
    """Draw test accuracy and memorised share of several losses, as far as they have come.

    Parameters
    ----------
    runs
        Loss name to its epoch records so far, see `training.EpochRecord`; may be empty.
    epochs
        Length of the horizontal axes, so that the picture stands still while the lines grow.
    """
    done = min((len(records) for records in runs.values()), default=0)
    fig = new_figure(
        f"Learning from wrong labels, epoch {done} of {epochs}",
        alt="Two panels by epoch, for each loss: accuracy on clean test images, and the share of "
        "wrong training labels that the model repeats",
    )
    layout: dict[str, Any] = {"annotations": [], "margin": {"t": 90}}
    for place, (key, head) in enumerate(_PANELS):
        suffix = str(place + 1) if place else ""
        for name, records in runs.items():
            add_line(
                fig,
                [r.epoch for r in records],
                [100 * getattr(r, key) for r in records],
                label_of(name) if place == 0 else f"{label_of(name)}, memorised",
                style_of(name),
                markers=8,
                legendgroup=name,
                showlegend=place == 0,
                xaxis=f"x{suffix}",
                yaxis=f"y{suffix}",
            )
        layout[f"xaxis{suffix}"] = {
            "domain": [0.54 * place, 0.46 + 0.54 * place],
            "anchor": f"y{suffix}",
            "range": [0, epochs + 1],
            "title": {"text": "epoch"},
        }
        layout[f"yaxis{suffix}"] = {"anchor": f"x{suffix}", "range": [-2, 102]}
        layout["annotations"].append(
            {
                "text": f"<b>{head}</b>",
                **{"x": 0.5, "xref": f"x{suffix} domain", "y": 1.01, "yref": "paper"},
                **{"yanchor": "bottom", "showarrow": False},
            }
        )
    return fig.update_layout(layout)


def label_mix(rate: float = 0.6, K: int = 10) -> go.Figure:
    """Draw how the images of one class are labelled under symmetric noise.

    Parameters
    ----------
    rate
        Share of labels replaced by one of the others, evenly.
    K
        Number of classes; the class shown is class 0.
    """
    kept, wrong = 1 - rate, rate / (K - 1)
    fig = new_figure(
        f"Images of class 0: {K} classes, noise rate {rate:.2f}",
        x="label given",
        y="share of the images",
        question="Is the right label (0, hatched) still the most frequent one?",
        alt=f"A bar for each label: the right one at {kept:.3f}, each wrong one at {wrong:.3f}",
    )
    fig.add_bar(
        x=[str(k) for k in range(K)],
        y=[kept, *[wrong] * (K - 1)],
        name="share",
        marker={
            "color": [BLUE, *[VERMILION] * (K - 1)],
            "pattern": {"shape": ["/", *[""] * (K - 1)]},
        },
    )
    fig.update_yaxes(range=[0, 1])
    return fig.update_xaxes(type="category")


FIGURES = {
    "race": lambda: race({name: runs[0] for name, runs in example_runs().items()}, 10),
    "label_mix": label_mix,
}
