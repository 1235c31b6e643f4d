"""Recording a grid: resumed where it stopped, nothing made twice, wrong input told at once."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock
from tqdm import tqdm

from anl_edu import data, runs
from anl_edu import training as train
from anl_edu.data import cache
from anl_edu.runs import grid as record
from anl_edu.runs import store

SMALL = {"epochs": 3, "train_images": 300, "test_images": 60}


def _grid(**changes):
    return record.grid(
        "digits", ["ce", "anl-ce"], [("symmetric", 0.4)], range(1), **(SMALL | changes)
    )


def test_a_second_call_makes_nothing_twice(tmp_path):
    first = record.record(_grid(), tmp_path, device="cpu")
    assert (first.written, first.present, first.unfinished) == (2, 0, 0)
    files = sorted(tmp_path.glob("*.json"))
    second = record.record(_grid(), tmp_path, device="cpu")
    assert (second.written, second.present, second.unfinished) == (0, 2, 0)
    assert sorted(tmp_path.glob("*.json")) == files
    assert not list((tmp_path / ".partial").iterdir())


def test_a_changed_recipe_is_another_run(tmp_path):
    record.record(_grid(), tmp_path, device="cpu")
    outcome = record.record(_grid(lr=0.02), tmp_path, device="cpu")
    assert outcome.written == 2


def test_the_time_limit_stops_between_epochs_and_the_next_call_goes_on(tmp_path, monkeypatch):
    spec = _grid()[0]
    whole = list(runs.start(spec, device="cpu"))
    clock = iter([0.0, 0.0, 10.0])  # the call, the start of the run, the end of its first epoch
    monkeypatch.setattr(record, "time", SimpleNamespace(time=lambda: next(clock)))
    outcome = record.record([spec], tmp_path, time_limit=5, device="cpu")
    assert (outcome.written, outcome.unfinished) == (0, 1)
    (checkpoint,) = (tmp_path / ".partial").glob("*.pt")
    assert len(train.load_records(checkpoint)) == 1
    monkeypatch.undo()
    assert record.record([spec], tmp_path, device="cpu").written == 1
    (run,) = runs.find(tmp_path)
    assert [r.train_loss for r in run.records] == pytest.approx(
        [r.train_loss for r in whole], rel=1e-4
    )


KILLED = """
import os, signal
from anl_edu.runs import grid as record
from anl_edu.training import loop as trainer
step, calls = trainer.Trainer.step, 0
def killing(self, x, y):
    global calls
    calls += 1
    if calls == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, x, y)
trainer.Trainer.step = killing
grid = record.grid("digits", ["ce"], [("symmetric", 0.4)], range(1), **{changes!r})
record.record(grid, {folder!r}, device="cpu")
"""


def test_a_killed_process_loses_the_epoch_it_was_in(tmp_path):
    spec = _grid()[0]
    whole = list(runs.start(spec, device="cpu"))
    # 300 images in batches of 64 are five steps an epoch: the thirteenth falls inside the third
    code = KILLED.format(call=13, changes=SMALL, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    (checkpoint,) = tmp_path.glob(".partial/*.pt")
    assert [r.epoch for r in train.load_records(checkpoint)] == [1, 2]
    assert record.record([spec], tmp_path, device="cpu").written == 1
    (run,) = runs.find(tmp_path)
    assert [r.train_loss for r in run.records] == pytest.approx(
        [r.train_loss for r in whole], rel=1e-4
    )
    assert not list((tmp_path / ".partial").iterdir())


# Where tests run in the background SIGINT is ignored, and children inherit that.
HEARD = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from anl_edu.cli import main
main()
"""


