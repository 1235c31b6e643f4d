"""Explorers of lesson 05: how hard one sample pulls, and where to."""

from __future__ import annotations

from anl_edu import gradients, losses
from anl_edu.lessons.l05_gradients_clean_against_noisy import figures
from anl_edu.teach.explorer import Explorer, choice, log_slider, slider
from anl_edu.teach.style import label_of

PULLS = ("ce", "fl", "mae", "gce", "nce", "nfl", "nnce", "nnfl", "nce+rce", "anl-ce", "anl-fl")
FIELDS = ("ce", "mae", "gce", "nce", "nnce", "nce+rce", "anl-ce")


def pull(loss: str = "nnce") -> Explorer:
    """Choose a loss, move p_y, K, gamma and p_min, and see how hard the sample pulls on z_y."""
    return Explorer(
        lambda loss, odds, K, gamma, p_min: figures.pull(loss, odds, K, gamma, p_min),
        {
            "loss": choice("loss", {label_of(name): name for name in PULLS}, loss),
            "odds": log_slider(
                "odds p_y / (1 − p_y)", 1e-3, 10**7.5, 9.0, step=0.1,
                tooltip="odds of the label, p_y / (1 - p_y); 9 is p_y = 0.9",
            ),
            "K": slider("classes K", 2, 100, 1, 10),
            "gamma": slider("focusing gamma", 0.0, 5.0, 0.1, 0.5),
            "p_min": log_slider("smallest p_min", 1e-10, 1e-4, losses.P_MIN, step=0.5),
        },
        title="How hard one sample pulls on its label's logit",
        readout=_say,
    )  # fmt: skip


def _say(loss: str, odds: float, K: int, gamma: float, p_min: float) -> str:
    p_y = odds / (1 + odds)
    sizes = ", ".join(
        f"{label_of(name)} {value:.3g}"
        for name in dict.fromkeys(("ce", loss))
        for value in [gradients.label_gradient(name, p_y, K=K, gamma=gamma, p_min=p_min).item()]
    )
    unused = [
        f"{word} does nothing here"
        for key, word in (("gamma", "gamma"), ("p_min", "p<sub>min</sub>"))
        if key not in losses.defaults(loss)
    ]
    return f"p<sub>y</sub> = {figures.probability(p_y)}: {'; '.join([sizes, *unused])}"


def field(loss: str = "ce") -> Explorer:
    """Choose a loss and a label, and see where each prediction moves and how hard it is pulled."""
    return Explorer(
        figures.field,
        {
            "name": choice("loss", {label_of(name): name for name in FIELDS}, loss),
            "y": choice("label", {f"class {k}": k for k in range(3)}, 0),
        },
        title="Where a gradient step takes the prediction, three classes",
        readout=lambda name, y: f"The label is class {y}. The + is the uniform prediction.",
    )


EXPLORERS = {"pull": pull, "field": field}
