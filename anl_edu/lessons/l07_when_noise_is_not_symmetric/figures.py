"""Classes out of balance: how often each is given as a label, predicted, and named rightly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from anl_edu import gradients, noise
from anl_edu.teach.figure import new_figure
from anl_edu.teach.lines import add_line, bars
from anl_edu.teach.style import (
    BLACK,
    BLUE,
    SEQUENTIAL,
    SKY,
    VERMILION,
    Style,
    label_of,
    nth_style,
    style_of,
)
from anl_edu.training import EpochRecord

ER = "anl-ce + ER"  # ANL-CE with the entropy regulariser, as this lesson names it


def style(name: str) -> Style:
    """Return the look of a loss, whatever the weight that ANL-CE + ER is named with."""
    return style_of(ER if name.startswith(ER) else name)


def label_counts(T: Tensor, classes: Sequence[str], *, title: str) -> go.Figure:
    """Draw how often each label is given, as a multiple of how often its class is there.

    Parameters
    ----------
    T
        (K, K), rows are true classes, all equally large.
    classes
        K names.
    """
    given = T.sum(0).tolist()  # (K,) the columns' sums
    fig = new_figure(
        title,
        "label j",
        "given, as a multiple of its class",
        question="Which labels are given more often than their class occurs, which less?",
        alt=f"Column sums of the transition matrix, from {min(given):.2f} to {max(given):.2f}",
    )
    for sign, color, shape, name in (
        (1, VERMILION, "/", "given too often"),
        (-1, BLUE, "", "given too seldom"),
        (0, "#999999", ".", "as often as its class"),
    ):
        kept = [(k, v) for k, v in enumerate(given) if np.sign(round(v - 1, 9)) == sign]
        fig.add_bar(
            x=[classes[k] for k, _ in kept],
            y=[v for _, v in kept],
            text=[f"{v:.2f}" for _, v in kept],
            textposition="outside",
            cliponaxis=False,
            name=name,
            showlegend=True,
            marker={"color": color, "pattern": {"shape": shape}},
        )
    fig.add_hline(y=1, line={"color": BLACK, "width": 1.5})
    fig.update_xaxes(type="category", categoryorder="array", categoryarray=list(classes))
    return fig.update_yaxes(range=[0, max(2.0, 1.15 * max(given))])


def recall_maps(
    records: Mapping[str, Sequence[EpochRecord]], classes: Sequence[str], *, title: str
) -> go.Figure:
    """Draw each class's recall by epoch as a map, one a loss, on one colour scale."""
    names = list(records)
    fig = new_figure(
        title,
        question="Which rows stay dark? In which epoch are they lost?",
        alt="; ".join(
            f"{label_of(n)}: worst class at the end {100 * rows[-1].worst_recall:.0f} %"
            for n, rows in records.items()
        ),
    )
    columns = min(2, len(names))
    rows_of = math.ceil(len(names) / columns)
    fig.set_subplots(
        rows_of,
        columns,
        shared_yaxes=True,
        horizontal_spacing=0.06,
        vertical_spacing=0.24 / rows_of,
        subplot_titles=[label_of(n) for n in names],
    )
    for place, (name, rows) in enumerate(records.items()):
        recall = np.array([row.recalls for row in rows], dtype=float).T  # (K, E)
        fig.add_heatmap(
            z=100 * recall,
            x=[row.epoch for row in rows],
            y=list(classes),
            name=label_of(name),
            coloraxis="coloraxis",
            hovertemplate="class %{y}, epoch %{x}: %{z:.0f} %<extra></extra>",
            row=place // columns + 1,
            col=place % columns + 1,
        )
    fig.update_yaxes(type="category", autorange="reversed", showgrid=False)
    fig.update_yaxes(title_text="true class", col=1)
    fig.update_xaxes(showgrid=False)
    fig.update_xaxes(title_text="epoch", row=rows_of)
    return fig.update_layout(
        height=130 + 250 * rows_of,
        margin={"t": 110},
        coloraxis={
            "colorscale": SEQUENTIAL,
            "cmin": 0,
            "cmax": 100,
            "colorbar": {"title": {"text": "recall (%)"}},
        },
    )


def balance_curves(
    runs: Mapping[str, Sequence[Sequence[EpochRecord]]], *, title: str = "Balance of the prediction"
) -> go.Figure:
    """Draw exp of the entropy of p_bar by epoch: as how many equal classes are predicted.

    Parameters
    ----------
    runs
        Name to runs, each its epoch records; the line is the mean over them.
    """
    fig = new_figure(
        title,
        "epoch",
        "classes in use, exp H(p̄)",
        question="Ten classes of one size are ten. How many does the network use?",
        alt="exp of the entropy of the mean prediction, by epoch, for each loss",
    )
    for name, some in runs.items():
        count = min(map(len, some))
        used = np.exp([[r.prediction_entropy for r in rows[:count]] for rows in some])  # (S, E)
        x = [r.epoch for r in some[0][:count]]
        add_line(fig, x, used.mean(0), label_of(name), style(name), markers=8)
    return fig


