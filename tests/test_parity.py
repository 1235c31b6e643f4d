"""What `make parity` decides: who was moved, what runs, what the table says, and how it ends."""

from __future__ import annotations

import importlib.util
import re
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import psutil
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
BOOKS = [Path(f"{number}-lesson.ipynb") for number in ("00", "04", "09")]


@pytest.fixture(scope="module")
def tool() -> Iterator[ModuleType]:
    """Load tools/parity.py, which finds tools/environments.py beside it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools")
        spec = importlib.util.spec_from_file_location("parity", ROOT / "tools" / "parity.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        patch.setitem(sys.modules, "parity", module)  # where dataclasses look
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def making(tool: ModuleType) -> ModuleType:
    return sys.modules["environments"]


# --- Environments --------------------------------------------------------------------------------


def test_versions_are_read_by_normal_names(making: ModuleType) -> None:
    text = "# a comment\nnumpy==2.0.2\nScikit_Learn==1.6.1\ntorch==2.13.0+cpu\n"
    versions = {"numpy": "2.0.2", "scikit-learn": "1.6.1", "torch": "2.13.0+cpu"}
    assert making.frozen(text) == versions


def test_the_package_itself_may_come_and_change(making: ModuleType) -> None:
    there = {"numpy": "2.0.2"}
    assert making.moved(there, there | {"anl-edu": "0.1"}) == []
    assert making.moved(there | {"anl-edu": "0.1"}, there | {"anl-edu": "0.2"}) == []


def test_whoever_else_was_moved_is_named(making: ModuleType) -> None:
    before = {"numpy": "2.0.2", "pillow": "11.3.0", "torch": "2.11.0"}
    after = {"numpy": "2.5.5", "tqdm": "4.67", "torch": "2.11.0", "anl-edu": "0.1"}
    assert making.moved(before, after) == [
        "numpy 2.0.2 → 2.5.5", "pillow 11.3.0 → absent", "tqdm absent → 4.67",
    ]  # fmt: skip


def test_what_colab_lacks_may_come_but_not_change(making: ModuleType) -> None:
    there = {"numpy": "2.0.2"}
    assert making.moved(there, there | {"cleanlab": "2.9.0"}) == []
    told = making.moved(there | {"cleanlab": "2.8.0"}, there | {"cleanlab": "2.9.0"})
    assert told == ["cleanlab 2.8.0 → 2.9.0"]


def test_colab_has_all_that_the_lessons_need_but_cleanlab(making: ModuleType) -> None:
    """Otherwise pip would fetch something, and there would be nothing to compare with."""
    lines = making.COLAB.read_text(encoding="utf-8").splitlines()
    pins = making.frozen("\n".join(lines))
    assert [f"{name}=={pins[name]}" for name in sorted(pins)] == lines[2:]
    listed = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (lessons,) = re.findall(r"^lessons = \[\n(.*?)^\]", listed, re.M | re.S)
    for line in ["torch>=2.6", *re.findall(r'"(.+)"', lessons)]:
        requirement = Requirement(line)
        if requirement.name != "cleanlab":
            assert requirement.specifier.contains(pins[requirement.name]), line


def test_what_fails_says_why(making: ModuleType) -> None:
    with pytest.raises(RuntimeError, match=r"failed\nno such wheel$"):
        making.called(sys.executable, "-c", "import sys; sys.exit('no such wheel')")


def test_what_is_half_made_is_made_anew(
    making: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark of a whole environment is written last, and is gone while anything changes."""
    monkeypatch.setattr(making, "BUILD", tmp_path)
    place, made = making.ENVIRONMENTS["newest"], []
    monkeypatch.setattr(making, "new_venv", lambda home, version: made.append(version))

    def called(*command: str) -> str:
        assert not (place.home / ".ready").exists()
        if command[2] in broken:
            raise RuntimeError("no network")
        return ""

    monkeypatch.setattr(making, "called", called)
    broken = {"install"}
    with pytest.raises(RuntimeError, match="no network"):
        making.prepare(place, tmp_path / "a.whl", fresh=False)
    broken = set()
    for fresh, expected in ((False, 2), (False, 2), (True, 3)):
        making.prepare(place, tmp_path / "a.whl", fresh=fresh)
        assert len(made) == expected
    (place.home / ".ready").write_text("of an older pyproject.toml", encoding="utf-8")
    making.prepare(place, tmp_path / "a.whl", fresh=False)
    assert len(made) == 4


# --- The command line ----------------------------------------------------------------------------


