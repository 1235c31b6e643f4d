"""Figures of lesson 03: which classes a loss looks at, what normalising does, MAE in disguise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from anl_edu import gradients, losses
from anl_edu.losses.functions import LOG_ZERO
from anl_edu.teach.curves import example_runs
from anl_edu.teach.figure import new_figure
from anl_edu.teach.kept import kept
from anl_edu.teach.lines import add_line, lines
from anl_edu.teach.style import BLUE, PLUM, VERMILION, Style, label_of, style_of

PARTED = ("ce", "fl", "mae", "rce")  # losses that are written as a sum over the classes
LABEL = 0  # in these figures the label is always the first class


def shares_of_rest(p_y: float, K: int = 5) -> Tensor:
    """Return (K,) probabilities: p_y for the label, the rest halved from class to class."""
    rest = 0.5 ** torch.arange(1, K, dtype=torch.float64)
    return torch.cat([torch.tensor([p_y], dtype=torch.float64), (1 - p_y) * rest / rest.sum()])


def parts(name: str, p: Tensor, y: int = LABEL) -> Tensor:
    """Return (K,): what each class adds to the loss of one prediction, by the loss's formula.

    CE -e_k log p_k and FL with its factor; MAE |e_k - p_k| / 2; RCE -p_k log e_k with log 0 read as
    log 1e-4. e is the one-hot label. The sum over k is the loss (Ma et al. 2020, section 3.2).
    """
    e = torch.zeros_like(p)
    e[y] = 1
    if name == "ce":
        return torch.where(e > 0, -torch.log(p), 0)
    if name == "fl":
        gamma = losses.defaults("fl")["gamma"]
        return torch.where(e > 0, -((1 - p) ** gamma) * torch.log(p), 0)
    if name == "mae":
        return (e - p).abs() / 2
    if name == "rce":
        return torch.where(e > 0, 0, -LOG_ZERO * p)
    raise ValueError(f"no parts for {name!r}: use one of {', '.join(PARTED)}")


def parts_bars(name: str = "ce", p_y: float = 0.4) -> go.Figure:
    """Draw what each class adds to one loss, the label's class apart from the others."""
    p = shares_of_rest(p_y)
    each = parts(name, p)
    others = int((each[1:] > 1e-12).sum())
    kind = "active: only the label's class adds" if not others else "passive: other classes add too"
    fig = new_figure(
        f"{label_of(name)}, class by class",
        "class (with its probability)",
        "what the class adds to the loss",
        question=f"{label_of(name)} is {kind}.",
        alt=f"What each of five classes adds to {label_of(name)}; {kind}",
    )
    ticks = [f"{'label' if k == LABEL else f'class {k}'}<br>p = {v:.3f}" for k, v in enumerate(p)]
    for where, color, pattern, text in (
        (slice(0, 1), BLUE, "", "the label's class"),
        (slice(1, None), VERMILION, "/", "the other classes"),
    ):
        fig.add_bar(
            x=ticks[where],
            y=each[where].numpy(),
            name=text,
            marker={
                "color": color,
                "pattern": {"shape": pattern, "fgcolor": "white", "fillmode": "overlay"},
            },
        )
    fig.update_xaxes(type="category", categoryorder="array", categoryarray=ticks)
    return fig.update_layout(legend={"orientation": "h", "x": 0, "y": -0.3})


def squeezed(p_y: float, small: Tensor, count: int, K: int = 10) -> Tensor:
    """Return (M, K): the label, first, keeps p_y; `count` classes get each of `small` (M,).

    The others keep an equal share of 1 - p_y, but for the last class, which takes what the
    squeezed ones lose.
    """
    if not 1 <= count <= K - 2:
        raise ValueError(f"count must be 1..{K - 2} so that a class is left over, got {count!r}")
    share = (1 - p_y) / (K - 1)
    p = torch.full((len(small), K), share, dtype=torch.float64)
    p[:, 0] = p_y
    p[:, 1 : 1 + count] = small[:, None]
    p[:, -1] = share + count * (share - small)
    return p


