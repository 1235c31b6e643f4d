"""Explorers of lesson 10: how many labels to review, and when noisy labels mislead."""

from __future__ import annotations

from anl_edu.lessons.l10_your_own_data import figures
from anl_edu.teach.explorer import Explorer, choice, slider


def review(reviewed: int = 120) -> Explorer:
    """Move the number of labels reviewed, and choose the order in which they come."""
    return Explorer(
        figures.review,
        {
            "reviewed": slider("labels reviewed", 24, 1428, 12, reviewed),
            "order": choice("order", ["self-confidence", "margin", "chance"], "self-confidence"),
        },
        title="How many labels to review",
        readout=_say_review,
    )


def _say_review(reviewed: int, order: str) -> str:
    precision, recall = figures.at(reviewed, order)
    return (
        f"Of the first {reviewed} labels {precision:.0%} are wrong, and they are {recall:.0%} of "
        "all that are."
    )


def misleading(eta: float = 0.25, agree: float = 0.5) -> Explorer:
    """Move the share of wrong labels, and how many of them agree."""
    return Explorer(
        figures.misleading,
        {
            "eta": slider("share of wrong labels", 0.0, 0.45, 0.05, eta),
            "agree": slider("of these, share that agree", 0.0, 1.0, 0.1, agree),
        },
        title="What noisy labels reward",
        readout=_say_level,
    )


def _say_level(eta: float, agree: float) -> str:
    level = figures.level(0.9, eta, agree)
    return (
        "A model that is right on 90 % looks as good as one that repeats the labels' errors and is "
        f"right on {level:.0%}."
    )


EXPLORERS = {"review": review, "misleading": misleading}
