"""Rows of numbers with a label each, from a CSV file."""

from __future__ import annotations

import math
import os
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from anl_edu.data.csv_text import Record, csv_records, read_text
from anl_edu.data.images import ImageData


@dataclass(frozen=True)
class _Rows:
    path: object
    features: tuple[str, ...]
    x: Tensor  # (N, D) float32
    labels: list[str]
    lines: list[int]  # on which each row begins


def feature_table(
    train: str | os.PathLike[str],
    test: str | os.PathLike[str] | float = 0.2,
    *,
    label: str = "label",
    test_label: str | None = None,
    ignore: str | Sequence[str] = (),
    name: str = "table",
    seed: int = 0,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> ImageData:
    """Return the rows of a CSV file as features and labels.

    The first line names the columns. All columns but the label's and those to ``ignore`` are
    features and hold numbers; each is brought to mean 0 and deviation 1 of the training rows when
    it is trained on. Labels may be any text, and are the names of the classes; two that only spaces
    tell apart are refused.

    Parameters
    ----------
    train
        The file with the rows to learn from.
    test
        A file with the same features in any order, or the share of the rows of ``train`` to hold
        back, drawn with ``seed``: these have labels as noisy as the others.
    label, test_label
        Name of the label's column; in the test file the same unless another is given.
    ignore
        Columns that are no features, or the name of one: numbers of rows, remarks. It is enough if
        one of the two files has them.
    name
        What to call the set.
    delimiter, encoding
        How the files are written.

    Returns
    -------
    ImageData
        ``x_train`` and ``x_test`` are float32 (N, D, 1, 1): D features stand as channels of one
        pixel, which is what `anl_edu.training.fit` takes besides images. ``train_index`` holds the
        numbers of the training rows in their file, from 0 after the header.

    Raises
    ------
    FileNotFoundError
        A file is missing.
    ValueError
        What is wrong with a file; the message names it, the line, the column and the value.
    """
    ignore = (ignore,) if isinstance(ignore, str) else ignore
    there = [] if isinstance(test, float | int) else _columns(test, delimiter, encoding)
    needed = [column for column in ignore if column not in there]
    rows = _read(train, label, ignore, needed, delimiter, encoding)
    _check_spaces(rows, label)
    classes = _sorted({*rows.labels})
    if len(classes) < 2:
        raise ValueError(f"{train}, column {label!r}: there is only one class, {classes[0]!r}")
    number = {text: k for k, text in enumerate(classes)}
    y = torch.tensor([number[text] for text in rows.labels])
    keep = torch.arange(len(y))
    if isinstance(test, float | int):
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
        held = math.ceil(test * len(y))
        if not 0 < held < len(y):
            raise ValueError(f"cannot hold back a share of {test} of {len(y)} rows")
        keep, out = order[held:].sort().values, order[:held].sort().values
        x_test, y_test, said = rows.x[out], y[out], f"rows of {train}"
    else:
        of_test = label if test_label is None else test_label
        others = _read(test, of_test, ignore, (), delimiter, encoding)
        odd = sorted({*rows.features} ^ {*others.features})
        if odd:
            raise ValueError(f"the columns of {train} and {test} differ: only one has {odd[0]!r}")
        for line, text in zip(others.lines, others.labels, strict=True):
            if text not in number:
                raise ValueError(
                    f"{test}, line {line}, column {of_test!r}: there is no {text!r} in {train}"
                )
        x_test = others.x[:, [others.features.index(feature) for feature in rows.features]]
        y_test = torch.tensor([number[text] for text in others.labels])
        said = f"rows of {train} and {test}"
    x_train = rows.x[keep]
    std = x_train.double().std(0, correction=0)
    return ImageData(
        name=name,
        source=f"{said}: {len(keep):,} train + {len(y_test):,} test, "
        f"{len(rows.features)} features, {len(classes)} classes",
        x_train=x_train[:, :, None, None],
        y_train=y[keep],
        x_test=x_test[:, :, None, None],
        y_test=y_test,
        classes=classes,
        mean=tuple(x_train.double().mean(0).tolist()),
        std=tuple(torch.where(std > 0, std, 1.0).tolist()),  # a constant column stays 0
        train_index=keep,
    )


def _read(
    path: str | os.PathLike[str],
    label: str,
    ignore: Sequence[str],
    needed: Sequence[str],
    delimiter: str,
    encoding: str,
) -> _Rows:
    found = _records(path, delimiter, encoding)
    header = next(found, None)
    if header is None:
        raise ValueError(f"{path} is empty: its first line must name the columns")
    columns = header.fields
    twice = [column for column in columns if columns.count(column) > 1]
    if twice:
        raise ValueError(f"{path}, line {header.line}: two columns are called {twice[0]!r}")
    for column in (label, *needed):
        if column not in columns:
            raise ValueError(
                f"{path}, line {header.line}: there is no column {column!r}; there are "
                + ", ".join(map(repr, columns))
                + _other_delimiter(columns)
            )
    at = columns.index(label)
    places = [i for i, column in enumerate(columns) if i != at and column not in ignore]
    if not places:
        raise ValueError(f"{path}, line {header.line}: no column is left for the features")
    values, labels, lines = array("f"), [], []
    for record in found:
        fields = record.fields
        if not fields[at].strip():
            raise ValueError(f"{path}, line {record.line}, column {label!r}: the label is empty")
        for i in places:
            values.append(_number(fields[i], path, record.line, columns[i]))
        labels.append(fields[at])
        lines.append(record.line)
    if not labels:
        raise ValueError(f"{path} has a header and no rows")
    x = torch.frombuffer(values, dtype=torch.float32).reshape(len(labels), -1).clone()
    return _Rows(path, tuple(columns[i] for i in places), x, labels, lines)


def _records(path: str | os.PathLike[str], delimiter: str, encoding: str) -> Iterator[Record]:
    """Yield the records that are no empty lines, the header first."""
    return (r for r in csv_records(read_text(path, encoding), path, delimiter) if r.fields)


def _columns(path: str | os.PathLike[str], delimiter: str, encoding: str) -> list[str]:
    """Return the names in the header."""
    header = next(_records(path, delimiter, encoding), None)
    return [] if header is None else header.fields


def _other_delimiter(columns: Sequence[str]) -> str:
    """Say which delimiter may be meant, where one column holds all of the header."""
    marks = [mark for mark in (";", "\t", ",", "|") if len(columns) == 1 and mark in columns[0]]
    return f"; is delimiter={marks[0]!r} meant?" if marks else ""


def _check_spaces(rows: _Rows, label: str) -> None:
    """Refuse labels that only spaces at an end tell apart."""
    first: dict[str, str] = {}  # without spaces -> as it was first written
    for text, line in zip(rows.labels, rows.lines, strict=True):
        other = first.setdefault(text.strip(), text)
        if other != text:
            raise ValueError(
                f"{rows.path}, line {line}, column {label!r}: {text!r} and {other!r} would be two "
                "classes, which only spaces tell apart"
            )


def _number(text: str, path: object, line: int, column: str) -> float:
    try:
        value = float(text)
    except ValueError:
        said = f"{text[:40]!r} is no number" if text.strip() else "there is no value"
        if _DECIMAL_COMMA.fullmatch(text.strip()):
            said += " (decimals are written with a point)"
        raise ValueError(
            f"{path}, line {line}, column {column!r}: {said}; columns that are no features can be "
            "named in `ignore`"
        ) from None
    if not abs(value) <= _LARGEST:  # NaN, too
        raise ValueError(f"{path}, line {line}, column {column!r}: {text[:40]!r} is not finite")
    return value


_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.I)
_LARGEST = torch.finfo(torch.float32).max


def _sorted(classes: set[str]) -> tuple[str, ...]:
    """Whole numbers by their size, other names by the alphabet."""
    whole = all(text.isascii() and text.removeprefix("-").isdigit() for text in classes)
    return tuple(sorted(classes, key=(lambda text: (int(text), text)) if whole else None))
