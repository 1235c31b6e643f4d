"""Recorded runs: small JSON files, one a run, written whole and found by what they hold."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar

from anl_edu import atomic, paths
from anl_edu.runs.protocol import digest
from anl_edu.runs.spec import RunSpec
from anl_edu.training import EpochRecord

T = TypeVar("T")
FORMAT = 2
_COLUMNS = tuple(f.name for f in fields(EpochRecord))
_SPEC = tuple(f.name for f in fields(RunSpec))


@dataclass(frozen=True)
class Run:
    """A run that has been made: its description, where it was made, one record an epoch.

    ``confusion`` counts test images at the last epoch, (K, K): row the true class, column the one
    that the model names; None where it was not recorded.
    """

    spec: RunSpec
    meta: Mapping[str, Any]
    records: tuple[EpochRecord, ...]
    confusion: tuple[tuple[int, ...], ...] | None = None

    @property
    def last(self) -> EpochRecord:
        """The last epoch: what the authors' code reports."""
        return self.records[-1]

    @property
    def best(self) -> float:
        """Best test accuracy of any epoch; choosing it needs clean labels, so it is no result."""
        return max(record.test_accuracy for record in self.records)

    @property
    def chosen(self) -> EpochRecord:
        """The epoch with the highest accuracy on held-out noisy labels, the first of several.

        Raises
        ------
        ValueError
            The recipe held nothing out.
        """
        return max(self.records, key=lambda record: _held_out(record, self.spec))


def write(run: Run, folder: str | Path) -> Path:
    """Write a run as one JSON file; the file is whole or not there.

    The name is the run's identity, so the same run made again takes the place of the first.

    Raises
    ------
    ValueError
        The folder holds runs of the same data set and scale on other images or in another
        precision.
    """
    folder = Path(folder)
    require_alike(folder, run.spec, run.meta)
    path = folder / run.spec.file_name
    body = _body(run)
    text = json.dumps({"sha256": digest(body), **body}, separators=(",", ":")) + "\n"
    with atomic.writing(path) as file:
        file.write(text.encode())
    return path


