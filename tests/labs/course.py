"""A course in a folder of its own: hand in, run nbgrader, read the points."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from submissions import Submission

pytest.importorskip("nbgrader", reason="`make lowest` has none")  # see pyproject.toml
from nbgrader.api import Gradebook

ROOT = Path(__file__).resolve().parents[2]
Points = dict[str, float]  # by grade_id, of the autograded cells


def tool() -> ModuleType:
    """Give tools/labs.py."""
    spec = importlib.util.spec_from_file_location("labs_tool", ROOT / "tools" / "labs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def notebook_of(lab: int) -> Path:
    """Give the instructor's version of a lab."""
    (path,) = (ROOT / "notebooks" / "labs").glob(f"lab-{lab}-*.ipynb")
    return path


@dataclass
class Course:
    """An nbgrader course of one lab."""

    folder: Path
    lab: int

    @classmethod
    def made(cls, folder: Path, lab: int) -> Course:
        """Make the course as `make labs` does."""
        tool().make(folder, [notebook_of(lab)])
        return cls(folder, lab)

    @property
    def name(self) -> str:
        return f"lab-{self.lab}"

    def path(self, kind: str, student: str = "") -> Path:
        return self.folder / kind / student / self.name / notebook_of(self.lab).name

    def hand_in(self, student: str, cells: dict[str, str], version: str = "source") -> Path:
        """Hand in a version of the lab, under a student's id, with some answers replaced."""
        book = nbformat.read(self.path(version), as_version=4)
        wanted = {"student-id": f'STUDENT = "{student}"'} | cells
        found = set()
        for cell in book.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if grade_id in wanted:
                found.add(grade_id)
                cell.source = wanted[grade_id]
        assert found == set(wanted), set(wanted) - found
        path = self.path("submitted", student)
        path.parent.mkdir(parents=True)
        nbformat.write(book, path)
        return path

    def autograde(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Grade all that was handed in, by one nbgrader."""
        return subprocess.run(
            [sys.executable, "-m", "nbgrader", "autograde", self.name, *options],
            cwd=self.folder, capture_output=True, text=True, check=False, env=os.environ,
        )  # fmt: skip

    def validate(self, notebook: Path) -> str:
        """Validate a notebook as a student does; give what is said."""
        return str(tool().nbgrader(self.folder, "validate", str(notebook)))

    def points(self) -> dict[str, Points]:
        """Give the points that each student's tests brought."""
        book = Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}", "anl_edu")
        try:
            return {
                submission.student.id: {
                    grade.name: grade.auto_score
                    for notebook in submission.notebooks
                    for grade in notebook.grades
                    if grade.name.startswith("test")
                }
                for submission in book.assignment_submissions(self.name)
            }
        finally:
            book.close()

    def output(self, student: str, grade_id: str) -> str:
        """Give what a cell of a graded submission shows."""
        book = nbformat.read(self.path("autograded", student), as_version=4)
        (cell,) = (
            c for c in book.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id
        )
        shown = [
            out.get("text") or out.get("evalue") or str(out.get("data")) for out in cell.outputs
        ]
        return "\n".join(shown)


def full_marks(lab: int) -> Points:
    """Give the points of each autograded cell of a lab."""
    marks = {}
    for cell in nbformat.read(notebook_of(lab), as_version=4).cells:
        told = cell.metadata.get("nbgrader", {})
        if told.get("grade") and not told["solution"]:
            marks[told["grade_id"]] = float(told["points"])
    return marks


def expected(lab: int, submission: Submission) -> Points:
    """Give the points that a submission should get."""
    marks = full_marks(lab)
    assert set(submission.points) <= set(marks), set(submission.points) - set(marks)
    return marks | submission.points


def handed_in(folder: Path, lab: int, bank: Iterable[Submission]) -> Course:
    """Make a course, and hand in a bank, the instructor's answers, and nothing but an id."""
    course = Course.made(folder, lab)
    for submission in bank:
        course.hand_in(submission.name, submission.cells)
    course.hand_in("instructor", {})
    course.hand_in("only-the-id", {}, version="release")
    return course
