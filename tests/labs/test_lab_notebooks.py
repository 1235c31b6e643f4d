"""The labs as instructors have them, and as students get them: what stands in which."""

from __future__ import annotations

import json
import re
import shutil
import symtable
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest
from course import ROOT, notebook_of, tool

from anl_edu import labs
from anl_edu.labs import checks

LABS = sorted((ROOT / "notebooks" / "labs").glob("*.ipynb"))
STUB, ANSWER = "# YOUR CODE HERE", "YOUR ANSWER HERE"
lab = pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)


@cache
def book(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def told(cell: nbformat.NotebookNode) -> dict[str, Any]:
    return cell.metadata.get("nbgrader", {})


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the course of all labs."""
    course = tmp_path_factory.mktemp("labs") / "course"
    lines = tool().make(course, LABS)
    assert len(lines) == len(LABS)
    return course


@pytest.fixture(scope="module")
def released(course: Path) -> dict[str, Path]:
    """Give the students' versions by name."""
    return {path.stem: path for path in course.glob("release/*/*.ipynb")}


def regions(text: str, kind: str) -> list[str]:
    """The lines between ### BEGIN and ### END of a kind of region."""
    found = re.findall(rf"### BEGIN {kind}\n(.*?)### END {kind}", text, re.S)
    return [line.strip() for part in found for line in part.splitlines() if line.strip()]


def strings(value: Any) -> list[str]:
    """Every text in a file of JSON, names included."""
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [str(value)]


@lab
def test_no_students_file_holds_a_solution_or_a_hidden_test(
    path: Path, released: dict[str, Path]
) -> None:
    raw = json.loads(released[path.stem].read_text(encoding="utf-8"))
    said = "\n".join(strings(raw))
    open_ = "\n".join(re.sub(r"### BEGIN (\w+ ?\w*)\n.*?### END \1", "", c.source, flags=re.S)
                      for c in book(path).cells)  # fmt: skip
    secret = [
        line
        for cell in book(path).cells
        for kind in ("SOLUTION", "HIDDEN TESTS")
        for line in regions(cell.source, kind)
        if len(line) > 8 and line not in open_
    ]
    assert len(secret) > 20
    assert [line for line in secret if line in said] == []
    for word in ("BEGIN SOLUTION", "HIDDEN TESTS", "grading", "Rubric", '"instructor"'):
        assert word not in said, word


@lab
def test_a_students_file_has_no_outputs_and_a_stub_for_each_answer(
    path: Path, released: dict[str, Path]
) -> None:
    cells = book(released[path.stem]).cells
    assert [c.outputs for c in cells if c.cell_type == "code" and c.outputs] == []
    answers = [c for c in cells if told(c).get("solution")]
    assert len(answers) == sum(bool(told(c).get("solution")) for c in book(path).cells)
    for cell in answers:
        assert (STUB if cell.cell_type == "code" else ANSWER) in cell.source, cell.id


@lab
def test_a_students_file_checks_whatever_can_be_checked(
    path: Path, released: dict[str, Path]
) -> None:
    said = "\n".join(cell.source for cell in book(released[path.stem]).cells)
    number = int(path.stem.split("-")[1])
    assert set(re.findall(r'labs\.check\("([\d.]+)"', said)) == set(checks.questions(number))


@lab
def test_the_id_is_asked_first_and_is_a_solution(path: Path) -> None:
    number = path.stem.split("-")[1]
    answers = [cell for cell in book(path).cells if told(cell).get("solution")]
    assert (answers[0].cell_type, told(answers[0])["grade_id"]) == ("code", "student-id")
    assert 'STUDENT = "instructor"' in answers[0].source
    code = "\n".join(cell.source for cell in book(path).cells if cell.cell_type == "code")
    assert f"me = labs.variant({number}, STUDENT)" in code


@lab
def test_every_test_loads_the_grading_afresh_and_asks_whose_it_is(path: Path) -> None:
    number = path.stem.split("-")[1]
    tests = [cell for cell in book(path).cells if told(cell).get("grade") and told(cell)["locked"]]
    assert tests
    for cell in tests:
        hidden = regions(cell.source, "HIDDEN TESTS")
        assert 'sys.modules.pop("anl_edu.labs.grading", None)' in hidden, cell.id
        assert f"_me = _grading.own({number}, STUDENT)" in hidden, cell.id


def names_of(code: str) -> set[str]:
    """The names that a cell makes or changes, those inside functions left out."""
    names = set()
    for part in symtable.symtable(code, "cell", "exec").get_symbols():
        if part.is_assigned() or part.is_namespace():
            names.add(part.get_name())
    return names


@lab
def test_hidden_tests_write_over_no_name_of_a_students(path: Path) -> None:
    """A helper of the student's that is called `table` has to be there when its user is tested."""
    for cell in book(path).cells:
        for block in re.findall(r"### BEGIN HIDDEN TESTS\n(.*?)### END", cell.source, re.S):
            made = names_of(block) - {"importlib", "sys", "lambda", "listcomp"}
            assert [name for name in made if not name.startswith("_")] == [], cell.id


@lab
def test_no_cell_that_students_see_is_empty(path: Path, released: dict[str, Path]) -> None:
    assert [c.id for c in book(released[path.stem]).cells if not c.source.strip()] == []


@lab
def test_points_and_their_sum_stand_at_the_top(path: Path) -> None:
    marks = [float(told(cell)["points"]) for cell in book(path).cells if told(cell).get("grade")]
    top = book(path).cells[0].source
    rows = re.findall(r"^\| [\d.]+ \| .* \| (\d+) \|(?: .* \|)?$", top, re.M)
    assert [float(row) for row in rows] == marks
    (whole,) = re.findall(r"\*\*(\d+)\*\*", top)
    assert float(whole) == sum(marks)


@lab
def test_what_a_person_grades_has_a_rubric_that_adds_up(path: Path) -> None:
    manual = [c for c in book(path).cells if told(c).get("grade") and told(c)["solution"]]
    assert manual
    for cell in manual:
        assert cell.cell_type == "markdown"
        assert f"**Rubric ({told(cell)['points']} points)" in cell.source, cell.id


@lab
def test_cells_are_short_and_named(path: Path) -> None:
    for cell in book(path).cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 30, cell.id
            assert cell.outputs == [], cell.id
    ids = [told(cell)["grade_id"] for cell in book(path).cells if told(cell)]
    assert len(set(ids)) == len(ids)


# make labs ----------------------------------------------------------------------------------------


def test_a_second_run_makes_all_anew_and_keeps_what_students_did(
    tmp_path: Path, course: Path
) -> None:
    course, notebook = shutil.copytree(course, tmp_path / "course"), notebook_of(1)
    (course / "release" / "lab-1" / "old.txt").touch()
    handed_in = course / "submitted" / "ada" / "lab-1" / notebook.name
    handed_in.parent.mkdir(parents=True)
    shutil.copy(course / "release" / "lab-1" / notebook.name, handed_in)
    before = handed_in.read_bytes()
    (line,) = tool().make(course, [notebook])
    assert re.match(r"lab-1: 100 points, 36 of them by hand: ", line)
    assert handed_in.read_bytes() == before
    assert not (course / "release" / "lab-1" / "old.txt").exists()


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(ValueError, match="neither empty nor a course"):
        tool().make(tmp_path, [notebook_of(1)])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_id_of_a_student_who_has_none_yet_is_asked_for() -> None:
    with pytest.raises(ValueError, match="STUDENT must be your id in quotes"):
        labs.variant(1, ...)  # type: ignore[arg-type]
