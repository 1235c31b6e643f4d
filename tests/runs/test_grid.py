"""Recording a grid: resumed where it stopped, nothing made twice, wrong input told at once."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from filelock import FileLock

from anl_edu import data, runs
from anl_edu import training as train
from anl_edu.runs import grid as record

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
    monkeypatch.setattr(record.time, "time", lambda: next(clock))
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


def test_ctrl_c_stops_every_process_and_keeps_finished_epochs(tmp_path):
    # where tests run in the background SIGINT is ignored, and children inherit that
    heard = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from anl_edu.cli import main; main()"
    )
    command = [
        sys.executable, "-c", heard, "record", "--dataset", "digits", "--loss", "ce",
        "--loss", "mae", "--loss", "gce", "--noise", "symmetric:0.4", "--seeds", "1", "--jobs", "2",
        "--set", "epochs=100000", "--device", "cpu", "--out", str(tmp_path),
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            deadline = time.monotonic() + 300
            while time.monotonic() < deadline and len(list(tmp_path.glob(".partial/*.pt"))) < 2:
                assert process.poll() is None, "the recording ended before its first checkpoints"
                time.sleep(0.05)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
            out, err = process.communicate(timeout=120)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert "The same command goes on" in out
    assert "Traceback" not in err
    checkpoints = list(tmp_path.glob(".partial/*.pt"))
    assert len(checkpoints) == 2  # the third run was not begun
    assert all(train.load_records(path) for path in checkpoints)


def test_one_failing_run_stops_the_others(tmp_path):
    endless, failing = _grid(epochs=100_000)[0], _grid(model_options={"nonsense": 1})[0]
    with pytest.raises(TypeError, match="nonsense"):
        record.record([endless, failing], tmp_path, jobs=2, device="cpu")
    assert not multiprocessing.active_children()


def test_a_run_that_another_process_is_making_is_left_to_it(tmp_path):
    spec = _grid()[0]
    (tmp_path / ".partial").mkdir()
    with FileLock(tmp_path / ".partial" / f"{spec.digest}.lock"):
        outcome = record.record(_grid(), tmp_path, device="cpu")
    assert (outcome.written, outcome.unfinished) == (1, 1)
    assert spec not in [run.spec for run in runs.find(tmp_path)]


def test_a_run_that_another_process_has_made_meanwhile_is_not_made_again(tmp_path, monkeypatch):
    spec = _grid()[0]
    record.record([spec], tmp_path, device="cpu")
    monkeypatch.setattr(runs, "start", None)
    assert record._record_one(spec, tmp_path, None, 1, {})
    assert len(runs.find(tmp_path)) == 1


def test_a_folder_keeps_to_one_copy_of_the_images(tmp_path, monkeypatch):
    record.record(_grid()[:1], tmp_path, device="cpu")
    assert record.record(_grid(train_images=200)[:1], tmp_path, device="cpu").written == 1
    load = data.load
    monkeypatch.setattr(data, "load", lambda name: replace(load(name), source="digits, jpeg"))
    with pytest.raises(ValueError, match=r"runs on .*8x8.*; here is .*digits, jpeg"):
        record.record(_grid()[1:], tmp_path, device="cpu")


def test_two_processes_record_what_one_does(tmp_path):
    record.record(_grid(), tmp_path / "one", device="cpu")
    record.record(_grid(), tmp_path / "two", jobs=2, device="cpu")
    one, two = runs.find(tmp_path / "one"), runs.find(tmp_path / "two")
    assert [r.spec for r in one] == [r.spec for r in two]
    for a, b in zip(one, two, strict=True):
        assert [r.test_accuracy for r in a.records] == [r.test_accuracy for r in b.records]


def test_wrong_names_are_told_before_any_work():
    with pytest.raises(ValueError, match="ec"):
        record.grid("digits", ["ec"], [("symmetric", 0.4)], range(1))


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("symmetric:0.6", ("symmetric", 0.6)), ("none", ("none", 0.0))],
)
def test_noise_is_read_from_text(text, parsed):
    assert record.parse_noise(text) == parsed


def test_a_noise_that_is_no_rate_is_named():
    with pytest.raises(ValueError, match="'symmetric:much'"):
        record.parse_noise("symmetric:much")


def test_changes_are_read_from_text():
    changes = record.parse_changes(["epochs=10", "lr=0.1", "loss.alpha=1", "clip_norm=none"])
    assert changes == {"epochs": 10, "lr": 0.1, "clip_norm": None, "loss_parameters": {"alpha": 1}}
    changes = record.parse_changes(["augment=crop,flip", "nesterov=true", "model=cnn4"])
    assert changes == {"augment": ["crop", "flip"], "nesterov": True, "model": "cnn4"}
    assert record.parse_changes(["augment=none"]) == {"augment": []}
    with pytest.raises(ValueError, match="'model_options=none': model_options holds many values"):
        record.parse_changes(["model_options=none"])
    with pytest.raises(ValueError, match="'epochs'"):
        record.parse_changes(["epochs"])
    with pytest.raises(ValueError, match="'ten'"):
        record.parse_changes(["epochs=ten"])
