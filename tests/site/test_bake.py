"""Explorers baked for the site: what moves, in which stops, and that nothing is lost on the way."""

from __future__ import annotations

import copy
import itertools
import json
from typing import Any

import plotly.graph_objects as go
import pytest
from bake import LEAST_STOPS, MOST_STOPS, Baked, bake, choose, control

from anl_edu.teach import Explorer, alt_text, choice, log_slider, new_figure, slider, toggle
from anl_edu.teach.figure import plain


def restored(packed: dict[str, Any], place: int) -> dict[str, Any]:
    """Give a state's sheet, as figures.js does."""
    sheet = copy.deepcopy(packed["first"])
    changes = packed["changes"][place]
    for path, value in zip(changes[::2], changes[1::2], strict=True):
        *way, last = packed["paths"][path]
        part = sheet
        for key in way:
            part = part.setdefault(key, {}) if isinstance(part, dict) else part[key]
        if value < 0:
            del part[last]
        else:
            part[last] = copy.deepcopy(packed["values"][value])
    return sheet


def draw(power: float, curves: int, dashed: bool, name: str, scale: float) -> go.Figure:
    """A figure whose number of traces, and whose keys, follow the state."""
    fig = new_figure(f"Powers of {name}", "x", "y", alt="Powers")
    for i in range(curves):
        line = {"dash": "dash"} if dashed else None
        fig.add_scatter(x=[0, 1, 2], y=[0, scale, scale * 2 ** (power + i)], name=name, line=line)
    if power > 1:
        fig.add_annotation(text="steep", x=1, y=1)
    return fig


def made() -> Explorer:
    controls = {
        "power": slider("the power", 0.0, 4.0, 0.1, 1.35),
        "curves": slider("curves", 1, 3, 1, 2),
        "dashed": toggle("dashed"),
        "name": choice("the name", {"one < two": "a", "other": "b"}, "b"),
        "scale": log_slider("scale", 1e-3, 1e3, 2.0, step=0.5),
    }
    return Explorer(draw, controls, "Powers", readout=lambda power, **_: f"<b>{power:g}</b>")


@pytest.fixture(scope="module")
def baked() -> Baked:
    return bake(made())


def test_every_state_comes_back_as_it_was_drawn(baked: Baked) -> None:
    packed = json.loads(json.dumps(baked.packed()))
    states = itertools.product(*(c.values for c in baked.moving))
    names = [c.name for c in baked.moving]
    kept = {c.name: c.values[c.start] for c in baked.fixed}
    for place, values in enumerate(states):
        state = kept | dict(zip(names, values, strict=True))
        sheet = restored(packed, place)
        figure = draw(**state)
        assert sheet["data"] == json.loads(json.dumps(plain(figure)["data"]))
        assert sheet["layout"]["title"] == plain(figure)["layout"]["title"]
        assert sheet["layout"].get("annotations") == plain(figure)["layout"].get("annotations")
        assert sheet["words"] == alt_text(figure)
        assert sheet["line"] == f"<b>{state['power']:g}</b>"
    assert place + 1 == len(baked.sheets) == len(packed["changes"]) > 100


def test_it_begins_where_the_explorer_does(baked: Baked) -> None:
    start = baked.sheets[baked.start]
    assert start["data"] == plain(made().figure)["data"]
    assert [c.values[c.start] for c in baked.moving] == [made().state[c.name] for c in baked.moving]


def test_what_states_share_is_kept_once(baked: Baked) -> None:
    whole, packed = (len(json.dumps(v)) for v in (baked.sheets, baked.packed()))
    assert packed < whole / 3


def test_sliders_share_the_states_and_the_last_controls_stay() -> None:
    controls = list(made().controls.items())
    moving, fixed = choose(controls, 800)
    assert [c.name for c in moving] == ["power", "curves", "dashed", "name", "scale"]
    sizes = [len(c.values) for c in moving]
    assert sizes[1:4] == [3, 2, 2]
    assert min(sizes[0], sizes[4]) >= LEAST_STOPS
    moving, fixed = choose(controls, 250)
    assert [c.name for c in fixed] == ["scale"]
    assert len(moving[0].values) <= MOST_STOPS + 1
    with pytest.raises(ValueError, match="power alone has more than 5 states"):
        choose(controls, 5)


@pytest.mark.parametrize(
    ("widget", "stops", "values", "shown"),
    [
        (slider("n", 2, 10, 1, 5), 5, [2, 4, 5, 6, 8, 10], ["2", "4", "5", "6", "8", "10"]),
        (slider("n", 2, 4, 1, 4), 9, [2, 3, 4], ["2", "3", "4"]),
        (slider("r", 0.0, 1.0, 0.1, 0.3), 3, [0, 0.3, 0.5, 1], ["0.0", "0.3", "0.5", "1.0"]),
        (log_slider("s", 1e-2, 1e2, 1.0, step=1), 3, [0.01, 1.0, 100], ["0.01", "1", "1e+02"]),
        (toggle("t", True), 9, [False, True], ["no", "yes"]),
        (choice("c", {"A": 1, "B": 2}, 2), 3, [1, 2], ["A", "B"]),
        (choice("c", ["x", "y"], "x"), 3, ["x", "y"], ["x", "y"]),
    ],
)
def test_stops_keep_the_ends_and_the_beginning(
    widget: Any, stops: int, values: list[Any], shown: list[str]
) -> None:
    found = control("name", widget, stops)
    assert found.values == values
    assert found.shown == shown
    assert found.values[found.start] == widget.value
    assert found.label == widget.description
