"""Files that are written whole or not at all, and files that one process at a time may write."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_STALE_SECONDS = 3600  # no write takes that long: what is older was left by a process that died


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a binary file that becomes ``path`` when the block ends without an error.

    Until then ``path`` is what it was, also after a crash or a power cut. Its folder is made. A
    symbolic link stays one, and the file it points to is written. What is no regular file, such
    as ``/dev/null`` or a pipe, is written into and never replaced.

    Raises
    ------
    OSError
        The file cannot be written; the message names it.
    """
    given = Path(path)
    target = Path(os.path.realpath(given))
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        if target.is_dir():
            raise IsADirectoryError(f"{given} is a folder; name a file in it")
        if target.exists() and not target.is_file():
            with target.open("wb") as file:
                yield file
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(target)
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        if error.strerror is None or error.filename in (given, str(given)):
            raise
        raise OSError(error.errno, f"{error.strerror}, writing", str(given)) from error


@contextmanager
def owning(path: str | os.PathLike[str], what: str = "file") -> Iterator[None]:
    """Hold ``path`` for this process while the block runs.

    Raises
    ------
    BlockingIOError
        Another process, or another block of this one, holds it.
    """
    from filelock import FileLock, Timeout

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BlockingIOError(f"{what} {path} is in use by another run; name another") from None
    try:
        yield
    finally:
        with suppress(OSError):
            Path(lock.lock_file).unlink()
        lock.release()


def _remove_stale(target: Path) -> None:
    """Remove what processes that were killed while writing ``target`` have left beside it."""
    for part in target.parent.glob(f".{target.name}.*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > _STALE_SECONDS:
                part.unlink()
