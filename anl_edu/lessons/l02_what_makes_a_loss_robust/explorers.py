"""Explorers of lesson 02: noisy against clean risk, sums over labels, CE and MAE in a race."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
import torch
from torch import Tensor

from anl_edu import data
from anl_edu.lessons.l02_what_makes_a_loss_robust import figures
from anl_edu.teach.explorer import Explorer, choice, log_slider, slider
from anl_edu.teach.kept import kept
from anl_edu.teach.style import label_of

KINDS = {"symmetric": "symmetric", "pair flip": "pair"}


@kept(maxsize=1)
def classifiers(count: int = 80, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return what `count` simple classifiers, good and bad, say of the digits test images.

    Each compares an image with the ten class means, to which random numbers have been added, more
    from classifier to classifier; some are timid, some overconfident.

    Returns
    -------
    logits, labels
        (count, 360, 10) float64 and (360,) int64.
    """
    digits = data.load("digits")
    x_train = digits.x_train.flatten(1).double() / 255  # (1437, 64)
    x_test = digits.x_test.flatten(1).double() / 255  # (360, 64)
    means = torch.stack([x_train[digits.y_train == k].mean(0) for k in range(10)])  # (10, 64)
    generator = torch.Generator().manual_seed(seed)
    logits = []
    for c in range(count):
        off = means + 0.4 * c / count * torch.randn(10, 64, generator=generator).double()
        scores = x_test @ off.T - off.square().sum(1) / 2  # nearest mean scores highest
        sharpness = 10 ** torch.rand(1, generator=generator).item()  # 1 to 10
        logits.append(sharpness * scores)
    return torch.stack(logits), digits.y_test


@kept(maxsize=64)
def _matrix(name: str) -> Tensor:
    return figures.risk_matrix(name, *classifiers())


def risks(loss: str = "ce", rate: float = 0.6) -> Explorer:
    """Move the noise and see whether the noisy risk still orders eighty classifiers rightly."""

    def draw(loss: str, kind: str, rate: float) -> go.Figure:
        return figures.risk_scatter(_matrix(loss), loss, kind, rate)

    return Explorer(
        draw,
        {
            "loss": choice("loss", _options(("ce", "mae")), loss),
            "kind": choice("noise", KINDS, "symmetric"),
            "rate": slider("noise rate η", 0.0, 0.95, 0.05, rate),
        },
        title="Eighty classifiers: noisy risk against clean risk",
        readout=lambda **_: "Circle: best by clean risk. Square: best by noisy risk.",
    )


def label_sums(loss: str = "ce") -> Explorer:
    """Choose a loss and see its sum over the three labels at every prediction."""
    return Explorer(
        lambda loss: figures.label_sum_map(loss),
        {"loss": choice("loss", _options(("ce", "gce", "mae")), loss)},
        title="Is the sum over labels the same for every prediction?",
        readout=lambda loss: "The + marks the uniform prediction, (1/3, 1/3, 1/3).",
    )


def noisy_risk(loss: str = "ce", rate: float = 0.0) -> Explorer:
    """Move the noise on one image's label and see which prediction the noisy loss prefers."""

    def draw(loss: str, kind: str, rate: float, share: float) -> go.Figure:
        return figures.noisy_risk_map(loss, kind, rate, share)

    def readout(loss: str, kind: str, rate: float, share: float) -> str:
        truth = f"class 0 with probability {share:.2f}, else class 1" if share < 1 else "class 0"
        return f"Truth of this image: {truth}."

    return Explorer(
        draw,
        {
            "loss": choice("loss", _options(("ce", "mae", "gce", "fl", "rce", "nce")), loss),
            "kind": choice("noise", KINDS, "symmetric"),
            "rate": slider("noise rate η", 0.0, 0.9, 0.05, rate),
            "share": slider("truly class 0, share", 0.5, 1.0, 0.05, 1.0),
        },
        title="Which prediction does the noisy loss like best?",
        readout=readout,
    )


def race(start: float = 0.1) -> Explorer:
    """Choose where one sample starts and see how many steps CE and MAE need."""
    return Explorer(
        lambda start: figures.race_figure(start),
        {"start": log_slider("p_y at the start", 1e-3, 0.5, start)},
        title="One sample, K = 10, learning rate 1 on its logits",
        readout=lambda start: f"Both losses start at p<sub>y</sub> = {start:.2g}.",
    )


def _options(names: Sequence[str]) -> dict[str, str]:
    """Losses that the lesson has defined before the explorer comes."""
    return {label_of(name): name for name in names}


EXPLORERS = {"risks": risks, "label_sums": label_sums, "noisy_risk": noisy_risk, "race": race}
