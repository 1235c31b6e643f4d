"""The whole table drawn: seed by seed, beside other people's, and how far to trust it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
import plotly.graph_objects as go

from anl_edu.teach.figure import new_figure
from anl_edu.teach.lines import add_line
from anl_edu.teach.style import (
    BLACK,
    BLUE,
    ORANGE,
    VERMILION,
    label_of,
    nth_style,
    style_of,
)

_MARKS = ("circle", "square", "diamond", "cross", "x")


def seed_strip(seeds: Mapping[str, np.ndarray], *, title: str, y: str) -> go.Figure:
    """Draw every seed of every loss, and mean ± one sample deviation; the best mean comes first."""
    order = sorted(seeds, key=lambda name: -seeds[name].mean())
    fig = new_figure(
        title,
        "",
        y,
        question="Whose bars overlap? Which order would other seeds have given?",
        alt="; ".join(
            f"{label_of(n)} {seeds[n].mean():.1f} ± {seeds[n].std(ddof=1):.1f}" for n in order[:4]
        ),
    )
    labels = [label_of(name) for name in order]
    for seed in range(max(map(len, seeds.values()), default=0)):
        there = [name for name in order if seed < len(seeds[name])]
        fig.add_scatter(
            x=[label_of(name) for name in there],
            y=[seeds[name][seed] for name in there],
            mode="markers",
            name=f"seed {seed}",
            marker={"color": BLUE, "symbol": _MARKS[seed % 5], "size": 7, "opacity": 0.65},
        )
    fig.add_scatter(
        x=labels,
        y=[seeds[name].mean() for name in order],
        error_y={"type": "data", "array": [seeds[name].std(ddof=1) for name in order]},
        mode="markers",
        name="mean ± deviation",
        marker={"color": VERMILION, "symbol": "line-ew-open", "size": 18},
    )
    drawn = [
        v
        for some in seeds.values()
        for v in (*some, some.mean() - some.std(ddof=1), some.mean() + some.std(ddof=1))
    ] or [0, 100]
    margin = 0.06 * (max(drawn) - min(drawn)) + 0.1
    fig.update_yaxes(range=[min(drawn) - margin, max(drawn) + margin])  # grouped, it begins at 0
    return fig.update_xaxes(
        type="category", categoryorder="array", categoryarray=labels, tickangle=-35
    ).update_layout(height=460, margin={"b": 100}, scattermode="group", scattergap=0.35)


def last_and_best(last: Mapping[str, float], best: Mapping[str, float], *, title: str) -> go.Figure:
    """Draw for each loss the mean of the last epoch and of the best, joined by a line."""
    fig = new_figure(
        title,
        "",
        "test accuracy (%)",
        question="For which losses does it matter which of the two a table prints?",
        alt="; ".join(f"{label_of(n)} {last[n]:.0f} last, {best[n]:.0f} best" for n in last),
    )
    names = [label_of(name) for name in last]
    for name, at in zip(names, last, strict=True):
        fig.add_scatter(
            x=[name, name], y=[last[at], best[at]], mode="lines", showlegend=False,
            line={"color": "#999999", "width": 3}, hoverinfo="skip",
        )  # fmt: skip
    for values, name, color, symbol in (
        (last, "last epoch", BLUE, "circle"),
        (best, "best epoch", ORANGE, "diamond"),
    ):
        fig.add_scatter(
            x=names,
            y=list(values.values()),
            mode="markers",
            name=name,
            marker={"color": color, "symbol": symbol, "size": 11},
        )
    return fig.update_xaxes(type="category", tickangle=-35).update_layout(margin={"b": 100})


def beside(
    ours: Mapping[str, np.ndarray],
    theirs: Mapping[str, tuple[float, float | None]],
    *,
    title: str,
    x: str,
    y: str,
) -> go.Figure:
    """Draw our accuracy against a published one, a point a loss; where both agree is a line.

    Parameters
    ----------
    ours
        Loss to accuracies (R,) in percent, one a seed: mean and sample deviation are drawn.
    theirs
        Loss to accuracy and deviation (None where it is not printed), in percent.
    """
    both = [name for name in ours if name in theirs]
    fig = new_figure(
        title,
        x,
        y,
        question="Which losses stand apart from the rest, and on which side?",
        alt="; ".join(
            f"{label_of(n)} {ours[n].mean():.0f} here, {theirs[n][0]:.0f} there" for n in both
        ),
    )
    points = [v for n in both for v in (ours[n].mean(), theirs[n][0])] or [0, 100]
    ends = [min(points) - 6, max(points) + 12]
    a_point = 370 / (ends[1] - ends[0])  # in pixels, about
    at = _label_places({n: (a_point * ours[n].mean(), a_point * theirs[n][0]) for n in both})
    for name in both:
        look, deviation = style_of(name), theirs[name][1]
        fig.add_scatter(
            x=[ours[name].mean()],
            y=[theirs[name][0]],
            error_x={"type": "data", "array": [ours[name].std(ddof=1)], "color": "#999999"},
            error_y={"type": "data", "array": [deviation or 0], "color": "#999999"},
            mode="markers+text",
            name=label_of(name),
            text=[label_of(name)],
            textposition=at[name],
            cliponaxis=False,
            marker=look.marker | {"size": 12},
        )
    fig.add_scatter(
        x=ends, y=ends, mode="lines", name="equal", line={"color": BLACK, "dash": "dot", "width": 1}
    )
    return fig.update_layout(height=520)


_PLACES = {  # of a name's middle beside its mark: half widths across, pixels up
    "top center": (0, 15), "bottom center": (0, -15),
    "middle right": (1, 0), "middle left": (-1, 0),
}  # fmt: skip


def _label_places(marks: Mapping[str, tuple[float, float]]) -> dict[str, str]:
    """Choose where each loss's name stands, so that none covers another or another's mark.

    ``marks`` has each loss's place in the figure, in pixels, up to a common shift.
    """
    boxes = {name: [(x, y, 8.0, 8.0)] for name, (x, y) in marks.items()}  # middles, half sizes
    chosen: dict[str, str] = {}
    for name, (x, y) in marks.items():
        wide = 4.0 * len(label_of(name))
        box = {p: (x + side * (wide + 9), y + up, wide, 8.0) for p, (side, up) in _PLACES.items()}
        others = [b for n, some in boxes.items() if n != name for b in some]
        chosen[name] = min(box, key=lambda p: sum(_covered(box[p], b) for b in others))
        boxes[name].append(box[chosen[name]])
    return chosen


def _covered(a: Sequence[float], b: Sequence[float]) -> float:
    """Area that two boxes share."""
    across, up = (max(0.0, a[2 + k] + b[2 + k] - abs(a[k] - b[k])) for k in range(2))
    return across * up


def printed_twice(
    found: Sequence[tuple[str, Sequence[tuple[str, float, float | None]]]],
) -> go.Figure:
    """Draw cells that several papers print, each against the mean of what is printed.

    One row a cell, one mark a paper, with the deviation that it prints.
    """
    gaps = {name: max(v for _, v, _ in some) - min(v for _, v, _ in some) for name, some in found}
    widest = max(gaps, key=lambda name: gaps[name])
    fig = new_figure(
        "The same cell in two papers",
        "points above the mean of both papers",
        question="Are the printed deviations as wide as the gaps?",
        alt=f"They differ by {fmean(gaps.values()):.1f} points on average, by up to "
        f"{gaps[widest]:.1f} ({widest})",
    )
    centre = {name: fmean(v for _, v, _ in some) for name, some in found}
    papers = list(dict.fromkeys(paper for _, some in found for paper, _, _ in some))
    for place, paper in enumerate(papers):
        rows = [(n, v, d) for n, some in found for p, v, d in some if p == paper]
        fig.add_scatter(
            x=[v - centre[n] for n, v, _ in rows],
            y=[n for n, _, _ in rows],
            customdata=[v for _, v, _ in rows],
            hovertemplate="%{y}: %{customdata:.2f} %",
            error_x={"type": "data", "array": [d or 0 for _, _, d in rows]},
            mode="markers",
            name=paper,
            marker=nth_style(place).marker | {"size": 11},
        )
    fig.add_vline(x=0, line={"color": BLACK, "width": 1})
    fig.update_yaxes(type="category", autorange="reversed", automargin=True)
    below = {"orientation": "h", "y": -0.2, "x": 0}
    return fig.update_layout(height=190 + 32 * len(found), legend=below, margin={"r": 20})


def experiment_hist(found: np.ndarray, true: float, *, title: str, said: str) -> go.Figure:
    """Draw the differences that many experiments found, and the true one."""
    fig = new_figure(
        title,
        "difference of the two means found (points)",
        "experiments",
        question="How many experiments name the wrong winner (left of 0)?",
        alt=said,
    )
    wide = float(np.abs(found - true).max()) + 0.5
    width = 2 * wide / 41
    lowest, highest = np.floor((true - wide) / width), np.ceil((true + wide) / width)
    edges = width * np.arange(lowest, highest + 1)  # 0 is one of them
    counts, _ = np.histogram(found, edges)
    middles = (edges[1:] + edges[:-1]) / 2
    for name, kept, color, shape in (
        ("wrong winner", middles < 0, VERMILION, "/"),
        ("right winner", middles >= 0, BLUE, ""),
    ):
        fig.add_bar(
            x=middles[kept],
            y=counts[kept],
            name=name,
            showlegend=True,
            width=width,
            marker={"color": color, "pattern": {"shape": shape}},
        )
    fig.add_vline(
        x=true,
        line={"color": BLACK, "width": 2, "dash": "dash"},
        annotation={"text": "true difference", "font": {"size": 13}},
    )
    return fig.update_layout(bargap=0, barmode="overlay")


def power_curves(curves: Mapping[str, tuple[Sequence[int], Sequence[float]]]) -> go.Figure:
    """Draw how often a difference is found, by the number of seeds; a line a case."""
    fig = new_figure(
        "How often is a difference found?",
        "seeds per method",
        "experiments that find it, t-test at 5 % (%)",
        question="Where does each line cross 80 %?",
        alt="The share of experiments that find the better method better, by number of seeds",
    )
    for place, (name, (seeds, shares)) in enumerate(curves.items()):
        add_line(fig, seeds, [100 * s for s in shares], name, nth_style(place), markers=8)
    fig.add_hline(y=80, line={"color": BLACK, "width": 1.5})
    ticks = [2, 3, 5, 10, 20, 50, 100]
    fig.update_xaxes(type="log", tickvals=ticks, ticktext=[str(t) for t in ticks])
    return fig.update_yaxes(range=[0, 102])


def first_place(shares: Mapping[str, float], *, title: str) -> go.Figure:
    """Draw how often each loss would come first if the seeds were drawn anew."""
    kept = sorted((n for n in shares if shares[n] >= 0.005), key=lambda n: -shares[n])
    fig = new_figure(
        title,
        "",
        "of tables with seeds drawn anew (%)",
        question="Is there a winner, or a group?",
        alt="; ".join(f"{label_of(n)} {shares[n]:.0%}" for n in kept),
    )
    fig.add_bar(
        x=[label_of(n) for n in kept],
        y=[100 * shares[n] for n in kept],
        text=[f"{100 * shares[n]:.0f}" for n in kept],
        textposition="outside",
        cliponaxis=False,
        marker={"color": BLUE},
        name="first place",
    )
    return fig.update_xaxes(type="category").update_yaxes(range=[0, 108])


def shared(common: Mapping[str, float]) -> go.Figure:
    """Draw the losses' mean correlation over seeds, a bar a noise."""
    fig = new_figure(
        "Do all losses have luck with the same seeds?",
        "",
        "mean correlation over seeds",
        question="Under which noise do seeds share their luck?",
        alt="; ".join(f"{noise} {value:+.2f}" for noise, value in common.items()),
    )
    fig.add_bar(
        x=list(common),
        y=list(common.values()),
        text=[f"{value:+.2f}" for value in common.values()],
        textposition="outside",
        cliponaxis=False,
        marker={"color": BLUE},
        name="correlation",
    )
    fig.update_xaxes(type="category", tickangle=-30)
    return fig.update_yaxes(range=[-0.2, 1]).update_layout(margin={"b": 90})


