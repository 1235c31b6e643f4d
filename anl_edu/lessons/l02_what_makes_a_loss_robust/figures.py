"""Figures of lesson 02: sums over labels, noisy risk, and how fast MAE learns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from anl_edu import gradients, noise
from anl_edu.teach import simplex
from anl_edu.teach.figure import new_figure
from anl_edu.teach.kept import kept
from anl_edu.teach.lines import add_line, lines
from anl_edu.teach.style import BLACK, DIVERGING, SEQUENTIAL, label_of, style_of
from anl_edu.teach.tables import label_sums, label_table

FLAT = 1e-9  # relative spread below which a sum counts as constant in float64


@kept(maxsize=64)
def simplex_table(name: str, n: int) -> Tensor:
    """Return the loss at every point of `simplex.grid` under every label, (n + 1, 2n + 1, 3)."""
    p = simplex.grid(n)[2]
    return label_table(name, p.reshape(-1, 3).log()).reshape(p.shape)


def label_sum_map(name: str, *, n: int = 42) -> go.Figure:
    """Draw sum_k loss(p, k) over the three-class simplex, relative to its value at the centre."""
    x, y, _ = simplex.grid(n)
    sums = simplex_table(name, n).sum(-1).numpy()
    C = label_sums(name, torch.zeros(1, 3, dtype=torch.float64)).item()  # at (1/3, 1/3, 1/3)
    low, high = sums.min(), sums.max()
    flat = (high - low) <= FLAT * abs(C)
    if flat:
        verdict = f"The sum is {C:.4g} everywhere: {label_of(name)} is symmetric."
    else:
        verdict = (
            f"{label_of(name)} is not symmetric: the sum runs from {low:.4g} to {high:.4g} "
            f"(drawn from {simplex.EDGE:g} on)."
        )
    fig = simplex.new_simplex(f"Sum of {label_of(name)} over the three labels", verdict)
    fig.add_contour(
        x=x,
        y=y,
        z=np.full_like(sums, 1.0) if flat else sums / C,
        name="sum / sum at the centre",
        zmin=0.5,
        zmax=1.5,
        colorscale=DIVERGING,
        contours={"start": 0.5, "end": 1.5, "size": 0.05, "showlines": not flat},
        line={"width": 0.6, "color": "#666666"},
        colorbar=_bar("sum, as a<br>multiple of<br>the centre's<br>(1.5 or more:<br>one colour)"),
        hovertemplate="p<sub>0</sub> %{y:.2f}<br>%{z:.3f} times the centre's sum<extra></extra>",
    )
    return fig


def class_mix(kind: str, rate: float, share: float) -> Tensor:
    """Return (3,): how often an image gets each noisy label.

    The image is truly class 0 with probability ``share`` and else class 1 (``share`` = 1: an
    image of one clear class), and its label then goes through the noise ``kind``.
    """
    q = torch.tensor([share, 1 - share, 0.0], dtype=torch.float64)
    return q @ noise.transition(kind, rate, 3)


def noisy_risk_map(
    name: str, kind: str = "symmetric", rate: float = 0.0, share: float = 1.0, *, n: int = 42
) -> go.Figure:
    """Draw the mean noisy loss of one image at every prediction, and mark where it is lowest."""
    x, y, p = simplex.grid(n)
    weights = class_mix(kind, rate, share)  # (3,)
    risk = (simplex_table(name, n) @ weights).numpy()
    inside = np.abs(x)[None, :] <= 1 - y[:, None] + 1e-9
    at, ties = _lowest(np.where(inside, risk, np.inf), p)
    mix = ", ".join(f"{w:.2f}" for w in weights.tolist())
    place = "flat: no lowest point" if ties else f"lowest at p = ({_numbers(at)})"
    fig = simplex.new_simplex(
        f"Mean noisy {label_of(name)} of one image",
        f"Label frequencies ({mix}).  Risk {place}.",
    )
    top = float(np.quantile(risk[inside], 0.92))
    low = float(risk[inside].min())
    high = top if top - low > 1e-9 else low + 1
    fig.add_contour(
        x=x,
        y=y,
        z=np.full_like(risk, low) if ties else risk,
        name="mean noisy loss",
        zmin=low,
        zmax=high,
        colorscale=SEQUENTIAL,
        reversescale=True,
        contours={"start": low, "end": high, "size": (high - low) / 12, "showlines": not ties},
        line={"width": 0.6, "color": "#FFFFFF"},
        colorbar=_bar("mean<br>noisy loss") | {"tickformat": ".3g"},
        hovertemplate="p<sub>0</sub> %{y:.2f}<br>mean noisy loss %{z:.3f}<extra></extra>",
    )
    px, py = float(at[2] - at[1]), float(at[0])
    fig.add_scatter(
        x=[None if ties else px],
        y=[None if ties else py],
        mode="markers",
        name="lowest point",
        showlegend=False,
        marker={"symbol": "x", "size": 13, "color": "white", "line": {"color": BLACK, "width": 2}},
    )
    if not ties:
        fig.add_annotation(
            x=px, y=py, text="<b>lowest</b>", ax=60, ay=-35, arrowwidth=2, arrowcolor=BLACK,
            bgcolor="white", bordercolor=BLACK, font={"size": 14},
        )  # fmt: skip
    return fig


def risk_matrix(name: str, logits: Tensor, labels: Tensor) -> Tensor:
    """Return (C, K, K): mean loss of classifier c on images of class i under label j, times P(i).

    With it the risk under any noise T is sum_ij T_ij M_ij: no image need be looked at again.

    Parameters
    ----------
    logits
        (C, N, K): what each of C classifiers says of N images.
    labels
        (N,) true classes.
    """
    C, N, K = logits.shape
    table = label_table(name, logits.reshape(C * N, K)).reshape(C, N, K)
    one_hot = torch.nn.functional.one_hot(labels, K).to(table.dtype)  # (N, K)
    return torch.einsum("ni,cnj->cij", one_hot, table) / N


def risks(matrix: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
    """Return the clean risk and the risk under noise T of every classifier, (C,) each."""
    return torch.diagonal(matrix, dim1=1, dim2=2).sum(1), (matrix * T).sum((1, 2))


def reversals(clean: Tensor, noisy: Tensor, slack: float = 1e-9) -> int:
    """Count the pairs of classifiers that noise puts in the other order."""
    first, second = torch.triu_indices(len(clean), len(clean), 1)
    d_clean, d_noisy = clean[first] - clean[second], noisy[first] - noisy[second]
    return int(((d_clean * d_noisy < 0) & (d_clean.abs() > slack) & (d_noisy.abs() > slack)).sum())


def risk_scatter(
    matrix: Tensor, name: str, kind: str = "symmetric", rate: float = 0.6
) -> go.Figure:
    """Draw each classifier's noisy risk against its clean risk."""
    K = matrix.shape[1]
    clean, noisy = risks(matrix, noise.transition(kind, rate, K))
    pairs = len(clean) * (len(clean) - 1) // 2
    turned = reversals(clean, noisy)
    fig = new_figure(
        f"{label_of(name)}, {kind} noise {rate:.0%}",
        "clean risk R",
        "noisy risk R<sup>η</sup>",
        question=f"{turned} of {pairs} pairs of classifiers change order",
        alt=f"One point per classifier; noise reverses the order of {turned} of {pairs} pairs",
    )
    style = style_of(name)
    fig.add_scatter(
        x=clean.numpy(), y=noisy.numpy(), mode="markers", marker=style.marker, name="classifiers"
    )
    for where, values, symbol in (("clean", clean, "circle-open"), ("noisy", noisy, "square-open")):
        best = int(values.argmin())
        fig.add_scatter(
            x=[clean[best].item()], y=[noisy[best].item()], mode="markers",
            marker={"symbol": symbol, "size": 20 if where == "clean" else 15, "color": BLACK,
                    "line": {"width": 2.5}},
            name=f"lowest {where} risk",
        )  # fmt: skip
    fig.update_layout(
        legend={"orientation": "h", "x": 0, "y": -0.22, "xanchor": "left"}, height=460
    )
    return fig