def said_and_given(
    given: ArrayLike, said: Mapping[str, ArrayLike], classes: Sequence[str], *, title: str
) -> go.Figure:
    """Draw how often each class is given as a label, and p_bar of models, as multiples of 1 / K.

    Parameters
    ----------
    given
        (K,) share of each label in the training set.
    said
        Name to p_bar, (K,).
    """
    K = len(classes)
    fig = new_figure(
        title,
        "class",
        "share, as a multiple of 1 / K",
        question="Who predicts as often as the labels say, who as often as the classes occur?",
        alt="Bars: labels given; markers: the mean prediction of each model",
    )
    fig.add_bar(
        x=list(classes),
        y=(K * np.asarray(given)).tolist(),
        name="labels given",
        marker={"color": "#D0D0D0", "pattern": {"shape": "/", "fgcolor": "#888888"}},
    )
    for name, p in said.items():
        look = style(name)
        fig.add_scatter(
            x=list(classes),
            y=(K * np.asarray(p)).tolist(),
            name=label_of(name),
            mode="markers",
            marker=look.marker | {"size": 11},
        )
    fig.add_hline(y=1, line={"color": BLACK, "width": 1.5})
    fig.update_xaxes(type="category", categoryorder="array", categoryarray=list(classes))
    return fig.update_yaxes(rangemode="tozero")


def crowd(names: Sequence[str], cosine: Sequence[float], ratio: Sequence[float]) -> go.Figure:
    """Draw, for kinds of noise, the two sums of gradients: their angle and their lengths."""
    return bars(
        list(names),
        {
            "length, wrong / right": [float(v) for v in ratio],
            "cosine between the two": [float(v) for v in cosine],
        },
        title="All wrong labels together, against all right ones",
        y_title="untrained network, CE",
        question="When do wrong labels cancel each other, and when do they agree?",
        alt="Length of the wrong labels' summed gradient relative to the right ones', and cosine",
    )