def pulls(
    middle: Mapping[str, float], lost: Mapping[str, float], zeros: Mapping[str, int], seeds: int
) -> go.Figure:
    """Draw how long each loss's gradient is in the middle and for a sample that is nearly lost.

    Parameters
    ----------
    middle, lost
        Loss to the length of its gradient at the logits, as `recorded.pulls` has it.
    zeros
        Loss to how many of its ``seeds`` runs have a class with no test image right.
    """
    fig = new_figure(
        "How hard each loss pulls, and who lost a class",
        "gradient of a sample in the middle",
        "gradient of a nearly lost sample",
        question="Where do the losses lie that lost a class? What saves the one beside them?",
        alt="; ".join(f"{label_of(n)} {middle[n]:.2f} and {lost[n]:.3f}" for n in middle),
    )
    across = (-1.3, 0.9)  # log10: the axis
    at = _label_places(
        {
            n: (380 / 2.2 * math.log10(middle[n]), 370 / 3.7 * math.log10(lost[n]))
            for n in sorted(middle, key=lambda n: -lost[n])
        }
    )
    for name, kept, color, symbol in (
        ("no run lost a class", lambda k: k == 0, BLUE, "circle"),
        ("some runs did", lambda k: 0 < k < seeds, ORANGE, "diamond"),
        ("every run did", lambda k: k == seeds, VERMILION, "x"),
    ):
        some = [n for n in middle if kept(zeros[n])]
        fig.add_scatter(
            x=[middle[n] for n in some],
            y=[lost[n] for n in some],
            mode="markers+text",
            name=name,
            text=[label_of(n) for n in some],
            textposition=[at[n] for n in some],
            cliponaxis=False,
            marker={"color": color, "symbol": symbol, "size": 12},
        )
    fig.update_xaxes(type="log", tickvals=[0.1, 0.2, 0.5, 1, 2], range=across)
    ticks = [0.001, 0.01, 0.1, 1]
    fig.update_yaxes(
        type="log", tickvals=ticks, ticktext=[str(t) for t in ticks], range=[-3.4, 0.3]
    )
    return fig.update_layout(height=520)


