"""Losses of whole masks, not of pixels: what segmentation compares per-pixel losses with.

They register themselves as `functions` do, and `build` makes them, but `names` does not list them:
they need logits (N, K, H, W), and one value stands for many pixels.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anl_edu.losses.modules import LossModule
from anl_edu.losses.registry import above, loss
from anl_edu.losses.tables import log_probabilities


class _OfMasks(LossModule):
    """Checks what comes in, and gives probabilities and one-hot masks of the pixels that count."""

    def regions(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return p and e, both (N, K, P) for P pixels, 0 where the target is to be ignored."""
        if logits.ndim < 3:
            raise ValueError(
                f"{self.name} compares masks: logits must be (N, K, H, W), "
                f"got {tuple(logits.shape)}"
            )
        K = logits.shape[1]
        self.check(logits, targets)
        p = torch.exp(log_probabilities(logits)).flatten(2)  # (N, K, P)
        y = targets.flatten(1)  # (N, P)
        keep = y != self.ignore_index
        e = F.one_hot(torch.where(keep, y, 0), K).transpose(1, 2).to(p.dtype)  # (N, K, P)
        return p * keep[:, None], e * keep[:, None]


@loss("dice", smooth=above(0))
class DiceLoss(_OfMasks):
    """Soft Dice loss: 1 - (2 sum p_k e_k + s) / (sum p_k + sum e_k + s), its mean over classes.

    The sums go over all pixels of the batch, since many classes are in few of its images; p is the
    softmax, e the one-hot mask. ``smooth`` (s) keeps a class that is neither there nor predicted at
    0. Milletari et al. 2016 (arXiv 1606.04797) square the terms of the denominator; this is the
    form of later work (Sudre et al. 2017, arXiv 1707.03237, without weights).

    ``reduction="none"`` gives (K,), "sum" their sum.
    """

    def __init__(
        self, reduction: str = "mean", ignore_index: int = -100, smooth: float = 1.0
    ) -> None:
        super().__init__("dice", {"smooth": smooth}, reduction, ignore_index)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of logits (N, K, ...) and targets (N, ...) int64."""
        p, e = self.regions(logits, targets)
        s = self.parameters_["smooth"]
        both, all_of = (p * e).sum((0, 2)), p.sum((0, 2)) + e.sum((0, 2))  # (K,)
        return self.reduced(1 - (2 * both + s) / (all_of + s))


@loss("t-loss", nu=above(0))
class TLoss(_OfMasks):
    """T-Loss: a mask as one draw of a Student-t distribution about the prediction.

    With d^2 = 1/2 sum over pixels and classes of (p_k - e_k)^2, over the P pixels of an image,

        -log G((nu + P) / 2) + log G(nu / 2) + P / 2 log(pi nu) + (nu + P) / 2 log(1 + d^2 / nu)

    with the Gamma function G, divided by P: nats per pixel, so that a recipe suits images of any
    size. An image whose mask is far off counts for little more than one that is a little off.
    ``nu`` is where its degrees of freedom begin; they are learned with the network.
    Gonzalez-Jimenez et al. 2023 (arXiv 2306.00753), with the identity as scale matrix, as in the
    paper. There are two classes there; for two, this is theirs but for the division by P. (A draw
    for each class has no minimum: most classes are in few images, and the likelihood of a class
    that is neither there nor predicted has no bound as nu falls.)

    ``reduction="none"`` gives (N,).
    """

    def __init__(self, reduction: str = "mean", ignore_index: int = -100, nu: float = 1.0) -> None:
        super().__init__("t-loss", {"nu": nu}, reduction, ignore_index)
        self.log_nu = nn.Parameter(torch.tensor(math.log(nu)))

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Loss of logits (N, K, ...) and targets (N, ...) int64."""
        p, e = self.regions(logits, targets)
        squares = (p - e).square().sum((1, 2)) / 2  # (N,)
        # the Gammas of thousands nearly cancel: in float64, which MPS alone has not
        wide = torch.float32 if p.device.type == "mps" else torch.float64
        P = e.sum((1, 2)).to(wide).clamp(min=1)  # (N,) pixels that count
        nu = self.log_nu.to(wide).exp()
        constant = (
            torch.lgamma(nu / 2) - torch.lgamma((nu + P) / 2) + P / 2 * torch.log(math.pi * nu)
        )
        tail = (nu + P) / 2 * torch.log1p(squares.to(wide) / nu)  # (N,)
        return self.reduced(((constant + tail) / P).to(p.dtype))
