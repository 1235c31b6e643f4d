"""The normaliser of notebooks: what differs from run to run goes, what was written stays."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import numpy as np
import plotly.graph_objects as go
import pytest

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


@pytest.mark.parametrize("dtype", ["float64", "float32", "int16", "uint8"])
def test_packed_arrays_become_short_numbers(tool: ModuleType, dtype: str) -> None:
    z = (100 * np.random.default_rng(0).random((3, 4))).astype(dtype)
    figure = tool.trimmed(json.loads(go.Figure(go.Heatmap(z=z)).to_json()))
    np.testing.assert_allclose(figure["data"][0]["z"], z, rtol=1e-5)
    assert len(json.dumps(figure["data"][0]["z"])) < 12 * 10


def test_numbers_that_json_lacks_become_null(tool: ModuleType) -> None:
    assert tool.trimmed([float("nan"), float("inf"), 1 / 3, 7]) == [None, None, 0.333333, 7]


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
