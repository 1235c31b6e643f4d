"""The normaliser of notebooks: what differs from run to run goes, what was written stays."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import numpy as np
import plotly.graph_objects as go
import pytest

from anl_edu.teach.figure import plain

ROOT = Path(__file__).resolve().parent.parent
FIGURE = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebooks", ROOT / "tools" / "notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def book(*cells: Any) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=list(cells))


def test_ids_of_authors_stay_and_random_ones_follow_the_text(tool: ModuleType) -> None:
    code = nbformat.v4.new_code_cell
    first = book(code("1", id="setup"), code("2"), code("2"), code("3"))
    second = book(code("1", id="setup"), code("2"), code("2"), code("3"))
    for each in first, second:
        tool.normalise(each, {})
    ids = [cell.id for cell in first.cells]
    assert ids == [cell.id for cell in second.cells]
    assert ids[0] == "setup"
    assert len(set(ids)) == 4
    tool.normalise(first, {})
    assert [cell.id for cell in first.cells] == ids


def test_traces_of_the_machine_go(tool: ModuleType) -> None:
    cell = nbformat.v4.new_code_cell("x", metadata={"execution": {"shell.execute_reply": "12:00"}})
    text = f"{ROOT}/anl_edu/losses.py {Path.home()}/x /a/ipykernel_12/34.py <A at 0x7f12ab34cd>"
    cell.outputs = [nbformat.v4.new_output("stream", text=text)]
    made = book(cell)
    made.metadata.widgets = {"state": {}}
    tool.normalise(made, {})
    assert cell.outputs[0].text == "anl_edu/losses.py ~/x <cell> <A at 0x...>"
    assert set(made.metadata) == {"kernelspec", "language_info"}
    assert cell.metadata == {}


def test_a_path_that_is_left_is_a_problem(tool: ModuleType) -> None:
    cell = nbformat.v4.new_code_cell("x", id="where")
    cell.outputs = [nbformat.v4.new_output("stream", text="/" + "home/someone/x\n")]
    (problem,) = tool.problems(nbformat.writes(book(cell)))
    assert problem.startswith("cell where shows a path of this machine")


def test_a_figure_that_plotly_showed_itself_is_a_problem(tool: ModuleType) -> None:
    """Plotly packs arrays in base64, with all their digits; `show` writes short numbers."""
    figure = go.Figure(go.Heatmap(z=np.random.default_rng(0).random((3, 4))))
    if "bdata" not in figure.to_json():
        pytest.skip("this plotly, older than 6, packs nothing")
    cell = nbformat.v4.new_code_cell("x", id="heat")
    found = []
    for shown in json.loads(figure.to_json()), plain(figure):
        cell.outputs = [nbformat.v4.new_output("display_data", data={FIGURE: shown})]
        found.append(tool.problems(nbformat.writes(book(cell))))
    assert found == [["a figure holds packed arrays: show it with anl_edu.teach.show"], []]


def test_what_is_written_is_whole_and_checked_first(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--check` leaves the file; without it the file is replaced in one step."""
    path = tmp_path / "lesson.ipynb"
    path.write_text("before", encoding="utf-8")
    after = nbformat.writes(book()) + "\n"
    monkeypatch.setattr(tool, "remade", lambda *_: after)
    monkeypatch.setattr(sys, "argv", ["notebooks.py", "--check", str(path)])
    assert tool.main() == 1
    assert path.read_text(encoding="utf-8") == "before"
    monkeypatch.setattr(sys, "argv", ["notebooks.py", str(path)])
    assert tool.main() == 0
    assert path.read_text(encoding="utf-8") == after
    assert list(tmp_path.iterdir()) == [path]


def test_lessons_run_on_the_cpu_and_know_nothing_of_the_authors_settings(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANL_EDU_DEVICE", "cuda")
    monkeypatch.setenv("ANL_EDU_MIRROR", "elsewhere")
    given: dict[str, str] = {}
    monkeypatch.setattr(
        tool.NotebookClient, "execute", lambda self, *, env: given.update(env), raising=True
    )
    tool.execute(book(), tmp_path, None)
    assert given["ANL_EDU_DEVICE"] == "cpu"
    assert given["ANL_EDU_OFFLINE"] == "1"
    assert "ANL_EDU_MIRROR" not in given


def test_an_explorer_keeps_its_figure_and_its_still(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The still is drawn anew only when the figure has changed."""
    figure = {"data": [{"y": [1, 2]}], "layout": {}}
    cell = nbformat.v4.new_code_cell("x", id="explorer")
    data = {
        FIGURE: figure,
        WIDGET: {"model_id": "1"},
        "text/html": "script",
        "text/plain": "a line",
    }
    cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    drawn: list[Any] = []
    monkeypatch.setattr(tool, "still", lambda fig: drawn.append(fig) or "PNG")
    tool.normalise(book(cell), {})
    assert set(cell.outputs[0].data) == {FIGURE, "image/png", "text/plain"}
    tool.normalise(book(cell), tool.stills_of(book(cell)))
    assert len(drawn) == 1
    cell.outputs[0].data[FIGURE]["data"][0]["y"] = [2, 1]
    tool.normalise(book(cell), tool.stills_of(book(cell)))
    assert len(drawn) == 2


def test_an_exercise_gets_its_solution_once(tool: ModuleType) -> None:
    cell = nbformat.v4.new_code_cell('answer = ...\ncheck("00-ratio", answer)', id="ex")
    made = book(cell, nbformat.v4.new_markdown_cell("after", id="after"))
    for _ in range(2):  # the second time it takes the place of the first
        tool.add_solutions(made)
        assert [c.id for c in made.cells] == ["ex", "solution-00-ratio", "after"]
    text = made.cells[1].source
    assert text.startswith("<details><summary>Solution of 00-ratio</summary>\n\n```python\n")
    assert "0.4 / (0.6 / 9)" in text
    tool.normalise(made, {})
    assert made.cells[1].id == "solution-00-ratio"


def test_outputs_are_folded_from_the_guess_to_the_comparison(tool: ModuleType) -> None:
    code = nbformat.v4.new_code_cell
    sources = ("1", 'race = guess("00-race", "CE")', "2", "race.compare(3)", "4")
    made = book(*map(code, sources))
    tool.normalise(made, {})
    folded = [c.metadata.get("jupyter", {}).get("outputs_hidden", False) for c in made.cells]
    assert folded == [False, False, True, True, False]