def read(path: str | Path) -> Run:
    """Read a recorded run; a file that is cut short or was edited is refused.

    Columns that the file lacks are read as missing (NaN), columns that are not known are left.

    Raises
    ------
    ValueError
        If the file is no recorded run, of another format, or does not match its own hash.
    """
    path = Path(path)
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        written = body.pop("sha256")
        number = body["format"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a whole recorded run ({error})") from None
    if number != FORMAT:
        raise ValueError(f"{path} has format {number}; this version reads format {FORMAT}")
    if written != digest(body):
        raise ValueError(f"{path} does not match its own hash {written[:10]}: edited or cut short")
    spec = RunSpec(**{k: v for k, v in body["spec"].items() if k in _SPEC})
    columns = {k: v for k, v in body["records"].items() if k in _COLUMNS}
    records = tuple(
        EpochRecord.from_dict({k: _long(v) for k, v in zip(columns, row, strict=True)})
        for row in zip(*columns.values(), strict=True)
    )
    counts = body.get("confusion")
    confusion = None if counts is None else tuple(tuple(row) for row in counts)
    return Run(spec, body["meta"], records, confusion)


def find(folder: str | Path | None = None, **filters: Any) -> list[Run]:
    """Return the recorded runs of a folder whose spec has the given values, in order of name.

    A file that is no recorded run is left out with a warning, and of two files of one run the
    first by name counts.

    Parameters
    ----------
    folder : path, optional
        When left out, the collection's own recorded runs and those in ``data/runs`` here.
    **filters
        Fields of `RunSpec`; a tuple or list means any of its values.
    """
    unknown = set(filters) - set(_SPEC)
    if unknown:
        known = ", ".join(_SPEC)
        raise ValueError(f"unknown filter {sorted(unknown)[0]!r}; a run has {known}")
    found: dict[str, Run] = {}
    for each in _folders(folder):
        for run in _read_all(each):
            found.setdefault(run.spec.digest, run)
    runs = list(found.values())
    for name, wanted in filters.items():
        allowed = wanted if isinstance(wanted, tuple | list) else (wanted,)
        runs = [run for run in runs if getattr(run.spec, name) in allowed]
    return sorted(runs, key=lambda run: (run.spec.stem, run.spec.seed, run.spec.digest))


def lookup(spec: RunSpec, folder: str | Path | None = None) -> Run | None:
    """Return the recorded run of one description, None where there is none; folders as in `find`.

    A file of that name which is no whole recorded run is left out with a warning.
    """
    for each in _folders(folder):
        path = each / spec.file_name
        if path.is_file():
            try:
                return read(path)
            except ValueError as error:
                warnings.warn(str(error), stacklevel=2)
    return None


def choose(settings: Mapping[T, Sequence[Run]]) -> T:
    """Return the setting that does best on held-out noisy labels: no clean label is looked at.

    What counts is the mean, over a setting's runs, of the accuracy on the noisy labels held out, at
    the last epoch; of equal ones the first wins. With n labels held out a difference below about
    ``1 / sqrt(n)`` is chance, so take several seeds.

    Parameters
    ----------
    settings
        Whatever is to be chosen (a lambda, a loss) to runs whose recipe holds labels out.

    Raises
    ------
    ValueError
        No settings, a setting without runs, or a run that held nothing out.
    """
    if not settings:
        raise ValueError("no settings to choose from")
    means: dict[T, float] = {}
    for name, some in settings.items():
        if not some:
            raise ValueError(f"no run for {name!r}")
        means[name] = fmean(_held_out(run.last, run.spec) for run in some)
    return max(means, key=lambda name: means[name])


def _held_out(record: EpochRecord, spec: RunSpec) -> float:
    if record.held_out_accuracy is None:
        raise ValueError(f"{spec.stem} held no labels out: record with held_out=0.1, say")
    return record.held_out_accuracy


def by_loss(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Group runs by loss, in the order of their first appearance."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.spec.loss, []).append(run)
    return groups


def require_alike(folder: str | Path, spec: RunSpec, meta: Mapping[str, Any]) -> None:
    """Raise where a folder would mix images or precisions within one data set and scale.

    CIFAR-10 and a copy of it that went through JPEG, say: their accuracies must not stand side
    by side. The sizes of parts may differ, the set they were taken from may not.
    """
    for path in sorted(Path(folder).glob(f"{spec.dataset}-{spec.scale}-*.json")):
        if path.name == spec.file_name:
            continue
        try:
            there = read(path).meta
        except ValueError:
            continue
        for key, words in (("images", "on other images"), ("precision", "in another precision")):
            if meta[key] != there.get(key):
                raise ValueError(
                    f"{folder} holds runs {words} ({path.name}: {there.get(key)}, here "
                    f"{meta[key]}): record into another folder"
                )
        return  # every file in the folder has passed here: one stands for all


def _folders(folder: str | Path | None) -> list[Path]:
    folders = [paths.recorded_runs(), Path("data/runs")] if folder is None else [Path(folder)]
    return list(dict.fromkeys(f.resolve() for f in folders))


def _read_all(folder: Path) -> list[Run]:
    runs = []
    for path in sorted(folder.glob("*.json")):
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            runs.append(read(path))
        except ValueError as error:
            warnings.warn(str(error), stacklevel=3)
    return runs


def _body(run: Run) -> dict[str, Any]:
    columns = {name: [_short(getattr(record, name)) for record in run.records] for name in _COLUMNS}
    return {
        "format": FORMAT,
        "spec": run.spec.as_dict(),
        "meta": dict(run.meta),
        "records": columns,
        **({} if run.confusion is None else {"confusion": run.confusion}),
    }


def _short(value: Any, digits: int = 5) -> Any:
    """JSON has no NaN; five digits are more than the test images of a desk can tell apart.

    Three are enough for numbers that stand once a class.
    """
    if isinstance(value, tuple):
        return [_short(v, 3) for v in value]
    if isinstance(value, float):
        return "nan" if math.isnan(value) else float(f"{value:.{digits}g}")
    return value


def _long(value: Any) -> Any:
    if isinstance(value, list):
        return [_long(v) for v in value]
    return math.nan if value == "nan" else value
