"""The loss of every prediction under every label, for any loss that has a name."""

from __future__ import annotations

import torch
from torch import Tensor

from anl_edu import losses


def label_table(name: str, logits: Tensor) -> Tensor:
    """Return the loss of every prediction under every label, (N, K), for any named loss.

    Parameters
    ----------
    name
        One of ``losses.names()``.
    logits
        (N, K); logarithms of probabilities will do.
    """
    N, K = logits.shape
    loss = losses.build(name, reduction="none")
    labels = torch.arange(K, device=logits.device).repeat(N)  # (N K,)
    return loss(logits.repeat_interleave(K, 0), labels).reshape(N, K)


def label_sums(name: str, logits: Tensor) -> Tensor:
    """Return sum_k loss(p, k) for every prediction, (N,): what symmetry says is constant."""
    return label_table(name, logits).sum(1)
