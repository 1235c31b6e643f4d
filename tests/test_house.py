"""The order of the rooms: nothing imports upwards, and no lesson leans on another's folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "anl_edu"
# From the ground up; rooms of one line may import each other.
FLOORS = (
    ("paths", "atomic", "progress_bar", "colab", "playground"),
    ("losses",),
    ("noise",),
    ("data",),
    ("models",),
    ("gradients",),
    ("recipes",),
    ("training",),
    ("runs",),
    ("teach",),
    ("relabel",),
    ("lessons",),
    ("labs",),
    ("demo", "report", "doctor"),
    ("arguments", "console"),
    ("report_command",),
    ("cli",),
    ("__main__",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Names of this package's modules that a file imports when it runs, at once or later.

    ``from anl_edu.a import b`` gives ``anl_edu.a.b``: b may be a module.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}: relative imports hide where things come from"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "anl_edu")


def room_of(module: str) -> str:
    """``anl_edu.data.sets.load`` is of the room ``data``; ``anl_edu.__version__`` of none."""
    return module.split(".")[1]


def rooms() -> set[str]:
    inside = {p.relative_to(PACKAGE).parts[0].removesuffix(".py") for p in FILES}
    return inside - {"__init__"}


def test_every_room_has_its_floor() -> None:
    assert rooms() == set(FLOOR)


# Not the package's own door: it names what lies above, and imports it when asked.
@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path != PACKAGE / "__init__.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_nothing_imports_upwards(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    upwards = [name for name in imported(path) if FLOOR.get(room_of(name), -1) > FLOOR[room]]
    assert upwards == []


def test_no_lesson_imports_from_another_lesson() -> None:
    borrowed = [
        (str(path.relative_to(PACKAGE)), name)
        for path in (PACKAGE / "lessons").glob("*/*.py")
        for name in imported(path)
        if room_of(name) == "lessons" and name.split(".")[2] != path.parent.name
    ]
    assert borrowed == []


def test_the_search_sees_late_imports_but_not_those_for_types(tmp_path: Path) -> None:
    path = tmp_path / "some.py"
    path.write_text(
        "from typing import TYPE_CHECKING\n"
        "import torch\n"
        "from anl_edu import runs as r\n"
        "if TYPE_CHECKING:\n    from anl_edu.teach import show\n"
        "def late():\n    from anl_edu.cli import main\n    import anl_edu.demo\n",
        encoding="utf-8",
    )
    assert list(imported(path)) == ["anl_edu.runs", "anl_edu.cli.main", "anl_edu.demo"]


def test_no_name_that_lessons_import_is_also_a_module_there() -> None:
    """Importing the module would put it in the place of what bears its name."""
    from anl_edu import teach

    modules = {path.stem for path in (PACKAGE / "teach").glob("*.py")}
    assert modules & set(teach.__all__) == set()
