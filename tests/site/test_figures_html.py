"""The HTML of figures: nothing in it is taken for markup, and a page unlike its notebook fails."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path
from typing import Any

import figures
import plotly.graph_objects as go
import pytest
from bake import Control, bake
from lessons import alike, require_same

from anl_edu.teach import Explorer, animate, new_figure, slider
from anl_edu.teach.figure import mime_bundle

PNG = "iVBORw0KGgo="


def draw(n: int, m: float) -> go.Figure:
    return new_figure("<b>x</b>", alt="1 < 2").add_scatter(x=[0, n], y=[0.0, m], name="a & b")


def made() -> Explorer:
    controls = {"n": slider('n < "5"', 1, 3, 1, 2), "m": slider("m", 0.0, 1.0, 0.5, 0.5)}
    return Explorer(draw, controls, "one & two")


@pytest.fixture
def shelf(tmp_path: Path) -> figures.Shelf:
    return figures.Shelf(tmp_path, "04")


def bundle(figure: go.Figure) -> dict[str, Any]:
    return json.loads(json.dumps(mime_bundle(figure))) | {"image/png": PNG}


def test_labels_and_words_are_text(shelf: figures.Shelf, tmp_path: Path) -> None:
    explorer = made()
    page = figures.explorer(shelf, "cell-0", bundle(explorer.figure), bake(explorer))
    assert "one &amp; two" in page
    assert 'n &lt; "5"' in page.replace("&quot;", '"')
    assert 'alt="1 &lt; 2.' in page
    assert "run this cell" not in page
    assert unescape(page).count('aria-valuetext="2"') == 1
    assert sorted(path.name for path in (tmp_path / "figures" / "04").iterdir()) == [
        "cell-0.json.gz",
        "cell-0.png",
    ]


def test_an_address_changes_with_what_lies_there(shelf: figures.Shelf) -> None:
    one, other = (shelf.sheet("a", {"x": value}) for value in (1, 2))
    assert one != other
    assert one.partition("?")[0] == other.partition("?")[0]


def test_a_figure_that_moves_has_a_slider_for_the_keyboard(shelf: figures.Shelf) -> None:
    moving = animate(lambda m: draw(1, m), {"early": 0.1, "late": 0.9}, "epoch ", start=1)
    page = figures.figure(shelf, "cell-0", bundle(moving))
    assert '<input type="range" id="cell-0-state" data-size="2"' in page
    assert 'aria-valuetext="late"' in page
    assert "<input" not in figures.figure(shelf, "cell-1", bundle(draw(1, 0.5)))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([], ""),
        (["a"], "a (1) stays: in the notebook it moves too"),
        (["a", "b<", "c"], "a (1), b&lt; (1) and c (1) stay: in the notebook they move too"),
    ],
)
def test_what_stays_is_said(labels: list[str], said: str) -> None:
    found = figures._kept([Control("n", label, "range", [1], ["1"], 0) for label in labels])
    assert said in found
    assert bool(found) == bool(labels)


def test_an_explorer_unlike_the_saved_figure_is_refused() -> None:
    baked = bake(made())
    require_same(baked, bundle(draw(2, 0.5))["application/vnd.plotly.v1+json"], "here")
    with pytest.raises(ValueError, match=r"04\.ipynb, cell x: the explorer does not begin"):
        require_same(
            baked, bundle(draw(2, 1.0))["application/vnd.plotly.v1+json"], "04.ipynb, cell x"
        )


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": [1.0, None]}, {"a": [1.0001, None]}, True),
        ({"a": [1.0]}, {"a": [1.01]}, False),
        ({"a": 1.0}, {"b": 1.0}, False),
        ([1.0], [1.0, 2.0], False),
        ([1.0], ["1.0"], False),
        (["x"], ["y"], False),
    ],
)
def test_numbers_may_differ_in_their_last_digits(one: Any, other: Any, same: bool) -> None:
    assert alike(one, other) is same
