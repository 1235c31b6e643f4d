"""Recorded runs: small JSON files, one a run, loose or packed, found by what they hold."""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from anl_edu import atomic, paths
from anl_edu.runs import packs
from anl_edu.runs.protocol import digest
from anl_edu.runs.run import Run
from anl_edu.runs.spec import RunSpec
from anl_edu.training import EpochRecord

FORMAT = 2
_COLUMNS = tuple(f.name for f in fields(EpochRecord))
_SPEC = tuple(f.name for f in fields(RunSpec))


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
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{path} is not a whole recorded run ({error})") from None
    return decode(text, str(path))


@lru_cache(maxsize=1024)  # a lesson asks for the same runs again and again
def decode(text: bytes, name: str) -> Run:
    """Read a recorded run from the text of its file; ``name`` says which in an error."""
    try:
        body = json.loads(text)
        written = body.pop("sha256")
        number = body["format"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{name} is not a whole recorded run ({error})") from None
    if number != FORMAT:
        raise ValueError(f"{name} has format {number}; this version reads format {FORMAT}")
    if written != digest(body):
        raise ValueError(f"{name} does not match its own hash {written[:10]}: edited or cut short")
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

    What is no recorded run is left out with a warning. Of two files of one run the first by name
    counts, and a loose file before one that is packed.

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
    wanted = {k: tuple(v) if isinstance(v, tuple | list) else (v,) for k, v in filters.items()}
    found: dict[str, Run] = {}
    for each in _folders(folder):
        files = _loose(sorted(each.glob("*.json")))
        archives = _packed(sorted(each.glob("*.zip")), lambda name: _may_be(name, wanted))
        for name, text in itertools.chain(files, archives):
            try:
                run = decode(text, name)
            except ValueError as error:
                warnings.warn(str(error), stacklevel=2)
            else:
                found.setdefault(run.spec.digest, run)
    runs = [
        run
        for run in found.values()
        if all(getattr(run.spec, name) in allowed for name, allowed in wanted.items())
    ]
    return sorted(runs, key=lambda run: (run.spec.stem, run.spec.seed, run.spec.digest))


def lookup(spec: RunSpec, folder: str | Path | None = None) -> Run | None:
    """Return the recorded run of one description, None where there is none; folders as in `find`.

    A file of that name which is no whole recorded run is left out with a warning.
    """
    for each in _folders(folder):
        files = _loose([each / spec.file_name])
        archive = _packed([each / archive_name(spec)], lambda name: name == spec.file_name)
        for name, text in itertools.chain(files, archive):
            try:
                return decode(text, name)
            except ValueError as error:
                warnings.warn(str(error), stacklevel=2)
    return None


def holds(folder: str | Path, spec: RunSpec) -> bool:
    """Tell whether a folder has the record file of a run, loose or packed; it is not read."""
    folder = Path(folder)
    if (folder / spec.file_name).is_file():
        return True
    archive = folder / archive_name(spec)
    return archive.is_file() and spec.file_name in packs.names(archive)


def names(folder: str | Path) -> list[str]:
    """Return the names of the run files that a folder holds, loose or packed; none is read."""
    folder = Path(folder)
    loose = {path.name for path in folder.glob("*.json") if path.is_file()}
    packed = (packs.names(path) for path in folder.glob("*.zip") if path.is_file())
    return sorted(loose.union(*packed))


def pack(folder: str | Path) -> list[Path]:
    """Move a folder's run files into its archives, one a data set, scale and kind of noise.

    A run that is in the archive already is replaced by its file. What is no whole recorded run
    stays where it is, with a warning. Whoever records into the folder meanwhile may go on.

    Returns
    -------
    list of Path
        The archives written.

    Raises
    ------
    ValueError
        An archive that is there is damaged: nothing is moved into it.
    OSError
        An archive cannot be written: the files are where they were.
    """
    folder = Path(folder)
    files: dict[Path, dict[str, Path]] = {}
    for name, text in _loose(sorted(folder.glob("*.json"))):
        try:
            spec = decode(text, name).spec
        except ValueError as error:
            warnings.warn(str(error), stacklevel=2)
        else:
            files.setdefault(folder / archive_name(spec), {})[spec.file_name] = Path(name)
    for archive, paths_of in files.items():
        with atomic.owning(archive, "archive", waiting=f"{archive} is being packed; waiting"):
            there = dict(packs.texts(archive, lambda _: True)) if archive.exists() else {}
            packs.write(archive, there | {k: path.read_bytes() for k, path in paths_of.items()})
        for path in paths_of.values():
            path.unlink()
    return list(files)


def archive_name(spec: RunSpec) -> str:
    """Return the name of the archive that a packed run lies in: ``digits-desk-symmetric.zip``."""
    return f"{spec.dataset}-{spec.scale}-{spec.noise}.zip"


def require_alike(folder: str | Path, spec: RunSpec, meta: Mapping[str, Any]) -> None:
    """Raise where a folder would mix images or precisions within one data set and scale.

    CIFAR-10 and a copy of it that went through JPEG, say: their accuracies must not stand side
    by side. The sizes of parts may differ, the set they were taken from may not.
    """
    group = f"{spec.dataset}-{spec.scale}"
    files = _loose(sorted(Path(folder).glob(f"{group}-*.json")))
    archive = _packed(sorted(Path(folder).glob(f"{group}-*.zip")), lambda _: True)
    for name, text in itertools.chain(files, archive):
        if Path(name).name == spec.file_name:
            continue
        try:
            there = decode(text, name).meta
        except ValueError:
            continue
        for key, words in (("images", "on other images"), ("precision", "in another precision")):
            if meta[key] != there.get(key):
                raise ValueError(
                    f"{folder} holds runs {words} ({Path(name).name}: {there.get(key)}, here "
                    f"{meta[key]}): record into another folder"
                )
        return  # every file in the folder has passed here: one stands for all


def _folders(folder: str | Path | None) -> list[Path]:
    folders = [paths.recorded_runs(), Path("data/runs")] if folder is None else [Path(folder)]
    return list(dict.fromkeys(f.resolve() for f in folders))


def _loose(files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    """Give path and text of each file that can be read."""
    for path in files:
        if not path.name.startswith(".") and path.is_file():
            try:
                yield str(path), path.read_bytes()
            except OSError as error:
                warnings.warn(f"{path} cannot be read ({error})", stacklevel=3)


def _packed(archives: Iterable[Path], wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Give place and text of each file in archives whose name is wanted."""
    for archive in archives:
        if archive.name.startswith(".") or not archive.is_file():
            continue
        try:
            for name, text in packs.texts(archive, wanted):
                yield f"{archive}/{name}", text
        except ValueError as error:
            warnings.warn(str(error), stacklevel=3)


def _may_be(name: str, wanted: Mapping[str, tuple[Any, ...]]) -> bool:
    """Whether a file of this name, which `RunSpec.file_name` gave, can be one that is wanted."""
    parts = {
        "dataset": "{}-",
        "scale": "-{}-",
        "noise": "-{}-",
        "loss": "-{}-seed",
        "seed": "-seed{}-",
    }
    return all(
        any(parts[field].format(value) in name for value in values)
        for field, values in wanted.items()
        if field in parts
    )


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
