"""Weighted sums of two losses: APL, asymmetric, joint, and Active Negative Loss.

Shapes as in `anl_edu.losses.functions`. alpha weighs the active half, beta the other. The defaults
are the values published for CIFAR-10 by the source named; `anl_edu.recipes` has those of other data
sets.
"""

import torch
from torch import Tensor

from anl_edu.losses.functions import _check_p_min, ael, agce, amse, aul, mae, nce, nfl, rce
from anl_edu.losses.registry import Range, above, at_least, loss
from anl_edu.losses.tables import (
    P_MIN,
    active,
    active_negative,
    ce_maximum,
    fl_maximum,
    fl_table,
    log_probabilities,
)

WEIGHTS: dict[str, Range | type[bool]] = {"alpha": at_least(0), "beta": at_least(0)}
FOCAL: dict[str, Range | type[bool]] = {"gamma": at_least(0), "detach_focal": bool}
P_MINS = above(0, below=1)


@loss("nce+mae", **WEIGHTS)
def nce_mae(logits: Tensor, targets: Tensor, alpha: float = 1.0, beta: float = 1.0) -> Tensor:
    """APL: alpha NCE + beta (1 - p_y). Ma et al. 2020 (arXiv 2006.13554)."""
    return alpha * nce(logits, targets) + beta * mae(logits, targets)


@loss("nce+rce", **WEIGHTS)
def nce_rce(logits: Tensor, targets: Tensor, alpha: float = 1.0, beta: float = 1.0) -> Tensor:
    """APL: alpha NCE + beta RCE. Ma et al. 2020 (arXiv 2006.13554)."""
    return alpha * nce(logits, targets) + beta * rce(logits, targets)


@loss("nfl+mae", **WEIGHTS, **FOCAL)
def nfl_mae(
    logits: Tensor,
    targets: Tensor,
    alpha: float = 1.0,
    beta: float = 1.0,
    gamma: float = 0.5,
    detach_focal: bool = True,
) -> Tensor:
    """APL: alpha NFL + beta (1 - p_y). Ma et al. 2020 (arXiv 2006.13554)."""
    return alpha * nfl(logits, targets, gamma, detach_focal) + beta * mae(logits, targets)


@loss("nfl+rce", **WEIGHTS, **FOCAL)
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


@loss("nce+agce", **WEIGHTS, a=above(0), q=above(0))
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


@loss("nce+aul", **WEIGHTS, a=above(1), q=above(0))
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


@loss("nce+ael", **WEIGHTS, a=above(0))
def nce_ael(
    logits: Tensor, targets: Tensor, alpha: float = 1.0, beta: float = 4.0, a: float = 5.0
) -> Tensor:
    """Alpha NCE + beta AEL. Zhou et al. 2021 (arXiv 2106.03110)."""
    return alpha * nce(logits, targets) + beta * ael(logits, targets, a)


@loss("anl-ce", **WEIGHTS, p_min=P_MINS)
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
    The ANL that J. Wang et al. 2025 (arXiv 2507.17692) compare with has p_min = 1e-8.
    """
    _check_p_min(p_min, logits)
    A = ce_maximum(p_min)
    log_p = log_probabilities(logits)  # (N, K, ...)
    log_p_y = active(log_p, targets)  # (N, ...)
    M = torch.relu(A + log_p)  # (N, K, ...): A - L, cut off where p < p_min
    M_y = torch.relu(A + log_p_y)  # (N, ...)
    return alpha * log_p_y / log_p.sum(1) + beta * (1 - M_y / M.sum(1))


@loss("anl-fl", **WEIGHTS, **FOCAL, p_min=P_MINS)
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


@loss("jal-ce", **WEIGHTS, a=at_least(1))
def jal_ce(
    logits: Tensor, targets: Tensor, alpha: float = 1.0, beta: float = 1.0, a: float = 30.0
) -> Tensor:
    """Joint asymmetric loss: alpha NCE + beta AMSE.

    J. Wang, X. Liu, X. Zhou, G. Hu, D. Zhai, J. Jiang, X. Ji, ICCV 2025 (arXiv 2507.17692). Their
    alpha, beta, a: CIFAR-10 1, 1, 30 (the default), CIFAR-100 5, 1, 20, WebVision 50, 1, 30,
    Clothing1M 5, 0.1, 5. They train it with a penalty of its own: L1 5e-5 on CIFAR-10 and 5e-6 on
    CIFAR-100, L2 3e-5 on WebVision and 1e-3 on Clothing1M.
    """
    return alpha * nce(logits, targets) + beta * amse(logits, targets, a)


@loss("jal-fl", **WEIGHTS, **FOCAL, a=at_least(1))
def jal_fl(
    logits: Tensor,
    targets: Tensor,
    alpha: float = 1.0,
    beta: float = 1.0,
    a: float = 30.0,
    gamma: float = 0.5,
    detach_focal: bool = True,
) -> Tensor:
    """Joint asymmetric loss: alpha NFL + beta AMSE. Source and parameters as for `jal_ce`."""
    return alpha * nfl(logits, targets, gamma, detach_focal) + beta * amse(logits, targets, a)
