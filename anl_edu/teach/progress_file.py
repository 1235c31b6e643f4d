"""A small file of what has been attempted, solved and guessed. The reader may keep or delete it.

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
_GUESS = "guess "  # in the file a guess is "guess NAME: QUESTION": its answer
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
    """Return exercise name to status, and guesses; a missing or damaged file counts as empty."""
    file = path()
    return _best(_session, {} if file is None else _in_file(file))


def note(name: str, status: str) -> None:
    """Remember an attempt. Once right stays right; a place that cannot be written is no error.

    Several kernels may share the file: each adds what it knows to what the file holds by then.
    """
    if status != "not attempted":
        _keep({name: status})


def guesses(name: str) -> dict[str, str]:
    """Return question to answer of the guess of that name, as far as it was written down."""
    start = f"{_GUESS}{name}: "
    known = {k.removeprefix(start): v for k, v in read().items() if k.startswith(start)}
    return {question: answer for question, answer in known.items() if answer}


def note_guess(name: str, question: str, answer: str) -> None:
    """Remember an answer in the place of an earlier one."""
    _keep({f"{_GUESS}{name}: {question}": answer})


def _keep(news: dict[str, str]) -> None:
    _session.update(_best(_session, news))
    file = path()
    if file is None:
        return
    # another kernel may have guessed anew meanwhile: of older guesses the file knows best
    mine = {k: v for k, v in _session.items() if k in news or not k.startswith(_GUESS)}
    if _in_file(file) == _best(_in_file(file), mine):
        return
    with contextlib.suppress(OSError), _alone(file):
        kept = _in_file(file)
        known = _best(kept, mine)
        if known == kept:
            return
        text = json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False)
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
            return {k: v for k, v in found.items() if v in ("right", "wrong") or _is_guess(k, v)}
    return {}


def _best(one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """Return all that either knows; an exercise that either has right is right.

    Of two guesses the other's is the later.
    """
    return one | {k: v for k, v in other.items() if one.get(k) != "right" or _is_guess(k, v)}


def _is_guess(key: str, value: object) -> bool:
    return key.startswith(_GUESS) and isinstance(value, str)


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
