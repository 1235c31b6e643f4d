"""What training records show: accuracy, memorising, last against best, whom the loss listens to.

Every function takes `runs`: loss name to the runs of that loss, one a seed, each a sequence of
epoch records (objects or dicts with the fields of `training.EpochRecord`). One run alone may stand
for a list of one. Thin lines are seeds, the thick line their mean; where there are many, a band
from the lowest seed to the highest stands for the thin lines. Shares are drawn as percent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import stdev
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from anl_edu.teach.figure import new_figure
from anl_edu.teach.lines import add_line, lines
from anl_edu.teach.style import Style, label_of, style_of

Run = Sequence[Any]
Runs = Mapping[str, "Run | Sequence[Run]"]
Seeds = Literal["lines", "band", "none"]


def accuracy_curves(
    runs: Runs,
    *,
    title: str = "Accuracy on clean test images",
    question: str = "Which loss keeps at the end what it had reached on the way?",
    style: Callable[[str], Style] = style_of,
    seeds: Seeds = "lines",
) -> go.Figure:
    """Draw test accuracy by epoch, one thick line a loss; `style` gives the look of each name."""
    fig = new_figure(
        title,
        x="epoch",
        y="test accuracy (%)",
        question=question,
        alt="Test accuracy by epoch for each loss",
    )
    return _curves(fig, runs, "test_accuracy", style, seeds)


def memorised_curves(
    runs: Runs,
    *,
    title: str = "Wrong labels memorised",
    question: str = "Of the wrong labels in the training set, how many does the model now repeat?",
    style: Callable[[str], Style] = style_of,
    seeds: Seeds = "lines",
) -> go.Figure:
    """Draw the share of wrongly labelled training images predicted as their wrong label."""
    fig = new_figure(
        title,
        x="epoch",
        y="memorised (% of wrong labels)",
        question=question,
        alt="Share of the wrong training labels that the model repeats, by epoch, for each loss",
    )
    return _curves(fig, runs, "memorised", style, seeds)


def dice_curves(
    runs: Runs,
    *,
    title: str = "Dice on clean test masks",
    question: str = "Which loss keeps at the end what it had reached on the way?",
    style: Callable[[str], Style] = style_of,
    seeds: Seeds = "lines",
) -> go.Figure:
    """Draw the mean Dice by epoch, of the classes but the background's."""
    fig = new_figure(
        title,
        x="epoch",
        y="mean Dice of a class (%)",
        question=question,
        alt="The mean Dice of a class by epoch for each loss",
    )
    return _curves(fig, runs, "mean_dice", style, seeds)


def gradient_shares(
    runs: Runs,
    *,
    noise: float | None = None,
    title: str = "Whom the loss listens to",
    seeds: bool = True,
) -> go.Figure:
    """Draw the share of the gradient norm that comes from wrongly labelled images.

    `noise` is the realised share of wrong labels: a level line marks it, the share that wrong
    labels would have if every image pulled equally. `seeds` draws each seed beside the mean.
    """
    fig = new_figure(
        title,
        x="epoch",
        y="gradient from wrong labels (%)",
        question="What part of all the pulling is done by wrongly labelled images?",
        alt="Share of gradient norm from wrongly labelled images, by epoch, for each loss",
    )
    fig = _curves(fig, runs, "wrong_share", seeds="lines" if seeds else "none")
    if noise is not None:
        epochs = [epoch for some in runs.values() for epoch in _matrix(some, "wrong_share")[0]]
        fig.add_scatter(
            x=[1, max(epochs, default=1)],
            y=[100 * noise] * 2,
            mode="lines",
            line={"color": "#777777", "dash": "dot", "width": 1.5},
            name=f"wrong labels in the data: {100 * noise:.1f} %",
        )
    return fig


