"""The cell that installs the package: what it does in each place that a notebook may lie in."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = "anl-edu[lessons] @ git+https://host/owner/anl-edu@v0.2.0"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install_cell", ROOT / "tools/install_cell.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    """Give a shell of its own that leaves no history, and whose %pip only takes notes."""
    config = Config()
    config.HistoryManager.enabled = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        made = InteractiveShell(config=config, user_module=ModuleType("notebook"))
        made.user_ns["asked"] = []
        made.register_magic_function(lambda line: made.user_ns["asked"].append(line), "line", "pip")
        yield made


@pytest.fixture
def ran(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[list[str], str]]:
    """Run a cell in a folder, the package there or missing: what pip was asked, what was said."""
    find_spec = importlib.util.find_spec

    def run(cell: str, folder: Path, *, there: bool = False) -> tuple[list[str], str]:
        def found(name: str, *rest: Any) -> Any:
            return (sys if there else None) if name == "anl_edu" else find_spec(name, *rest)

        monkeypatch.setattr(importlib.util, "find_spec", found)
        monkeypatch.chdir(folder)
        shell.user_ns["asked"].clear()
        capsys.readouterr()
        shell.run_cell(cell).raise_error()
        said = capsys.readouterr()
        return list(shell.user_ns["asked"]), said.out + said.err

    return run


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Make a folder that looks like the project, with a space in its name."""
    root = tmp_path / "my project"
    (root / "anl_edu").mkdir(parents=True)
    (root / "notebooks" / "labs").mkdir(parents=True)
    (root / "pyproject.toml").touch()
    return root


@pytest.mark.parametrize("published", ["", PUBLISHED])
def test_nothing_happens_where_the_package_is(
    tool: ModuleType, ran: Callable[..., Any], checkout: Path, published: str
) -> None:
    assert ran(tool.render(published), checkout / "notebooks", there=True) == ([], "")


@pytest.mark.parametrize("inside", [True, False])
def test_what_is_published_is_installed(
    tool: ModuleType, ran: Callable[..., Any], checkout: Path, tmp_path: Path, inside: bool
) -> None:
    folder = checkout / "notebooks" if inside else tmp_path
    assert ran(tool.render(PUBLISHED), folder) == ([f'install --quiet "{PUBLISHED}"'], "")


@pytest.mark.parametrize("folder", [".", "notebooks", "notebooks/labs"])
def test_before_that_the_checkout_round_the_notebook_is(
    tool: ModuleType, ran: Callable[..., Any], checkout: Path, folder: str
) -> None:
    asked, said = ran(tool.render(""), checkout / folder)
    assert asked == [f'install --quiet "{checkout}[lessons]"']
    assert said == ""


def test_outside_a_checkout_one_line_says_what_to_do(
    tool: ModuleType, ran: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "other" / "anl_edu").mkdir(parents=True)  # no project: no pyproject.toml
    asked, said = ran(tool.render(""), tmp_path / "other")
    assert asked == []
    assert len(said.splitlines()) == 1
    assert "open this notebook inside the project's folder" in said


@pytest.mark.parametrize("published", ['x"; rm "y', "x {y}", "$HOME", "a\nb", "a\\b"])
def test_what_could_mean_more_than_its_letters_is_refused(tool: ModuleType, published: str) -> None:
    with pytest.raises(ValueError, match="must not hold"):
        tool.render(published)


def test_the_setting_is_read_and_may_be_absent(tool: ModuleType, tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    for text, expected in (
        ("", ""),
        ("[tool.anl-edu]", ""),
        (f'[tool.anl-edu]\npublished = "{PUBLISHED}"', PUBLISHED),
    ):
        project.write_text(text, encoding="utf-8")
        assert tool.published(project) == expected


def test_check_finds_an_old_cell_and_a_run_mends_it(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, other = nbformat.v4.new_code_cell("%pip install x", id="colab"), "import torch"
    words, last = nbformat.v4.new_markdown_cell("# Lesson"), nbformat.v4.new_code_cell(other)
    path = tmp_path / "lesson.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[words, old, last]), path)
    before = path.read_bytes()

    def main(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["install_cell.py", *arguments, str(path)])
        return tool.main()

    assert main("--check") == 1
    assert path.read_bytes() == before
    assert main() == 0
    cells = nbformat.read(path, as_version=4).cells
    assert [cell.source for cell in cells] == ["# Lesson", tool.render(tool.published()), other]
    assert cells[1].id == "colab"
    assert main("--check") == 0
