"""The words and numbers of a figure, read off the figure itself."""

from __future__ import annotations

import html
import re
from typing import Any

import numpy as np
import plotly.graph_objects as go

_MAX_SERIES = 12
_MAX_ROWS = 12
_MAX_COLUMNS = 12
_KINDS = {
    "scatter": "line chart",
    "scattergl": "line chart",
    "bar": "bar chart",
    "heatmap": "heat map",
    "contour": "contour map",
    "histogram": "histogram",
    "box": "box plot",
    "violin": "violin plot",
    "scatterternary": "ternary plot",
    "image": "pictures",
    "surface": "surface",
    "cone": "vector field",
    "table": "table",
}


def alt_text(fig: go.Figure) -> str:
    """Return what the figure shows, in sentences: the author's gist, then axes and series."""
    parts = []
    gist = (fig.layout.meta or {}).get("gist") if isinstance(fig.layout.meta, dict) else None
    if gist:
        parts.append(gist.rstrip(".") + ".")
    kinds = " and ".join(dict.fromkeys(_kind(t) for t in fig.data)).capitalize() or "Empty figure"
    title = words((fig.layout.title.text or "").replace("</b><br>", "</b>. "))
    panels = _panels(fig)
    title = title or f"{len(panels)} panels" * (len(panels) > 1) or "untitled"
    parts.append(f"{kinds}: {title}" + "." * (not title.endswith(("?", ".", "!"))))
    for letter, axes in (("Horizontal", fig.select_xaxes()), ("Vertical", fig.select_yaxes())):
        seen = dict.fromkeys(
            words(axis.title.text) + ", logarithmic" * (axis.type == "log")
            for axis in axes
            if words(axis.title.text)
        )
        if seen:
            parts.append(f"{letter} axis: {' or '.join(seen)}.")
    told = _told(fig)
    parts += [_series(t, _name(t, i, panels)) for i, t in enumerate(told[:_MAX_SERIES])]
    if len(told) > _MAX_SERIES:
        parts.append(f"And {len(told) - _MAX_SERIES} more series.")
    for slider in fig.layout.sliders or ():
        names = [s.label for s in slider.steps]
        parts.append(
            f"A slider with {len(names)} steps: {slider.currentvalue.prefix or ''}{names[0]} to "
            f"{names[-1]}; described here at {names[slider.active or 0]}."
        )
    return " ".join(p for p in parts if p)


def _panels(fig: go.Figure) -> dict[str, str]:
    """Return the title over each panel, by the name of the panel's horizontal axis."""
    over = {
        (round(a.x, 6), round(a.y, 6)): words(a.text)
        for a in fig.layout.annotations
        if a.xref == a.yref == "paper" and a.x is not None and a.y is not None
    }
    found = {}
    for x in fig.select_xaxes() if over else ():
        y = fig.layout["yaxis" + (x.anchor or "y")[1:]]
        if x.domain and y.domain:
            place = (round(sum(x.domain) / 2, 6), round(y.domain[1], 6))
            if place in over:
                found[x.plotly_name.replace("axis", "")] = over[place]
    return found


def _name(trace: Any, place: int, panels: dict[str, str]) -> str:
    """Return the trace's name with its panel's, without saying either twice."""
    name = words(trace.name)
    panel = panels.get((trace.xaxis if "xaxis" in trace else None) or "x", "")
    if panel and panel.lower() not in name.lower():
        return f"{panel}: {name}" if name else panel
    return name or f"Series {place + 1}"


def _told(fig: go.Figure) -> list[Any]:
    """Return the visible traces worth telling: not the nameless ones beside named ones."""
    drawn = [t for t in fig.data if t.visible in (None, True)]
    return [t for t in drawn if t.name or t.showlegend is not False] or drawn


