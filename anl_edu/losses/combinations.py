"""Weighted sums of two losses: APL, asymmetric, joint, and Active Negative Loss.

Shapes as in `anl_edu.losses.functions`. alpha weighs the active half, beta the other; the defaults
are the values published for CIFAR-10.
"""

import torch
from torch import Tensor

from anl_edu.losses.functions import _check_p_min, ael, agce, amse, aul, ce, mae, nce, nfl, rce
from anl_edu.losses.tables import (
    P_MIN,
    active,
    active_negative,
    ce_maximum,
    fl_maximum,
    fl_table,
    log_probabilities,
)


def sce(logits: Tensor, targets: Tensor, alpha: float = 0.1, beta: float = 1.0) -> Tensor:
    """Symmetric cross entropy, alpha CE + beta RCE. Wang et al. 2019 (arXiv 1908.06112)."""
    return alpha * ce(logits, targets) + beta * rce(logits, targets)


def nce_mae(logits: Tensor, targets: Tensor, alpha: float = 1.0, beta: float = 1.0) -> Tensor:
    """APL: alpha NCE + beta MAE. Ma et al. 2020 (arXiv 2006.13554)."""
    return alpha * nce(logits, targets) + beta * mae(logits, targets)


def nce_rce(logits: Tensor, targets: Tensor, alpha: float = 1.0, beta: float = 1.0) -> Tensor:
    """APL: alpha NCE + beta RCE. Ma et al. 2020 (arXiv 2006.13554)."""
    return alpha * nce(logits, targets) + beta * rce(logits, targets)


def nfl_mae(
    logits: Tensor,
    targets: Tensor,
    alpha: float = 1.0,
    beta: float = 1.0,
    gamma: float = 0.5,
    detach_focal: bool = True,
) -> Tensor:
    """APL: alpha NFL + beta MAE. Ma et al. 2020 (arXiv 2006.13554)."""
    return alpha * nfl(logits, targets, gamma, detach_focal) + beta * mae(logits, targets)


def nfl_rce(
    logits: Tensor,
    targets: Tensor,
    alpha: float = 1.0,
    beta: float = 1.0,
    gamma: float = 0.5,
    detach_focal: bool = True,
) -> Tensor:
    """APL: alpha NFL + beta RCE. Ma et al. 2020 (arXiv 2006.13554)."""
    return alpha * nfl(logits, targets, gamma, detach_focal) + beta * rce(logits, targets)


def nce_agce(
    logits: Tensor,
    targets: Tensor,
    alpha: float = 1.0,
    beta: float = 4.0,
    a: float = 6.0,
    q: float = 1.5,
) -> Tensor:
    """Alpha NCE + beta AGCE. Zhou et al. 2021 (arXiv 2106.03110)."""
    return alpha * nce(logits, targets) + beta * agce(logits, targets, a, q)


def nce_aul(
    logits: Tensor,
    targets: Tensor,
    alpha: float = 1.0,
    beta: float = 4.0,
    a: float = 6.3,
    q: float = 1.5,
) -> Tensor:
    """Alpha NCE + beta AUL. Zhou et al. 2021 (arXiv 2106.03110)."""
    return alpha * nce(logits, targets) + beta * aul(logits, targets, a, q)


def nce_ael(
    logits: Tensor, targets: Tensor, alpha: float = 1.0, beta: float = 4.0, a: float = 5.0
) -> Tensor:
    """Alpha NCE + beta AEL. Zhou et al. 2021 (arXiv 2106.03110)."""
    return alpha * nce(logits, targets) + beta * ael(logits, targets, a)


def jal_ce(
    logits: Tensor, targets: Tensor, alpha: float = 1.0, beta: float = 1.0, a: float = 30.0
) -> Tensor:
    """Joint asymmetric loss: alpha NCE + beta AMSE. Wang et al. 2025 (arXiv 2507.17692)."""
    return alpha * nce(logits, targets) + beta * amse(logits, targets, a)


def jal_fl(
    logits: Tensor,
    targets: Tensor,
    alpha: float = 1.0,
    beta: float = 1.0,
    a: float = 30.0,
    gamma: float = 0.5,
    detach_focal: bool = True,
) -> Tensor:
    """Joint asymmetric loss: alpha NFL + beta AMSE. Wang et al. 2025 (arXiv 2507.17692)."""
    return alpha * nfl(logits, targets, gamma, detach_focal) + beta * amse(logits, targets, a)


def anl_ce(
    logits: Tensor,
    targets: Tensor,
    alpha: float = 5.0,
    beta: float = 5.0,
    p_min: float = P_MIN,
) -> Tensor:
    """ANL-CE: alpha NCE + beta NNCE, from one log-softmax. Ye et al. 2023 (NeurIPS).

    The same as ``active_negative(ce_table(logits), ...)``, written on log p itself and with log p_y
    looked up once: this is the loss most often trained with, and it takes a tenth less time so.
    """
    _check_p_min(p_min, logits)
    A = ce_maximum(p_min)
    log_p = log_probabilities(logits)  # (N, K, ...)
    log_p_y = active(log_p, targets)  # (N, ...)
    M = torch.relu(A + log_p)  # (N, K, ...): A - L, cut off where p < p_min
    M_y = torch.relu(A + log_p_y)  # (N, ...)
    return alpha * log_p_y / log_p.sum(1) + beta * (1 - M_y / M.sum(1))


def anl_fl(
    logits: Tensor,
    targets: Tensor,
    alpha: float = 5.0,
    beta: float = 5.0,
    gamma: float = 0.5,
    p_min: float = P_MIN,
    detach_focal: bool = True,
) -> Tensor:
    """ANL-FL: alpha NFL + beta NNFL, from one log-softmax. Ye et al. 2023 (NeurIPS)."""
    _check_p_min(p_min, logits)
    table = fl_table(logits, gamma, detach_focal=detach_focal)
    return active_negative(table, targets, fl_maximum(gamma, p_min), alpha, beta)
