"""Files that are written whole or not at all, and files that one process at a time may write."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_STALE_SECONDS = 3600  # no write takes that long: what is older was left by a process that died


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a binary file that becomes ``path`` when the block ends without an error.

    Until then ``path`` is what it was, also after a crash or a power cut. Its folder is made, and
    a file that is replaced hands on its permissions. A symbolic link stays one, and the file it
    points to is written. What is no regular file, such as ``/dev/null`` or a pipe, is written into
    and never replaced.

    Raises
    ------
    OSError
        The file cannot be written; the message names it.
    """
    path = Path(path)
    target = Path(os.path.realpath(path))
    with _naming(path, target):
        there = _status(path)
        if there is not None and stat.S_ISDIR(there.st_mode):
            raise IsADirectoryError(errno.EISDIR, "A folder, where a file was to be", str(path))
        if there is not None and not stat.S_ISREG(there.st_mode):
            with path.open("wb") as file:
                yield file
            return
        _make_folder(target.parent)
        temporary = target.with_name(f"{_prefix(target)}{secrets.token_hex(8)}.part")
        with temporary.open("xb") as file:  # "x": what somebody else put there is never written
            try:
                if there is not None:
                    temporary.chmod(stat.S_IMODE(there.st_mode))
                _remove_stale(target, now=temporary.stat().st_mtime)
                yield file
                file.flush()
                os.fsync(file.fileno())
                file.close()
                temporary.replace(target)
            except BaseException:
                with suppress(OSError):
                    file.close()  # which may try, and fail, to write what is left
                with suppress(OSError):
                    temporary.unlink()
                raise


@contextmanager
def owning(
    path: str | os.PathLike[str], what: str = "file", *, waiting: str | None = None
) -> Iterator[None]:
    """Hold ``path`` for this process while the block runs; two links to one file are one file.

    Parameters
    ----------
    path
        The file; it need not exist. A lock lies beside it meanwhile.
    what
        What to call it in an error.
    waiting
        What to say before waiting for another owner; None does not wait.

    Raises
    ------
    BlockingIOError
        Another process, or another block of this one, holds it, and ``waiting`` is None.
    """
    from filelock import FileLock, Timeout

    target = Path(os.path.realpath(path))
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    with _naming(Path(path), target):
        _make_folder(target.parent)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if waiting is None:
                raise BlockingIOError(
                    f"{what} {path} is in use by another run; name another"
                ) from None
            print(waiting, file=sys.stderr)
            lock.acquire()
    try:
        yield
    finally:
        with suppress(OSError):  # while it is held, so that nobody else's is removed
            Path(lock.lock_file).unlink()
        lock.release()


@contextmanager
def _naming(path: Path, target: Path) -> Iterator[None]:
    """Let errors name ``path``: not the file beside ``target``, and not nothing (a full disk)."""
    try:
        yield
    except OSError as error:
        about = error.filename
        beside = isinstance(about, str) and Path(about).name.startswith(_prefix(target))
        if error.errno is None or not (about is None or beside):
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


def _status(path: Path) -> os.stat_result | None:
    """Status of what is there at the end of all links, or None; a loop of links is an error."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(
            errno.ENOTDIR, "A file, where a folder was to be", str(folder)
        ) from None


def _prefix(target: Path) -> str:
    return f".{target.name[:100]}."  # a name may be as long as names can be, and this is longer


def _remove_stale(target: Path, now: float) -> None:
    """Remove what processes that were killed while writing ``target`` have left beside it.

    ``now`` is the age of a file just made there: a shared disk may have a clock of its own.
    """
    ours = re.compile(re.escape(_prefix(target)) + r"[0-9a-f]{16}\.part")
    with os.scandir(target.parent) as entries:
        for entry in entries:
            with suppress(OSError):
                if ours.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    age = now - entry.stat(follow_symlinks=False).st_mtime
                    if age > _STALE_SECONDS:
                        Path(entry).unlink()
