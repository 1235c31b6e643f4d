"""How commands speak and end: interrupts, output that goes nowhere, places that refuse."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from anl_edu import console, data, demo, runs
from anl_edu.cli import main

QUICK = ["--set", "epochs=2", "--set", "train_images=200", "--set", "test_images=50"]
ROOT = Path(__file__).resolve().parent.parent


def in_a_shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which ``anl-edu`` is this code."""
    begin = f'set -o pipefail; anl-edu() {{ "{sys.executable}" -m anl_edu "$@"; }}; '
    places = {"PYTHONPATH": str(ROOT), "ANL_EDU_DEVICE": "cpu"}
    return subprocess.run(
        ["bash", "-c", begin + line],
        cwd=folder,
        env=os.environ | places,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture
def call(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANL_EDU_DEVICE", "cpu")
    return lambda *args: CliRunner().invoke(main, list(args))


@pytest.fixture
def untrained(monkeypatch):
    """No run may be started."""

    def started(*_, **__):
        raise AssertionError("a run was started")

    monkeypatch.setattr(runs, "start", started)


# --- interrupts -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["train"], "Interrupted. Nothing is kept without --checkpoint."),
        (["train", "--checkpoint", "c.pt"], "Interrupted. Finished epochs are kept in c.pt"),
        (["record", "--dataset", "digits"], "Interrupted. The same command goes on"),
        (["data", "fetch", "digits"], "Interrupted. What has arrived is kept"),
        (["data", "check"], "Interrupted."),
        (["demo"], "Interrupted."),
    ],
)
def test_an_interrupt_says_what_is_kept(call, monkeypatch, command, words):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "start", interrupted)
    monkeypatch.setattr("anl_edu.runs.recording.connected", interrupted)
    if command[0] == "data":
        monkeypatch.setattr(data, "load", interrupted)
    result = call(*command)
    assert result.exit_code == 130
    said = result.output.strip().splitlines()[-1]
    assert said.startswith(words)
    assert said == words or not words.endswith("Interrupted.")


# A shell that runs tests in the background has SIGINT ignored, and children inherit that.
HEARD = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from anl_edu.__main__ import main
print("ready", flush=True)
main()
"""


@pytest.mark.parametrize("seconds", [0.02, 0.5, 1.5])
def test_an_interrupt_in_the_first_seconds_gives_no_traceback(tmp_path, seconds):
    command = [sys.executable, "-c", HEARD, "train", "--set", "epochs=100000"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "ANL_EDU_DEVICE": "cpu"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Interrupted." in err
    assert "Traceback" not in err


# --- where the output goes ------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "file"),
    [
        (f"train {' '.join(QUICK)} --out hp", "hp/*.json"),
        ("demo --seeds 1 --epochs 1 --out hp/page.html", "hp/page.html"),
        ("doctor", None),
    ],
    ids=["train", "demo", "doctor"],
)
def test_a_reader_that_goes_is_no_error(tmp_path, line, file):
    done = in_a_shell(f"anl-edu {line} | head -1", tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    assert "Broken pipe" not in done.stderr
    assert "Error" not in done.stderr
    assert file is None or len(list(tmp_path.glob(file))) == 1


def test_readers_that_go_from_both_streams_stop_nothing(tmp_path):
    line = f"anl-edu train {' '.join(QUICK)} --out hp 2>&1 | head -1"
    assert in_a_shell(line, tmp_path).returncode == 0
    assert len(list(tmp_path.glob("hp/*.json"))) == 1
    closed = f"anl-edu train --seed 1 {' '.join(QUICK)} --out hp >&- 2>&-"
    assert in_a_shell(closed, tmp_path).returncode == 0
    assert len(list(tmp_path.glob("hp/*.json"))) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_output_is_told_and_loses_no_result(tmp_path):
    done = in_a_shell(f"anl-edu train {' '.join(QUICK)} --out hp > /dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("the output cannot be written: No space left on device") == 1
    assert "Traceback" not in done.stderr
    assert len(list(tmp_path.glob("hp/*.json"))) == 1


def test_signs_that_the_output_lacks_are_replaced(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    asked = ["train", "--noise", "none", *QUICK]
    done = CliRunner(charset="latin-1").invoke(main, asked)
    assert done.exit_code == 0, done.output
    assert "wrong labels memorised ?" in done.stdout


def test_a_log_of_the_demo_is_small(tmp_path):
    done = in_a_shell("anl-edu demo --seeds 1 --epochs 2", tmp_path)
    assert done.returncode == 0, done.stderr
    assert 0 < len(done.stderr) < 3000
    assert "8/8" in done.stderr
    assert "\r" not in done.stderr


# --- where results go -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["train", "--out", "file"], "file is a file; name a folder"),
        (["train", "--out", "file/deeper"], "file/deeper"),
        (["train", "--checkpoint", "folder"], "folder is a folder; name a file in it"),
        (["train", "--checkpoint", "file/c.pt"], "file/c.pt"),
        (["record", "--dataset", "digits", "--out", "file"], "file is a file; name a folder"),
        (["demo", "--out", "."], ". is a folder; name a file in it"),
        (["demo", "--picture", "file/picture.png"], "file/picture.png"),
        (["demo", "--out", "x" * 300], "x" * 300),
    ],
)
def test_a_place_that_cannot_be_written_is_named_before_training(
    call, untrained, tmp_path, arguments, named
):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    result = call(*arguments)
    assert result.exit_code == 1
    (error,) = [line for line in result.output.splitlines() if line.startswith("Error:")]
    assert named in error
    assert "Errno" not in error
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the system has no /proc")
@pytest.mark.parametrize(
    "command", [["train", "--out"], ["train", "--checkpoint"], ["demo", "--out"]]
)
def test_a_place_that_refuses_even_root_is_named_before_training(call, untrained, command):
    result = call(*command, "/proc/x")
    assert result.exit_code == 1
    assert "/proc/x" in result.output


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_named_before_training(call, untrained, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    result = call("train", "--out", "locked")
    assert result.exit_code == 1
    assert "nothing can be written into locked: Permission denied" in result.output


def test_trying_a_place_leaves_what_is_there(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("mine")
    console.require_file(page)
    console.require_folder(tmp_path)
    assert page.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [page]


def test_a_device_stays_a_device(call, tmp_path):
    place = tmp_path / "place"
    try:
        os.mknod(place, 0o666 | stat.S_IFCHR, os.makedev(1, 3))  # as /dev/null is
    except PermissionError:
        pytest.skip("only root makes a device")
    before = place.stat()
    result = call("demo", "--seeds", "1", "--epochs", "1", "--out", str(place))
    assert result.exit_code == 0, result.output
    after = place.stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert list(tmp_path.iterdir()) == [place]


def test_a_pipe_is_written_into_and_stays_a_pipe(call, tmp_path):
    place = tmp_path / "place"
    os.mkfifo(place)
    with (tmp_path / "got").open("wb") as got, subprocess.Popen(["cat", place], stdout=got) as cat:
        result = call("demo", "--seeds", "1", "--epochs", "1", "--out", str(place))
        assert result.exit_code == 0, result.output
        cat.wait(timeout=60)
    assert (tmp_path / "got").read_bytes().rstrip().endswith(b"</html>")
    assert place.is_fifo()


def test_a_demo_whose_page_cannot_be_written_after_all_says_so(call, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device, writing", "page.html")

    monkeypatch.setattr(demo, "write", full)
    result = call("demo", "--seeds", "1", "--epochs", "1", "--out", "page.html")
    assert "Error: page.html: No space left on device" in result.output