def fit_curves(runs: Runs, *, title: str = "What is fitted: correct and wrong labels") -> go.Figure:
    """Draw, one panel a loss, the fit to correct labels and the memorised share of wrong ones."""
    fig = new_figure(
        title,
        question="Where does the lower line start to rise?",
        alt="For each loss, the share of correct and of wrong training labels the model repeats",
    )
    names = list(runs)
    fig.set_subplots(1, len(names), shared_yaxes=True, subplot_titles=[label_of(n) for n in names])
    for column, name in enumerate(names, start=1):
        for part, key in (("clean", "clean_accuracy"), ("wrong", "memorised")):
            style = style_of(part)
            x, y = _matrix(runs[name], key)
            _seeds(fig, x, y, style.color, row=1, col=column)
            add_line(
                fig, x, _mean(y), label_of(part), style, markers=0,
                legendgroup=part, showlegend=column == 1, row=1, col=column,
            )  # fmt: skip
    fig.update_xaxes(title_text="epoch")
    fig.update_yaxes(range=[-2, 102])
    fig.update_yaxes(title_text="training labels repeated (%)", col=1)
    return fig.update_layout(
        legend={"orientation": "h", "x": 0, "y": -0.25}, margin={"t": 110, "b": 80}
    )


def last_against_best(runs: Runs, *, title: str = "Last epoch against best epoch") -> go.Figure:
    """Draw test accuracy at the last and at the best epoch: mean and sample deviation over seeds.

    The best epoch is picked by looking at the test set, so it is not a result one could have had.
    """
    fig = new_figure(
        title,
        y="test accuracy (%)",
        question="How much is lost between the best epoch and the last?",
        alt="Test accuracy at the last and at the best epoch, for each loss",
    )
    names = list(runs)
    ends = {n: [100 * _values(r, "test_accuracy") for r in _as_runs(runs[n])] for n in names}
    last = {n: [float(a[-1]) for a in ends[n]] for n in names}
    best = {n: [float(np.nanmax(a)) for a in ends[n]] for n in names}
    labels = [label_of(n) for n in names]
    colors = [style_of(n).color for n in names]
    for offset, (word, values) in enumerate((("best", best), ("last", last))):
        fig.add_bar(
            x=labels,
            y=[float(np.mean(values[n])) for n in names],
            name=f"{word} epoch",
            offsetgroup=str(offset),
            marker={
                "color": colors,
                "opacity": 0.45 if word == "best" else 1.0,
                "pattern": {"shape": "/" if word == "best" else "", "fgcolor": "white"},
                "line": {"color": "#222222", "width": 1},
            },
            error_y={
                "color": "#888888",
                "thickness": 2,
                "array": [_deviation(values[n]) for n in names],
                "visible": any(len(values[n]) > 1 for n in names),
            },
        )
        fig.add_scatter(  # a bar's own text would lie under its error bar
            x=labels,
            y=[float(np.mean(values[n])) + (_deviation(values[n]) or 0) for n in names],
            text=[f"{float(np.mean(values[n])):.1f}" for n in names],
            mode="text",
            textposition="top center",
            offsetgroup=str(offset),
            showlegend=False,
            hoverinfo="skip",
        )
    fig.update_yaxes(range=[0, 109])
    return fig.update_layout(barmode="group", scattermode="group")


def accuracy_by_rate(
    rates: Sequence[float], accuracy: Mapping[str, Sequence[float]], *, title: str
) -> go.Figure:
    """Draw accuracy (0..1) against the noise rate, one line a loss."""
    fig = lines(
        rates,
        {name: 100 * np.asarray(values) for name, values in accuracy.items()},
        title=title,
        x_title="nominal rate of symmetric noise",
        y_title="test accuracy (%)",
        question="From which rate on is a robust loss ahead of CE?",
        alt="Test accuracy falls with the noise rate, for some losses faster than for others",
        style_of=style_of,
    )
    return fig.update_yaxes(rangemode="tozero")