def words(text: str | None) -> str:
    """Return plotly's HTML as plain words: p<sub>y</sub> becomes p_y."""
    text = re.sub(r"<br\s*/?>", " ", text or "")
    text = text.replace("<sub>", "_").replace("<sup>", "^")
    return html.unescape(re.sub(r"<[^>]+>", "", text)).strip()


def is_number(array: np.ndarray) -> bool:
    """Tell whether every entry of a non-empty array is a number (or missing)."""
    return array.size > 0 and all(
        v is None or (isinstance(v, int | float | np.number) and not isinstance(v, bool))
        for v in array.ravel()
    )


def _kind(trace: Any) -> str:
    if trace.type in ("scatter", "scattergl") and "lines" not in (trace.mode or "lines"):
        return "scatter plot"
    return _KINDS.get(trace.type, trace.type)


def _values(trace: Any, key: str) -> np.ndarray:
    # Asked for a property it does not have, plotly searches for a similar one: a millisecond.
    value = trace[key] if key in trace else None  # noqa: SIM401 - a trace has no get
    return np.asarray([] if value is None else value)


def _series(trace: Any, name: str) -> str:
    z = _values(trace, "z")
    if z.ndim == 2 and is_number(z):
        return _grid(trace, "Grid" if name.startswith("Series ") else name, z.astype(float))
    along, value = ("y", "x") if getattr(trace, "orientation", None) == "h" else ("x", "y")
    x, y = _values(trace, along), _values(trace, value)
    if y.size == 0 and trace.type in ("scatter", "scattergl", "bar"):
        return f"{name}: no values."
    if not is_number(y):
        return _sample(trace, name)
    y = y.astype(float)
    if x.size != y.size:
        if trace.type in ("box", "violin", "histogram"):
            return _sample(trace, name)
        x = np.arange(y.size)
    seen = np.flatnonzero(np.isfinite(y))

    def at(i: Any) -> str:
        return f"{number(y[i])} at {number(x[i])}"

    if seen.size == 0:
        return f"{name}: no values."
    if seen.size <= 3 or (trace.type == "bar" and seen.size <= _MAX_ROWS):
        return f"{name}: " + ", ".join(map(at, seen)) + "."
    first, last = seen[0], seen[-1]
    low, high = seen[np.argmin(y[seen])], seen[np.argmax(y[seen])]
    text = f"{name}: from {at(first)} to {at(last)}"
    if high not in (first, last):
        text += f", highest {at(high)}"
    if low not in (first, last):
        text += f", lowest {at(low)}"
    return text + "."


def _grid(trace: Any, name: str, z: np.ndarray) -> str:
    if not np.isfinite(z).any():
        return f"{name}: no values."
    x, y = _values(trace, "x"), _values(trace, "y")

    def at(flat: Any) -> str:
        row, column = np.unravel_index(flat, z.shape)
        across = number(x[column]) if column < x.size else f"column {column}"
        return f"({across}, {number(y[row]) if row < y.size else f'row {row}'})"

    return (
        f"{name} of {z.shape[0]} by {z.shape[1]}: "
        f"lowest {number(np.nanmin(z))} at {at(np.nanargmin(z))}, "
        f"highest {number(np.nanmax(z))} at {at(np.nanargmax(z))}."
    )


def _sample(trace: Any, name: str) -> str:
    for key in ("y", "x"):
        values = _values(trace, key)
        if is_number(values):
            q = np.nanpercentile(values.astype(float), [0, 50, 100])
            return (
                f"{name}: {values.size} values from {number(q[0])} to {number(q[2])}, "
                f"median {number(q[1])}."
            )
    return "" if name.startswith("Series ") else f"{name}."


def number(value: Any) -> str:
    """Return a value as a table or a sentence prints it: three significant digits."""
    if isinstance(value, str | bool | np.bool_):
        return words(str(value))
    if value is None or not np.isfinite(value):
        return "–"
    if float(value).is_integer() and abs(value) < 1e6:
        return str(int(value))
    return f"{float(value):.3g}"


