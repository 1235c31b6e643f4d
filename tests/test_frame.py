"""The frame around the package: set-up files that agree, and a repository fit to clone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TARGETS = {"help", "demo", "lab", "test", "oldest", "lint", "bench", "record", "notebooks", "clean"}


def tracked() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def environment() -> list[str]:
    """Every entry of environment.yml's lists; the file has no other nesting worth a parser."""
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    return re.findall(r"^\s*- (.+?)\s*$", text, flags=re.MULTILINE)


def test_environment_asks_for_the_python_of_pyproject() -> None:
    assert f"python{PROJECT['requires-python']}" in environment()


def test_environment_takes_packages_from_pyproject_alone() -> None:
    entries = environment()
    channels = {"conda-forge", "nodefaults"}
    installed = [e for e in entries if e not in channels and not e.startswith(("python", "pip"))]
    assert len(installed) == 1
    extra = re.fullmatch(r"-e \.\[(\w+)\]", installed[0])
    assert extra is not None
    assert extra[1] in PROJECT["optional-dependencies"]
    assert any(e.startswith("jupyterlab") for e in PROJECT["optional-dependencies"][extra[1]])


def test_each_requirement_stands_once_and_has_a_lower_bound() -> None:
    extras = PROJECT["optional-dependencies"].values()
    every = PROJECT["dependencies"] + [line for extra in extras for line in extra]
    own = [line for line in every if not line.startswith("anl-edu[")]
    names = [re.split(r"[<>=!~\[ ]", line)[0] for line in own]
    assert sorted(set(names)) == sorted(names)
    stubs = [line for line in own if line.startswith("types-")]
    assert [line for line in own if ">=" not in line] == stubs


def test_the_oldest_widgets_tested_are_the_oldest_allowed() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    pinned = re.findall(r"'(\w+)==([\d.]+)\.\*'", makefile)
    assert [name for name, _ in pinned] == ["ipywidgets", "plotly"]
    assert {f"{name}>={version}" for name, version in pinned} <= set(PROJECT["dependencies"])


def test_set_up_knows_each_extra() -> None:
    script = (ROOT / "tools" / "setup.sh").read_text(encoding="utf-8")
    known = set(re.findall(r'target="?\.\[(\w+)\]', script))
    assert known == set(PROJECT["optional-dependencies"])


def test_a_wheel_holds_every_module_and_the_recorded_runs(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    code = {p.relative_to(ROOT) for p in tracked() if p.is_relative_to(ROOT / "anl_edu")}
    recorded = {p.relative_to(ROOT) for p in tracked() if p.is_relative_to(ROOT / "data/runs")}
    for name in {*code, *recorded, Path("pyproject.toml"), Path("README.md"), Path("LICENSE")}:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=copy, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {Path(n) for n in zipfile.ZipFile(wheel).namelist() if n.startswith("anl_edu/")}
    assert packed == code | {Path("anl_edu/recorded") / n.name for n in recorded}


def test_make_help_lists_every_target() -> None:
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {line.split()[0] for line in shown.stdout.splitlines()} >= TARGETS


@pytest.mark.parametrize("python", ["/no/such/python", "false"])
def test_set_up_refuses_an_interpreter_that_does_not_run(python: str, tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    script = tmp_path / "tools" / "setup.sh"
    script.write_bytes((ROOT / "tools" / "setup.sh").read_bytes())
    ended = subprocess.run(
        ["sh", script, "base"], env={"PATH": "/usr/bin:/bin", "PYTHON": python},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"PYTHON={python} does not run, or is older than Python 3.11."
    ]
    assert not (tmp_path / ".venv").exists()


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