def _curves(
    fig: go.Figure,
    runs: Runs,
    key: str,
    style: Callable[[str], Style] = style_of,
    seeds: Seeds = "lines",
) -> go.Figure:
    draw = {"lines": _seeds, "band": _band}.get(seeds)
    for name, some in runs.items():
        look = style(name)
        x, y = _matrix(some, key)
        if draw is not None:
            draw(fig, x, y, look.color)
        add_line(fig, x, _mean(y), label_of(name), look, markers=8)
    return fig.update_yaxes(range=[-2, 102])


def _seeds(fig: go.Figure, x: np.ndarray, y: np.ndarray, color: str, **place: int) -> None:
    for row in y if len(y) > 1 else ():
        fig.add_scatter(
            x=x,
            y=row,
            mode="lines",
            line={"color": color, "width": 1},
            opacity=0.35,
            showlegend=False,
            hoverinfo="skip",
            **place,
        )


def _band(fig: go.Figure, x: np.ndarray, y: np.ndarray, color: str) -> None:
    """Fill what lies between the lowest and the highest seed of each epoch."""
    if len(y) > 1:
        fig.add_scatter(
            x=np.concatenate([x, x[::-1]]),
            y=np.concatenate([y.max(axis=0), y.min(axis=0)[::-1]]),
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=color,
            opacity=0.16,
            showlegend=False,
            hoverinfo="skip",
        )


def _as_runs(some: Any) -> list[Run]:
    """Return a list of runs, also when given one run (a sequence of records) alone."""
    runs = list(some)
    if not runs:
        return [[]]
    return [runs] if isinstance(runs[0], Mapping) or hasattr(runs[0], "epoch") else runs


def _values(run: Run, key: str) -> np.ndarray:
    """Return one field of every record as float64; a missing value is NaN."""
    found = [r.get(key) if isinstance(r, Mapping) else getattr(r, key) for r in run]
    return np.array([np.nan if v is None else v for v in found], dtype=float)


def _matrix(some: Any, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Return epochs (E,) and percentages (S, E), for the epochs that all S runs have."""
    runs = _as_runs(some)
    count = min(map(len, runs))
    y = np.stack([100 * _values(run, key)[:count] for run in runs])  # (S, E)
    return _values(runs[0], "epoch")[:count], y


def _deviation(values: Sequence[float]) -> float | None:
    """Return the sample deviation over seeds; one seed has none."""
    return stdev(values) if len(values) > 1 else None


def _mean(y: np.ndarray) -> np.ndarray:
    return y.mean(axis=0)


def example_runs(epochs: int = 10) -> dict[str, list[list[SimpleNamespace]]]:
    """Return made-up records in the form of real ones, two seeds a loss, to try a drawing on."""

    def record(epoch: int, peak: float, fall: float) -> SimpleNamespace:
        learned = 1 - 0.7**epoch
        return SimpleNamespace(
            epoch=epoch,
            train_loss=2.3 * (1 - learned),
            test_accuracy=peak * learned - fall * epoch / 3,
            clean_accuracy=learned,
            memorised=fall * epoch,
            wrong_share=0.6 - fall * epoch / 10,
            mean_dice=peak * learned - fall * epoch / 3,
        )

    return {
        name: [[record(e, peak, fall) for e in range(1, epochs + 1)] for peak in peaks]
        for name, peaks, fall in (("ce", (0.9, 0.8), 0.02), ("anl-ce", (0.88, 0.86), 0.0))
    }


FIGURES = {
    "accuracy_curves": lambda: accuracy_curves(example_runs()),
    "memorised_curves": lambda: memorised_curves(example_runs()),
    "memorised_bands": lambda: memorised_curves(example_runs(), seeds="band"),
    "dice_curves": lambda: dice_curves(example_runs()),
    "gradient_shares": lambda: gradient_shares(example_runs(), noise=0.6),
    "fit_curves": lambda: fit_curves(example_runs()),
    "accuracy_by_rate": lambda: accuracy_by_rate(
        [0, 0.4, 0.8], {"ce": [0.9, 0.6, 0.2], "anl-ce": [0.88, 0.8, 0.6]}, title="By rate"
    ),
    "last_against_best": lambda: last_against_best(example_runs()),
}