def slope_at_label(names: Sequence[str] = ("ce", "mae"), K: int = 10) -> go.Figure:
    """Draw |d loss / d z_y| against p_y, the other classes sharing the rest equally."""
    p_y = torch.linspace(0.001, 0.999, 201, dtype=torch.float64)
    fig = lines(
        p_y,
        {name: gradients.label_gradient(name, p_y, K=K) for name in names},
        title="How hard one sample pulls on its own logit",
        x_title="probability p<sub>y</sub> the model gives to the label",
        y_title="size of d loss / d z<sub>y</sub>",
        question="Where does MAE hardly pull at all?",
        alt="CE pulls hardest where the label has little probability; MAE pulls hardest at one "
        "half and hardly at all at either end",
        style_of=style_of,
        markers=8,
    )
    return fig


def race(name: str, start: float, steps: int, lr: float = 1.0, K: int = 10) -> np.ndarray:
    """Follow p_y of one sample under gradient descent on its logits, (steps + 1,).

    The other classes share the rest equally and so stay equal: only the gap between the label's
    logit and theirs matters. It moves by lr g K/(K - 1), with g = |d loss / d z_y|.
    """
    gap = math.log(start * (K - 1) / (1 - start))  # z_y - z_other
    path = np.empty(steps + 1)
    for t in range(steps + 1):
        path[t] = p = 1 / (1 + (K - 1) * math.exp(-gap))
        pull = 1 - p if name == "ce" else p * (1 - p)
        gap += lr * pull * K / (K - 1)
    return path


