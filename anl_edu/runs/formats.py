"""Tables of runs written down: as text, Markdown, LaTeX, and as CSV for other programs."""

from __future__ import annotations

import csv as csv_module
import html as html_module
import io
import json
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from anl_edu import losses, recipes
from anl_edu.runs.summary import MEASURES, Column, Measure, Table, protocol, realised
from anl_edu.runs.table import mean_and_spread

_WIDTH = 100  # characters in a line of text
_NAME = 44  # of them for the name of a row
WARNING = (
    "Published numbers were made by others with a protocol and images of their own: network, "
    "epochs, augmentation and seeds differ, so they stand here to be looked at, and are marked in "
    "no column."
)
CSV_FIELDS = (
    "dataset", "scale", "images", "precision", "loss", "changes", "noise", "rate", "realised_rate",
    "epochs", "measure", "seeds", "mean_percent", "deviation_percent", "commits",
)  # fmt: skip
Mark = Callable[[str], str]


def text(table: Table, measure: str, published: bool = False) -> str:
    """Return a table as plain text; ``*`` stands before the best mean of a column."""
    from tabulate import tabulate

    rows = _rows(table, MEASURES[measure], lambda cell: f"*{cell}")
    rows += _published(table) if published else []
    body = tabulate(
        [
            ["\n".join(textwrap.wrap(row[0], _NAME, break_on_hyphens=False)), *row[1:]]
            for row in rows
        ],
        headers=["loss", *(column.label.replace(" ", "\n") for column in table.columns)],
        tablefmt="simple",
        colalign=_alignment(table),
        disable_numparse=True,
    )
    said = textwrap.fill(caption(table, measure, published, "marked with *"), _WIDTH)
    return f"{table.title}\n\n{body}\n\n{said}\n"


def markdown(table: Table, measure: str, published: bool = False) -> str:
    """Return a table as GitHub's Markdown; the best mean of a column is bold."""
    from tabulate import tabulate

    rows = _rows(table, MEASURES[measure], lambda cell: f"**{cell}**")
    rows += _published(table) if published else []
    body = tabulate(
        [[row[0].replace("|", "\\|"), *row[1:]] for row in rows],
        headers=["loss", *(column.label for column in table.columns)],
        tablefmt="github",
        colalign=_alignment(table),
        disable_numparse=True,
    )
    return f"### {table.title}\n\n{body}\n\n{caption(table, measure, published)}\n"


