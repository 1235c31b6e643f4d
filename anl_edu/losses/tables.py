"""Loss tables and the three constructions that turn one loss into ANL.

A *loss table* holds, for every sample n and every class k, the loss the sample would have if its
label were k. Whatever the papers build is then a reduction of that table.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

P_MIN = 1e-7  # the smallest probability the negative losses tell from 0 (Ye et al. 2023)


def log_probabilities(logits: Tensor) -> Tensor:
    """Log-softmax over the classes, (N, K, ...), in float32, or float64 if that is given."""
    # float16 has no 1e-8 at all, whatever autocast says, so half precision ends here.
    log_p = F.log_softmax(logits, dim=1, dtype=torch.promote_types(logits.dtype, torch.float32))
    if logits.dtype == torch.bfloat16:
        # Its numbers reach 3e38: the difference of two may be infinite in float32, and inf / inf
        # is NaN. No sum of 1e8 such entries is.
        log_p = log_p.clamp(min=-1e30)
    return log_p


def ce_table(logits: Tensor, p_min: float | None = None) -> Tensor:
    """Cross entropy of every sample under every label: L[n, k] = -log p_k.

    Parameters
    ----------
    logits : Tensor
        (N, K, ...), any floating dtype. Computed in float32, or float64 if that is given.
    p_min : float, optional
        Probabilities below it count as p_min, and so get no gradient. None: no clamping.

    Returns
    -------
    Tensor
        (N, K, ...), in nats, from 0 to ``ce_maximum(p_min)``.
    """
    log_p = log_probabilities(logits)  # (N, K, ...)
    if p_min is not None:
        log_p = log_p.clamp(min=-ce_maximum(p_min))
    return -log_p


def fl_table(
    logits: Tensor,
    gamma: float = 0.5,
    p_min: float | None = None,
    detach_focal: bool = True,
) -> Tensor:
    """Focal loss of every sample under every label: L[n, k] = -(1 - p_k)^gamma log p_k.

    Parameters
    ----------
    logits : Tensor
        (N, K, ...), any floating dtype.
    gamma : float
        Focusing exponent, >= 0; 0 gives cross entropy.
    p_min : float, optional
        As in `ce_table`.
    detach_focal : bool
        True, as in the reference implementation: (1 - p)^gamma weighs the gradient but is not
        itself differentiated. False: the gradient of the formula. For gamma < 1 the factor alone
        has infinite slope at p = 1, though the loss has slope 0 there; autograd would make
        inf * 0 of it, so at p = 1 the factor is held constant, which gives that 0.

    Returns
    -------
    Tensor
        (N, K, ...), from 0 to ``fl_maximum(gamma, p_min)``.

    Notes
    -----
    Lin et al. 2017 (arXiv 1708.02002), equation 4.
    """
    table = ce_table(logits, p_min)  # (N, K, ...)
    q = -torch.expm1(-(table.detach() if detach_focal else table))  # 1 - p, exact near p = 1
    return q.clamp(min=torch.finfo(q.dtype).tiny) ** gamma * table


def ce_maximum(p_min: float = P_MIN) -> float:
    """Largest value A of cross entropy on p in [p_min, 1]: -log p_min, 16.118 at 1e-7."""
    if not 0 < p_min < 1:
        raise ValueError(f"p_min must be between 0 and 1, got {p_min!r}")
    return -math.log(p_min)


def fl_maximum(gamma: float = 0.5, p_min: float = P_MIN) -> float:
    """Largest value A of focal loss on p in [p_min, 1]: -(1 - p_min)^gamma log p_min."""
    return (1 - p_min) ** gamma * ce_maximum(p_min)


def active(table: Tensor, y: Tensor) -> Tensor:
    """Loss under the given label: L_y.

    Parameters
    ----------
    table : Tensor
        (N, K, ...) loss table.
    y : Tensor
        (N, ...) int64 labels in 0..K-1.

    Returns
    -------
    Tensor
        (N, ...).
    """
    return table.gather(1, y.unsqueeze(1)).squeeze(1)


def normalized(table: Tensor, y: Tensor) -> Tensor:
    """Normalised loss: L_y / sum_k L_k, (N, ...). Ma et al. 2020 (arXiv 2006.13554)."""
    return active(table, y) / table.sum(1)


def normalized_negative(table: Tensor, y: Tensor, A: float) -> Tensor:
    """Normalised negative loss: 1 - (A - L_y) / sum_k (A - L_k), (N, ...).

    ``A`` is the table's largest possible value, and no entry may exceed it: clamp the table
    (``ce_table(logits, p_min)`` does). Ye et al. 2023 (NeurIPS).
    """
    flipped = A - table  # (N, K, ...): what was to be maximised is now to be minimised
    return 1 - active(flipped, y) / flipped.sum(1)


def active_negative(table: Tensor, y: Tensor, A: float, alpha: float, beta: float) -> Tensor:
    """Active Negative Loss, alpha normalised + beta normalised negative: (N, ...).

    The table comes unclamped: the active half sees it as it is, the negative half sees it cut off
    at ``A``, as in the reference implementation. Ye et al. 2023 (NeurIPS).
    """
    negative = normalized_negative(table.clamp(max=A), y, A)
    return alpha * normalized(table, y) + beta * negative
