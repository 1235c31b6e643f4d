"""An explorer without a kernel: its figure at some stops of its controls, small enough to send.

A page that holds a `Baked` explorer needs plotly.js and figures.js and nothing else. Most figures
of an explorer are nearly the same, so all but the first are kept as what differs from it, and every
value is kept once.
"""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np

from anl_edu.teach import Explorer, alt_text
from anl_edu.teach.describe import words
from anl_edu.teach.figure import plain
from anl_edu.teach.style import HEIGHT

MOST_STATES = 300
MOST_CHARACTERS = 4_000_000  # of all figures, before what they share is left out
LEAST_STOPS, MOST_STOPS = 6, 21  # of a slider that moves


@dataclass(frozen=True)
class Control:
    """What a reader moves: a slider's stops, a list's entries, or a box's two states."""

    name: str
    label: str
    kind: str  # "range", "choice" or "toggle"
    values: list[Any]
    shown: list[str]
    start: int  # place of the value at which the explorer begins


@dataclass(frozen=True)
class Baked:
    """Controls that move, those that stay, and a figure for every state of those that move."""

    title: str
    moving: list[Control]
    fixed: list[Control]
    sheets: list[dict[str, Any]]  # data, layout, words and line, the last control fastest

    @property
    def start(self) -> int:
        """Place of the sheet with which the explorer begins."""
        place = 0
        for control in self.moving:
            place = place * len(control.values) + control.start
        return place

    def packed(self) -> dict[str, Any]:
        """Return the sheets as JSON values: the first, and what the others change in it.

        ``changes[i]`` lists pairs: a place in ``paths``, and a place in ``values`` or -1 where the
        path is to be removed.
        """
        paths, values = _Table(), _Table()
        first = self.sheets[0]
        changes = [
            [
                place
                for path, *value in _changes(first, sheet)
                for place in (paths.place(path), values.place(value[0]) if value else -1)
            ]
            for sheet in self.sheets
        ]
        return {"first": first, "paths": paths.items, "values": values.items, "changes": changes}


def bake(explorer: Explorer) -> Baked:
    """Draw the explorer at the stops that its figure's size allows."""
    start = _sheet(explorer, explorer.state)
    most = min(MOST_STATES, MOST_CHARACTERS // len(json.dumps(start)))
    moving, fixed = choose(list(explorer.controls.items()), most)
    names = [control.name for control in moving]
    states = itertools.product(*(control.values for control in moving))
    sheets = [_sheet(explorer, explorer.state | dict(zip(names, s, strict=True))) for s in states]
    return Baked(explorer.title, moving, fixed, sheets)


def choose(controls: list[tuple[str, Any]], most: int) -> tuple[list[Control], list[Control]]:
    """Return the controls that move, with their stops, and those that stay.

    Lists and boxes keep all entries. Sliders share what is left evenly; where none would have
    `LEAST_STOPS`, the last control stays where it begins, and so on.
    """
    for kept in range(len(controls), 0, -1):
        for stops in range(MOST_STOPS, LEAST_STOPS - 1, -1):
            moving = [control(name, widget, stops) for name, widget in controls[:kept]]
            if math.prod(len(c.values) for c in moving) <= most:
                return moving, [control(name, widget, 1) for name, widget in controls[kept:]]
    raise ValueError(f"{controls[0][0]} alone has more than {most} states")


def control(name: str, widget: widgets.Widget, stops: int) -> Control:
    """Read a widget; a slider keeps its two ends, where it begins, and about `stops` in all."""
    label = words(widget.description).rstrip(":")
    if isinstance(widget, widgets.Checkbox):
        return Control(name, label, "toggle", [False, True], ["no", "yes"], int(widget.value))
    if isinstance(widget, widgets.Dropdown):
        entries = [e if isinstance(e, tuple) else (str(e), e) for e in widget.options]
        shown, values = ([e[i] for e in entries] for i in (0, 1))
        return Control(name, label, "choice", values, shown, values.index(widget.value))
    whole = round((widget.max - widget.min) / widget.step) + 1
    places = np.unique(np.linspace(0, whole - 1, min(stops, whole)).round())
    at = [widget.min + place * widget.step for place in places]
    if isinstance(widget, widgets.FloatLogSlider):
        values = [float(f"{widget.base**place:.6g}") for place in at]
    else:
        values = [type(widget.value)(round(place, 10)) for place in at]
    start = widget.value
    if not any(math.isclose(start, value) for value in values):
        values = sorted([*values, start])
    begins = min(range(len(values)), key=lambda i: abs(values[i] - start))
    values[begins] = start
    shown = [format(value, widget.readout_format) for value in values]
    return Control(name, label, "range", values, shown, begins)


def _sheet(explorer: Explorer, state: dict[str, Any]) -> dict[str, Any]:
    figure = explorer.draw(**state)
    sheet = plain(figure)
    sheet["layout"].setdefault("height", HEIGHT)
    return sheet | {"words": alt_text(figure), "line": explorer.line(state)}


def _changes(old: Any, new: Any, path: tuple[Any, ...] = ()) -> Any:
    """Yield ``(path, value)`` where `new` differs from `old`, and ``(path,)`` where it has none."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in old | new:
            if key not in new:
                yield ((*path, key),)
            elif key not in old:
                yield ((*path, key), new[key])
            else:
                yield from _changes(old[key], new[key], (*path, key))
    elif _alike(old, new):
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _changes(one, other, (*path, place))
    elif old != new or type(old) is not type(new):
        yield path, new


def _alike(old: Any, new: Any) -> bool:
    """Tell whether two lists are to be compared item by item: lists of as many mappings."""
    return (
        isinstance(old, list)
        and isinstance(new, list)
        and len(old) == len(new)
        and all(isinstance(item, dict) for item in [*old, *new])
    )


class _Table:
    """Different JSON values, each with its place."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._places: dict[str, int] = {}

    def place(self, item: Any) -> int:
        place = self._places.setdefault(json.dumps(item), len(self.items))
        if place == len(self.items):
            self.items.append(item)
        return place
