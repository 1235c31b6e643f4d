"""Explorers of lesson 03: active and passive parts, NCE's way out, and MAE in disguise."""

from __future__ import annotations

from anl_edu.lessons.l03_active_and_passive import figures
from anl_edu.teach.explorer import Explorer, choice, slider
from anl_edu.teach.style import label_of

TRIED = ("rce", "nce", "ce", "gce", "aul")  # what the lesson has defined


def parts(loss: str = "ce") -> Explorer:
    """Choose a loss and a prediction and see which classes the loss adds up."""
    return Explorer(
        figures.parts_bars,
        {
            "name": choice("loss", {label_of(n): n for n in figures.PARTED}, loss),
            "p_y": slider("p_y, the label", 0.05, 0.95, 0.05, 0.4),
        },
        title="Which classes does the loss look at?",
        readout=lambda name, p_y: (
            f"In all: {figures.parts(name, figures.shares_of_rest(p_y)).sum().item():.3f}"
        ),
    )


def squeeze(p_y: float = 0.3) -> Explorer:
    """Hold p_y, squeeze other classes out, and watch what each loss makes of it."""
    return Explorer(
        figures.squeeze_figure,
        {
            "p_y": slider("p_y, held fixed", 0.05, 0.95, 0.05, p_y),
            "count": slider("classes squeezed out", 1, 8, 1, 8),
        },
        title="A loss that falls although nothing is learned",
        readout=lambda p_y, count: (
            f"K = 10. At the left the nine other classes share {1 - p_y:.2f} equally; what those "
            f"squeezed lose goes to one class, which ends at {(1 + count) * (1 - p_y) / 9:.2f}."
        ),
    )


def disguise(loss: str = "rce") -> Explorer:
    """Choose a loss and see whether it is MAE times a number."""
    options = {"NMAE": "nmae", "NRCE": "nrce"} | {label_of(n): n for n in TRIED}
    return Explorer(
        lambda loss: figures.disguise_figure(loss),
        {"loss": choice("loss", options, loss)},
        title="MAE in disguise?",
        readout=lambda loss: "One point per prediction, K = 10.",
    )


EXPLORERS = {"parts": parts, "squeeze": squeeze, "disguise": disguise}
