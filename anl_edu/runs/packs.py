"""Many run files in one: an archive that holds each under its own name.

A folder of a thousand small files is slow to copy and tedious to look through. In an archive a run
is found by its name without reading the others, and ``unzip`` gives the files back.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from anl_edu import atomic

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # no dates: the same runs give the same bytes
_FAULTS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError)


def names(archive: Path) -> tuple[str, ...]:
    """Return the names of the files in an archive, in order; ValueError if it is not whole."""
    try:
        status = archive.stat()
    except OSError as error:
        raise _damaged(archive, error) from None
    return _names(archive, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _names(archive: Path, mtime: int, size: int) -> tuple[str, ...]:
    try:
        with zipfile.ZipFile(archive) as opened:
            return tuple(sorted(opened.namelist()))
    except _FAULTS as error:
        raise _damaged(archive, error) from None


def texts(archive: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Give name and text of the files that are wanted; ValueError if the archive is damaged."""
    there = [name for name in names(archive) if wanted(name)]
    if not there:
        return
    try:
        with zipfile.ZipFile(archive) as opened:
            for name in there:
                yield name, opened.read(name)
    except _FAULTS as error:
        raise _damaged(archive, error) from None


def write(archive: Path, files: Mapping[str, bytes]) -> None:
    """Write an archive of files, whole or not at all."""
    with (
        atomic.writing(archive) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as opened,
    ):
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            opened.writestr(entry, files[name])


def _damaged(archive: Path, error: Exception) -> ValueError:
    return ValueError(f"{archive} is not a whole archive of recorded runs ({error})")
