"""Explorers made from a notebook's cells without running the notebook."""

from __future__ import annotations

import pytest
from explorer_cells import explorer_of

SETUP = """\
%matplotlib inline
print("a cell with magic is not read")
"""
IMPORTS = """\
from anl_edu.lessons.l04_building_an_nnlf import explorers
import torch
"""
EXPENSIVE = 'raise RuntimeError("a network would be trained here")'
OWN = """\
q = 0.25
q = 0.5  # the last one counts
half = q / 2
def table(z):
    return (1 - z.softmax(1) ** q) / scale(q)
def scale(x):
    return x
unused = table(None)
"""
SHOWN = 'print("before")\nexplorers.table("flip", loss=table, maximum=1 / q, name="GCE")'


def test_it_is_made_of_what_its_call_needs_alone(capsys: pytest.CaptureFixture[str]) -> None:
    explorer = explorer_of([SETUP, IMPORTS, EXPENSIVE, OWN, EXPENSIVE, SHOWN])
    assert explorer.title == "One sample's loss table, step by step: GCE"
    assert explorer.state["stage"] == "flip"
    assert "p_min" not in explorer.controls
    assert capsys.readouterr().out == ""
    maximum = max(shape.y0 for shape in explorer.figure.layout.shapes if shape.type == "line")
    assert maximum == 2.0  # 1 / q, with the q that was bound last


def test_a_name_bound_in_the_same_cell_is_found() -> None:
    explorer = explorer_of([IMPORTS, 'stage = "complement"\nexplorers.table(stage)'])
    assert explorer.state["stage"] == "complement"


@pytest.mark.parametrize(
    ("cell", "count"), [("print(1)", 0), ("explorers.table()\nexplorers.walks()", 2)]
)
def test_a_cell_shows_one_explorer(cell: str, count: int) -> None:
    with pytest.raises(ValueError, match=f"must call one explorer, not {count}"):
        explorer_of([IMPORTS, cell])
