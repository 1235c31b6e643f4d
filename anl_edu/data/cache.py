"""Where data files are looked for, and where downloads land."""

from __future__ import annotations

import os
from pathlib import Path

from anl_edu import paths


def search_folders() -> tuple[Path, ...]:
    """Return where files are looked for: ``ANL_EDU_DATA`` if set, then the cache."""
    given = os.environ.get("ANL_EDU_DATA")
    folders = [Path(given).expanduser()] if given else []
    return tuple(dict.fromkeys([*folders, default_cache()]))


def require_folder() -> None:
    """Raise where ``ANL_EDU_DATA`` is set and is no folder.

    Called before data is loaded: a slip in the name must neither find other data in the cache nor
    send a download there.
    """
    given = os.environ.get("ANL_EDU_DATA")
    if given and not Path(given).expanduser().is_dir():
        raise NotADirectoryError(
            f"ANL_EDU_DATA={given} is no folder: make it, name another, or unset the variable"
        )


def cache_folder() -> Path:
    """Return where downloads land: ``ANL_EDU_DATA`` if set and writable, else the default cache."""
    first = search_folders()[0]
    return first if first.is_dir() and os.access(first, os.W_OK) else default_cache()


def default_cache() -> Path:
    """Return ``data/cache`` in a checkout, and the user's cache folder otherwise."""
    root = paths.checkout()
    return paths.user_cache() if root is None else root / "data" / "cache"


def find(file: str) -> Path | None:
    """Return where a file or folder lies: in the first of `search_folders` that has it."""
    return next((f / file for f in search_folders() if (f / file).exists()), None)


def folders() -> str:
    """Return the folders that are searched, for an error message."""
    return " or ".join(str(folder) for folder in search_folders())