def test_notebooks_are_chosen_by_number_in_their_order(tool: ModuleType) -> None:
    assert tool.chosen([], BOOKS) == BOOKS
    assert tool.chosen(["09", "00"], BOOKS) == [BOOKS[0], BOOKS[2]]
    assert len(tool.chosen([])) == len(list((ROOT / "notebooks").glob("*.ipynb")))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["collab"], "no environment 'collab'; there are colab, newest, binder"),
        (["colab", "--notebooks", "00", "4"], "no notebook '4'; there are 00 01 02"),
    ],
    ids=["environment", "notebook"],
)
def test_what_is_not_there_is_refused_by_name(
    tool: ModuleType, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as refused:
        tool.main(arguments)
    assert refused.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("works", [True, False])
def test_the_exit_status_and_the_table_tell_of_a_failure(
    tool: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, works: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    result = tool.Result("00-start-here", 24, "" if works else "1 of 24 cells, 00.log", 20)
    monkeypatch.setattr(tool, "BUILD", tmp_path)
    monkeypatch.setattr(tool, "build_wheel", lambda: tmp_path / "a.whl")
    monkeypatch.setattr(tool, "prepare", lambda *_, **__: ({"torch": "2.11"}, []))
    monkeypatch.setattr(tool, "called", lambda *_: "Python 3.12.1\n")
    monkeypatch.setattr(tool, "run_all", lambda *_: [result])
    assert tool.main(["colab", "binder"]) == int(not works)
    written = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert written.startswith("## colab\n\nPython 3.12.1, torch 2.11\n\n| lesson |")
    assert "## binder" in written
    assert written in capsys.readouterr().out
    assert ("**failed**: 1 of 24 cells" in written) is not works


def test_the_table_has_a_row_a_lesson(tool: ModuleType) -> None:
    memory = tool.Memory(all=933_400_000, kernel=800_000_000, addresses=1_700_000_000)
    results = [
        tool.Result("(installation)", failure="moved numpy 1 → 2"),
        tool.Result("04-building-an-nnlf", 72, "", 48.4, memory),
        tool.Result("05-gradients", 60, "2 of 60 cells, a|b.log", 9.6),
    ]
    assert tool.table(results).splitlines() == [
        "| lesson | cells | result | s | MB in all | kernel, MB | its addresses, MB |",
        "|---|---:|---|---:|---:|---:|---:|",
        "| (installation) |  | **failed**: moved numpy 1 → 2 |  |  |  |  |",
        "| 04-building-an-nnlf | 72 | passed | 48 | 933 | 800 | 1700 |",
        "| 05-gradients | 60 | **failed**: 2 of 60 cells, a/b.log | 10 |  |  |  |",
    ]


# --- A lesson's surroundings, and its end --------------------------------------------------------


def test_lessons_run_with_the_settings_of_make_test(tool: ModuleType) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = re.findall(r"^(?:one_thread|strict) := (.+)$", makefile, re.M)
    assert len(lines) == 2
    assert dict(pair.split("=") for line in lines for pair in line.split()) == tool.SETTINGS
    (nbval,) = re.findall(r"^nbval := (.+)$", makefile, re.M)
    ours = " ".join(tool.NBVAL).replace(f"{ROOT}/", "")
    assert set(nbval.split()) - {"--nbval-current-env"} <= set(ours.split())


def test_nothing_of_the_machine_reaches_a_lesson(
    tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANL_EDU_DATA", "PYTHONPATH", "XDG_CACHE_HOME", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, "/x")
    place = tool.ENVIRONMENTS["colab"]
    found = tool.surroundings(place, tmp_path)
    assert "/x" not in found.values()
    assert found["HOME"] == str(tmp_path)
    assert found["ANL_EDU_OFFLINE"] == "1"
    assert found["PATH"].startswith(str(place.home))


def test_a_kernel_does_not_outlive_its_lesson(tool: ModuleType, tmp_path: Path) -> None:
    """Not even one in a session of its own, whose parent has gone."""
    code = textwrap.dedent("""
        import subprocess, sys, time
        wait = [sys.executable, "-c", "import time; time.sleep(60)", "ipykernel_launcher"]
        print(subprocess.Popen(wait, start_new_session=True).pid, flush=True)
        time.sleep(1)
    """)
    log, memory = tmp_path / "log", tool.Memory()
    place = tool.ENVIRONMENTS["newest"]
    process = tool.start(place, [sys.executable, "-c", code], tmp_path, log)
    while process.poll() is None:
        memory.look(process.pid)
        time.sleep(0.05)
    kernel = psutil.Process(int(log.read_text(encoding="utf-8")))
    assert kernel.status() != psutil.STATUS_ZOMBIE
    assert memory.kernel > 0
    assert memory.all > 0
    tool.end(process, memory)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(kernel.pid) and kernel.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits addresses")
def test_the_limit_holds(tool: ModuleType, tmp_path: Path) -> None:
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_AS)[0])"
    place, log = tool.ENVIRONMENTS["binder"], tmp_path / "log"
    assert tool.start(place, [sys.executable, "-c", code], tmp_path, log).wait(30) == 0
    assert int(log.read_text(encoding="utf-8")) == 2 * 2**30
