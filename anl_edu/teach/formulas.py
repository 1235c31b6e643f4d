r"""The formula page: each loss that the lessons teach, in one row.

`FORMULAS` holds for each loss its definition, its sum over the labels, its range, its value at the
uniform prediction and its gradient at the label's logit, in TeX and, where it is a number, as a
function too, so that the tests can hold every entry against the package's loss. `page` writes them
as Markdown; ``python -m anl_edu.teach.formulas`` prints the page that is kept in docs/formulas.md.

In every row $p$ is the softmax of the logits $z$, $K$ the number of classes, $y$ the label given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

A_RCE = -math.log(1e-4)  # what RCE takes for -log 0


@dataclass(frozen=True)
class Formula:
    """One row of the page.

    Parameters
    ----------
    name
        As in `losses.names`.
    definition, label_sum, span, at_uniform, gradient
        TeX: the loss; its sum over all labels; its range; its value at p = 1/K; its derivative by
        the label's logit where nothing is clamped.
    constant
        K to the value of the sum over labels, or None where it depends on the prediction.
    bounds
        K to the ends of the range.
    uniform
        K to the value at the uniform prediction.
    slope
        Probabilities (N, K) and labels (N,) to the derivative by the label's logit, (N,).
    parameters
        Of the loss, as the functions have them; others have their default values.
    """

    name: str
    definition: str
    label_sum: str
    span: str
    at_uniform: str
    gradient: str
    constant: Callable[[int], float] | None
    bounds: Callable[[int], tuple[float, float]]
    uniform: Callable[[int], float]
    slope: Callable[[Tensor, Tensor], Tensor]
    parameters: dict[str, Any] = field(default_factory=dict)


P_MIN, GAMMA, Q, ALPHA, BETA = 1e-7, 0.5, 0.7, 5.0, 5.0
A_CE = -math.log(P_MIN)
A_FL = (1 - P_MIN) ** GAMMA * A_CE


def _of_label(values: Tensor, y: Tensor) -> Tensor:
    return values.gather(1, y[:, None])[:, 0]


def _ce(p: Tensor, y: Tensor) -> Tensor:
    return _of_label(p, y) - 1


def _fl(p: Tensor, y: Tensor) -> Tensor:
    return -((1 - _of_label(p, y)) ** (GAMMA + 1))


def _mae(p: Tensor, y: Tensor) -> Tensor:
    p_y = _of_label(p, y)
    return -p_y * (1 - p_y)


def _gce(p: Tensor, y: Tensor) -> Tensor:
    p_y = _of_label(p, y)
    return -(p_y**Q) * (1 - p_y)


def _quotient(weights: Tensor, numerator: Tensor, p: Tensor, y: Tensor) -> Tensor:
    """Differentiate x_y / sum x by z_y, where x_k falls by w_k (delta_ky - p_y)."""
    x_y, total, p_y = _of_label(numerator, y), numerator.sum(1), _of_label(p, y)
    w_y = _of_label(weights, y)
    return (w_y * (p_y - 1) * total - x_y * (weights.sum(1) * p_y - w_y)) / total**2


def _nce(p: Tensor, y: Tensor) -> Tensor:
    return _quotient(torch.ones_like(p), -p.log(), p, y)


def _nfl(p: Tensor, y: Tensor) -> Tensor:
    w = (1 - p) ** GAMMA
    return _quotient(w, -w * p.log(), p, y)


def _nnce(p: Tensor, y: Tensor) -> Tensor:
    return _quotient(torch.ones_like(p), A_CE + p.log(), p, y)


def _nnfl(p: Tensor, y: Tensor) -> Tensor:
    w = (1 - p) ** GAMMA
    return _quotient(w, A_FL + w * p.log(), p, y)


def _sum(*parts: tuple[float, Callable[[Tensor, Tensor], Tensor]]) -> Callable[..., Tensor]:
    def slope(p: Tensor, y: Tensor) -> Tensor:
        return torch.stack([weight * part(p, y) for weight, part in parts]).sum(0)

    return slope


_WEIGHTS = {"alpha": ALPHA, "beta": BETA}
_QUOTIENT = r"$\dfrac{(p_y - 1)\,%s - %s_y (K p_y - 1)}{%s^2}$"

Slope = Callable[[Tensor, Tensor], Tensor]


_WEIGHTED = r"$\alpha$ times the first's $+\;\beta$ times the second's"


def _alpha_beta(name: str, active: str, a: Slope, passive: str, b: Slope, **more: float) -> Formula:
    """Return the row of alpha times a loss that sums to 1, plus beta times one of sum K - 1."""
    return Formula(
        name,
        rf"$\alpha\,\text{{{active}}} + \beta\,\text{{{passive}}}$",
        r"$\alpha + \beta (K - 1)$",
        r"$[0, \alpha + \beta]$",
        r"$\alpha \frac1K + \beta (1 - \frac1K)$",
        _WEIGHTED,
        lambda K: ALPHA + BETA * (K - 1),
        lambda K: (0.0, ALPHA + BETA),
        lambda K: ALPHA / K + BETA * (1 - 1 / K),
        _sum((ALPHA, a), (BETA, b)),
        {**_WEIGHTS, **more},
    )


FORMULAS: tuple[Formula, ...] = (
    Formula(
        "ce", r"$-\log p_y$", r"$-\sum_k \log p_k$", r"$[0, \infty)$", r"$\log K$", r"$p_y - 1$",
        None, lambda K: (0.0, math.inf), math.log, _ce,
    ),
    Formula(
        "fl", r"$-(1 - p_y)^\gamma \log p_y$", r"$-\sum_k (1 - p_k)^\gamma \log p_k$",
        r"$[0, \infty)$", r"$(1 - \frac1K)^\gamma \log K$", r"$-(1 - p_y)^{\gamma + 1}$",
        None, lambda K: (0.0, math.inf), lambda K: (1 - 1 / K) ** GAMMA * math.log(K), _fl,
        {"gamma": GAMMA},
    ),
    Formula(
        "mae", r"$1 - p_y$", r"$K - 1$", r"$[0, 1]$", r"$1 - \frac1K$", r"$-p_y (1 - p_y)$",
        lambda K: K - 1, lambda K: (0.0, 1.0), lambda K: 1 - 1 / K, _mae,
    ),
    Formula(
        "rce", r"$r\,(1 - p_y)$, $r = -\log 10^{-4} = 9.21$", r"$r\,(K - 1)$", r"$[0, r]$",
        r"$r\,(1 - \frac1K)$", r"$-r\,p_y (1 - p_y)$",
        lambda K: A_RCE * (K - 1), lambda K: (0.0, A_RCE), lambda K: A_RCE * (1 - 1 / K),
        _sum((A_RCE, _mae)),
    ),
    Formula(
        "gce", r"$(1 - p_y^{\,q}) / q$", r"$(K - \sum_k p_k^{\,q}) / q$", r"$[0, 1/q]$",
        r"$(1 - K^{-q}) / q$", r"$-p_y^{\,q} (1 - p_y)$",
        None, lambda K: (0.0, 1 / Q), lambda K: (1 - K**-Q) / Q, _gce, {"q": Q},
    ),
    Formula(
        "sce", r"$\alpha\,\text{CE} + \beta\,\text{RCE}$",
        r"$-\alpha \sum_k \log p_k + \beta r (K - 1)$", r"$[0, \infty)$",
        r"$\alpha \log K + \beta r (1 - \frac1K)$", r"$-(\alpha + \beta r\,p_y)(1 - p_y)$",
        None, lambda K: (0.0, math.inf),
        lambda K: ALPHA * math.log(K) + BETA * A_RCE * (1 - 1 / K),
        _sum((ALPHA, _ce), (BETA * A_RCE, _mae)), _WEIGHTS,
    ),
    Formula(
        "nce", r"$L_y / S$, $L_k = -\log p_k$, $S = \sum_k L_k$", r"$1$", r"$[0, 1]$",
        r"$\frac1K$", _QUOTIENT % ("S", "L", "S"),
        lambda K: 1.0, lambda K: (0.0, 1.0), lambda K: 1 / K, _nce,
    ),
    Formula(
        "nfl", r"$L_y / S$, $L_k = -w_k \log p_k$, $w_k = (1 - p_k)^\gamma$", r"$1$", r"$[0, 1]$",
        r"$\frac1K$",
        r"$\dfrac{w_y (p_y - 1)\,S - L_y (p_y \sum_k w_k - w_y)}{S^2}$",
        lambda K: 1.0, lambda K: (0.0, 1.0), lambda K: 1 / K, _nfl, {"gamma": GAMMA},
    ),
    Formula(
        "nnce", r"$1 - F_y / F$, $F_k = A + \log p_k$, $F = \sum_k F_k$", r"$K - 1$", r"$[0, 1]$",
        r"$1 - \frac1K$", _QUOTIENT % ("F", "F", "F"),
        lambda K: K - 1, lambda K: (0.0, 1.0), lambda K: 1 - 1 / K, _nnce,
    ),
    Formula(
        "nnfl", r"$1 - F_y / F$, $F_k = A + w_k \log p_k$", r"$K - 1$", r"$[0, 1]$",
        r"$1 - \frac1K$",
        r"$\dfrac{w_y (p_y - 1)\,F - F_y (p_y \sum_k w_k - w_y)}{F^2}$",
        lambda K: K - 1, lambda K: (0.0, 1.0), lambda K: 1 - 1 / K, _nnfl, {"gamma": GAMMA},
    ),
    _alpha_beta("nce+mae", "NCE", _nce, "MAE", _mae),
    Formula(
        "nce+rce", r"$\alpha\,\text{NCE} + \beta\,\text{RCE}$", r"$\alpha + \beta r (K - 1)$",
        r"$[0, \alpha + \beta r]$", r"$\alpha \frac1K + \beta r (1 - \frac1K)$", _WEIGHTED,
        lambda K: ALPHA + BETA * A_RCE * (K - 1), lambda K: (0.0, ALPHA + BETA * A_RCE),
        lambda K: ALPHA / K + BETA * A_RCE * (1 - 1 / K),
        _sum((ALPHA, _nce), (BETA * A_RCE, _mae)), _WEIGHTS,
    ),
    _alpha_beta("anl-ce", "NCE", _nce, "NNCE", _nnce),
    _alpha_beta("anl-fl", "NFL", _nfl, "NNFL", _nnfl, gamma=GAMMA),
)  # fmt: skip

HEAD = r"""# Formulas

