"""Lesson 04's explorers: the loss table step by step, walking downhill, the focal factor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
import torch
from torch import Tensor

from anl_edu import losses
from anl_edu.lessons.l04_building_an_nnlf.figures import STAGES, downhill, loss_steps, slopes
from anl_edu.teach.explorer import Explorer, choice, log_slider, slider

CLASSES = ("cat", "dog", "deer", "truck")
LOGITS = (1.0, 2.5, -0.5, -2.0)  # the model leans to "dog"

Table = Callable[[Tensor], Tensor]
Construction = Callable[[Tensor, Tensor, float], Tensor]

# Each from a loss table (N, K), labels (N,) and the table's maximum A to one value a sample.
CONSTRUCTIONS: dict[str, Construction] = {
    "complement": lambda table, y, A: _others(table, y),
    "flip": lambda table, y, A: _others(A - table, y),
    "normalise": losses.normalized_negative,
}


def _others(table: Tensor, y: Tensor) -> Tensor:
    return table.sum(1) - losses.active(table, y)


def walk(
    logits: Sequence[float],
    y: int,
    constructions: Mapping[str, Construction] = CONSTRUCTIONS,
    *,
    steps: int = 40,
    first: float = 0.3,
) -> dict[str, np.ndarray]:
    """Follow gradient descent on one sample's logits, once for each construction on CE.

    Parameters
    ----------
    logits
        (K,) where every walk starts.
    y
        The label.
    constructions
        Name to ``construction(table, y, A)``.
    steps, first
        Number of steps, and the length of the first one in logit space: it sets the learning
        rate, which then stays, so that constructions of different scale can be compared.

    Returns
    -------
    dict of ndarray
        Name to (steps + 1, K) probabilities.
    """
    label, A = torch.tensor([y]), losses.ce_maximum()
    z = torch.tensor([list(logits)] * len(constructions), dtype=torch.float64)  # (C, K)
    rate, path = torch.zeros(len(z), 1), []
    for step in range(steps + 1):
        path.append(z.softmax(1))
        z.requires_grad_()
        table = losses.ce_table(z, losses.P_MIN)
        rows = zip(constructions.values(), table.split(1), strict=True)
        values = torch.cat([construction(row, label, A) for construction, row in rows])  # (C,)
        (slope,) = torch.autograd.grad(values.sum(), z)
        if step == 0:
            rate = first / slope.norm(dim=1, keepdim=True).clamp(min=1e-12)
        z = z.detach() - rate * slope
    paths = torch.stack(path, 1).numpy()  # (C, steps + 1, K)
    return dict(zip(constructions, paths, strict=True))


def draw_walks(z0: float, z1: float, z2: float, z3: float) -> go.Figure:
    """Draw the walks of all three constructions from the same logits, with label "cat"."""
    return downhill(walk((z0, z1, z2, z3), 0), 0, classes=CLASSES)


def walks(start: Sequence[float] = LOGITS) -> Explorer:
    """Move the logits from which three walks downhill start; the label is "cat"."""
    return Explorer(draw_walks, _logit_sliders(start), "Three walks downhill from the same logits")


def table(
    stage: str = "table",
    *,
    loss: Table | None = None,
    maximum: float | None = None,
    name: str = "CE",
    logits: Sequence[float] = LOGITS,
) -> Explorer:
    """Move one sample's logits and watch a step of the construction.

    Parameters
    ----------
    stage
        The step shown at first, one of `STAGES`.
    loss, maximum
        A loss table ``loss(logits) -> (N, K)`` of the reader's own and its A. Left out: cross
        entropy, with a slider for p_min, which fixes A.
    name
        What the loss is called in the title.
    logits
        (4,) where the sliders start.
    """
    if (loss is None) != (maximum is None):
        raise ValueError("a table of one's own needs both loss and maximum")

    def draw(
        stage: str, y: int, z0: float, z1: float, z2: float, z3: float, p_min: float = 0.0
    ) -> go.Figure:
        z = torch.tensor([[z0, z1, z2, z3]], dtype=torch.float64)
        p = z.softmax(1)[0].numpy()
        if loss is None or maximum is None:
            row, A = losses.ce_table(z, p_min)[0], losses.ce_maximum(p_min)
        else:
            row, A = loss(z)[0].detach(), maximum
        return loss_steps(p, row.numpy(), A, y, stage, classes=CLASSES, loss=name)

    controls = {
        "stage": choice("step", {f"{i}. {s}": s for i, s in enumerate(STAGES, 1)}, stage),
        "y": choice("label y", {c: k for k, c in enumerate(CLASSES)}, 0),
        **_logit_sliders(logits),
    }
    if loss is None:
        controls["p_min"] = log_slider(
            "smallest probability p_min", 1e-12, 1e-1, losses.P_MIN, tooltip="A is -log p_min"
        )
    return Explorer(draw, controls, f"One sample's loss table, step by step: {name}", readout=_say)


def _say(stage: str, y: int, **_: float) -> str:
    return {
        "table": "Left: what the model says. Right: its loss under every label, not only y.",
        "complement": "The label's bar is set aside; what is left says what y is <i>not</i>.",
        "flip": "Green, between the bar and the line A: what stands on the right.",
        "normalise": "The bars on the right add up to 1. The loss is all of them but the label's.",
    }[stage]


def _logit_sliders(start: Sequence[float]) -> dict:
    return {
        f"z{k}": slider(f"logit of {c}", -10.0, 10.0, 0.1, float(start[k]))
        for k, c in enumerate(CLASSES)
    }


def focal_gradients(gamma: float = 0.5) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Compute the size of focal loss's gradient at z_y, with the focal factor held constant or not.

    Returns
    -------
    p_y, curves
        (M,) the label's probability, for two classes; what each line is called to its (M,) sizes.
    """
    p = torch.linspace(0.005, 0.999, 100, dtype=torch.float64)  # (M,)
    return p.numpy(), {
        "cross entropy": _slope_at_label(p, 0.0, True),
        "focal, factor held constant": _slope_at_label(p, gamma, True),
        "focal, the formula's own": _slope_at_label(p, gamma, False),
    }


