"""Lab 3 through nbgrader itself: handed out, handed in, graded; all submissions by one command."""

from __future__ import annotations

import pytest
from bank_lab3 import BANK
from course import Course, expected, full_marks, handed_in
from submissions import Submission


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """Hand in everything and grade it."""
    course = handed_in(tmp_path_factory.mktemp("lab-3"), 3, BANK)
    course.autograde()
    return course


def test_the_instructors_version_has_full_marks(course: Course) -> None:
    assert course.points()["instructor"] == full_marks(3)


def test_a_version_with_nothing_but_the_id_has_none(course: Course) -> None:
    assert course.points()["only-the-id"] == dict.fromkeys(full_marks(3), 0.0)


@pytest.mark.parametrize("submission", BANK, ids=lambda s: s.name)
def test_a_submission_has_the_points_that_it_should(course: Course, submission: Submission) -> None:
    assert course.points()[submission.name] == expected(3, submission)