@contextlib.contextmanager
def recording(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """``anl-edu record --jobs 2`` of three runs that never end, in a process group of its own."""
    command = [
        sys.executable, "-c", HEARD, "record", "--dataset", "digits", "--loss", "ce",
        "--loss", "mae", "--loss", "gce", "--noise", "symmetric:0.4", "--seeds", "1", "--jobs", "2",
        "--set", "epochs=100000", "--device", "cpu", "--out", str(folder),
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the recording ended early"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(group: int) -> list[int]:
    """Processes of a group that still run; one that has ended may wait to be collected."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, of = entry.read_text().rpartition(")")[2].split()[:3]
            if int(of) == group and state != "Z":
                found.append(int(entry.parent.name))
    return found


def require_two_whole_checkpoints(folder: Path) -> None:
    checkpoints = list(folder.glob(".partial/*.pt"))
    assert len(checkpoints) == 2  # the third run was not begun
    assert all(train.load_records(path) for path in checkpoints)


def test_ctrl_c_stops_every_process_and_keeps_finished_epochs(tmp_path):
    with recording(tmp_path) as process:
        wait_for(lambda: len(list(tmp_path.glob(".partial/*.pt"))) == 2, process, 300)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "The same command goes on" in err
    assert "Traceback" not in err
    require_two_whole_checkpoints(tmp_path)


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@needs_proc
def test_ctrl_c_while_workers_begin_gives_no_traceback(tmp_path):
    with recording(tmp_path) as process:
        # the parent, two workers and the tracker of what they share
        wait_for(lambda: len(alive(process.pid)) >= 4, process, 300)
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in err


@needs_proc
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent(tmp_path, how):
    with recording(tmp_path) as process:
        wait_for(lambda: len(list(tmp_path.glob(".partial/*.pt"))) == 2, process, 300)
        os.kill(process.pid, how)  # as `docker stop`, a scheduler or the kernel do: to it alone
        process.wait(timeout=60)
        deadline = time.monotonic() + 30
        while alive(process.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert alive(process.pid) == []
    require_two_whole_checkpoints(tmp_path)


def test_one_failing_run_stops_the_others(tmp_path):
    endless = _grid(epochs=100_000)[0]
    failing = replace(endless, changes=SMALL | {"model_options": {"nonsense": 1}})
    with pytest.raises(TypeError, match="nonsense"):
        record.record([endless, failing], tmp_path, jobs=2, device="cpu")
    assert not multiprocessing.active_children()


def test_a_run_that_another_process_is_making_is_left_to_it(tmp_path):
    spec = _grid()[0]
    (tmp_path / ".partial").mkdir()
    with FileLock(tmp_path / ".partial" / f".{spec.file_name}.lock"):
        outcome = record.record(_grid(), tmp_path, device="cpu")
    assert (outcome.written, outcome.unfinished) == (1, 1)
    assert spec not in [run.spec for run in runs.find(tmp_path)]


def test_a_run_that_another_process_has_made_meanwhile_is_not_made_again(tmp_path, monkeypatch):
    spec = _grid()[0]
    record.record([spec], tmp_path, device="cpu")
    monkeypatch.setattr(runs, "start", None)
    assert not record._record_one(spec, tmp_path, None, 1, {})
    assert len(runs.find(tmp_path)) == 1


def test_a_folder_keeps_to_one_copy_of_the_images(tmp_path, monkeypatch):
    record.record(_grid()[:1], tmp_path, device="cpu")
    assert record.record(_grid(train_images=200)[:1], tmp_path, device="cpu").written == 1
    whole = data.load("digits")
    copy = replace(whole, x_train=whole.x_train ^ 1)  # as a copy that went through JPEG
    monkeypatch.setattr(data, "load", lambda name: copy)
    with pytest.raises(ValueError, match="holds runs on other images"):
        record.record(_grid()[1:], tmp_path, device="cpu")
    assert len(runs.find(tmp_path)) == 2


def test_a_folder_keeps_to_one_precision(tmp_path):
    record.record(_grid()[:1], tmp_path, device="cpu")
    with pytest.raises(ValueError, match="holds runs in another precision"):
        record.record(_grid(precision="bfloat16"), tmp_path, device="cpu")
    assert len(runs.find(tmp_path)) == 1


def test_a_lock_of_another_kind_is_not_taken_for_another_recorder(tmp_path):
    spec = _grid()[0]
    (tmp_path / ".partial").mkdir()
    checkpoint = f".{spec.stem}-{spec.digest}.pt.lock"
    with (
        FileLock(tmp_path / ".partial" / checkpoint),
        pytest.raises(BlockingIOError, match="in use"),
    ):
        record.record([spec], tmp_path, device="cpu")


def test_two_recorders_at_once_count_what_each_has_made(tmp_path, monkeypatch):
    make, other = record._make, []

    def making(*given):
        if not other:  # while the first run is made here, another recorder makes the second
            other.append(None)
            other[0] = record.record(_grid(), tmp_path, device="cpu")
        return make(*given)

    monkeypatch.setattr(record, "_make", making)
    here = record.record(_grid(), tmp_path, device="cpu")
    assert (other[0].written, other[0].present, other[0].unfinished) == (1, 0, 1)
    assert (here.written, here.present, here.unfinished) == (1, 1, 0)


def test_counts_do_not_hang_on_a_bar_that_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "progress_bar", lambda **options: tqdm(disable=True, **options))
    assert record.record(_grid(), tmp_path, device="cpu").written == 2


def test_a_run_does_not_read_every_other(tmp_path, monkeypatch):
    small = {"epochs": 1, "train_images": 20, "test_images": 20}
    specs = record.grid("digits", ["ce"], [("symmetric", 0.4)], range(8), **small)
    record.record(specs, tmp_path, device="cpu")
    read, looked = store.read, []
    monkeypatch.setattr(store, "read", lambda path: looked.append(path) or read(path))
    more = record.grid("digits", ["mae"], [("symmetric", 0.4)], range(4), **small)
    assert record.record(more, tmp_path, device="cpu").written == 4
    assert 0 < len(looked) <= 2 * len(more)  # one before training, one before writing


def test_two_processes_record_what_one_does(tmp_path):
    record.record(_grid(), tmp_path / "one", device="cpu")
    record.record(_grid(), tmp_path / "two", jobs=2, device="cpu")
    one, two = runs.find(tmp_path / "one"), runs.find(tmp_path / "two")
    assert [r.spec for r in one] == [r.spec for r in two]
    for a, b in zip(one, two, strict=True):
        assert [r.test_accuracy for r in a.records] == [r.test_accuracy for r in b.records]


@pytest.mark.parametrize(
    ("losses", "noises", "changes", "named"),
    [
        (["ec"], [("symmetric", 0.4)], {}, "ec"),
        (["ce"], [("symmetric", 0.4), ("asymetric", 0.4)], {}, "asymetric"),
        (["ce"], [("symmetric", 0.4), ("asymmetric-superclass", 0.4)], {}, "not defined"),
        (["ce"], [("symmetric", 0.4), ("human-worst", 0.0)], {}, "not defined"),
        (["ce"], [("symmetric", 0.4), ("symmetric", float("nan"))], {}, "nan"),
        (["anl-ce", "mae"], [("symmetric", 0.4)], {"loss_parameters": {"alpha": 1}}, "alpha"),
        (["ce"], [("symmetric", 0.4)], {"model": "cnn9"}, "cnn9"),
        (["ce"], [("symmetric", 0.4)], {"model_options": {"nonsense": 1}}, "nonsense"),
        (["ce"], [("symmetric", 0.4)], {"precision": "float8"}, "float8"),
    ],
)
def test_a_grid_that_cannot_run_is_refused_whole(losses, noises, changes, named):
    with pytest.raises((ValueError, TypeError), match=named):
        record.grid("digits", losses, noises, range(2), **changes)


def test_a_run_named_twice_is_one_run():
    specs = record.grid("digits", ["ce", "ce"], [("symmetric", 0.4), ("symmetric", 0.4)], range(2))
    assert [spec.seed for spec in specs] == [0, 1]


@pytest.mark.parametrize("wrong", [float("nan"), -5, 0])
def test_a_time_limit_that_is_none_is_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match="time_limit must be above 0"):
        record.record(_grid(), tmp_path, time_limit=wrong, device="cpu")


def test_human_labels_that_are_not_here_are_told_before_the_first_run(tmp_path, monkeypatch):
    monkeypatch.setenv("ANL_EDU_DATA", str(tmp_path))
    monkeypatch.setattr(cache, "default_cache", lambda: tmp_path)
    monkeypatch.setattr(runs, "start", None)
    specs = record.grid("cifar10", ["ce"], [("symmetric", 0.4), ("human-worst", 0.0)], range(1))
    with pytest.raises(FileNotFoundError, match="CIFAR-10_human"):
        record.record(specs, tmp_path / "out", device="cpu")