Each loss that the lessons teach, and SCE, for one sample with label $y$: $z$ are the $K$ logits,
$p = \text{softmax}(z)$. MAE is on this package's scale; the papers write $2\,(1 - p_y)$.

- **Sum over labels**: $\sum_{k} \ell(p, k)$. Where it is the same for every prediction the loss is
  *symmetric* (lesson 02).
- **At 1/K**: its value before training, at the uniform prediction.
- **Gradient at** $z_y$: $\partial \ell / \partial z_y$ where nothing is clamped. Descent moves
  $z_y$ against it; its size is the sample's pull on its own logit (lesson 05).
- $A = -\log p_{\min} = 16.1$ with $p_{\min} = 10^{-7}$, the ceiling of $L_k$ in NNCE; in NNFL it
  is $-(1 - p_{\min})^\gamma \log p_{\min}$. The factors $w_k$ of the focal family are held constant
  in the gradient, as in the authors' code.
"""


def rows() -> str:
    """Return the table as Markdown."""
    from anl_edu.losses import label

    heads = ("loss", "definition", "sum over labels", "range", "at 1/K", "gradient at $z_y$")
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for f in FORMULAS:
        cells = (label(f.name), f.definition, f.label_sum, f.span, f.at_uniform, f.gradient)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


DERIVATION = r"""
## Where the gradients come from

