"""Recorded runs as tables of numbers: losses down, noises across, seeds in each cell.

Pure functions from runs to rows; `anl_edu.runs.formats` writes them down, `anl_edu.report` draws.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any

from anl_edu import losses, noise
from anl_edu.recipes.recipe import Frozen
from anl_edu.runs.changes import changed, in_words
from anl_edu.runs.store import Run


@dataclass(frozen=True)
class Measure:
    """One number of a run: a share in 0..1, NaN where the run has none."""

    says: str
    of: Callable[[Run], float]
    lowest_is_best: bool = False


MEASURES: Mapping[str, Measure] = {
    "last": Measure("test accuracy at the last epoch", lambda run: run.last.test_accuracy),
    "best": Measure(
        "best test accuracy of any epoch, which takes clean labels to pick", lambda run: run.best
    ),
    "worst-class": Measure(
        "test accuracy on the worst class at the last epoch", lambda run: run.last.worst_recall
    ),
    "memorised": Measure(
        "share of the wrong training labels that the model repeats at the end",
        lambda run: run.last.memorised,
        lowest_is_best=True,
    ),
    "dice": Measure(
        "mean Dice of the classes but the background at the last epoch",
        lambda run: run.last.mean_dice,
    ),
    "worst-dice": Measure(
        "Dice of the worst class but the background at the last epoch",
        lambda run: run.last.worst_dice,
    ),
}


@dataclass(frozen=True)
class Row:
    """A loss, and what its recipe has other than the usual one: what a row of a table is."""

    loss: str
    changes: Frozen

    @property
    def name(self) -> str:
        """For instance ``"anl-ce (L1 0)"``: the loss, a space, what was changed."""
        return f"{self.loss} ({told})" if (told := in_words(self.changes)) else self.loss

    @property
    def label(self) -> str:
        """The name as the papers print it: ``"ANL-CE (L1 0)"``."""
        return losses.label(self.loss) + self.name.removeprefix(self.loss)


@dataclass(frozen=True)
class Column:
    """A kind of noise and its nominal rate, which is 0 for kinds that have their own."""

    noise: str
    rate: float

    @property
    def label(self) -> str:
        return noise.label(self.noise, self.rate)

    @property
    def typed(self) -> str:
        """As it is typed on the command line: ``symmetric:0.6``."""
        return self.label.replace(" ", ":")


@dataclass(frozen=True)
class OverSeeds:
    """The values of one cell, one a seed, each a share in 0..1; seeds without a value left out."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """NaN where there is no value."""
        return fmean(self.values) if self.values else math.nan

    @property
    def deviation(self) -> float:
        """Sample deviation; NaN where there are not two values."""
        return stdev(self.values) if len(self.values) > 1 else math.nan


@dataclass(frozen=True)
class Table:
    """The runs of one data set at one scale, on the same images and in the same precision.

    ``cells`` holds the runs of a row under a column, a run for each seed; a pair that was never
    run has no entry. ``apart`` says in what the table differs from others of its data set and
    scale; it is empty where there is no other.
    """

    dataset: str
    scale: str
    images: str
    precision: str
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    cells: Mapping[tuple[Row, Column], tuple[Run, ...]]
    apart: str = ""

    @property
    def title(self) -> str:
        return f"{self.dataset}, {self.scale} scale" + (f", {self.apart}" if self.apart else "")

    @property
    def runs(self) -> list[Run]:
        return [run for cell in self.cells.values() for run in cell]

    def over_seeds(self, row: Row, column: Column, measure: Measure) -> OverSeeds:
        """Return the values of a cell, without the seeds that have none."""
        values = (measure.of(run) for run in self.cells.get((row, column), ()))
        return OverSeeds(tuple(value for value in values if not math.isnan(value)))

    def usual_seeds(self, measure: Measure) -> int:
        """Return how many seeds most cells have: what a caption says once for all of them."""
        counts = Counter(len(self.over_seeds(*place, measure).values) for place in self.cells)
        del counts[0]
        return max(counts, key=lambda n: (counts[n], n), default=0)

    def best(self, column: Column, measure: Measure) -> set[Row]:
        """Return the rows with the best mean of a column: several where the shown digits agree.

        A row alone in its column is best of nothing, and one seed is no mean: it is left out
        where a column has rows of several.
        """
        found = {row: self.over_seeds(row, column, measure) for row in self.rows}
        found = {row: cell for row, cell in found.items() if cell.values}
        if len(found) < 2:
            return set()
        several = {row: cell for row, cell in found.items() if len(cell.values) > 1}
        means = {row: cell.mean for row, cell in (several or found).items()}
        shown = {row: f"{100 * mean:.1f}" for row, mean in means.items()}
        pick = min if measure.lowest_is_best else max
        winner = shown[pick(shown, key=lambda row: means[row])]
        return {row for row, text in shown.items() if text == winner}

    def unchanged(self) -> Table:
        """Return the part of the table whose recipes are the usual ones."""
        return self.part(row for row in self.rows if not row.changes)

    def part(self, rows: Iterable[Row], columns: Iterable[Column] | None = None) -> Table:
        """Return the part with these rows and columns, without rows and columns left empty."""
        wanted, across = set(rows), set(self.columns if columns is None else columns)
        cells = {(r, c): runs for (r, c), runs in self.cells.items() if r in wanted and c in across}
        kept = {row for row, _ in cells}, {column for _, column in cells}
        return replace(
            self,
            rows=tuple(row for row in self.rows if row in kept[0]),
            columns=tuple(column for column in self.columns if column in kept[1]),
            cells=cells,
        )


def tables(runs: Iterable[Run]) -> list[Table]:
    """Sort runs into tables: what is not on the same images, or in the same precision, is apart."""
    groups: dict[tuple[str, str, str, str], dict[tuple[Row, Column], list[Run]]] = {}
    usual: dict[tuple[Any, ...], Row] = {}  # seeds share a recipe, which takes a while to look up
    for run in runs:
        spec = run.spec
        images, precision = (str(run.meta.get(key, "unknown")) for key in ("images", "precision"))
        without_seed = replace(spec, seed=0)
        if (key := tuple(repr(v) for v in without_seed.as_dict().values())) not in usual:
            usual[key] = Row(spec.loss, changed(without_seed))
        cells = groups.setdefault((spec.dataset, spec.scale, images, precision), {})
        cells.setdefault((usual[key], Column(spec.noise, spec.rate)), []).append(run)
    keys = sorted(groups)
    return [_table(*key, groups[key], _apart(key, keys)) for key in keys]


def select(
    runs: Sequence[Run],
    *,
    dataset: Sequence[str] = (),
    scale: Sequence[str] = (),
    loss: Sequence[str] = (),
    noise: Sequence[tuple[str, float]] = (),
) -> list[Run]:
    """Return the runs whose description has one of the values given; nothing given means any.

    Raises
    ------
    ValueError
        A value that no run has, or values that no run has together; it says what there is.
    """
    asked: tuple[tuple[str, Sequence[Any], Callable[[Run], Any]], ...] = (
        ("data set", dataset, lambda run: run.spec.dataset),
        ("scale", scale, lambda run: run.spec.scale),
        ("loss", loss, lambda run: run.spec.loss),
        ("noise", noise, lambda run: (run.spec.noise, run.spec.rate)),
    )
    left = list(runs)
    for what, wanted, of in asked:
        there = {of(run) for run in runs}
        for value in wanted:
            if value not in there:
                raise ValueError(f"no run has {what} {_typed(value)}; there is {_listed(there)}")
        there = {of(run) for run in left}
        left = [run for run in left if not wanted or of(run) in wanted]
        if not left:
            raise ValueError(
                f"no run has {what} {_listed(wanted)} together with what was asked before; "
                f"there is {_listed(there)}"
            )
    return left


def protocol(table: Table) -> list[str]:
    """Say in sentences on what and how the runs of a table were made."""
    runs = table.runs
    data = dict.fromkeys(str(run.meta.get("data", "unknown")) for run in runs)
    epochs = {run.spec.recipe.epochs for (row, _), cell in table.cells.items() for run in cell
              if "epochs" not in row.changes}  # fmt: skip
    other = " (where a row names no other)" * any("epochs" in row.changes for row in table.rows)
    commits = sorted({str(run.meta.get("commit", "unknown")) for run in runs})
    seeds = sorted({run.spec.seed for run in runs})
    said = [
        f"Data: {'; or '.join(data)} (fingerprint of the images {table.images}).",
        f"{len(runs)} runs at {table.scale} scale"
        + (f", {_numbers(epochs)} epochs{other}" if epochs else "")
        + f", computed in {table.precision}; seeds {_numbers(seeds)}; "
        f"commit{'s' * (len(commits) > 1)} {', '.join(commits)}.",
    ]
    drawn = [f"{c.label}: {100 * r:.1f} %" for c in table.columns if (r := realised(table, c)) > 0]
    if drawn:
        said.append(f"Wrong labels, as drawn: {'; '.join(drawn)}.")
    cut = sum(run.last.epoch < run.spec.recipe.epochs for run in runs)
    if cut:
        said.append(f"{cut} of the runs had not come to {'its' if cut == 1 else 'their'} end.")
    if table.apart:
        said.append(f"Not to be compared with other tables of {table.dataset}: {table.apart}.")
    return said


def realised(table: Table, column: Column, row: Row | None = None) -> float:
    """Return the mean share of wrong labels as drawn, of one row or of all; NaN if unknown."""
    rates = [
        math.nan if (rate := run.meta.get("realised_rate")) is None else float(rate)
        for (other, c), cell in table.cells.items()
        if c == column and row in (None, other)
        for run in cell
    ]
    return fmean(rates) if rates else math.nan


def _table(
    dataset: str,
    scale: str,
    images: str,
    precision: str,
    cells: Mapping[tuple[Row, Column], list[Run]],
    apart: str,
) -> Table:
    known = [*losses.names(), *losses.mask_names()]
    kinds = list(noise.KINDS)

    def place(row: Row) -> tuple[Any, ...]:
        known_loss = row.loss in known  # a reader's own comes last
        at = known.index(row.loss) if known_loss else len(known)
        return at, row.loss, len(row.changes), _natural(row)

    rows = sorted({row for row, _ in cells}, key=place)
    columns = sorted({column for _, column in cells}, key=lambda c: (kinds.index(c.noise), c.rate))
    ordered = {
        (row, column): tuple(sorted(cells[row, column], key=lambda run: run.spec.seed))
        for row in rows
        for column in columns
        if (row, column) in cells
    }
    return Table(dataset, scale, images, precision, tuple(rows), tuple(columns), ordered, apart)


def _natural(row: Row) -> list[tuple[str, float, str]]:
    """Return a key by which 2 comes before 10, whatever the changed fields hold."""
    return [
        (name, float(value) if isinstance(value, int | float) else 0.0, repr(value))
        for name, value in row.changes.items()
    ]


def _apart(key: tuple[str, str, str, str], keys: Iterable[tuple[str, str, str, str]]) -> str:
    """Say in what a group differs from the others of its data set and scale."""
    dataset, scale, images, precision = key
    others = [other for other in keys if other[:2] == (dataset, scale) and other != key]
    parts = [f"images {images}"] if any(other[2] != images for other in others) else []
    parts += [precision] if any(other[3] != precision for other in others) else []
    return ", ".join(parts)


def _numbers(values: Iterable[int]) -> str:
    """Write whole numbers in short: ``0-4, 7``."""
    parts: list[list[int]] = []
    for value in sorted(values):
        if parts and value == parts[-1][-1] + 1:
            parts[-1].append(value)
        else:
            parts.append([value])
    return ", ".join(f"{p[0]}-{p[-1]}" if len(p) > 2 else ", ".join(map(str, p)) for p in parts)


def _typed(value: Any) -> str:
    return Column(*value).typed if isinstance(value, tuple) else repr(value)


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(Column(*v).typed if isinstance(v, tuple) else str(v) for v in sorted(values))
