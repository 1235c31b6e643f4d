"""What the playground's losses are held against: the package's, in float64."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from anl_edu import losses
from anl_edu.losses import tables


def by_switches(
    logits: Tensor, y: Tensor, complement: bool, flip: bool, normalise: bool, p_min: float
) -> Tensor:
    """Lesson 04's loss with some of its three steps left out, from the package's table."""
    if flip:
        table = tables.ce_maximum(p_min) - tables.ce_table(logits, p_min)
    else:
        table = tables.ce_table(logits)
    own, all_of_them = tables.active(table, y), table.sum(1)
    above = all_of_them - own if complement else own
    return above / all_of_them if normalise else above


def ours(case: dict[str, Any]) -> tuple[float, Tensor]:
    """The package's value and gradient (K), in float64."""
    logits = torch.tensor([case["logits"]], dtype=torch.float64, requires_grad=True)
    label = torch.tensor([case["label"]])
    if case["name"] == "built":
        value = by_switches(logits, label, **case["parameters"]).sum()
    else:
        value = losses.build(case["name"], "sum", **case["parameters"])(logits, label)
    (gradient,) = torch.autograd.grad(value, logits)
    return value.item(), gradient[0]