def race_figure(start: float = 0.1, steps: int = 3_000, lr: float = 1.0) -> go.Figure:
    """Draw the race of CE and MAE from the same p_y, over steps on a logarithmic axis."""
    at = np.unique(np.geomspace(1, steps, 160).round().astype(int))
    fig = new_figure(
        f"One sample, starting at p<sub>y</sub> = {start:.2g}",
        "gradient steps",
        "p<sub>y</sub>",
        question="When does each pass one half?",
        alt=f"p_y of one sample under gradient descent with CE and with MAE, from {start:.2g}",
    )
    for name in ("ce", "mae"):
        path = race(name, start, steps, lr)
        there = np.flatnonzero(path >= 0.5)
        when = f"step {there[0]:,}" if len(there) else f"not in {steps:,} steps"
        add_line(fig, at, path[at], f"{label_of(name)}: {when}", style_of(name), markers=0)
    fig.add_hline(y=0.5, line={"color": "#888888", "dash": "dot", "width": 1})
    fig.update_xaxes(type="log", dtick=1, range=[0, math.log10(steps)])
    fig.update_yaxes(range=[0, 1.02])
    return fig


def risk_panels(logits: Tensor, labels: Tensor) -> go.Figure:
    """Draw MAE's noisy against its clean risk under three noises, a panel each."""
    matrix = risk_matrix("mae", logits, labels)
    states = (("symmetric", 0.6), ("symmetric", 0.9), ("pair", 0.4))
    drawn = [risk_scatter(matrix, "mae", kind, rate) for kind, rate in states]
    for one in drawn:
        one.data = one.data[:1]  # where the line is level no lowest point means anything
        one.data[0].marker.size = 6
    names = {"symmetric": "symmetric", "pair": "pair flip"}
    fig = _beside(
        drawn,
        [f"{names[kind]}, {rate:.0%}" for kind, rate in states],
        title="MAE under three noises",
        question="Is it a line? Does it rise?",
        alt="MAE under symmetric noise of 60 % is a rising line, of 90 % a level one; under pair "
        "flip of 40 % the points leave the line a little",
    )
    fig.update_xaxes(title_text="clean risk R")
    fig.update_yaxes(title_text="noisy risk R<sup>η</sup>", col=1)
    return fig.update_layout(showlegend=False, height=400)


def label_sum_panels(names: Sequence[str] = ("ce", "gce", "mae")) -> go.Figure:
    """Draw the sum over the three labels on the simplex, a panel a loss, in one scale of colour."""
    fig = _beside(
        [label_sum_map(name) for name in names],
        [label_of(name) for name in names],
        title="Sum over the three labels, middle = 1",
        question="Which is one flat colour?",
        alt="; ".join(str(label_sum_map(name).layout.meta["gist"]) for name in names),
        height=380,
    )
    return _triangles(fig)


def noisy_risk_panels(rate: float = 0.5, names: Sequence[str] = ("mae", "ce")) -> go.Figure:
    """Draw the mean noisy loss of one image of class 0 on the simplex, a panel a loss."""
    drawn = [noisy_risk_map(name, "symmetric", rate) for name in names]
    fig = _beside(
        drawn,
        [label_of(name) for name in names],
        title=f"One image of class 0, symmetric noise {rate:.0%}",
        question="Where does each have its lowest point? Lighter is lower; each has its own scale.",
        alt="; ".join(
            f"{label_of(name)}: {one.layout.meta['gist']}"
            for name, one in zip(names, drawn, strict=True)
        ),
        height=400,
    )
    fig.update_traces(showscale=False, selector={"type": "contour"})
    return _triangles(fig).update_layout(showlegend=False)