_TWO = {"ce": np.array([50.0, 52.0]), "anl-ce": np.array([80.0, 82.0])}
FIGURES = {
    "beside": lambda: beside(
        _TWO, {"ce": (58.0, 0.2), "anl-ce": (87.0, None)}, title="Two tables", x="here", y="there"
    ),
    "experiment_hist": lambda: experiment_hist(
        np.array([-1.0, 0.5, 1.0, 2.0]), 1.0, title="Four experiments", said="One is wrong"
    ),
    "first_place": lambda: first_place({"ce": 0.1, "anl-ce": 0.9}, title="First places"),
    "last_and_best": lambda: last_and_best(
        {"ce": 50.0, "anl-ce": 80.0}, {"ce": 75.0, "anl-ce": 81.0}, title="Last and best"
    ),
    "power_curves": lambda: power_curves({"1 point": ([2, 5, 10], [0.1, 0.4, 0.9])}),
    "printed_twice": lambda: printed_twice(
        [("CE, symmetric 0.4", [("one paper", 58.5, 0.2), ("another", 58.1, None)])]
    ),
    "pulls": lambda: pulls(
        {"ce": 0.5, "mae": 0.25, "ece": 2.5}, {"ce": 1.0, "mae": 0.001, "ece": 0.01},
        {"ce": 0, "mae": 1, "ece": 2}, 2,
    ),
    "shared": lambda: shared({"none": -0.1, "instance 0.4": 0.6}),
    "seed_strip": lambda: seed_strip(_TWO, title="Seeds", y="test accuracy (%)"),
}  # fmt: skip
