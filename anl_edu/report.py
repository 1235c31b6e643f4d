"""A folder of recorded runs on one self-contained page: tables, an overview, curves by epoch."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import plotly.graph_objects as go

from anl_edu import atomic, losses
from anl_edu.runs import Run
from anl_edu.runs.formats import caption
from anl_edu.runs.formats import html as html_table
from anl_edu.runs.summary import MEASURES, Column, Row, Table
from anl_edu.teach import curves
from anl_edu.teach.overview import overview
from anl_edu.teach.report_page import report_page, section
from anl_edu.teach.style import Style, nth_style, style_of

Charts = dict[str, go.Figure]
_CURVES = (
    ("test_accuracy", "Accuracy on clean test images", curves.accuracy_curves),
    ("memorised", "Wrong labels memorised", curves.memorised_curves),
)


def write(tables: Sequence[Table], path: str | Path, measure: str = "last") -> Path:
    """Write the page as one HTML file with everything it needs inside; whole or not at all."""
    path = Path(path)
    with atomic.writing(path) as file:
        file.write(page(tables, measure).encode())
    return path


def page(tables: Sequence[Table], measure: str = "last") -> str:
    """Return the page's HTML.

    Parameters
    ----------
    tables
        At least one, of `runs.summary.tables`.
    measure
        One of `runs.summary.MEASURES`: what tables and overviews show.
    """
    if not tables:
        raise ValueError("a report needs at least one run")
    charts: Charts = {}
    parts = [_part(f"table-{i}", table, measure, charts) for i, table in enumerate(tables)]
    links = "\n".join(
        f'<li><a href="#table-{i}">{html.escape(table.title)}</a>: {len(table.runs)} runs, '
        f"{len(table.rows)} rows, {len(table.columns)} noises</li>"
        for i, table in enumerate(tables)
    )
    count = sum(len(table.runs) for table in tables)
    title = f"{count} recorded run{'s' * (count != 1)}"
    body = f"""<h1>{title}</h1>
<p>Each row is a loss; what stands in brackets behind it was changed in its recipe. Each column is a
kind of label noise and its nominal rate.</p>
<ul>
{links}
</ul>
{"".join(parts)}"""
    return report_page(title, body, charts)


def _part(name: str, table: Table, measure: str, charts: Charts) -> str:
    """Return the HTML of one table and its figures, which are added to `charts`.

    What is folded is drawn when it is opened, so that a long page is soon there: only the first
    table has curves in view.
    """
    first = not charts
    add = _Adding(name, charts)
    usual = table.unchanged()
    changed = table.part(row for row in table.rows if row.changes)
    shown = usual if usual.rows else changed
    look = add(*_overview(shown, measure, "" if usual.rows else " (changed recipes)"))
    more = ""
    if usual.rows and changed.rows:
        more = _folded("Changed recipes", add(*_overview(changed, measure, " (changed recipes)")))
    fullest = max(table.columns, key=lambda column: len(_rows(shown, column)))
    by_noise = "\n".join(
        _folded(column.label, _noise(table, column, add), open_it=first and column == fullest)
        for column in table.columns
    )
    return f"""<h2 id="{name}">{html.escape(table.title)}</h2>
{look}
{more}
<h3>All rows</h3>
<div class="wide results" tabindex="0" role="region" aria-label="{html.escape(table.title)}">
{html_table(table, measure)}</div>
<p class="note">{html.escape(caption(table, measure))}</p>
<h3>Epoch by epoch, noise by noise</h3>
<p>Lines are means over seeds, bands reach from the lowest seed to the highest.</p>
{by_noise}
"""


class _Adding:
    """Adds charts under names that no other part of the page has, and returns their HTML."""

    def __init__(self, name: str, charts: Charts) -> None:
        self.name, self.charts = name, charts

    def __call__(self, heading: str, text: str, figure: go.Figure) -> str:
        name = f"{self.name}-chart-{len(self.charts)}"
        self.charts[name] = figure
        return section(name, heading, text, figure, level=3)


def _overview(table: Table, measure: str, which: str) -> tuple[str, str, go.Figure]:
    asked = MEASURES[measure]
    values = [
        [100 * table.over_seeds(row, column, asked).mean for column in table.columns]
        for row in table.rows
    ]
    heading = f"Losses and noises at one look{which}"
    figure = overview(
        values,
        [row.label for row in table.rows],
        [column.label for column in table.columns],
        title=f"{table.title}: {asked.says}",
        alt=f"Mean of {asked.says}, in percent, for each loss under each noise",
        lowest_is_best=asked.lowest_is_best,
    )
    light = "lower" if asked.lowest_is_best else "higher"
    text = f"Means over seeds of the {asked.says}, in percent. The lighter, the {light}."
    return heading, text, figure


def _noise(table: Table, column: Column, add: _Adding) -> str:
    """Return the curves under one noise: usual recipes together, then each loss's changed ones."""
    rows = _rows(table, column)
    usual = [row for row in rows if not row.changes]
    parts = [_curves(table, column, usual, "", style_of, add)] if usual else []
    for loss in dict.fromkeys(row.loss for row in rows if row.changes):
        family = [row for row in rows if row.loss == loss]
        style = _by_place([row.name for row in family])
        which = f", {losses.label(loss)}"
        drawn = _curves(table, column, family, which, style, add)
        parts.append(_folded(f"{losses.label(loss)}, changed recipes", drawn) if usual else drawn)
    return "\n".join(parts)


def _curves(
    table: Table,
    column: Column,
    rows: Sequence[Row],
    which: str,
    style: Callable[[str], Style],
    add: _Adding,
) -> str:
    records = {row.name: [run.records for run in table.cells[row, column]] for row in rows}
    runs = [run for row in rows for run in table.cells[row, column]]
    parts = []
    for field, heading, draw in _CURVES:
        if _recorded(runs, field):
            title = f"{heading}{which}: {column.label}"
            figure = draw(records, title=title, question="", style=style, seeds="band")
            seeds = _seeds({row.label: len(table.cells[row, column]) for row in rows})
            parts.append(add(title, seeds, figure))
    return "\n".join(parts)


def _recorded(runs: Sequence[Run], field: str) -> bool:
    return any(not math.isnan(getattr(run.last, field)) for run in runs)


def _seeds(counts: Mapping[str, int]) -> str:
    """Say how many seeds each line has, once where all have as many."""
    by_count: dict[int, list[str]] = {}
    for name, count in counts.items():
        by_count.setdefault(count, []).append(name)
    if len(by_count) == 1:
        (count,) = by_count
        return f"{_how_many(count)} each."
    return "; ".join(f"{_how_many(n)}: {', '.join(of)}" for n, of in by_count.items()) + "."


def _how_many(count: int) -> str:
    return "One seed" if count == 1 else f"{count} seeds"


def _by_place(names: Sequence[str]) -> Callable[[str], Style]:
    """Return styles by place: rows of one loss would all look alike."""
    return {name: nth_style(place) for place, name in enumerate(names)}.__getitem__


def _rows(table: Table, column: Column) -> list[Row]:
    return [row for row in table.rows if (row, column) in table.cells]


def _folded(summary: str, inside: str, *, open_it: bool = False) -> str:
    opened = " open" if open_it else ""
    return (
        f'<details class="part"{opened}><summary>{html.escape(summary)}</summary>{inside}</details>'
    )
