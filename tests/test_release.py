"""What `make release` decides: a fault that twine finds, a command that fails or leaves no file."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """Load tools/release.py with an environment of its own that runs this Python."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools")
        spec = importlib.util.spec_from_file_location("release", ROOT / "tools" / "release.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        patch.setattr(sys.modules["environments"], "BUILD", tmp_path)
        module.PLACE.home.mkdir(parents=True)
        patch.setattr(module, "ROOT", tmp_path)
        yield module


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        ("open('left', 'w').close()", ""),
        ("", "no left, release/x.log"),
        ("open('left', 'w').close(); raise SystemExit(3)", "exit status 3, release/x.log"),
    ],
    ids=["works", "leaves nothing", "fails"],
)
def test_a_step_passes_where_it_ends_well_and_leaves_its_file(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: str, failure: str
) -> None:
    monkeypatch.setitem(tool.STEPS, "x", ((sys.executable, "-c", code), "left"))
    assert tool.step("x", tmp_path).failure == failure


@pytest.mark.parametrize("readme", ["A package.", "A `package` ``."], ids=["sound", "faulty"])
def test_what_twine_finds_stops_the_release(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, readme: str
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "README.rst").write_text(readme, encoding="utf-8")
    (source / "anl_edu.py").touch()
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "anl-edu"\nversion = "9"\nreadme = "README.rst"\n',
        encoding="utf-8",
    )
    code = "from setuptools import build_meta; build_meta.build_wheel('built')"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    (wheel,) = source.glob("built/*.whl")
    monkeypatch.setattr(tool, "build_wheel", lambda: wheel)
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "anl_edu-8.whl").touch()  # of an older release
    if readme == "A package.":
        assert tool.build(dist) == dist / wheel.name
        assert [path.name for path in dist.iterdir()] == [wheel.name]
    else:
        with pytest.raises(
            RuntimeError, match=re.compile("failed.*unterminated|failed.*inline", re.I | re.S)
        ):
            tool.build(dist)
