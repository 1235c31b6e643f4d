"""Real images with the labels they were given."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
import torch
from PIL import Image
from torch import Tensor

from anl_edu.data import ImageData, load
from anl_edu.teach.figure import new_figure


def pictures(
    data: ImageData, rows: Mapping[str, Tensor], columns: int = 0, *, title: str, question: str = ""
) -> go.Figure:
    """Show real training images under labels that are wrong, one row a kind of noise.

    Parameters
    ----------
    data
        Clean data.
    rows
        Name -> (N,) noisy labels of ``data.x_train``. Of the wrongly labelled images, `columns`
        evenly spaced ones are shown, in the order of their true class.
    columns
        Pictures in a row; 0 takes 8, or 6 where the class names are long.
    """
    long = max(map(len, data.classes)) > 4
    columns = columns or (6 if long else 8)
    chosen = {}
    for name, noisy in rows.items():
        wrong = (noisy != data.y_train).nonzero().flatten()
        wrong = wrong[torch.argsort(data.y_train[wrong], stable=True)]
        at = torch.linspace(0, len(wrong) - 1, min(columns, len(wrong))).round().long()
        chosen[name] = wrong[at].tolist()
    captions = {
        name: [(data.classes[data.y_train[i]], data.classes[rows[name][i]]) for i in picked]
        for name, picked in chosen.items()
    }
    fig = new_figure(
        title,
        question=question,
        alt=" ".join(
            f"{name}: " + ", ".join(f"{true} labelled {given}" for true, given in pairs) + "."
            for name, pairs in captions.items()
        ),
    )
    for r, (name, picked) in enumerate(chosen.items()):
        for c, i in enumerate(picked):
            fig.add_layout_image(
                source=png(data.x_train[i]), xref="x", yref="y", x=c, y=r, sizex=0.86,
                sizey=0.72, xanchor="center", yanchor="middle", layer="above",
            )  # fmt: skip
            true, given = captions[name][c]
            fig.add_annotation(
                x=c, y=r + 0.38, yanchor="top", showarrow=False,
                text=f"{true}{'<br>' if long else ' '}→ <b>{given}</b>",
                font={"size": 11 if long else 14},
            )  # fmt: skip
    # Invisible, for the data table and for hovering: the label each picture was given.
    given_ids = np.full((len(rows), columns), np.nan)
    for r, (name, picked) in enumerate(chosen.items()):
        given_ids[r, : len(picked)] = rows[name][picked].numpy()
    fig.add_trace(
        go.Heatmap(
            z=given_ids,
            x=list(range(columns)),
            y=list(range(len(rows))),
            name="class id of the label given",
            opacity=0,
            showscale=False,
            hovertemplate="given class id %{z}<extra></extra>",
        )
    )
    hidden = {"showgrid": False, "showline": False, "ticks": ""}
    fig.update_xaxes(range=[-0.5, columns - 0.5], showticklabels=False, **hidden)
    fig.update_yaxes(
        range=[len(rows) - 0.3, -0.5],
        tickvals=list(range(len(rows))),
        ticktext=list(rows),
        **hidden,
    )
    fig.update_layout(height=100 + 135 * len(rows), margin={"b": 10})
    return fig


def png(image: Tensor) -> str:
    """Return a (C, H, W) uint8 image as a data address, enlarged without smoothing."""
    pixels = image.permute(1, 2, 0).numpy()
    picture = Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels)
    scale = max(1, 64 // picture.width)
    picture = picture.resize(
        (picture.width * scale, picture.height * scale), Image.Resampling.NEAREST
    )
    packed = io.BytesIO()
    picture.save(packed, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode()


def _digits_example() -> go.Figure:
    data = load("digits")
    return pictures(data, {"shifted": (data.y_train + 1) % 10}, title="Every label wrong by one")


FIGURES = {"pictures": _digits_example}
