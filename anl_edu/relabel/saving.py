"""Corrected labels as a CSV file: the file they came from, to the character, and three columns."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from anl_edu.data import ImageData, ImageFiles
from anl_edu.data.csv_text import csv_records, read_text, with_columns, write_text
from anl_edu.data.files import Images
from anl_edu.relabel.decisions import Decision

COLUMNS = ("corrected_label", "decided_by", "reason")


def save(
    target: str | os.PathLike[str],
    data: ImageData,
    decided: Mapping[int, Decision],
    source: str | os.PathLike[str] | None,
    *,
    label: str = "label",
    columns: tuple[str, str, str] = COLUMNS,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> None:
    """Write corrected labels; `Board.save` says what all of this means."""
    if source is not None and Path(target).resolve() == Path(source).resolve():
        raise ValueError(f"{target} is the file the labels came from: name another")
    if source is None:
        text, label, encoding = listing(data, delimiter), "label", "utf-8"
        places = list(range(len(data.y_train)))
    else:
        text = read_text(source, encoding)
        if data.train_index is None:
            raise ValueError("train_index is missing: it says which rows of the file these are")
        places = data.train_index.tolist()
    row_of = {place: row for row, place in enumerate(places)}  # number in the file -> training row
    given = data.y_train.tolist()
    at = _place(label, text, source, delimiter)
    seen = 0

    def new_label(number: int, fields: Sequence[str]) -> str:
        nonlocal seen
        row = row_of.get(number)
        if row is None:  # held back for the test
            return fields[at]
        if fields[at] != data.classes[given[row]]:
            raise _changed(source, f"its row {number} is labelled {fields[at]!r}")
        seen += 1
        return data.classes[decided[row].label if row in decided else given[row]]

    def who(number: int, fields: Sequence[str]) -> str:
        decision = decided.get(row_of.get(number, -1))
        return decision.by if decision else ""

    def why(number: int, fields: Sequence[str]) -> str:
        decision = decided.get(row_of.get(number, -1))
        return decision.why if decision else ""

    def parts() -> Iterator[str]:
        made = dict(zip(columns, (new_label, who, why), strict=True))
        yield from with_columns(text, made, source, delimiter)
        if seen < len(row_of):
            raise _changed(source, f"{len(row_of) - seen} rows are missing at its end")

    write_text(target, parts(), encoding)


def listing(data: ImageData, delimiter: str = ",") -> str:
    """Return a CSV text that lists the training images, by file or by number, and their labels.

    The number is the place in the full set (``train_index``), where that is known.
    """
    x: Images = data.x_train
    if isinstance(x, ImageFiles):
        head, names = "image", [x.path(i).relative_to(x.root).as_posix() for i in range(len(x))]
    else:
        places = range(len(x)) if data.train_index is None else data.train_index.tolist()
        head, names = "row", [str(place) for place in places]
    labels = (data.classes[k] for k in data.y_train.tolist())
    made = io.StringIO(newline="")
    rows = [(head, "label"), *zip(names, labels, strict=True)]
    csv.writer(made, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    return made.getvalue()


def _place(label: str, text: str, source: object, delimiter: str) -> int:
    header = next((r.fields for r in csv_records(text, source, delimiter) if r.fields), [])
    if label not in header:
        raise ValueError(f"{source} has no column {label!r}")
    return header.index(label)


def _changed(source: object, how: str) -> ValueError:
    return ValueError(f"{source} is not the file that these rows were read from: {how}")
