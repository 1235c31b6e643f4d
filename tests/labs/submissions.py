"""What a bank of submissions is made of: a lab's instructor version with some answers replaced."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Submission:
    """One submission and the points that it should get.

    Attributes
    ----------
    name
        The mistake, in words that may stand in a student's id: ``"sum-of-all-labels"``.
    cells
        By the grade_id of a solution cell, the source that stands there instead. What does not
        stand here is the instructor's answer. Where a source needs the variant, ``me`` is there.
    points
        By the grade_id of an autograded cell, its points where they are not full marks.
    """

    name: str
    cells: dict[str, str]
    points: dict[str, float] = field(default_factory=dict)