One rule is enough, with $\delta_{jk} = 1$ if $j = k$ and 0 otherwise:

$$\frac{\partial \log p_k}{\partial z_j} = \delta_{jk} - p_j .$$

**CE.** $\ell = -\log p_y$, so $\partial \ell / \partial z_j = p_j - \delta_{jy}$.

**MAE.** $\ell = 1 - p_y = 1 - e^{\log p_y}$, so
$\partial \ell / \partial z_j = p_y (p_j - \delta_{jy})$: CE's, times $p_y$.

**NCE.** $L_k = -\log p_k$ has $\partial L_k / \partial z_j = p_j - \delta_{jk}$. Added over $k$:
$\partial S / \partial z_j = K p_j - 1$. The quotient rule gives

$$\frac{\partial}{\partial z_j} \frac{L_y}{S}
= \frac{(p_j - \delta_{jy})\,S - L_y\,(K p_j - 1)}{S^2} .$$

**NNCE.** $F_k = A + \log p_k$ has $\partial F_k / \partial z_j = \delta_{jk} - p_j$. Added over
$k$: $\partial F / \partial z_j = 1 - K p_j$. With the minus in front of $F_y / F$:

$$\frac{\partial}{\partial z_j} \Big(1 - \frac{F_y}{F}\Big)
= -\frac{(\delta_{jy} - p_j)\,F - F_y\,(1 - K p_j)}{F^2}
= \frac{(p_j - \delta_{jy})\,F - F_y\,(K p_j - 1)}{F^2} .$$

The same form as NCE's, with $F$ in the place of $S$ and $F_y$ in the place of $L_y$. The
difference is in the denominator: $S$ *grows* as a sample is learned (the other classes'
$-\log p_k$ grow), $F$ *shrinks* (their $A + \log p_k$ go to 0). So NCE's pull fades and NNCE's
grows, until the other classes reach $p_{\min}$: from there on they are clamped, send no gradient,
and the sample is let go.

**ANL-CE** is $\alpha$ times NCE plus $\beta$ times NNCE, and so is its gradient.
"""


def page() -> str:
    """Return the whole page as Markdown, with the derivations."""
    return f"{HEAD}\n{rows()}\n{DERIVATION}"


if __name__ == "__main__":
    print(page(), end="")