def squeeze_figure(p_y: float = 0.3, count: int = 8, K: int = 10) -> go.Figure:
    """Draw losses and their slopes at the label, p_y held fixed, as other classes are squeezed out.

    Both are drawn as multiples of their value at the left end.
    """
    small = torch.logspace(np.log10((1 - p_y) / (K - 1)), -10, 40, dtype=torch.float64)  # (M,)
    z = squeezed(p_y, small, count, K).log()
    y = torch.zeros(len(z), dtype=torch.int64)
    noun = "class is" if count == 1 else "classes are"
    fig = new_figure(
        f"p<sub>y</sub> stays at {p_y:.2g}; {count} other {noun} squeezed out",
        question="Nothing is learned about the label. Which loss falls all the same?",
        alt="With p_y fixed, NCE and its slope at the label fall as other classes are squeezed "
        "out; CE and MAE do not change",
    )
    fig.set_subplots(
        1, 2, shared_yaxes=True, subplot_titles=["loss", "size of d loss / d z<sub>y</sub>"]
    )
    for name in ("ce", "mae", "nce"):
        value = getattr(losses, name)(z, y)
        slope = gradients.logit_gradient(name, z, y)[:, 0].abs()
        for column, values in ((1, value), (2, slope)):
            add_line(
                fig,
                small,
                values / values[0],
                label_of(name) if column == 1 else f"{label_of(name)}, slope",
                style_of(name),
                markers=6,
                showlegend=column == 1,
                row=1,
                col=column,
            )
    fig.update_xaxes(
        type="log", autorange="reversed", dtick=2, exponentformat="power",
        title_text="probability of each squeezed class",
    )  # fmt: skip
    fig.update_yaxes(range=[0, 1.08])
    fig.update_yaxes(title_text="multiple of the left end", col=1)
    return fig.update_layout(
        legend={"orientation": "h", "x": 0, "y": -0.28}, margin={"t": 120, "b": 90}, height=470
    )


