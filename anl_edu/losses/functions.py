"""Every single loss as a function of logits and labels, giving one value per label.

Throughout: logits (N, K, ...) of any floating dtype, targets (N, ...) int64 in 0..K-1, and the
result (N, ...) in float32, or float64 for float64 logits. p_y is the label's probability. Nothing
is checked or reduced here: `anl_edu.losses.build` gives modules that do both.
"""

import math

import torch
from torch import Tensor

from anl_edu.losses.registry import above, at_least, loss
from anl_edu.losses.tables import (
    P_MIN,
    active,
    ce_maximum,
    ce_table,
    fl_maximum,
    fl_table,
    normalized,
    normalized_negative,
)

LOG_ZERO = math.log(1e-4)  # what RCE takes for log 0 (Wang et al. 2019; Ma et al. 2020)


@loss("ce")
def ce(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy, -log p_y: fast to learn from, and memorises wrong labels."""
    return active(ce_table(logits), targets)


@loss("fl", gamma=at_least(0), detach_focal=bool)
def fl(logits: Tensor, targets: Tensor, gamma: float = 0.5, detach_focal: bool = True) -> Tensor:
    """Focal loss, -(1 - p_y)^gamma log p_y. See `fl_table` for ``detach_focal``.

    Lin et al. 2017 (arXiv 1708.02002), whose gamma is 2; 0.5 is what Ma et al. 2020 normalise.
    """
    return active(fl_table(logits, gamma, detach_focal=detach_focal), targets)


@loss("mae")
def mae(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error as 1 - p_y, which is half of ||e_y - p||_1.

    Ghosh et al. 2017 (arXiv 1712.09482): robust to symmetric noise, and slow. Published code has
    it at either scale: 1 - p_y in ANL's, 2 (1 - p_y) by default in that of Zhou et al. 2021 and
    Wang et al. 2024, whose beta counts accordingly.
    """
    return -torch.expm1(-ce(logits, targets))


@loss("rce")
def rce(logits: Tensor, targets: Tensor) -> Tensor:
    """Reverse cross entropy with log 0 read as log 1e-4: -log(1e-4) (1 - p_y).

    Wang et al. 2019 (arXiv 1908.06112); MAE but for a factor, as Ma et al. 2020 point out.
    """
    return -LOG_ZERO * mae(logits, targets)


@loss("gce", q=above(0, upto=1))
def gce(logits: Tensor, targets: Tensor, q: float = 0.7) -> Tensor:
    """Generalised cross entropy, (1 - p_y^q) / q with 0 < q <= 1: CE as q -> 0, MAE at q = 1.

    Zhang and Sabuncu 2018 (arXiv 1805.07836). As a function of log p_y its slope is finite even
    where p_y = 0, which p_y^(q - 1) is not.
    """
    return -torch.expm1(-q * ce(logits, targets)) / q


@loss("sce", alpha=at_least(0), beta=at_least(0))
def sce(logits: Tensor, targets: Tensor, alpha: float = 0.1, beta: float = 1.0) -> Tensor:
    """Symmetric cross entropy, alpha CE + beta RCE. Wang et al. 2019 (arXiv 1908.06112).

    Default alpha and beta: theirs for CIFAR-10.
    """
    return alpha * ce(logits, targets) + beta * rce(logits, targets)


@loss("nce")
def nce(logits: Tensor, targets: Tensor) -> Tensor:
    """Normalised cross entropy, log p_y / sum_k log p_k. Ma et al. 2020 (arXiv 2006.13554)."""
    return normalized(ce_table(logits), targets)


@loss("nfl", gamma=at_least(0), detach_focal=bool)
def nfl(logits: Tensor, targets: Tensor, gamma: float = 0.5, detach_focal: bool = True) -> Tensor:
    """Normalised focal loss. Ma et al. 2020 (arXiv 2006.13554)."""
    return normalized(fl_table(logits, gamma, detach_focal=detach_focal), targets)


@loss("nnce", p_min=above(0, below=1))
def nnce(logits: Tensor, targets: Tensor, p_min: float = P_MIN) -> Tensor:
    """Normalised negative cross entropy: 1 - (A + log p_y) / sum_k (A + log p_k).

    A = -log p_min, and probabilities are clamped at p_min < 1/K. Ye et al. 2023 (NeurIPS).
    """
    _check_p_min(p_min, logits)
    return normalized_negative(ce_table(logits, p_min), targets, ce_maximum(p_min))


@loss("nnfl", gamma=at_least(0), p_min=above(0, below=1), detach_focal=bool)
def nnfl(
    logits: Tensor,
    targets: Tensor,
    gamma: float = 0.5,
    p_min: float = P_MIN,
    detach_focal: bool = True,
) -> Tensor:
    """Normalised negative focal loss, construction 3 on `fl_table`. Ye et al. 2023 (NeurIPS)."""
    _check_p_min(p_min, logits)
    table = fl_table(logits, gamma, p_min, detach_focal)
    return normalized_negative(table, targets, fl_maximum(gamma, p_min))


@loss("agce", a=above(0), q=above(0))
def agce(logits: Tensor, targets: Tensor, a: float = 0.6, q: float = 0.6) -> Tensor:
    """Asymmetric generalised cross entropy, ((a + 1)^q - (a + p_y)^q) / q, with a > 0, q > 0.

    Zhou et al. 2021 (arXiv 2106.03110). Default a and q: theirs for CIFAR-10; MNIST 4 and 0.2.
    """
    p_y = torch.exp(-ce(logits, targets))
    return ((a + 1) ** q - (a + p_y) ** q) / q


@loss("aul", a=above(1), q=above(0))
def aul(logits: Tensor, targets: Tensor, a: float = 5.5, q: float = 3.0) -> Tensor:
    """Asymmetric unhinged loss, ((a - p_y)^q - (a - 1)^q) / q, with a > 1, q > 0.

    Zhou et al. 2021 (arXiv 2106.03110). Default a and q: theirs for CIFAR-10; MNIST 3 and 0.1.
    """
    p_y = torch.exp(-ce(logits, targets))
    return ((a - p_y) ** q - (a - 1) ** q) / q


@loss("ael", a=above(0))
def ael(logits: Tensor, targets: Tensor, a: float = 2.5) -> Tensor:
    """Asymmetric exponential loss, exp(-p_y / a), with a > 0.

    Zhou et al. 2021 (arXiv 2106.03110). Default a: theirs for CIFAR-10; MNIST 3.5.
    """
    p_y = torch.exp(-ce(logits, targets))
    return torch.exp(-p_y / a)


@loss("amse", a=at_least(1))
def amse(logits: Tensor, targets: Tensor, a: float = 30.0) -> Tensor:
    """Asymmetric mean square error, ||a e_y - p||^2 / K, with a >= 1; a = 1 is the MSE.

    J. Wang et al. 2025 (ICCV, arXiv 2507.17692). It is asymmetric, and so robust, only where the
    right label outweighs a wrong one enough: with w_m of a class's labels right and w_i of them
    class i, where w_m / w_n >= (a + sum_{i != m} w_i / w_n) / (a - 1) for every n != m. Symmetric
    noise of rate 0.8 over 10 classes needs a >= 9.
    """
    p = torch.exp(-ce_table(logits))  # (N, K, ...)
    return (a * (a - 2 * active(p, targets)) + (p * p).sum(1)) / p.shape[1]


@loss("ece", alpha=at_least(0), beta=at_least(0), m=at_least(0), eps=at_least(0, below=1))
def ece(
    logits: Tensor,
    targets: Tensor,
    alpha: float = 0.01,
    beta: float = 5.0,
    m: float = 1e5,
    eps: float = 1e-8,
) -> Tensor:
    """Cross entropy after eps-softmax, with MAE: alpha CE(p') + 2 beta (1 - p_y).

    eps-softmax adds m >= 0 to the largest probability and divides all by m + 1, which gives p'.
    J. Wang, X. Zhou, D. Zhai, J. Jiang, X. Ji, X. Liu, "eps-Softmax: Approximating One-Hot Vectors
    for Mitigating Label Noise", NeurIPS 2024 (arXiv 2508.02387).

    Parameters
    ----------
    alpha, beta, m : float
        As in the authors' code, whose MAE is 2 (1 - p_y). Theirs: CIFAR-10 symmetric noise 0.01,
        5, 1e5 (the default), asymmetric 0.02, 5, 1e3, instance-dependent 0.045, 10, 1e5; CIFAR-N
        0.5, 1, 1e4; WebVision 0.015, 0.3, 1e3; Clothing1M 0.012, 0.1, 1e3; CIFAR-100 beta 1, m 1e4
        (asymmetric 1e2) and an alpha for each rate. alpha = 1, beta = 0 is the cross entropy alone.
    eps : float
        Where p'_y is below it, it counts as eps and the cross entropy gives no gradient, as in
        the authors' code (their appendix D.1 says that it matters). At m = 1e5 those are the
        labels that are not the largest class and have p_y < 1e-3. 0: no clamping.
    """
    l_y = ce(logits, targets)
    p_y_minus_1 = torch.expm1(-l_y)
    top = logits.argmax(1) == targets
    # Both branches are exact in floating point even where (p_y + m) / (m + 1) rounds to 1. A label
    # off the top may have p_y = 0, where log1p at m = 0 has infinite slope: it never sees those.
    raised = -torch.log1p(torch.where(top, p_y_minus_1, 0) / (m + 1))
    eps_ce = torch.where(top, raised, l_y + math.log1p(m))
    if eps > 0:
        eps_ce = eps_ce.clamp(max=-math.log(eps))
    return alpha * eps_ce - 2 * beta * p_y_minus_1


def _check_p_min(p_min: float, logits: Tensor) -> None:
    # At p_min >= 1/K a uniform prediction would be clamped everywhere: 0/0.
    if p_min * logits.shape[1] >= 1:
        raise ValueError(f"p_min must be below 1/K = 1/{logits.shape[1]}, got {p_min!r}")