def data_table(fig: go.Figure) -> str:
    """Return the figure's numbers as an HTML table: at most 12 rows, evenly picked, per table.

    Series over the same x share a table, one column each; a grid gets a table of its own.
    """
    shared: dict[tuple[str, ...], tuple[str, list[str], list[np.ndarray]]] = {}
    tables = []
    across = words(fig.layout.xaxis.title.text) or "x"
    panels = _panels(fig)
    for place, trace in enumerate(_told(fig)):
        name = _name(trace, place, panels)
        z = _values(trace, "z")
        if z.ndim == 2 and is_number(z):
            tables.append(_grid_table(trace, z))
            continue
        flat = getattr(trace, "orientation", None) == "h"
        x, y = _values(trace, "y" if flat else "x"), _values(trace, "x" if flat else "y")
        if x.ndim != 1 or y.ndim != 1:
            continue
        if trace.type in ("box", "violin", "histogram"):
            tables.append(_quartiles(name, x, y))
            continue
        if y.size == 0 or x.size not in (0, y.size):
            continue
        x = x if x.size else np.arange(y.size)
        head = (words(fig.layout.yaxis.title.text) or "y") if flat else across
        key = tuple(map(str, x))
        _, names, columns = shared.setdefault(key, (head, [], []))
        names.append(name)
        columns.append(y)
    for key, (head, names, columns) in shared.items():
        x = np.asarray(key, dtype=object)
        rows = [
            [_cell(x[i]), *(number(c[i]) for c in columns[:_MAX_COLUMNS])] for i in _pick(len(key))
        ]
        left_out = f"; {len(names) - _MAX_COLUMNS} series left out" * (len(names) > _MAX_COLUMNS)
        tables.append(_table([head, *names[:_MAX_COLUMNS]], rows, len(key), left_out))
    return "".join(tables)


def _pick(count: int) -> list[int]:
    return list(np.unique(np.linspace(0, count - 1, min(count, _MAX_ROWS)).round().astype(int)))


def _cell(text: str) -> str:
    try:
        return number(float(text))
    except ValueError:
        return words(text)


def _grid_table(trace: Any, z: np.ndarray) -> str:
    x, y = _values(trace, "x"), _values(trace, "y")
    columns = _pick(z.shape[1])
    head = ["", *(number(x[j]) if j < x.size else str(j) for j in columns)]
    rows = [
        [number(y[i]) if i < y.size else str(i), *(number(z[i, j]) for j in columns)]
        for i in _pick(z.shape[0])
    ]
    note = f"; {len(columns)} of {z.shape[1]} columns" * (len(columns) < z.shape[1])
    return _table(head, rows, z.shape[0], note)


def _quartiles(name: str, x: np.ndarray, y: np.ndarray) -> str:
    values = y if is_number(y) else x
    if not is_number(values):
        return ""
    q = np.nanpercentile(values.astype(float), [0, 25, 50, 75, 100])
    head = ["", "values", "least", "quarter", "median", "three quarters", "greatest"]
    return _table(head, [[name, str(values.size), *map(number, q)]], 1, "")


def _table(head: list[str], rows: list[list[str]], total: int, note: str) -> str:
    cells = "".join(f"<th scope='col'>{html.escape(h)}</th>" for h in head)
    body = "".join(
        f"<tr><th scope='row'>{html.escape(row[0])}</th>"
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    shown = f"{len(rows)} of {total} rows" if len(rows) < total else ""
    text = (shown + note).lstrip("; ")
    caption = f"<caption>{text}, evenly picked</caption>" if text else ""
    return f"<table>{caption}<thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>"


def details(fig: go.Figure, said: str | None = None) -> str:
    """Return the folded HTML under a figure: its alternative text `said` and its data table."""
    said = alt_text(fig) if said is None else said
    return (
        "<details><summary>This figure in words and numbers</summary>"
        f"<p>{html.escape(said)}</p>{data_table(fig)}</details>"
    )
