"""Where the project is published: one setting, and the two cells of a lesson that follow it."""

from __future__ import annotations

import base64
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from packaging.requirements import Requirement
from traitlets.config import Config

import anl_edu

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = "https://github.com/some-one/anl-edu"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("published", ROOT / "tools/published.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["published"] = module  # a dataclass asks for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def somewhere(tool: ModuleType) -> Any:
    return tool.Published(REPOSITORY, "v0.2.0")


# The setting --------------------------------------------------------------------------------------


def test_it_is_read_and_may_be_absent_or_empty(tool: ModuleType, tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    for text in "", "[tool.anl-edu]", '[tool.anl-edu]\nrepository = ""\nrevision = "main"':
        project.write_text(text, encoding="utf-8")
        assert tool.published(project) is None
    project.write_text(f'[tool.anl-edu]\nrepository = "{REPOSITORY}"', encoding="utf-8")
    assert tool.published(project) == tool.Published(REPOSITORY, "main")
    project.write_text(project.read_text(encoding="utf-8") + '\nrevision = "v1"', encoding="utf-8")
    assert tool.published(project) == tool.Published(REPOSITORY, "v1")


def test_this_projects_setting_is_none_or_right(tool: ModuleType) -> None:
    assert tool.published() is None or tool.published().repository.count("/") == 4


@pytest.mark.parametrize(
    "repository",
    [
        "github.com/some-one/anl-edu",
        "http://github.com/some-one/anl-edu",
        "https://gitlab.com/some-one/anl-edu",
        "https://github.com/some-one",
        f"{REPOSITORY}/",
        f"{REPOSITORY}.git",
        f"{REPOSITORY}/tree/main",
        f"{REPOSITORY}?tab=readme",
        f'{REPOSITORY}"; rm "x',
        "https://github.com/{OWNER}/$NAME",
        f"{REPOSITORY}\n",
    ],
)
def test_another_place_is_refused_by_name(tool: ModuleType, repository: str) -> None:
    with pytest.raises(ValueError, match="OWNER/NAME") as refused:
        tool.Published(repository)
    assert repr(repository) in str(refused.value)


@pytest.mark.parametrize("revision", ["", "a b", '"', "$HOME", "{x}", "a\\b", "../x", "a//b", "x?"])
def test_what_is_no_revision_is_refused_by_name(tool: ModuleType, revision: str) -> None:
    with pytest.raises(ValueError, match="branch or a tag") as refused:
        tool.Published(REPOSITORY, revision)
    assert repr(revision) in str(refused.value)


def test_addresses_are_those_that_the_services_take(tool: ModuleType, somewhere: Any) -> None:
    assert somewhere.colab("03-x.ipynb") == (
        "https://colab.research.google.com/github/some-one/anl-edu/blob/v0.2.0/notebooks/03-x.ipynb"
    )
    assert somewhere.binder("labs/x.ipynb") == (
        "https://mybinder.org/v2/gh/some-one/anl-edu/v0.2.0?urlpath=lab/tree/notebooks/labs/x.ipynb"
    )
    assert somewhere.source("docs/formulas.md") == f"{REPOSITORY}/blob/v0.2.0/docs/formulas.md"
    branch = tool.Published(REPOSITORY, "next/edition")
    assert "/blob/next/edition/notebooks/" in branch.colab("x.ipynb")
    assert "/anl-edu/next%2Fedition?" in branch.binder("x.ipynb")


def test_the_requirement_is_one_to_install_from(somewhere: Any) -> None:
    requirement = Requirement(somewhere.requirement)
    assert (requirement.name, requirement.extras) == ("anl-edu", {"lessons"})
    assert requirement.url == f"git+{REPOSITORY}@v0.2.0"


# The install cell ---------------------------------------------------------------------------------


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
        ended = shell.run_cell(cell)
        said = capsys.readouterr()
        ended.raise_error()
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


@pytest.mark.parametrize("is_published", [True, False])
def test_nothing_happens_where_the_package_is(
    tool: ModuleType, somewhere: Any, ran: Callable[..., Any], checkout: Path, is_published: bool
) -> None:
    cell = tool.install_cell(somewhere if is_published else None)
    assert ran(cell, checkout / "notebooks", there=True) == ([], "")


@pytest.mark.parametrize("inside", [True, False])
def test_what_is_published_is_installed(
    tool: ModuleType,
    somewhere: Any,
    ran: Callable[..., Any],
    checkout: Path,
    tmp_path: Path,
    inside: bool,
) -> None:
    folder = checkout / "notebooks" if inside else tmp_path
    asked, said = ran(tool.install_cell(somewhere), folder)
    assert asked == [f'install --quiet "{somewhere.requirement}"']
    assert said == ""


@pytest.mark.parametrize("folder", [".", "notebooks", "notebooks/labs"])
def test_before_that_the_checkout_round_the_notebook_is(
    tool: ModuleType, ran: Callable[..., Any], checkout: Path, folder: str
) -> None:
    (checkout / folder / "anl_edu-9.0.0-py3-none-any.whl").touch()  # what was built there once
    asked, said = ran(tool.install_cell(None), checkout / folder)
    assert asked == [f'install --quiet "{checkout}[lessons]"']
    assert said == ""


def test_outside_a_checkout_the_newest_wheel_is(
    tool: ModuleType, ran: Callable[..., Any], tmp_path: Path
) -> None:
    for version in "0.9.0", "0.10.0", "0.2.11":
        (tmp_path / f"anl_edu-{version}-py3-none-any.whl").touch()
    (tmp_path / "other-99.0-py3-none-any.whl").touch()
    asked, said = ran(tool.install_cell(None), tmp_path)
    newest = tmp_path / "anl_edu-0.10.0-py3-none-any.whl"
    assert asked == [f'install --quiet "{newest}[lessons]"']
    assert said == ""


def test_versions_are_such_that_the_cell_can_tell_which_is_newer() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", anl_edu.__version__)


def test_with_neither_one_line_says_what_to_do(
    tool: ModuleType, ran: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "other" / "anl_edu").mkdir(parents=True)  # no project: no pyproject.toml
    with pytest.raises(ModuleNotFoundError) as missing:
        ran(tool.install_cell(None), tmp_path / "other")
    assert len(str(missing.value).splitlines()) == 1
    assert "open this notebook inside the project's folder" in str(missing.value)
    assert "wheel" in str(missing.value)


@pytest.mark.parametrize("is_published", [True, False])
def test_on_colab_it_also_makes_the_notebook_ready(
    tool: ModuleType,
    somewhere: Any,
    ran: Callable[..., Any],
    colab: ModuleType,
    tmp_path: Path,
    is_published: bool,
) -> None:
    (tmp_path / "anl_edu-0.2.0-py3-none-any.whl").touch()
    cell = tool.install_cell(somewhere if is_published else None)
    for there in False, True:  # and when the cell is run again
        asked, said = ran(cell, tmp_path, there=there)
        assert len(asked) == (not there)
        assert "GPU" in said
        assert said.count("\n") == 1
    assert colab.asked == 2


@pytest.mark.parametrize("is_published", [True, False])
def test_it_is_short_and_upgrades_nothing(
    tool: ModuleType, somewhere: Any, is_published: bool
) -> None:
    cell = tool.install_cell(somewhere if is_published else None)
    assert len(cell.splitlines()) <= 30
    assert max(map(len, cell.splitlines())) <= 100
    assert re.findall(r"%pip .*", cell)
    assert not re.search(r"%pip .*(--upgrade|-U\b|--force|--pre|--ignore)", cell)


# The badge ----------------------------------------------------------------------------------------


def links(words: str) -> dict[str, str]:
    """Name of each picture in the badge's cell, and where it leads."""
    return dict(re.findall(r"\[!\[Open in \w+\]\(attachment:([\w.]+)\)\]\((\S+)\)", words))


def test_badges_lead_to_the_notebook_where_it_is_published(
    tool: ModuleType, somewhere: Any
) -> None:
    words, pictures = tool.badge_cell(somewhere, "03-x.ipynb")
    assert links(words) == {
        "colab.png": somewhere.colab("03-x.ipynb"),
        "binder.png": somewhere.binder("03-x.ipynb"),
    }
    assert set(pictures) == set(links(words))


def test_before_that_the_badge_leads_to_colab_and_says_what_to_bring(tool: ModuleType) -> None:
    words, pictures = tool.badge_cell(None, "03-x.ipynb")
    assert links(words) == {"colab.png": "https://colab.research.google.com/"}
    assert set(pictures) == {"colab.png"}
    assert "upload" in words
    assert "`pip wheel --no-deps .`" in words


@pytest.mark.parametrize(("name", "kind"), [("03-x.ipynb", "lesson"), ("labs/x.ipynb", "lab")])
def test_before_that_a_badge_says_what_it_is_under(tool: ModuleType, name: str, kind: str) -> None:
    assert f"To run this {kind} there" in tool.badge_cell(None, name)[0]


@pytest.mark.parametrize("name", ["colab", "binder"])
def test_a_badge_is_small_and_has_its_drawing(tool: ModuleType, name: str) -> None:
    png = tool.picture(name)
    assert png.startswith(b"\x89PNG")
    assert len(png) < 3000
    drawing = (tool.BADGES / f"{name}.svg").read_text(encoding="utf-8")
    width, height = map(int, re.findall(r'<svg [^>]*?width="(\d+)" height="(\d+)"', drawing)[0])
    assert (width, height) == tuple(int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    assert name.capitalize() in drawing


# In the notebooks ---------------------------------------------------------------------------------


def test_check_finds_old_cells_and_a_run_mends_them_and_nothing_else(
    tool: ModuleType, somewhere: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, words = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    other = new("import torch", outputs=[nbformat.v4.new_output("stream", text="1\n2\n")])
    cells = [words("# Lesson"), new("%pip install x", id="colab"), other]
    (tmp_path / "labs").mkdir()
    path = tmp_path / "labs" / "lesson.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    before = path.read_bytes()

    def main(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["published.py", *arguments, str(path)])
        return int(tool.main())

    for where in None, somewhere, None:  # there and back
        monkeypatch.setattr(tool, "published", lambda where=where: where)
        assert main("--check") == 1
        assert path.read_bytes() == before
        assert main() == 0
        title, badge, install, last = nbformat.read(path, as_version=4).cells
        assert (title.source, last.source, last.outputs) == (
            "# Lesson",
            other.source,
            other.outputs,
        )
        assert (install.id, install.source) == ("colab", tool.install_cell(where))
        assert (badge.id, badge.source) == ("badge", tool.badge_cell(where, "labs/lesson.ipynb")[0])
        for name, bundle in badge.attachments.items():
            assert base64.b64decode(bundle["image/png"]) == tool.picture(Path(name).stem)
        before = path.read_bytes()
        assert main("--check") == main() == 0
        assert path.read_bytes() == before


def test_a_wrong_setting_is_named_and_nothing_is_written(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tool, "published", lambda: tool.Published("ftp://x"))
    monkeypatch.setattr(sys, "argv", ["published.py", "no-such-notebook.ipynb"])
    with pytest.raises(SystemExit, match="2"):
        tool.main()
    assert "OWNER/NAME, not 'ftp://x'" in capsys.readouterr().err