def focal_slopes(gamma: float = 0.5) -> go.Figure:
    """Draw focal loss's gradient at z_y, with the focal factor held constant and without."""
    p, curves = focal_gradients(gamma)
    return slopes(
        p.tolist(),
        curves,
        f"Two gradients of focal loss, gamma = {gamma:g}",
        question="Is a focal line ever above the one of cross entropy?",
        top=1.55,
    )


def _slope_at_label(p: Tensor, gamma: float, detach: bool) -> np.ndarray:
    """|dFL/dz_y| for two classes, by autograd; the label's probability is p."""
    z = torch.stack([p.logit(), torch.zeros_like(p)], 1).requires_grad_()  # (M, 2)
    value = losses.fl_table(z, gamma, detach_focal=detach)[:, 0].sum()
    return torch.autograd.grad(value, z)[0][:, 0].abs().numpy()


def focal(gamma: float = 0.5) -> Explorer:
    """Move gamma and compare focal loss's two gradients."""
    return Explorer(
        focal_slopes,
        {"gamma": slider("focusing gamma", 0.0, 5.0, 0.1, gamma)},
        "The focal factor, differentiated and not",
        readout=lambda gamma: (
            f"The table's maximum is A = {losses.fl_maximum(gamma):.4f}, "
            f"for cross entropy {-math.log(losses.P_MIN):.4f}."
        ),
    )


EXPLORERS = {
    "table": table,
    "complement": lambda: table("complement"),
    "flip": lambda: table("flip"),
    "normalise": lambda: table("normalise"),
    "own": lambda: table(
        "normalise", loss=lambda z: 2 * (1 - z.softmax(1).sqrt()), maximum=2.0, name="GCE"
    ),
    "walks": walks,
    "focal": focal,
}
