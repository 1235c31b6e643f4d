"""Ground or digit: the scenes with two classes, which a small network learns in seconds."""

from __future__ import annotations

from dataclasses import replace

from anl_edu.data import ImageData


def ground_or_digit(scenes: ImageData) -> ImageData:
    """Return the scenes with masks of 0 for ground and 1 for a digit, whichever."""
    return replace(
        scenes,
        name="ground or digit",
        y_train=(scenes.y_train > 0).long(),
        y_test=(scenes.y_test > 0).long(),
        classes=("ground", "digit"),
    )
