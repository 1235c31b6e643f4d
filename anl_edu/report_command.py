"""anl-edu report: the recorded runs of a folder as tables, and as a page."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anl_edu.console import importing, require_file, say

if TYPE_CHECKING:
    from anl_edu.runs import Run

# Named here so that the help needs no torch; a test holds them against the real ones.
MEASURES = ("last", "best", "worst-class", "memorised", "dice", "worst-dice")
FORMATS = ("text", "markdown", "latex", "csv")


@click.command()
@click.argument("folder", default="data/runs", type=click.Path(path_type=Path))
@click.option(
    "--measure",
    type=click.Choice(MEASURES),
    help="What the cells hold. Left out: last, and for csv all of them.",
)
@click.option("--format", "form", default="text", show_default=True, type=click.Choice(FORMATS))
@click.option("--out", type=click.Path(path_type=Path), help="A file, in the place of the screen.")
@click.option(
    "--page", type=click.Path(path_type=Path), help="Also one HTML page of tables and curves."
)
@click.option("--dataset", "datasets", multiple=True, help="Only runs on this data set.")
@click.option("--scale", "scales", multiple=True, type=click.Choice(["desk", "paper"]))
@click.option("--loss", "names", multiple=True, help="Only runs with this loss.")
@click.option("--noise", "noises", multiple=True, metavar="KIND:RATE", help="As in record.")
@click.option(
    "--published", is_flag=True, help="Also published accuracies, in text and markdown tables."
)
def report(
    folder: Path,
    measure: str | None,
    form: str,
    out: Path | None,
    page: Path | None,
    datasets: tuple[str, ...],
    scales: tuple[str, ...],
    names: tuple[str, ...],
    noises: tuple[str, ...],
    published: bool,
) -> None:
    """Tables of the recorded runs of FOLDER (data/runs): losses by noises, means over seeds.

    Each data set and scale has a table, and so have runs on other images or in another precision.
    Filters may be given several times, for instance --loss ce --loss anl-ce.
    """
    with importing():
        from anl_edu import atomic, noise
        from anl_edu import report as runs_page
        from anl_edu.runs import formats, summary

    kinds = [noise.parse(text) for text in noises]
    for file in (out, page):
        if file is not None:
            require_file(file)
    found = summary.select(
        _recorded(folder), dataset=datasets, scale=scales, loss=names, noise=kinds
    )
    tables = summary.tables(found)
    told = formats.write(tables, form, measure, published)
    if out is None:
        say(told.rstrip("\n"))
    else:
        with atomic.writing(out) as file_there:
            file_there.write(told.encode())
        say(f"{len(found)} runs in {len(tables)} table{'s' * (len(tables) != 1)}: {out}")
    if page is not None:
        runs_page.write(tables, page, measure or "last")
        click.echo(f"Page: {page}", err=True)  # the output may be a table that goes elsewhere


def _recorded(folder: Path) -> list[Run]:
    """Read the runs of a folder; what is left out is told on the other stream, a line each."""
    from anl_edu import runs

    if not folder.exists():
        raise FileNotFoundError(f"there is no folder {folder}")
    with warnings.catch_warnings(record=True) as left_out:
        warnings.simplefilter("always")
        found = runs.find(folder)
    for each in left_out:
        click.echo(f"Left out: {each.message}", err=True)
    if not found:
        raise ValueError(f"{folder} holds no recorded runs: anl-edu record makes some")
    return found
