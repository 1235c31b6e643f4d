"""The same few digits through the collection: what a network says of them, epoch by epoch.

`Follow` keeps the probabilities of chosen training images while models train; `wall` shows many
wrongly labelled ones at a time, `label_curves` a few one by one.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from anl_edu.data import ImageData
from anl_edu.progress_bar import progress_bar
from anl_edu.teach.describe import words
from anl_edu.teach.figure import animate, new_figure
from anl_edu.teach.lines import add_line
from anl_edu.teach.style import BLUE, VERMILION, label_of, style_of

# Training images of the digits under 60 % symmetric noise, seed 0: a 4 with its right label, an 8
# with its right label, and a 7 labelled 5.
CAST = (6, 67, 20)
_GAP, _COLUMNS = 3, 8  # pixels between two images of the wall; images in a row
_STATES = (  # what a model says of a wrongly labelled image; symbol, colour
    ("the wrong label: memorised", "x", VERMILION),
    ("the true class", "circle-open", BLUE),
    ("something else", "line-ew-open", "#6E6E6E"),
)


class Follow:
    """Keeps what models say of some training images, before training and after each epoch.

    Parameters
    ----------
    data
        A training set with wrong labels: `ImageData` whose ``y_clean`` is known.
    index
        (M,) places of the images in it.

    Attributes
    ----------
    images, given, true
        (M, H, W) uint8, the first channel; (M,) labels given; (M,) true classes.
    """

    def __init__(self, data: ImageData, index: Sequence[int] | Tensor) -> None:
        if data.y_clean is None:
            raise ValueError("the data must know its true classes: corrupt clean data")
        self.index = torch.as_tensor(index)
        self.pixels = data.x_train[self.index]
        self.images = self.pixels[:, 0]
        self.given, self.true = data.y_train[self.index], data.y_clean[self.index]
        self._said: dict[str, list[Tensor]] = {}

    @classmethod
    def wrong(cls, data: ImageData, count: int = 48) -> Follow:
        """Follow the first `count` wrongly labelled images."""
        return cls(data, data.wrong.nonzero()[:count, 0])

    @classmethod
    def of_logits(
        cls,
        data: ImageData,
        index: Sequence[int] | Tensor,
        logits: Mapping[str, Sequence[Tensor]],
    ) -> Follow:
        """Follow images through runs whose logits (N, K) were kept, before training first."""
        follow = cls(data, index)
        follow._said = {n: [z[follow.index].softmax(1) for z in zs] for n, zs in logits.items()}
        return follow

    def look(self, name: str, live: Any) -> None:
        """Note what the model of a live run says now; called once an epoch."""
        self._said.setdefault(name, []).append(live.predict(self.pixels).softmax(1))

    def train(self, lives: Mapping[str, Any]) -> Follow:
        """Train live runs to their end, noting as they go."""
        left = sum(live.spec.recipe.epochs - len(live.records) for live in lives.values())
        with progress_bar(total=left, unit="epoch", desc="training", leave=False) as bar:
            for name, live in lives.items():
                self.look(name, live)
                for _ in live:
                    self.look(name, live)
                    bar.update()
        return self

    @property
    def names(self) -> list[str]:
        """The runs followed so far."""
        return list(self._said)

    def probabilities(self, name: str) -> Tensor:
        """Return (epochs + 1, M, K): what the run's model said, before training first."""
        return torch.stack(self._said[name])

    def of_label(self, name: str) -> Tensor:
        """Return p_y by epoch, (epochs + 1, M): the probability of the label given."""
        p = self.probabilities(name)
        return p.gather(2, self.given.expand(len(p), -1)[..., None])[..., 0]

    def states(self, name: str, epoch: int) -> Tensor:
        """Return (M,): 0 where the label given is predicted, 1 the true class, 2 something else."""
        said = self._said[name][epoch].argmax(1)
        return torch.where(said == self.given, 0, torch.where(said == self.true, 1, 2))


def wall(follow: Follow, epochs: Sequence[int], *, start: int = -1) -> go.Figure:
    """Draw the followed images once a run, marked by what its model says, with a slider.

    Parameters
    ----------
    follow
        Wrongly labelled images, followed through the runs that are to be compared.
    epochs
        The stops of the slider; 0 is before training.
    start
        The stop that is shown first, by its place.
    """
    stops = list(epochs)
    return animate(lambda epoch: _wall(follow, epoch), stops, label="after epoch ", start=start)


