"""Images above masks: what is there, what the annotator drew, what a network says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from anl_edu.data import load
from anl_edu.noise.masks import corrupt_masks, objects
from anl_edu.teach.figure import new_figure
from anl_edu.teach.pictures import png

_GROUND, _EVEN, _ODD, _WRONG = (34, 34, 34), (86, 180, 233), (240, 228, 66), (213, 94, 0)
_SMALLEST = 12  # pixels of an object that is worth a name


def mask_pictures(
    images: Tensor,
    masks: Mapping[str, Tensor],
    classes: Sequence[str],
    *,
    true: Tensor | None = None,
    title: str,
    question: str = "",
) -> go.Figure:
    """Show images in a row, and under them a row for each kind of mask.

    Neighbouring classes have two shades, and each object bears its class's name, so that nothing
    hangs on colour. Pixels that differ from the true mask are orange.

    Parameters
    ----------
    images
        (n, C, H, W) uint8.
    masks
        Name of the row to its masks (n, H, W) int64.
    classes
        Names; class 0 is the ground.
    true
        (n, H, W) true masks; None where no pixel is to be called wrong.
    """
    n = len(images)
    wrong = {
        name: torch.zeros_like(m, dtype=torch.bool) if true is None else m != true
        for name, m in masks.items()
    }
    shares = np.array([[100 * float(w.double().mean()) for w in some] for some in wrong.values()])
    if true is None:
        shares[:] = np.nan  # nobody knows
    said = "; ".join(
        f"{name}: {row.mean():.1f} % of the pixels wrong"
        for name, row in zip(masks, shares, strict=True)
    )
    fig = new_figure(title, question=question, alt=said if true is not None else "")
    for c in range(n):
        _add_picture(fig, images[c], c, 0)
        for r, (name, some) in enumerate(masks.items(), start=1):
            _add_picture(fig, _coloured(some[c], wrong[name][c]), c, r)
            _add_names(fig, some[c].numpy(), classes, c, r)
    rows = ["image", *masks]
    values = np.vstack([np.full((1, n), np.nan), shares])
    # invisible, for the data table and for hovering
    fig.add_heatmap(
        z=values, x=list(range(n)), y=list(range(len(rows))), name="wrong pixels (%)", opacity=0,
        showscale=False, hovertemplate="%{z:.1f} % of the pixels wrong<extra></extra>",
    )  # fmt: skip
    hidden = {"showgrid": False, "showline": False, "ticks": ""}
    fig.update_xaxes(range=[-0.5, n - 0.5], showticklabels=False, constrain="domain", **hidden)
    fig.update_yaxes(
        range=[len(rows) - 0.5, -0.5],
        tickvals=list(range(len(rows))),
        ticktext=rows,
        scaleanchor="x",
        constrain="domain",
        **hidden,
    )
    return fig.update_layout(height=110 + 110 * len(rows), margin={"b": 10})


def _example() -> go.Figure:
    data = load("scenes")
    true = data.y_train[:4]
    drawn = {
        way: corrupt_masks(true, data.num_classes, way, 1.0, generator=torch.Generator())
        for way in ("dilation", "confusion")
    }
    return mask_pictures(
        data.x_train[:4], {"true": true, **drawn}, data.classes, true=true, title="Wrong masks"
    )


FIGURES = {"mask_pictures": _example}


def _add_picture(fig: go.Figure, image: Tensor, x: int, y: int) -> None:
    fig.add_layout_image(
        source=png(image), xref="x", yref="y", x=x, y=y, sizex=0.94, sizey=0.94,
        xanchor="center", yanchor="middle", layer="above",
    )  # fmt: skip


def _add_names(fig: go.Figure, mask: np.ndarray, classes: Sequence[str], x: int, y: int) -> None:
    height, width = mask.shape
    for where in objects(mask):
        rows, columns = where.nonzero()
        if len(rows) < _SMALLEST:
            continue
        fig.add_annotation(
            x=x + 0.94 * (min((columns.max() + 2.5) / width, 0.93) - 0.5),
            y=y + 0.94 * (max((rows.min() + 2) / height, 0.08) - 0.5),
            text=classes[mask[where][0]], showarrow=False, borderpad=0,
            font={"size": 11, "color": "#FFFFFF"}, bgcolor="rgba(34, 34, 34, 0.7)",
        )  # fmt: skip


def _coloured(mask: Tensor, wrong: Tensor) -> Tensor:
    """Paint a mask (H, W): ground dark, classes blue and yellow in turn, wrong pixels orange."""
    shades = torch.tensor([_GROUND, _EVEN, _ODD], dtype=torch.uint8)
    painted = shades[torch.where(mask > 0, 1 + mask % 2, 0)]  # (H, W, 3)
    painted[wrong & (mask > 0)] = torch.tensor(_WRONG, dtype=torch.uint8)
    painted[wrong & (mask == 0)] = torch.tensor([v // 2 for v in _WRONG], dtype=torch.uint8)
    return painted.permute(2, 0, 1)
