"""A small file of what has been attempted and solved. It is the reader's to keep or delete.

``notebooks/.progress.json`` in a checkout, otherwise ``~/.anl_edu/progress.json``; the variable
``ANL_EDU_PROGRESS`` names another file, or ``off`` for none (attempts are then remembered until
the kernel stops).
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from anl_edu import atomic, paths

_session: dict[str, str] = {}


def path() -> Path | None:
    """Return the progress file's path, or None where progress is not kept."""
    named = os.environ.get("ANL_EDU_PROGRESS")
    if named == "off" or (named is None and os.environ.get("CI")):
        return None
    if named:
        return Path(named)
    root = paths.checkout()
    if root is not None:
        return root / "notebooks" / ".progress.json"
    return Path.home() / ".anl_edu" / "progress.json"


def read() -> dict[str, str]:
    """Return exercise name to status; a missing or damaged file counts as empty."""
    kept: dict[str, str] = {}
    file = path()
    if file is not None:
        with contextlib.suppress(OSError, ValueError):
            found = json.loads(file.read_text(encoding="utf-8"))
            if isinstance(found, dict):
                kept = {str(k): str(v) for k, v in found.items() if v in ("right", "wrong")}
    return kept | _session


def note(name: str, status: str) -> None:
    """Remember an attempt. Once right stays right; a place that cannot be written is no error."""
    before = read()
    if status == "not attempted" or before.get(name) in ("right", status):
        return
    _session[name] = status
    file = path()
    if file is None:
        return
    text = json.dumps(before | {name: status}, indent=1, sort_keys=True)
    with contextlib.suppress(OSError), atomic.writing(file) as out:
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
