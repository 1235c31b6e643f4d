"""Recording a grid: resumed where it stopped, nothing made twice, wrong input told at once."""

import os
import signal
import subprocess
import sys
import time

import pytest

from anl_edu import record, runs, train

SMALL = {"epochs": 3, "train_images": 300, "test_images": 60}


def _grid(**changes):
    return record.grid(
        "digits", ["ce", "anl-ce"], [("symmetric", 0.4)], range(1), **SMALL, **changes
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


def test_a_killed_process_loses_at_most_the_epoch_it_was_in(tmp_path):
    command = [
        sys.executable, "-m", "anl_edu.cli", "record", "--dataset", "digits", "--loss", "ce",
        "--noise", "symmetric:0.4", "--seeds", "1", "--set", "epochs=400", "--out", str(tmp_path),
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(tmp_path.glob(".partial/*.pt")):
        assert process.poll() is None, "the recording ended before its first checkpoint"
        time.sleep(0.05)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (checkpoint,) = tmp_path.glob(".partial/*.pt")
    done = len(train.load_records(checkpoint))
    assert 1 <= done < 400
    (spec,) = record.grid("digits", ["ce"], [("symmetric", 0.4)], range(1), epochs=400)
    resumed = runs.start(spec, checkpoint=checkpoint, track_gradients=True)
    assert next(iter(resumed)).epoch == done + 1


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
    with pytest.raises(ValueError, match="'epochs'"):
        record.parse_changes(["epochs"])
    with pytest.raises(ValueError, match="'ten'"):
        record.parse_changes(["epochs=ten"])