@kept(maxsize=1)
def predictions(N: int = 300, K: int = 10, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return logits (N, K) float64, from timid to overconfident, and labels (N,)."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(N, K, generator=generator, dtype=torch.float64)
    z = z * torch.logspace(-1, 0.8, N, dtype=torch.float64)[:, None]
    y = torch.randint(0, K, (N,), generator=generator)
    agrees = torch.rand(N, generator=generator) < 0.5  # for half of them the label is the guess
    return z, torch.where(agrees, z.argmax(1), y)


def twin(name: str, logits: Tensor, y: Tensor) -> Tensor:
    """Return values (N,) of a named loss, or of the normalised MAE and RCE, "nmae" and "nrce"."""
    if name in ("nmae", "nrce"):
        K = logits.shape[1]
        one = getattr(losses, name[1:])
        every = torch.stack([one(logits, torch.full_like(y, k)) for k in range(K)], 1)  # (N, K)
        return losses.normalized(every, y)
    return losses.build(name, reduction="none")(logits, y)


def disguise_figure(name: str = "rce") -> go.Figure:
    """Draw a loss against MAE for many predictions, with the best line through 0."""
    z, y = predictions()
    mae = losses.mae(z, y)
    value = twin(name, z, y)
    factor = ((value * mae).sum() / mae.square().sum()).item()
    same = (value - factor * mae).abs().max().item() < 1e-9 * value.abs().max().item()
    shown = _shown(name)
    verdict = f"{shown} = {factor:.4g} × MAE" if same else f"{shown} is no multiple of MAE"
    fig = new_figure(
        f"{shown} against MAE, 300 predictions",
        "MAE = 1 − p<sub>y</sub>",
        shown,
        question=verdict,
        alt=verdict,
    )
    style = style_of(name)
    fig.add_scatter(
        x=mae.numpy(),
        y=value.numpy(),
        mode="markers",
        marker=style.marker | {"size": 6},
        name="predictions",
    )
    ends = np.array([0.0, 1.0])
    fig.add_scatter(
        x=ends,
        y=factor * ends,
        mode="lines",
        line={"color": "#777777", "dash": "dot", "width": 1.5},
        name="best line through 0",
    )
    return fig.update_layout(legend={"orientation": "h", "x": 0, "y": -0.22})


def disguise_panels(names: Sequence[str] = ("rce", "nrce", "nce", "aul")) -> go.Figure:
    """Draw several losses against MAE, a panel each."""
    fig = new_figure(
        "Four losses against MAE, 300 predictions",
        question="Which points lie on one line through 0?",
        alt="; ".join(str(disguise_figure(name).layout.meta["gist"]) for name in names),
    )
    fig.set_subplots(2, 2, subplot_titles=[_shown(n) for n in names], vertical_spacing=0.16)
    for place, name in enumerate(names):
        row, col = divmod(place, 2)
        for trace in disguise_figure(name).data:
            fig.add_trace(trace, row=row + 1, col=col + 1)
            fig.data[-1].update(showlegend=False, name=f"{_shown(name)}: {trace.name}")
    fig.update_xaxes(title_text="MAE = 1 − p<sub>y</sub>", row=2)
    return fig.update_layout(height=560, margin={"t": 110})


def _shown(name: str) -> str:
    return name.upper() if name in ("nmae", "nrce") else label_of(name)


def slopes(names: Sequence[str] = ("ce", "nce", "mae", "nce+mae"), K: int = 10) -> go.Figure:
    """Draw |d loss / d p_y| and |d loss / d z_y| against p_y, the others sharing the rest equally.

    Along that path d p_y / d z_y = p_y (1 - p_y), so the first is the second over that.
    """
    p = torch.linspace(0.005, 0.995, 150, dtype=torch.float64)
    fig = new_figure(
        "What a loss asks of one sample, in two coordinates",
        question="Which panel does training see?",
        alt="In p_y MAE has slope 1 everywhere; in z_y every loss but CE is weak at small p_y, "
        "and every loss lets go where p_y is near 1",
    )
    heads = ["size of d loss / d p<sub>y</sub>", "size of d loss / d z<sub>y</sub>, the pull"]
    fig.set_subplots(1, 2, subplot_titles=heads, horizontal_spacing=0.1)
    for name in names:
        pull = gradients.label_gradient(name, p, K=K)
        for column, values in ((1, pull / (p * (1 - p))), (2, pull)):
            add_line(
                fig,
                p,
                values,
                label_of(name) if column == 1 else f"{label_of(name)}, pull",
                style_of(name),
                markers=7,
                showlegend=column == 1,
                row=1,
                col=column,
            )
    fig.update_xaxes(title_text="probability p<sub>y</sub> of the label")
    fig.update_yaxes(type="log", dtick=1, exponentformat="power")
    return fig.update_layout(
        legend={"orientation": "h", "x": 0, "y": -0.25}, margin={"t": 110, "b": 90}, height=450
    )


def training_accuracy(runs: Mapping[str, Sequence[Sequence[Any]]]) -> go.Figure:
    """Draw how much of the training set each loss gets right, the mean over seeds, by epoch."""
    values = {
        name: 100 * np.array([[r.clean_accuracy for r in one] for one in some]).mean(0)
        for name, some in runs.items()
    }
    count = len(next(iter(values.values())))
    return lines(
        np.arange(1, count + 1),
        values,
        title="Clean labels: accuracy on the training set",
        x_title="epoch",
        y_title="training set, got right (%)",
        question="Does the network fit what it is shown?",
        alt="Accuracy on the training set by epoch, mean over seeds",
        style_of=style_of,
    ).update_yaxes(range=[-2, 102])


_TEN = Style(PLUM, "solid", "square")  # far from NCE's dots and diamonds


def turned_up(runs: Mapping[str, Sequence[Sequence[Any]]]) -> go.Figure:
    """Draw test accuracy and the share memorised, each on its own scale, mean over seeds.

    Parameters
    ----------
    runs
        NCE's runs, and those of ten times NCE, by name.
    """
    fig = new_figure(
        "NCE, and ten times NCE, with 60 % symmetric noise",
        question="When does the louder one stop being the better one?",
        alt="Test accuracy and share of memorised wrong labels of NCE and of ten times NCE",
    )
    heads = ["test accuracy (%)", "wrong labels memorised (%)"]
    fig.set_subplots(1, 2, subplot_titles=heads, horizontal_spacing=0.1)
    for name, some in runs.items():
        style = _TEN if name.startswith("10") else style_of(name)
        for column, field in ((1, "test_accuracy"), (2, "memorised")):
            y = 100 * np.array([[getattr(r, field) for r in one] for one in some])  # (S, E)
            at = np.arange(1, y.shape[1] + 1)
            for row in y:
                fig.add_scatter(
                    x=at, y=row, mode="lines", opacity=0.35, showlegend=False, hoverinfo="skip",
                    line={"color": style.color, "width": 1}, row=1, col=column,
                )  # fmt: skip
            name_here = label_of(name) if column == 1 else f"{label_of(name)}, memorised"
            add_line(
                fig, at, y.mean(0), name_here, style, markers=8, showlegend=column == 1, row=1,
                col=column,
            )  # fmt: skip
    fig.update_xaxes(title_text="epoch")
    fig.update_yaxes(range=[0, 102], col=1)
    fig.update_yaxes(range=[0, 20], col=2)
    return fig.update_layout(
        legend={"orientation": "h", "x": 0, "y": -0.25}, margin={"t": 110, "b": 90}
    )


def drift(apart: Sequence[float]) -> go.Figure:
    """Draw how far two networks' weights are apart after each epoch, as a part of their size."""
    return lines(
        np.arange(1, len(apart) + 1),
        {"difference of the weights": apart},
        title="One loss, written with 9.210340... and with 9.210341",
        x_title="epoch",
        y_title="|difference| / |weights|",
        question="How long do they stay together?",
        alt="The relative difference of the weights of two networks, by epoch, on a logarithmic "
        "axis",
    ).update_yaxes(type="log", exponentformat="power", dtick=1)


FIGURES = {
    "parts_bars": parts_bars,
    "parts_bars_passive": lambda: parts_bars("rce"),
    "squeeze_figure": squeeze_figure,
    "disguise_figure": disguise_figure,
    "disguise_figure_no": lambda: disguise_figure("nce"),
    "disguise_panels": disguise_panels,
    "slopes": slopes,
    "training_accuracy": lambda: training_accuracy(example_runs()),
    "turned_up": lambda: turned_up({"nce": example_runs()["ce"], "10 NCE": example_runs()["ce"]}),
    "drift": lambda: drift([1e-8, 1e-5, 1e-2]),
}