def one_sample(
    sure: float, second: float, crowded: float, K: int = 10
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a sample's p, its batch's p_bar, and N times the step on its logits, each (K,).

    Arguments as in `push`; a second probability that does not fit beside the first is cut.
    """
    second = min(second, 1 - sure)
    p = torch.tensor([sure, second, *[(1 - sure - second) / (K - 2)] * (K - 2)]).double()
    p_bar = torch.tensor([crowded, *[(1 - crowded) / (K - 1)] * (K - 1)]).double()
    return p, p_bar, -gradients.entropy_pull(p, p_bar)


def push(sure: float, second: float, crowded: float, K: int = 10) -> go.Figure:
    """Draw what the regulariser asks of one sample's logits, beside what it believes.

    Parameters
    ----------
    sure, second
        The sample's probabilities of class 0 and class 1; the other classes share the rest.
    crowded
        p_bar of class 0; the other classes share the rest of p_bar equally.
    """
    p, p_bar, step = one_sample(sure, second, crowded, K)
    fig = new_figure(
        "What a step on ER does to one sample's logits",
        "class",
        "",
        question="When is the push small? Which class is pushed down, which up?",
        alt=f"Step on class 0: {step[0]:.3f}, on class 1: {step[1]:.3f}",
    )
    x = [str(k) for k in range(K)]
    fig.add_bar(x=x, y=p.tolist(), name="p, the sample's prediction", marker={"color": SKY})
    fig.add_bar(
        x=x,
        y=p_bar.tolist(),
        name="p̄, of the batch",
        marker={"color": "#D0D0D0", "pattern": {"shape": "/", "fgcolor": "#888888"}},
    )
    fig.add_bar(
        x=x,
        y=step.tolist(),
        name="step on z, times N",
        marker={
            "color": VERMILION,
            "pattern": {"shape": "x", "fgcolor": "white", "fillmode": "overlay"},
        },
    )
    fig.update_xaxes(type="category")
    fig.update_yaxes(range=[-0.65, 1.02])
    return fig.update_layout(
        barmode="group",
        height=460,
        margin={"b": 110},
        legend={"orientation": "h", "x": 0, "y": -0.26},
    )


def batch_sizes(
    sizes: Sequence[int], values: Mapping[str, Sequence[float]], expected: Sequence[float]
) -> go.Figure:
    """Draw the regulariser's mean value by batch size, and what chance alone would give."""
    fig = new_figure(
        "ER of a network that is right, by batch size",
        "batch size N",
        "ER (nats)",
        question="The network is balanced. What, then, does ER see in a small batch?",
        alt="ER falls as 1 / N: a small batch is unbalanced by chance",
    )
    for place, (name, value) in enumerate(values.items()):
        add_line(fig, sizes, value, name, nth_style(place), markers=len(sizes))
    fig.add_scatter(
        x=list(sizes),
        y=list(expected),
        name="(K − 1) / 2N",
        mode="lines",
        line={"color": BLACK, "dash": "dot", "width": 1.5},
    )
    fig.update_xaxes(type="log", tickvals=list(sizes), ticktext=[str(n) for n in sizes])
    return fig.update_yaxes(type="log")


def by_lambda(
    weights: Sequence[float],
    accuracy: Mapping[str, Sequence[float]],
    *,
    title: str,
    chosen: float | None = None,
) -> go.Figure:
    """Draw accuracies by the regulariser's weight, evenly spaced as they were tried.

    Parameters
    ----------
    weights
        (L,) values of lambda, 0 first.
    accuracy
        Name to (L,) percentages.
    chosen
        A weight to mark.
    """
    fig = new_figure(
        title,
        "λ",
        "%",
        question="Which λ would you take if you saw only the held-out line?",
        alt="Accuracies by the weight of the entropy regulariser",
    )
    x = [f"{w:g}" for w in weights]
    for place, (name, values) in enumerate(accuracy.items()):
        add_line(fig, x, values, name, nth_style(place))
    fig.update_xaxes(type="category", categoryorder="array", categoryarray=x)
    if chosen is not None:
        at = weights.index(chosen)
        fig.add_vline(x=at, line={"color": BLACK, "width": 1.5, "dash": "dot"})
        fig.add_annotation(x=at, y=1, yref="paper", text="chosen", showarrow=False, xanchor="left")
    return fig.update_layout(
        height=460, margin={"b": 110}, legend={"orientation": "h", "x": 0, "y": -0.26}
    )


def class_recalls(
    recalls: Mapping[str, Sequence[float]], sizes: Sequence[int], classes: Sequence[str]
) -> go.Figure:
    """Draw each class's recall under several weights, with the class's size under its name."""
    fig = new_figure(
        "Classes of different size: recall by class",
        "class (training images)",
        "recall (%)",
        question="Who pays for the balance?",
        alt="Recall of each class for each weight of the regulariser",
    )
    x = [f"{name} ({n})" for name, n in zip(classes, sizes, strict=True)]
    for place, (name, values) in enumerate(recalls.items()):
        add_line(fig, x, [100 * v for v in values], name, nth_style(place))
    fig.update_xaxes(type="category")
    return fig.update_yaxes(range=[0, 102])


def agreement(shares: Tensor, classes: Sequence[str]) -> go.Figure:
    """Draw of each class on how many images three people gave one, two and three labels, (K, 3)."""
    fig = new_figure(
        "CIFAR-10N: do three people agree?",
        "true class",
        "share of its images (%)",
        question="Which classes are hard to name, for anybody?",
        alt="Stacked shares of the images with one, two and three different labels, by class",
    )
    for column, (name, color, shape) in enumerate(
        (
            ("one label", BLUE, ""),
            ("two labels", SKY, "/"),
            ("three labels", VERMILION, "x"),
        )
    ):
        fig.add_bar(
            x=list(classes),
            y=(100 * shares[:, column]).tolist(),
            name=name,
            marker={
                "color": color,
                "pattern": {"shape": shape, "fgcolor": "white", "fillmode": "overlay"},
            },
        )
    fig.update_xaxes(type="category")
    return fig.update_layout(barmode="stack").update_yaxes(range=[0, 101])


def _records(name: str, seed: int = 0) -> list[EpochRecord]:
    g = torch.Generator().manual_seed(seed + len(name))
    return [
        EpochRecord(
            e, 3, 1.0, 0.1, 0.5, 0.5, 0.5, 0.5, 0.5, None, 0.1, None,
            tuple(torch.rand(3, generator=g).tolist()),
            tuple(torch.rand(3, generator=g).softmax(0).tolist()),
        )
        for e in (1, 2, 3)
    ]  # fmt: skip


FIGURES = {
    "label_counts": lambda: label_counts(noise.asymmetric_cifar10(0.4), "abcdefghij", title="T"),
    "recall_maps": lambda: recall_maps({"ce": _records("ce"), ER: _records(ER)}, "abc", title="R"),
    "balance_curves": lambda: balance_curves({"ce": [_records("ce")], ER: [_records(ER)]}),
    "said_and_given": lambda: said_and_given(
        [0.5, 0.3, 0.2], {"ce": [0.4, 0.3, 0.3], ER: [0.3, 0.3, 0.4]}, "abc", title="S"
    ),
    "crowd": lambda: crowd(["symmetric"], [-0.3], [0.3]),
    "push": lambda: push(0.5, 0.4, 0.3),
    "batch_sizes": lambda: batch_sizes([16, 64], {"a": [0.3, 0.07]}, [0.28, 0.07]),
    "by_lambda": lambda: by_lambda([0.0, 2.0], {"test": [80, 90]}, title="L", chosen=2.0),
    "agreement": lambda: agreement(torch.tensor([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1]]), "ab"),
    "class_recalls": lambda: class_recalls({"λ = 0": [1.0, 0.5]}, [100, 20], "ab"),
}