def latex(table: Table, measure: str) -> str:
    """Return a table as LaTeX, for a document that uses the package booktabs."""
    # tabulate's booktabs would escape the commands in a cell, its raw form has no booktabs
    rows = _rows(
        table, MEASURES[measure], lambda cell: f"\\textbf{{{cell}}}", escape=_escaped_for_latex
    )
    head = ["loss", *(_escaped_for_latex(column.label) for column in table.columns)]
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        rf"\caption{{{_escaped_for_latex(f'{table.title}. {caption(table, measure)}')}}}",
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        " & ".join(head) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def html(table: Table, measure: str) -> str:
    """Return a table as HTML, each cell under a named column and beside a named row."""
    rows = _rows(
        table, MEASURES[measure], lambda cell: f"<strong>{cell}</strong>", html_module.escape
    )
    head = "".join(
        f"<th scope='col'>{html_module.escape(name)}</th>"
        for name in ("loss", *(column.label for column in table.columns))
    )
    body = "".join(
        f"<tr><th scope='row'>{row[0]}</th>{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def csv(tables: Sequence[Table], measures: Sequence[str]) -> str:
    """Return numbers in long form, a line for each cell and measure that has a value.

    ``changes`` is JSON; means and deviations are percent, the deviation empty where there is one
    seed; ``realised_rate`` is the mean share of wrong labels as drawn.
    """
    out = io.StringIO()
    writer = csv_module.DictWriter(out, CSV_FIELDS, lineterminator="\n")
    writer.writeheader()
    for table in tables:
        for (row, column), cell in table.cells.items():
            shared = {
                "dataset": table.dataset,
                "scale": table.scale,
                "images": table.images,
                "precision": table.precision,
                "loss": row.loss,
                "changes": json.dumps(row.changes, sort_keys=True, default=dict),
                "noise": column.noise,
                "rate": f"{column.rate:g}",
                "realised_rate": _number(realised(table, column, row)),
                "epochs": cell[0].spec.recipe.epochs,
                "commits": " ".join(sorted({str(run.meta.get("commit", "")) for run in cell})),
            }
            for name in measures:
                found = table.over_seeds(row, column, MEASURES[name])
                if found.values:
                    numbers = {
                        "measure": name,
                        "seeds": len(found.values),
                        "mean_percent": _number(100 * found.mean),
                        "deviation_percent": _number(100 * found.deviation),
                    }
                    writer.writerow(shared | numbers)
    return out.getvalue()


FORMATS = ("text", "markdown", "latex", "csv")


def write(
    tables: Sequence[Table], form: str = "text", measure: str | None = None, published: bool = False
) -> str:
    """Return tables in one of `FORMATS`.

    Parameters
    ----------
    tables
        Of `summary.tables`.
    form
        One of `FORMATS`.
    measure
        One of `summary.MEASURES`; left out, ``"last"``, and for CSV all of them.
    published
        Whether published accuracies stand below one's own: text and Markdown only.

    Raises
    ------
    ValueError
        An unknown name, or published numbers where they do not belong.
    """
    if form not in FORMATS:
        raise ValueError(f"unknown format {form!r}; known: {', '.join(FORMATS)}")
    if measure is not None and measure not in MEASURES:
        raise ValueError(f"unknown measure {measure!r}; known: {', '.join(MEASURES)}")
    if published and form not in ("text", "markdown"):
        raise ValueError(f"published numbers go into text and markdown, not into {form}")
    if published and measure not in (None, "last", "best"):
        raise ValueError(f"published numbers are accuracies: there are none of {measure!r}")
    if form == "csv":
        return csv(tables, tuple(MEASURES) if measure is None else (measure,))
    named = measure or "last"
    if form == "latex":
        return "\n".join(latex(table, named) for table in tables)
    draw = text if form == "text" else markdown
    return "\n".join(draw(table, named, published) for table in tables)


def caption(table: Table, measure: str, published: bool = False, mark: str = "bold") -> str:
    """Say what the numbers are, and on what and how the runs were made."""
    usual = table.usual_seeds(MEASURES[measure])
    counts = {len(table.over_seeds(*p, MEASURES[measure]).values) for p in table.cells} - {0}
    seeds = f"{usual} seed{'s' * (usual != 1)}"
    seeds += ", or as many as stand in brackets" * (len(counts) > 1)
    best = "lowest" if MEASURES[measure].lowest_is_best else "highest"
    alone = " (a single seed beside several is not)" * (1 in counts and len(counts) > 1)
    said = [
        f"{MEASURES[measure].says[0].upper()}{MEASURES[measure].says[1:]}.",
        f"Percent: mean ± sample deviation over {seeds}; "
        f"the {best} mean of a column is {mark}{alone}.",
        *protocol(table),
    ]
    if published:
        said.append(WARNING if _published(table) else "Nothing published has these columns.")
    return " ".join(said)


def _rows(
    table: Table, measure: Measure, mark: Mark, escape: Mark = lambda cell: cell
) -> list[list[str]]:
    usual = table.usual_seeds(measure)
    best = {column: table.best(column, measure) for column in table.columns}
    rows = []
    for row in table.rows:
        cells = [escape(row.label)]
        for column in table.columns:
            values = table.over_seeds(row, column, measure).values
            said = mean_and_spread(values) if values else "–"
            said += f" ({len(values)})" if len(values) not in (0, usual) else ""
            cells.append(mark(escape(said)) if row in best[column] else escape(said))
        rows.append(cells)
    return rows


def _published(table: Table) -> list[list[str]]:
    """Rows of published accuracies, one a source and loss, for the losses and noises of a table."""
    known = {losses.label(row.loss): row.loss for row in table.rows}
    order = list(dict.fromkeys(known))
    found: dict[tuple[str, str], dict[Column, str]] = {}
    for each in recipes.published(table.dataset):
        column = Column(each["noise"], each["rate"])
        if each["method"] in known and column in table.columns:
            spread = "–" if each["std"] is None else f"{each['std']:.2f}"
            cell = f"{each['accuracy_percent']:.2f} ± {spread}"
            found.setdefault((each["source"], each["method"]), {})[column] = cell
    return [
        [f"{method}, published: {source}", *(cells.get(c, "–") for c in table.columns)]
        for (source, method), cells in sorted(
            found.items(), key=lambda item: (item[0][0], order.index(item[0][1]))
        )
    ]


def _alignment(table: Table) -> list[str]:
    return ["left", *["right"] * len(table.columns)]


_LATEX: Mapping[str, str] = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$",
    "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "±": r"$\pm$", "–": "--",
}  # fmt: skip


def _escaped_for_latex(said: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in said)


def _number(value: float) -> Any:
    return "" if math.isnan(value) else round(value, 6)
