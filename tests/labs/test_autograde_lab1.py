"""Lab 1 through nbgrader itself: handed out, handed in, graded; all submissions by one command."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest
from bank_lab1 import ALL_TESTS, BANK
from course import Course, expected, full_marks, handed_in
from submissions import Submission
from tricks_lab1 import TRICKS, WRONG_FLIP, WRONG_SLOPE

LIMITS = ("--Guarded.timeout=12", "--Guarded.memory_mb=1500")


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """Hand in everything and grade it."""
    course = handed_in(tmp_path_factory.mktemp("lab-1"), 1, [*BANK, *TRICKS])
    edits_the_tests(course)
    broken = course.path("submitted", "no-notebook")
    broken.parent.mkdir(parents=True)
    broken.write_text('{"cells": [', encoding="utf-8")
    graded = course.autograde(*LIMITS)
    (course.folder / "said").write_text(graded.stdout + graded.stderr, encoding="utf-8")
    return course


def edits_the_tests(course: Course) -> None:
    """Hand in wrong answers in a notebook whose tests were skipped, changed or thrown away."""
    wrong = {"answer-1-3": WRONG_FLIP, "answer-1-7": WRONG_SLOPE, "answer-1-12": "largest_rate = 2"}
    path = course.hand_in("edits-the-tests", wrong)
    book = nbformat.read(path, as_version=4)
    cells = {c.metadata.get("nbgrader", {}).get("grade_id"): c for c in book.cells}
    cells["test-1-3"].metadata["tags"] = ["skip-execution"]
    cells["test-1-7"].source = "pass"
    cells["test-1-7"].metadata["nbgrader"]["points"] = 1000
    book.cells.remove(cells["test-1-12"])
    nbformat.write(book, path)


def test_the_instructors_version_has_full_marks(course: Course) -> None:
    assert course.points()["instructor"] == full_marks(1)


def test_a_version_with_nothing_but_the_id_has_none(course: Course) -> None:
    assert course.points()["only-the-id"] == dict.fromkeys(ALL_TESTS, 0.0)


@pytest.mark.parametrize("submission", [*BANK, *TRICKS], ids=lambda s: s.name)
def test_a_submission_has_the_points_that_it_should(course: Course, submission: Submission) -> None:
    assert course.points()[submission.name] == expected(1, submission)


def test_tests_that_were_edited_or_skipped_bring_nothing(course: Course) -> None:
    lost = {"test-1-3": 0.0, "test-1-7": 0.0, "test-1-8": 0.0, "test-1-12": None}  # not there
    assert course.points()["edits-the-tests"] == full_marks(1) | lost


def test_a_file_that_is_no_notebook_stops_nobody_else(course: Course) -> None:
    graded = {path.parent.parent.name for path in course.folder.glob("autograded/*/*/*.ipynb")}
    students = {path.name for path in (course.folder / "submitted").iterdir()}
    assert students - graded == {"no-notebook"}
    assert "no-notebook" in (course.folder / "said").read_text(encoding="utf-8")


def test_what_cost_the_points_is_said(course: Course) -> None:
    said = {
        ("somebody-else", "test-1-1"): "'somebody-else' handed this in",
        ("imports-the-solution", "test-1-1"): "own function is not an answer",
        ("loops-for-ever", "answer-1-12"): "CellTimeoutError",
        ("fills-the-disk", "answer-1-3"): "more than 100 MB were written",
        ("ends-the-kernel", "answer-1-12"): "more than 1500 MB of memory were taken",
        ("strips-the-tests", "test-1-3"): "the hidden test did not run to its end",
        ("ends-the-kernel", "test-1-3"): "the kernel had to be ended",
    }
    assert {
        where: words in course.output(*where) for where, words in said.items()
    } == dict.fromkeys(said, True)


def test_nothing_that_a_submission_wrote_is_left(course: Course) -> None:
    left = [
        path.name
        for path in (course.folder / "autograded").rglob("*")
        if path.is_file() and path.suffix != ".ipynb"
    ]
    assert left == []


def test_no_graded_notebook_is_large(course: Course) -> None:
    sizes = [
        len(json.dumps(nbformat.read(p, 4))) for p in Path(course.folder).glob("autograded/*/*/*")
    ]
    assert max(sizes) < 3_000_000


def test_validate_tells_right_answers_from_missing_ones(course: Course) -> None:
    """By `labs.check`, which raises there alone; what a student has is validated without tests."""
    missing = course.hand_in("not-graded", {}, version="release")
    assert "Success" in course.validate(course.path("source"))
    said = course.validate(missing)
    assert "1.1: not attempted yet" in said
    assert "Success" not in said