def _wall(follow: Follow, epoch: int) -> go.Figure:
    M, H, W = follow.images.shape
    rows = math.ceil(M / _COLUMNS)
    names = follow.names
    counts = {
        name: [int((follow.states(name, epoch) == s).sum()) for s in range(3)] for name in names
    }
    fig = new_figure(
        f"{M} wrongly labelled digits, after epoch {epoch}",
        question="Which images turn from a circle to a cross, and when?",
        alt=f"Of {M} images with a wrong label, after epoch {epoch}: "
        + "; ".join(
            f"{label_of(name)} repeats {memorised} wrong labels and names {true} true classes"
            for name, (memorised, true, _) in counts.items()
        ),
    )
    fig.set_subplots(
        1,
        len(names),
        horizontal_spacing=0.04,
        subplot_titles=[f"{label_of(n)}: {c[0]} of {M} memorised" for n, c in counts.items()],
    )
    column, row = np.arange(M) % _COLUMNS, np.arange(M) // _COLUMNS
    x, y = column * (W + _GAP) + (W - 1) / 2, row * (H + _GAP) + (H - 1) / 2
    for place, name in enumerate(names, start=1):
        fig.add_heatmap(
            z=_mosaic(follow.images.numpy(), rows),
            colorscale=[[0, "#FFFFFF"], [1, "#555555"]],
            showscale=False,
            hoverinfo="skip",
            row=1,
            col=place,
        )
        states = follow.states(name, epoch).numpy()
        said = follow.probabilities(name)[epoch].max(1)
        for state, (meaning, symbol, color) in enumerate(_STATES):
            here = states == state
            hover = [
                f"shows {t}, labelled {g}; {label_of(name)} says {k} ({v:.2f})"
                for t, g, k, v in zip(
                    follow.true[here].tolist(),
                    follow.given[here].tolist(),
                    said.indices[here].tolist(),
                    said.values[here].tolist(),
                    strict=True,
                )
            ]
            fig.add_scatter(
                x=np.append(x[here] + W / 2, np.nan),  # a trace without points has no legend
                y=np.append(y[here] + H / 2, np.nan),
                mode="markers",
                marker={
                    "symbol": symbol,
                    "size": 11,
                    "color": color,
                    "line": {"width": 2.5, "color": color},
                },
                name=meaning,
                legendgroup=meaning,
                showlegend=place == 1,
                text=hover,
                hoverinfo="text",
                row=1,
                col=place,
            )
    fig.update_xaxes(visible=False, range=[-2, _COLUMNS * (W + _GAP) + 1])
    fig.update_yaxes(visible=False, range=[rows * (H + _GAP) + 1, -2])
    return fig.update_layout(
        title={"y": 1 - 30 / (230 + 52 * rows), "yanchor": "top"},  # the slider takes 90
        height=140 + 52 * rows,
        margin={"t": 90, "l": 10, "r": 10, "b": 40},
        legend={"orientation": "h", "x": 0, "y": -0.02},
    )


def _mosaic(images: np.ndarray, rows: int) -> np.ndarray:
    _, H, W = images.shape
    canvas = np.zeros((rows * (H + _GAP), _COLUMNS * (W + _GAP)))
    for place, image in enumerate(images):
        r, c = divmod(place, _COLUMNS)
        top, left = r * (H + _GAP), c * (W + _GAP)
        canvas[top : top + H, left : left + W] = image
    return canvas


def label_curves(follow: Follow, *, title: str = "One image, one label") -> go.Figure:
    """Draw p_y of each followed image by epoch, a panel an image, a line a run."""
    M = len(follow.given)
    heads = [
        f"shows {t}, labelled {g}: {'right' if t == g else '<b>wrong</b>'}"
        for t, g in zip(follow.true.tolist(), follow.given.tolist(), strict=True)
    ]
    fig = new_figure(
        title,
        question="Where should a line be high, where low? Which loss gets which image wrong?",
        alt="The probability of the label given, by epoch, in a panel for each image: "
        + "; ".join(map(words, heads)),
    )
    fig.set_subplots(1, M, shared_yaxes=True, horizontal_spacing=0.04, subplot_titles=heads)
    for name in follow.names:
        p_y = follow.of_label(name).numpy()  # (epochs + 1, M)
        for m in range(M):
            add_line(
                fig,
                np.arange(len(p_y)),
                p_y[:, m],
                label_of(name) if m == 0 else f"{label_of(name)}, image {m + 1}",
                style_of(name),
                markers=6,
                legendgroup=name,
                showlegend=m == 0,
                row=1,
                col=m + 1,
            )
    for m, image in enumerate(follow.images):
        axis = "" if m == 0 else str(m + 1)
        fig.add_layout_image(
            source=_png(image.numpy()),
            xref=f"x{axis} domain",
            yref="paper",
            **{"x": 0.5, "y": 1.12, "sizex": 0.25, "sizey": 0.2},
            **{"xanchor": "center", "yanchor": "bottom"},
        )
    fig.update_xaxes(title_text="epoch")
    fig.update_yaxes(range=[-0.03, 1.03])
    fig.update_yaxes(title_text="p<sub>y</sub>, probability of the label given", col=1)
    return fig.update_layout(
        title={"y": 1 - 30 / 470, "yanchor": "top"},
        height=470,
        margin={"t": 155, "b": 100},
        legend={"orientation": "h", "x": 0, "y": -0.28},
    )


def _png(image: np.ndarray) -> str:
    from PIL import Image

    grey = Image.fromarray(255 - image.astype(np.uint8))
    buffer = io.BytesIO()
    grey.resize((48, 48), Image.Resampling.NEAREST).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _example() -> Follow:
    from anl_edu import runs

    noisy = runs.noisy_data("digits", "symmetric", 0.6)
    follow = Follow.wrong(noisy, 12)
    short = {"epochs": 1}
    specs = {
        n: runs.RunSpec("digits", n, "symmetric", 0.6, changes=short) for n in ("ce", "anl-ce")
    }
    return follow.train({name: runs.start(spec, noisy) for name, spec in specs.items()})


FIGURES = {
    "wall": lambda: wall(_example(), [0, 1]),
    "label_curves": lambda: label_curves(_example()),
}
