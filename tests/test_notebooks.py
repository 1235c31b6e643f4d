"""Rules that every committed lesson keeps; that it also runs is nbval's part (`make test`)."""

from __future__ import annotations

import ast
import base64
import importlib
import inspect
import json
import pkgutil
import re
import runpy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest

import anl_edu
from anl_edu.teach.exercise import all_exercises

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FIGURE = "application/vnd.plotly.v1+json"
TIMING = re.compile(r"\b\d+\.\d+ ?(?:s|ms|µs|sec|seconds?|minutes?|it/s|epochs/s)\b")
HEADER = ("goal", "prerequisites", "minutes", "memory", "download")

Cell = dict[str, Any]

lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


@cache
def book(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def source(cell: Cell) -> str:
    return "".join(cell["source"])


def code(path: Path) -> list[Cell]:
    return [cell for cell in book(path)["cells"] if cell["cell_type"] == "code"]


def outputs(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each output with its cell's id."""
    for cell in code(path):
        for output in cell["outputs"]:
            yield cell["id"], output


def said(output: dict[str, Any]) -> str:
    """The text a reader sees in an output."""
    bundle = output.get("data", {})
    parts = [output.get("text", ""), *(v for k, v in bundle.items() if k.startswith("text/"))]
    return "\n".join("".join(part) for part in parts)


def headings(path: Path) -> list[str]:
    text = "\n".join(source(c) for c in book(path)["cells"] if c["cell_type"] == "markdown")
    return re.findall(r"^#+ +(.+)$", text, flags=re.MULTILINE)


def tree(cell: Cell) -> ast.Module:
    """The cell's syntax; a shell or magic line, which may be all of a block, counts as `pass`."""
    return ast.parse(re.sub(r"(?m)^(\s*)[%!?].*$", r"\1pass", source(cell)))


def nodes(path: Path) -> Iterator[ast.AST]:
    """Everything in the syntax of a notebook's code."""
    for cell in code(path):
        yield from ast.walk(tree(cell))


def checked(path: Path) -> list[str]:
    """The exercise named by each call of `check` in a notebook."""
    return [name for cell in code(path) for name in checked_in(cell)]


def checked_in(cell: Cell) -> list[str]:
    """The exercise named by each call of `check` in a cell."""
    names = []
    for node in ast.walk(tree(cell)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "check":
            assert isinstance(node.args[0], ast.Constant), ast.unparse(node)
            names.append(node.args[0].value)
    return names


def folder_of(path: Path) -> str:
    """The folder in anl_edu/lessons of a notebook: 01-how-labels is l01_how_labels."""
    return "l" + path.stem.replace("-", "_")


def imported(module: str, name: str) -> Any:
    """What ``from module import name`` gives."""
    found = importlib.import_module(module)
    if not hasattr(found, name):
        importlib.import_module(f"{module}.{name}")
    return getattr(found, name)


@cache
def tool(name: str) -> dict[str, Any]:
    """The names of a script in tools/."""
    return runpy.run_path(str(ROOT / "tools" / f"{name}.py"))


@cache
def package_names() -> frozenset[str]:
    """Every public function and class of the package, but for those that grade the labs."""
    names = set()
    for found in pkgutil.walk_packages(anl_edu.__path__, "anl_edu."):
        if found.name.rpartition(".")[2].startswith("_") or found.name.startswith("anl_edu.labs"):
            continue
        for name, value in vars(importlib.import_module(found.name)).items():
            callable_ = inspect.isroutine(value) or inspect.isclass(value)
            made_here = getattr(value, "__module__", "") == found.name
            if callable_ and made_here and not name.startswith("_"):
                names.add(name)
    return frozenset(names)


def test_a_gap_in_the_numbers_is_a_lesson_that_is_planned() -> None:
    numbers = [path.name[:3] for path in LESSONS]
    rows = "\n".join(source(cell) for cell in book(LESSONS[0])["cells"])
    planned = re.findall(r"(?m)^\| (\d\d) \|.*\| planned \|$", rows)
    last = int(numbers[-1][:2])
    assert sorted([*numbers, *(f"{n}-" for n in planned if int(n) <= last)]) == [
        f"{n:02d}-" for n in range(last + 1)
    ]


def test_each_lesson_has_a_folder_of_its_name_and_each_folder_a_lesson() -> None:
    folders = {p.parent.name for p in (ROOT / "anl_edu" / "lessons").glob("*/__init__.py")}
    assert folders == {folder_of(path) for path in LESSONS}


@lesson
def test_is_valid_with_ids_of_its_own(path: Path) -> None:
    nbformat.validate(book(path))
    ids = [cell["id"] for cell in book(path)["cells"]]
    assert len(set(ids)) == len(ids)
    assert book(path)["metadata"]["kernelspec"]["name"] == "python3"


@lesson
def test_carries_nothing_of_the_machine_it_ran_on(path: Path) -> None:
    assert set(book(path)["metadata"]) == {"kernelspec", "language_info"}
    for cell in book(path)["cells"]:
        assert set(cell["metadata"]) <= {"tags", "jupyter"}, cell["id"]
    for where, output in outputs(path):
        assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {}), where
        for pattern in (TIMING, re.compile(r" at 0x[0-9a-f]{6}")):
            assert pattern.search(said(output)) is None, (where, said(output)[:300])
    assert tool("notebooks")["problems"](path.read_text(encoding="utf-8")) == []


@lesson
def test_has_short_cells(path: Path) -> None:
    lengths = {cell["id"]: len(source(cell).splitlines()) for cell in code(path)}
    assert {where: n for where, n in lengths.items() if n > 30} == {}


@lesson
def test_ran_from_top_to_bottom_without_complaint(path: Path) -> None:
    counts = [cell["execution_count"] for cell in code(path) if source(cell).strip()]
    assert counts == list(range(1, len(counts) + 1))
    for where, output in outputs(path):
        assert output["output_type"] != "error", where
        assert output.get("name") != "stderr", (where, said(output)[:300])


@lesson
def test_claims_are_held_by_nbval(path: Path) -> None:
    """At least five, each of text that is the same on any machine, and no cell is left out."""
    held = [c for c in code(path) if "nbval-check-output" in c["metadata"].get("tags", [])]
    assert len(held) >= 5
    for cell in held:
        assert cell["outputs"], cell["id"]
        for output in cell["outputs"]:
            data = output.get("data", {})
            assert set(data) <= {"text/plain", "text/html"}, cell["id"]
            assert "text/html" not in data or "claims(" in source(cell), cell["id"]
            refuted = re.findall(r"^no: .*", "".join(data.get("text/plain", "")), re.M)
            assert refuted == [], cell["id"]  # the text says what did not come out
    tags = {tag for cell in code(path) for tag in cell["metadata"].get("tags", [])}
    assert tags.isdisjoint({"nbval-skip", "raises-exception", "nbval-raises-exception"})


@lesson
def test_opens_with_what_the_reader_needs_to_know(path: Path) -> None:
    first = book(path)["cells"][0]
    assert first["cell_type"] == "markdown"
    assert re.match(r"# \S", source(first))
    assert [word for word in HEADER if word not in source(first).lower()] == []


@lesson
def test_closes_with_summary_and_references(path: Path) -> None:
    last = [heading.lower() for heading in headings(path)[-3:]]
    summary = next((i for i, heading in enumerate(last) if "summary" in heading), None)
    assert summary is not None, last
    assert any("references" in heading for heading in last[summary + 1 :]), last


@lesson
def test_first_installs_the_package_where_it_is_missing(path: Path) -> None:
    """One setting decides from where: `python tools/published.py` writes the cell."""
    places = tool("published")
    assert source(code(path)[0]) == places["install_cell"](places["published"]())


@lesson
def test_has_its_badge_under_the_title(path: Path) -> None:
    """The picture is in the cell, so that opening a lesson asks nobody for it."""
    places = tool("published")
    badge = book(path)["cells"][1]
    words, pictures = places["badge_cell"](places["published"](), path.name)
    assert (badge["id"], source(badge), badge["attachments"]) == ("badge", words, pictures)
    assert "colab.png" in pictures
    assert re.findall(r"!\[[^\]]+\]\((?!attachment:)", source(badge)) == []


@lesson
def test_uses_what_the_package_has_and_shows(path: Path) -> None:
    """A name that moved, or is private, or another lesson's, is found without running a cell."""
    modules: dict[str, ModuleType] = {}
    used = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            assert not [a.name for a in node.names if a.name.startswith("anl_edu")]
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("anl_edu"):
            for alias in node.names:
                used.append(f"{node.module}.{alias.name}")
                value = imported(node.module, alias.name)
                if isinstance(value, ModuleType):
                    modules[alias.asname or alias.name] = value
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id)
            if module is not None:
                imported(module.__name__, node.attr)
                used.append(f"{module.__name__}.{node.attr}")
    assert [name for name in used if any(part.startswith("_") for part in name.split("."))] == []
    lessons = {name.split(".")[2] for name in used if name.startswith("anl_edu.lessons.")}
    assert lessons == {folder_of(path)}


@lesson
def test_defines_nothing_that_lives_in_the_package(path: Path) -> None:
    kinds = ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef
    made = {node.name for node in nodes(path) if isinstance(node, kinds)}
    assert made & package_names() == set()


@lesson
def test_figures_have_a_still_and_words(path: Path) -> None:
    bundles = [(where, output.get("data", {})) for where, output in outputs(path)]
    figures = [(where, data) for where, data in bundles if FIGURE in data]
    assert figures
    for where, data in figures:
        picture = base64.b64decode(data.get("image/png", ""))
        assert picture.startswith(b"\x89PNG"), where
        assert len("".join(data.get("text/plain", ""))) > 40, where
        assert "text/html" not in data, where


@lesson
def test_exercises_are_registered_and_asked(path: Path) -> None:
    known = {e.name for e in all_exercises() if e.name.startswith(path.name[:3])}
    asked = set(checked(path))
    assert len(asked) >= 2
    assert asked == known


@lesson
def test_each_exercise_has_its_solution_folded_below(path: Path) -> None:
    """`make notebooks` writes them from the exercises."""
    solution = tool("notebooks")["solution"]
    cells = {cell["id"]: source(cell) for cell in book(path)["cells"]}
    assert [cells.get(f"solution-{name}") for name in checked(path)] == [
        solution(name) for name in checked(path)
    ]
    for cell in code(path):
        for name in checked_in(cell):
            for line in (f'# hint("{name}")', f'# solution("{name}")'):
                assert line in source(cell), (cell["id"], line)


def placeholder(cell: dict[str, Any]) -> str:
    """What JupyterLab shows of a folded output: the first line that is not empty."""
    if not cell["outputs"]:
        return ""
    first = cell["outputs"][0]
    data = first.get("data", {})
    kinds = ("text/html", "text/markdown", "text/plain")
    text = next((data[kind] for kind in kinds if kind in data), first.get("text", ""))
    return next((line for line in "".join(text).split("\n") if line), "")


@lesson
def test_each_guess_is_compared_and_hides_what_comes_out(path: Path) -> None:
    asked, folded = None, 0
    for cell in code(path):
        guess = re.search(r"(?m)^(\w+) = guess\(", source(cell))
        if asked is not None and "check(" not in source(cell):
            assert cell["metadata"].get("jupyter", {}).get("outputs_hidden"), cell["id"]
            told = placeholder(cell)
            harmless = told.startswith(("Figure: ", "|", "**", "scikit-learn", "Recorded"))
            assert harmless or not re.search(r"\d", told), (cell["id"], told)
            folded += 1
        if asked is not None and f"{asked}.compare(" in source(cell):
            asked = None
        if guess:
            assert asked is None, f"{asked} is not compared before {guess[1]} is asked"
            asked = guess[1]
    assert asked is None
    assert folded > 0