def lost_class(recall: np.ndarray, digit: int) -> go.Figure:
    """Draw the share of one class's test images that are named rightly, a line a seed.

    Parameters
    ----------
    recall
        (S, E): seeds, and epochs from the first on.
    digit
        Which class.
    """
    return lines(
        np.arange(1, recall.shape[1] + 1),
        {f"seed {seed}": 100 * row for seed, row in enumerate(recall)},
        title=f"MAE on clean labels: test images of the {digit}",
        x_title="epoch",
        y_title=f"of the {digit}s, named rightly (%)",
        question="Slow, or stuck?",
        alt=f"Share of the test images of class {digit} that are named rightly, by epoch and seed",
    ).update_yaxes(range=[-2, 102])


def _beside(
    figs: Sequence[go.Figure],
    heads: Sequence[str],
    *,
    title: str,
    question: str,
    alt: str,
    height: int = 420,
) -> go.Figure:
    """Join figures as panels of one; the last one's legend and colour bar stand for all."""
    fig = new_figure(title, question=question, alt=alt)
    fig.set_subplots(
        1, len(figs), shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=list(heads)
    )
    for place, one in enumerate(figs, start=1):
        n = "" if place == 1 else str(place)
        for trace in one.data:
            last = place == len(figs)
            shown = {"showscale": last} if trace.type == "contour" else {"showlegend": last}
            fig.add_trace(trace, row=1, col=place)
            fig.data[-1].update(shown)
            fig.data[-1].name = f"{heads[place - 1]}: {trace.name}" if not last else trace.name
        for item in one.layout.annotations:
            moved = item.to_plotly_json() | {"xref": f"x{n}", "yref": f"y{n}"}
            fig.add_annotation(moved | {"text": item.text.replace("sure of ", "")})
        for item in one.layout.shapes:
            fig.add_shape(item.to_plotly_json() | {"xref": f"x{n}", "yref": f"y{n}"})
    return fig.update_layout(height=height, margin={"t": 125})


def _triangles(fig: go.Figure) -> go.Figure:
    """Give each panel the axes of a simplex."""
    fig.update_xaxes(visible=False, range=[-1.3, 1.3], constrain="domain")
    for n in range(len(fig._grid_ref[0])):
        fig.update_yaxes(
            visible=False, range=[-0.14, 1.14], scaleanchor=f"x{n + 1 if n else ''}",
            scaleratio=math.sqrt(3), constrain="domain", col=n + 1,
        )  # fmt: skip
    return fig.update_layout(margin={"l": 10, "r": 10, "b": 10})


def _bar(title: str) -> dict[str, object]:
    return {"title": {"text": title, "font": {"size": 13}}, "len": 0.8, "tickfont": {"size": 12}}


def _lowest(risk: np.ndarray, p: Tensor) -> tuple[np.ndarray, bool]:
    """Return the prediction of lowest risk, and whether the risk is the same everywhere."""
    finite = risk[np.isfinite(risk)]
    ties = bool(finite.max() - finite.min() <= FLAT * max(1.0, abs(float(finite.max()))))
    row, column = np.unravel_index(int(np.argmin(risk)), risk.shape)
    return p[row, column].numpy(), ties


def _numbers(values: np.ndarray) -> str:
    return ", ".join(f"{v:.2f}" for v in values)


def _example_logits() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(12, 60, 4, generator=generator, dtype=torch.float64)
    return logits, torch.arange(60) % 4


def _example_matrix() -> Tensor:
    return risk_matrix("ce", *_example_logits())


FIGURES = {
    "label_sum_map": lambda: label_sum_map("ce"),
    "label_sum_map_flat": lambda: label_sum_map("mae"),
    "noisy_risk_map": lambda: noisy_risk_map("ce", rate=0.4),
    "label_sum_panels": label_sum_panels,
    "noisy_risk_panels": noisy_risk_panels,
    "risk_panels": lambda: risk_panels(*_example_logits()),
    "lost_class": lambda: lost_class(np.array([[0.0, 0.1, 0.9], [0.0, 0.0, 0.0]]), 8),
    "risk_scatter": lambda: risk_scatter(_example_matrix(), "ce"),
    "slope_at_label": slope_at_label,
    "race_figure": race_figure,
}
