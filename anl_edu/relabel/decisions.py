"""Decisions about labels, in a file that grows by a line for each and so never loses one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from anl_edu import atomic
from anl_edu.data import ImageData, ImageFiles

FORMAT = "anl-edu relabelling, 1"


@dataclass(frozen=True)
class Decision:
    """What somebody says of one label.

    Attributes
    ----------
    label
        The class, 0..K-1; the one that was given, where it is right.
    by, why
        Who says so, and on what grounds.
    """

    label: int
    by: str
    why: str


class Decisions:
    """The decisions on one data set, in one file.

    The file's first line says whose labels it is about; each further one is a decision, or takes
    the last one back. A line is written, and on the disk, before `put` returns. A line that a power
    cut left unfinished is not counted. Several may write to one file, one after the other: each
    sees what the others wrote before it writes itself.

    Parameters
    ----------
    path
        The file; it is begun if it is not there.
    data
        The data set under the labels that it was given.

    Raises
    ------
    ValueError
        The file is about other data, or is none of these; the message names it.
    """

    def __init__(self, path: str | os.PathLike[str], data: ImageData) -> None:
        self.path = Path(path)
        self._rows, self._classes = len(data.y_train), data.num_classes
        self._head = {"format": FORMAT, "data": fingerprint(data), "rows": self._rows}
        self._stack: list[tuple[int, Decision | None]] = []  # row, and what held before
        self._of_row: dict[int, Decision] = {}
        self._lines = 1
        if not self.path.exists():
            with atomic.writing(self.path) as file:
                file.write(_line(self._head))
        with self.path.open("rb") as whole:
            first = whole.readline()
        self._check(first)
        self._read = len(first)  # bytes that are known
        self.refresh()

    @property
    def of_row(self) -> Mapping[int, Decision]:
        """Training row -> what holds for it now."""
        return MappingProxyType(self._of_row)

    @property
    def last(self) -> int | None:
        """The row that was decided last, which `undo` would take back; None where there is none."""
        return self._stack[-1][0] if self._stack else None

    def put(self, row: int, decision: Decision) -> None:
        """Write a decision down.

        Raises
        ------
        ValueError
            There is no such row, or no such class.
        OSError
            It could not be written, and does not hold.
        """
        entry = {"row": int(row), "label": int(decision.label)}
        self._write(entry | {"by": decision.by, "why": decision.why})

    def undo(self) -> int | None:
        """Take the last decision back; return its row, or None where there is none."""
        self.refresh()
        row = self.last
        if row is not None:
            self._write({"undo": row})
        return row

    def refresh(self) -> None:
        """Read what has been written since, here or elsewhere."""
        with self.path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self._read:
                raise ValueError(f"{self.path} has become shorter: something else changed it")
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # unfinished
                self._lines += 1
                self._take(self._parsed(line))
                self._read += len(line)

    def _write(self, entry: dict[str, Any]) -> None:
        self._understood(entry, ValueError)
        self.refresh()
        if self.path.stat().st_size > self._read:
            os.truncate(self.path, self._read)  # an unfinished line
        with self.path.open("ab", buffering=0) as file:  # whole, in one call
            file.write(_line(entry))
            os.fsync(file.fileno())
        self.refresh()

    def _take(self, entry: dict[str, Any]) -> None:
        if "undo" in entry:
            row, before = self._stack.pop()
            if before is None:
                del self._of_row[row]
            else:
                self._of_row[row] = before
            return
        row = entry["row"]
        self._stack.append((row, self._of_row.get(row)))
        self._of_row[row] = Decision(entry["label"], entry["by"], entry["why"])

    def _parsed(self, line: bytes) -> dict[str, Any]:
        broken = ValueError(f"{self.path}, line {self._lines} is no decision: {line[:80]!r}")
        try:
            entry = json.loads(line)
            if "undo" in entry:
                if self.last != entry["undo"]:
                    raise broken
            else:
                self._understood(
                    {key: entry[key] for key in ("row", "label", "by", "why")}, KeyError
                )
        except (ValueError, KeyError, TypeError):
            raise broken from None
        return entry

    def _understood(self, entry: dict[str, Any], kind: type[Exception]) -> None:
        if "undo" in entry:
            return
        for what, count in (("row", self._rows), ("label", self._classes)):
            if not 0 <= entry[what] < count:
                raise kind(f"there is no {what} {entry[what]}: they are 0..{count - 1}")

    def _check(self, first: bytes) -> None:
        try:
            head = json.loads(first)
            known = head["format"], head["data"]
        except (ValueError, KeyError, TypeError):
            known = None, None
        if known[0] != FORMAT:
            raise ValueError(f"{self.path} holds no decisions about labels: name another file")
        if known[1] != self._head["data"]:
            raise ValueError(
                f"{self.path} holds decisions about other data (fingerprint {known[1]}, here "
                f"{self._head['data']}): name another file, or load the data that it belongs to"
            )


def fingerprint(data: ImageData) -> str:
    """Return a short hash of the training images or rows, the labels given and the class names."""
    sha = hashlib.sha256(json.dumps(data.classes).encode())
    for part in (data.x_train, data.y_train):
        if isinstance(part, ImageFiles):
            sha.update(part.identity())
        else:
            sha.update(f"{tuple(part.shape)}{part.dtype}".encode())
            sha.update(part.cpu().contiguous().numpy().data)
    return sha.hexdigest()[:16]


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, ensure_ascii=False).encode() + b"\n"
