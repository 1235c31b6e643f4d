"""A small file of what has been attempted and solved. It is the reader's to keep or delete.

``notebooks/.progress.json`` in a checkout, otherwise ``~/.anl_edu/progress.json``; the variable
``ANL_EDU_PROGRESS`` names another file, or ``off`` for none (attempts are then remembered until
the kernel stops).
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from anl_edu import atomic, paths

_PATIENCE = 2.0  # seconds to wait for another kernel's write, which takes milliseconds
_session: dict[str, str] = {}


def path() -> Path | None:
    """Return the progress file's path, or None where progress is not kept.

    It is not kept in what is no regular file, such as ``/dev/null``.
    """
    named = os.environ.get("ANL_EDU_PROGRESS")
    if named == "off" or (named is None and os.environ.get("CI")):
        return None
    root = paths.checkout()
    try:
        if named:
            file = Path(named).expanduser()
        elif root is not None:
            file = root / "notebooks" / ".progress.json"
        else:
            file = Path.home() / ".anl_edu" / "progress.json"
        return None if file.exists() and not file.is_file() else file
    except (OSError, RuntimeError):  # no home, or a folder that may not be looked into
        return None


def read() -> dict[str, str]:
    """Return exercise name to status; a missing or damaged file counts as empty."""
    file = path()
    return _best({} if file is None else _in_file(file), _session)


def note(name: str, status: str) -> None:
    """Remember an attempt. Once right stays right; a place that cannot be written is no error.

    Several kernels may share the file: each adds what it knows to what the file holds by then.
    """
    if status == "not attempted":
        return
    _session.update(_best({name: _session.get(name, status)}, {name: status}))
    file = path()
    if file is None or _adds_nothing(_in_file(file)):
        return
    with contextlib.suppress(OSError), _alone(file):
        kept = _in_file(file)
        if _adds_nothing(kept):
            return
        text = json.dumps(_best(kept, _session), indent=1, sort_keys=True)
        with atomic.writing(file) as out:
            out.write(text.encode())


def attempted(name: str) -> bool:
    """Tell whether there has been an attempt, right or wrong."""
    return name in read()


def forget() -> None:
    """Delete the file and what this session remembers."""
    _session.clear()
    file = path()
    if file is not None:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
            _lock(file).unlink(missing_ok=True)


def _in_file(file: Path) -> dict[str, str]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return {str(k): v for k, v in found.items() if v in ("right", "wrong")}
    return {}


def _best(one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """Return all that either knows; an exercise that either has right is right."""
    return one | {k: v for k, v in other.items() if one.get(k) != "right"}


def _adds_nothing(kept: dict[str, str]) -> bool:
    return _best(kept, _session) == kept


def _lock(file: Path) -> Path:
    return file.with_name(f".{file.stem.lstrip('.')}.lock")


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Hold the lock beside the file; TimeoutError where another process does not let go of it."""
    from filelock import FileLock

    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(_lock(file), timeout=_PATIENCE)
    with contextlib.suppress(NotImplementedError):  # some network file systems have no locks
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
