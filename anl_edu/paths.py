"""Where this package lies: in a checkout of the project, or installed without one."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def checkout() -> Path | None:
    """Return the root of the checkout that this package is imported from, if it is from one."""
    root = PACKAGE.parent
    # An installed package lies in site-packages, where neither of the two is ours.
    return root if (root / "pyproject.toml").is_file() and (root / "notebooks").is_dir() else None


def user_cache() -> Path:
    """Return the user's cache folder for this package, by the system's own convention."""
    import platformdirs

    return platformdirs.user_cache_path("anl-edu")


def recorded_runs() -> Path:
    """Return the folder of the collection's recorded runs: data/runs, or its packed copy."""
    root = checkout()
    return PACKAGE / "recorded" if root is None else root / "data" / "runs"


def chromium() -> str | None:
    """Return the browser named by CHROMIUM, playwright's own, or one on PATH; None without any."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    own = sorted(Path.home().glob(".cache/ms-playwright/chromium-*/chrome-linux*/chrome"))
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return str(own[-1]) if own else next(filter(None, map(shutil.which, names)), None)


def on_colab() -> bool:
    """Tell whether this kernel belongs to Google Colab."""
    try:
        return importlib.util.find_spec("google.colab") is not None
    except ModuleNotFoundError:  # no package named google at all
        return False
