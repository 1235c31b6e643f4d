"""The frame around the package: a repository fit to clone, an import that stays light."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_tracked_file_is_large() -> None:
    assert [p for p in tracked() if p.stat().st_size > 2_000_000] == []


def test_no_tracked_file_names_a_machine_or_a_registry() -> None:
    machine = re.compile(rb"(?<![\w.])/(?:work|tmp|root|home|Users)/[a-z]")
    registry = re.compile(rb"index-url|find-links|pypi\.org/simple|PIP_[A-Z]|UV_INDEX", re.I)
    this = Path(__file__)
    bad = [
        p.relative_to(ROOT)
        for p in tracked()
        if p != this and (machine.search(p.read_bytes()) or registry.search(p.read_bytes()))
    ]
    assert bad == []


def test_no_lock_file_is_tracked() -> None:
    locks = re.compile(r"(uv|poetry)\.lock|pylock.*\.toml|package-lock\.json|yarn\.lock")
    assert [p for p in tracked() if locks.fullmatch(p.name)] == []


def test_importing_the_package_stays_light() -> None:
    """A command answers at once: PyTorch, plotly and Jupyter load when they are needed."""
    heavy = "torch", "plotly", "ipywidgets", "sklearn", "IPython"
    code = f"import sys, anl_edu; print([m for m in {heavy!r} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
