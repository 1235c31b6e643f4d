"""Explorer of lesson 06: how many images with noisy labels tell two models apart."""

from __future__ import annotations

from anl_edu.lessons.l06_training_anl_on_cifar import figures
from anl_edu.teach.explorer import Explorer, log_slider, slider


def apart(eta: float = 0.6) -> Explorer:
    """Move the number of held-out images, the noise rate and the gap between two models."""
    return Explorer(
        figures.two_models,
        {
            "n": log_slider("held-out images", 50, 50_000, 50 * 10**0.9, step=0.1, readout=",.0f"),
            "eta": slider("noise rate η", 0.0, 0.8, 0.05, eta),
            "gap": slider("points between the models", 1, 20, 1, 3),
        },
        title="Two models, read off held-out images",
        readout=_say_swaps,
    )


def _say_swaps(n: float, eta: float, gap: int) -> str:
    true, noisy = (figures.swapped(gap, rate, round(n)) for rate in (0.0, eta))
    return (
        f"On {n:,.0f} images the worse model looks better by chance: "
        f"{true:.1%} of the time by true labels, {noisy:.1%} by noisy ones."
    )


EXPLORERS = {"apart": apart}
