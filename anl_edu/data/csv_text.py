"""CSV files, record by record, each with its own text, so that a copy can keep every character."""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anl_edu import atomic

BOM = "\ufeff"


@dataclass(frozen=True)
class Record:
    """One row of a CSV file, or an empty line.

    Attributes
    ----------
    line
        The line of the file on which it begins, from 1; a quoted field may hold further ones.
    fields
        What stands in it; nothing for an empty line.
    text
        Its characters in the file, with those that end the line.
    """

    line: int
    fields: list[str]
    text: str


def read_text(path: str | os.PathLike[str], encoding: str = "utf-8") -> str:
    """Return a file's text with every line's own ending.

    Raises
    ------
    FileNotFoundError
        It is not there.
    ValueError
        It is not in this encoding; the message names the line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    raw = path.read_bytes()
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        likely = "utf-16" if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "latin-1"
        raise ValueError(
            f"{path}, line {line}: byte {raw[error.start]:#04x} is not {encoding}; name the file's "
            f'own encoding, e.g. encoding="{likely}"'
        ) from None


def csv_records(text: str, name: object, delimiter: str = ",") -> Iterator[Record]:
    """Yield the records of a CSV text, the header first; joined, their texts are all but a BOM.

    Parameters
    ----------
    text
        Fields are separated by ``delimiter``; one that holds it, a quote or a new line stands in
        quotes, and a quote in it is doubled (RFC 4180). Lines end as on Unix, Windows or old Macs.
    name
        The file, for errors.

    Raises
    ------
    ValueError
        A quote that is never closed, text after a closed one, or a row that has more or fewer
        fields than the header; the message names file and line.
    """
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(text.removeprefix(BOM), newline=""):
            taken.append(line)
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)  # takes no line too many
    begins, width = 1, 0
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(f"{name}, line {begins}: {error}") from None
        width = width or len(fields)
        if fields and len(fields) != width:
            raise ValueError(
                f"{name}, line {begins}: the header has {_count(width)}, here are {len(fields)}"
            )
        yield Record(begins, fields, "".join(taken))
        begins += len(taken)
        taken.clear()


def with_columns(
    text: str,
    columns: Mapping[str, Callable[[int, Sequence[str]], str]],
    name: object,
    delimiter: str = ",",
) -> Iterator[str]:
    """Yield the text of a CSV file with columns added at the end of each row, piece by piece.

    Whatever was there stays as it was, to the character: a BOM, quotes, line endings, empty lines.

    Parameters
    ----------
    text, name, delimiter
        As for `csv_records`.
    columns
        Name to ``value(number, fields)`` for each row, numbered from 0 after the header.

    Raises
    ------
    ValueError
        As `csv_records`; also for a column that is there already, or a file without a header.
    """
    if text.startswith(BOM):
        yield BOM
    number = -1  # the header's
    for record in csv_records(text, name, delimiter):
        if not record.fields:
            yield record.text
            continue
        body = record.text.rstrip("\r\n")
        if number < 0:
            there = [column for column in columns if column in record.fields]
            if there:
                raise ValueError(f"{name} has a column {there[0]!r} already: name another")
            added = list(columns)
        else:
            added = [value(number, record.fields) for value in columns.values()]
        number += 1
        yield delimiter.join([body, *(_quoted(value, delimiter) for value in added)])
        yield record.text[len(body) :]
    if number < 0:
        raise ValueError(f"{name} is empty: its first line must name the columns")


def write_text(path: str | os.PathLike[str], parts: Iterator[str], encoding: str = "utf-8") -> None:
    """Write text to a file, whole or not at all.

    Raises
    ------
    ValueError
        A character is not in this encoding; the message names both.
    """
    encoder = codecs.getincrementalencoder(encoding)()  # a mark at the beginning is written once
    with atomic.writing(path) as file:
        try:
            for part in parts:
                file.write(encoder.encode(part))
            file.write(encoder.encode("", final=True))
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{path}: {error.object[error.start]!r} cannot be written in {encoding}; do "
                "without it, or save the file that the labels came from as UTF-8 first"
            ) from None


def _quoted(value: str, delimiter: str) -> str:
    plain = (
        not any(mark in value for mark in (delimiter, '"', "\r", "\n")) and value == value.strip()
    )
    return value if plain else '"' + value.replace('"', '""') + '"'


def _count(width: int) -> str:
    return f"{width} column" + ("s" if width != 1 else "")
