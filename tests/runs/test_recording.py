"""Recording on a cluster: resumed where it stopped, nothing made twice, what is lost counted."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask
import forked
import pytest
from distributed import Client, KilledWorker, LocalCluster, WorkerPlugin
from filelock import FileLock

from anl_edu import data, runs, training
from anl_edu.data import cache
from anl_edu.runs import RunSpec, cluster, store, worker
from anl_edu.runs.grid import grid
from anl_edu.runs.recording import Outcome, record
from anl_edu.training import checkpoint
from anl_edu.training.loop import Trainer

SMALL = {"epochs": 3, "train_images": 300, "test_images": 60}


def specs(**changes: Any) -> list[RunSpec]:
    return grid("digits", ["ce", "anl-ce"], [("symmetric", 0.4)], range(1), **(SMALL | changes))


@contextlib.contextmanager
def workers(number: int, *, processes: bool = False, **options: Any) -> Iterator[Client]:
    """Give a client of a small cluster; in this process, so that tests can reach into it."""
    with (
        dask.config.set(cluster._OURS | forked.prepare()),
        LocalCluster(
            n_workers=number,
            processes=processes,
            dashboard_address="127.0.0.1:0",
            **({"threads_per_worker": 1, "memory_limit": None} | options),
        ) as local,
        Client(local) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with workers(1) as client:
        yield client


def curve(run: runs.Run) -> list[float]:
    return [record.train_loss for record in run.records]


def whole(spec: RunSpec) -> Any:
    """What an uninterrupted run's losses are, up to the rounding of a record file."""
    return pytest.approx([r.train_loss for r in runs.start(spec, device="cpu")], rel=1e-4)


def left_over(folder: Path) -> set[str]:
    return {path.name for path in (folder / ".partial").iterdir()} - {"folder-id"}


# --- what a call does ------------------------------------------------------------------------


def test_a_second_call_makes_nothing_twice(tmp_path: Path, client: Client) -> None:
    assert record(specs(), tmp_path, scheduler=client) == Outcome(2, 0, 0)
    files = sorted(tmp_path.glob("*.json"))
    assert record(specs(), tmp_path, scheduler=client) == Outcome(0, 2, 0)
    assert sorted(tmp_path.glob("*.json")) == files
    runs.pack(tmp_path)
    assert record(specs(), tmp_path, scheduler=client) == Outcome(0, 2, 0)
    assert left_over(tmp_path) == set()


def test_a_changed_recipe_is_another_run(tmp_path: Path, client: Client) -> None:
    record(specs(), tmp_path, scheduler=client)
    assert record(specs(lr=0.02), tmp_path, scheduler=client).written == 2


def test_epochs_are_told_as_they_end(tmp_path: Path, client: Client) -> None:
    told: list[tuple[str, int]] = []
    record(
        specs(),
        tmp_path,
        scheduler=client,
        on_epoch=lambda spec, each: told.append((spec.loss, each.epoch)),
    )
    assert told == [(loss, epoch) for loss in ("ce", "anl-ce") for epoch in (1, 2, 3)]


def test_a_run_has_the_readers_that_were_asked_for(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*_: Any, workers: int | None, **__: Any) -> None:
        raise LookupError(f"{workers} readers")

    monkeypatch.setattr(worker, "start", started)
    for asked in (3, None):
        with pytest.warns(RuntimeWarning, match=f"LookupError: '?{asked} readers"):
            record(specs()[:1], tmp_path, scheduler=client, workers=asked)


def test_a_run_named_twice_is_made_once(tmp_path: Path, client: Client) -> None:
    assert record(specs() * 2, tmp_path, scheduler=client).written == 2


def test_a_cluster_of_ones_own_records_what_a_plain_run_does(tmp_path: Path) -> None:
    with dask.config.set(forked.prepare()):
        assert record(specs(), tmp_path, jobs=2, device="cpu") == Outcome(2, 0, 0)
    for run in runs.find(tmp_path):
        assert curve(run) == whole(run.spec)


def test_the_time_limit_stops_between_epochs_and_the_next_call_goes_on(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = specs()[0]
    clock = iter([0.0, 10.0, 10.0])  # the start of the run, its first epoch's end, the client's
    monkeypatch.setattr(worker, "time", SimpleNamespace(time=lambda: next(clock)))
    monkeypatch.setattr("anl_edu.runs.recording.time", SimpleNamespace(time=lambda: 0.0))
    assert record([spec], tmp_path, time_limit=5, scheduler=client) == Outcome(0, 0, 1)
    (file,) = (tmp_path / ".partial").glob("*.pt")
    assert len(training.load_records(file)) == 1
    monkeypatch.undo()
    assert record([spec], tmp_path, scheduler=client).written == 1
    (run,) = runs.find(tmp_path)
    assert curve(run) == whole(spec)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"jobs": 0}, "jobs must be above 0, got 0"),
        ({"threads": -1}, "threads must be above 0"),
        ({"time_limit": float("nan")}, "time_limit must be above 0, got nan"),
        ({"time_limit": 0}, "time_limit must be above 0"),
        ({"jobs": 2, "scheduler": "tcp://127.0.0.1:1"}, "leave them out with a scheduler"),
        ({"device": "abacus"}, "'abacus' is not available here"),
    ],
)
def test_wrong_options_are_refused(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        record(specs(), tmp_path, **options)


def test_nobody_at_the_address_is_an_error(tmp_path: Path) -> None:
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "300ms"}),
        pytest.raises(OSError, match=r"127\.0\.0\.1:9"),
    ):
        record(specs(), tmp_path, scheduler="tcp://127.0.0.1:9")


def test_human_labels_that_are_not_here_are_told_before_the_first_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANL_EDU_DATA", str(tmp_path))
    monkeypatch.setattr(cache, "default_cache", lambda: tmp_path)
    monkeypatch.setattr("anl_edu.runs.recording.connected", None)
    wanted = grid("cifar10", ["ce"], [("symmetric", 0.4), ("human-worst", 0.0)], range(1))
    with pytest.raises(FileNotFoundError, match="CIFAR-10_human"):
        record(wanted, tmp_path / "out")


# --- folders ---------------------------------------------------------------------------------


def test_a_run_that_another_process_is_making_is_left_to_it(tmp_path: Path, client: Client) -> None:
    spec = specs()[0]
    (tmp_path / ".partial").mkdir()
    with FileLock(tmp_path / ".partial" / f".{spec.file_name}.lock"):
        assert record(specs(), tmp_path, scheduler=client) == Outcome(1, 0, 1)
    assert spec not in [run.spec for run in runs.find(tmp_path)]


def test_a_run_that_another_process_has_made_meanwhile_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    spec = specs()[0]
    record([spec], tmp_path, scheduler=client)
    monkeypatch.setattr("anl_edu.runs.recording.holds", lambda *_: False)
    monkeypatch.setattr(worker, "start", None)
    monkeypatch.setattr("anl_edu.runs.recording.write", lambda *_: None)
    assert record([spec], tmp_path, scheduler=client).failed == ()


def test_a_worker_with_another_disk_sends_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr(worker, "_shares", lambda order: False)
    assert record(specs(), tmp_path, scheduler=client) == Outcome(2, 0, 0)
    assert [curve(run) for run in runs.find(tmp_path)] == [
        whole(spec) for spec in sorted(specs(), key=lambda spec: spec.stem)
    ]
    assert left_over(tmp_path) == set()
    with pytest.warns(RuntimeWarning, match="in another precision"):
        outcome = record(specs(precision="bfloat16"), tmp_path, scheduler=client)
    assert (outcome.written, len(outcome.failed)) == (0, 2)  # told, and nobody else stopped


def test_a_folder_is_shared_where_its_mark_can_be_read(tmp_path: Path) -> None:
    said = worker.mark(tmp_path)
    assert said == worker.mark(tmp_path) != worker.mark(tmp_path / "another")
    assert worker._shares(worker.Order(tmp_path, said))
    assert not worker._shares(worker.Order(tmp_path, "another folder of this name"))
    assert not worker._shares(worker.Order(tmp_path / "nowhere", said))


def test_a_folder_keeps_to_one_copy_of_the_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    record(specs()[:1], tmp_path, scheduler=client)
    runs.pack(tmp_path)
    whole = data.load("digits")
    copy = replace(whole, x_train=whole.x_train ^ 1)  # as a copy that went through JPEG
    monkeypatch.setattr(data, "load", lambda name: copy)
    with pytest.warns(RuntimeWarning, match="holds runs on other images"):
        outcome = record(specs()[1:], tmp_path, scheduler=client)
    assert [failure.spec for failure in outcome.failed] == specs()[1:]
    assert len(runs.find(tmp_path)) == 1


def test_a_run_does_not_read_every_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    small = {"epochs": 1, "train_images": 20, "test_images": 20}
    record(
        grid("digits", ["ce"], [("symmetric", 0.4)], range(8), **small), tmp_path, scheduler=client
    )
    decode, looked = store.decode, list[str]()
    monkeypatch.setattr(
        store, "decode", lambda text, name: looked.append(name) or decode(text, name)
    )
    more = grid("digits", ["mae"], [("symmetric", 0.4)], range(4), **small)
    for _ in range(2):
        assert record(more, tmp_path, scheduler=client).written == 4
        assert 0 < len(looked) <= 2 * len(more)  # one before training, one before writing
        for name in tmp_path.glob("*-mae-*"):
            name.unlink()
        runs.pack(tmp_path)
        looked.clear()


# --- clusters --------------------------------------------------------------------------------


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note each epoch that is trained in this process."""
    epoch, seen = Trainer._epoch, list[str]()
    monkeypatch.setattr(
        Trainer, "_epoch", lambda self, n: seen.append(f"{self.recipe.loss} {n}") or epoch(self, n)
    )
    return seen


def test_two_grids_on_one_scheduler_share_their_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    seen, outcomes = counted(monkeypatch), list[Outcome]()

    def other() -> None:
        with Client(client.scheduler.address) as another:
            outcomes.append(record(specs(), tmp_path / "b", scheduler=another))

    thread = threading.Thread(target=other)

    def meanwhile(spec: RunSpec, each: training.EpochRecord) -> None:
        if (spec.loss, each.epoch) == ("ce", 1):
            thread.start()
            deadline = time.monotonic() + 60
            while len(client.cluster.scheduler.clients) < 3 and time.monotonic() < deadline:
                time.sleep(0.02)
            time.sleep(0.3)  # for the other to have asked

    slow = Trainer._epoch
    monkeypatch.setattr(Trainer, "_epoch", lambda self, n: time.sleep(0.7) or slow(self, n))
    outcomes.append(record(specs(), tmp_path / "a", scheduler=client, on_epoch=meanwhile))
    thread.join(120)
    assert [outcome.written for outcome in outcomes] == [2, 2]
    assert sorted(seen) == sorted(f"{loss} {n}" for loss in ("ce", "anl-ce") for n in (1, 2, 3))
    assert [r.spec for r in runs.find(tmp_path / "a")] == [
        r.spec for r in runs.find(tmp_path / "b")
    ]


def test_a_cluster_that_adapts_starts_workers_for_a_grid(tmp_path: Path) -> None:
    with workers(0) as client:
        client.cluster.adapt(minimum=0, maximum=2, interval="50ms")
        assert record(specs(), tmp_path, scheduler=client.cluster) == Outcome(2, 0, 0)


def test_a_run_goes_to_a_worker_that_has_what_it_needs(tmp_path: Path) -> None:
    with workers(1, resources={"GPU": 1}, name="with") as client:
        assert record(specs()[:1], tmp_path, scheduler=client, resources={"GPU": 1}).written == 1
        asked: dict[str, Any] = {"resources": {"TPU": 1}, "time_limit": 1}
        submit = client.submit

        def submitting(*given: Any, **options: Any) -> Any:
            assert options["resources"] == {"TPU": 1}
            return submit(*given, **{**options, "resources": {"GPU": 1}})

        client.submit = submitting  # such a worker may yet come, so a grid would wait for it
        assert record(specs()[1:], tmp_path, scheduler=client, **asked).written == 1


def test_a_process_makes_one_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    epoch, inside, most = Trainer._epoch, list[int](), list[int]()

    def watched(self: Trainer, number: int) -> Any:
        inside.append(number)
        most.append(len(inside))
        time.sleep(0.05)
        try:
            return epoch(self, number)
        finally:
            inside.pop()

    monkeypatch.setattr(Trainer, "_epoch", watched)
    with workers(1, threads_per_worker=3) as client:
        assert record(specs(), tmp_path, scheduler=client).written == 2
    assert set(most) == {1}


# --- what goes wrong: what is lost, counted --------------------------------------------------


class Meddler(WorkerPlugin):
    """In every process of a cluster, now and after a restart: epochs noted, one seed deadly.

    ``deadly`` runs kill their process in the second epoch, as often as ``lives`` says.
    """

    name = "meddler"

    def __init__(self, log: Path, deadly: int, lives: int) -> None:
        self.log, self.deadly, self.lives = log, deadly, lives

    def setup(self, worker: Any) -> None:
        epoch, step = Trainer._epoch, Trainer.step
        meddler, current = self, [0]

        def noted(trainer: Trainer, number: int) -> Any:
            current[0] = number
            with meddler.log.open("a") as file:
                file.write(f"seed {trainer.seed} epoch {number}\n")
            return epoch(trainer, number)

        def dying(trainer: Trainer, *batch: Any) -> Any:
            if trainer.seed == meddler.deadly and current[0] == 2:
                begun = meddler.log.read_text().count(f"seed {trainer.seed} epoch 2")
                if begun <= meddler.lives:
                    os.kill(os.getpid(), signal.SIGKILL)
            return step(trainer, *batch)

        Trainer._epoch, Trainer.step = noted, dying  # type: ignore[method-assign]


def three_seeds() -> list[RunSpec]:
    return grid("digits", ["ce"], [("symmetric", 0.4)], range(3), **SMALL)


def test_a_killed_worker_loses_the_epoch_it_was_in(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with workers(2, processes=True) as client:
        client.register_plugin(Meddler(log, deadly=1, lives=1))
        assert record(three_seeds(), tmp_path, scheduler=client) == Outcome(3, 0, 0)
    trained = sorted(log.read_text().splitlines())
    once = [f"seed {seed} epoch {epoch}" for seed in range(3) for epoch in (1, 2, 3)]
    assert trained == sorted([*once, "seed 1 epoch 2"])  # that one twice, all else once
    for run in runs.find(tmp_path):
        assert curve(run) == whole(run.spec)
    assert left_over(tmp_path) == set()


def test_a_run_that_kills_its_workers_fails_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with workers(2, processes=True) as client:
        client.register_plugin(Meddler(log, deadly=1, lives=1000))
        with pytest.warns(RuntimeWarning, match="a run failed: .*seed1: KilledWorker"):
            outcome = record(three_seeds(), tmp_path, scheduler=client)
    assert (outcome.written, outcome.present, outcome.unfinished) == (2, 0, 0)
    ((spec, error),) = outcome.failed
    assert spec.seed == 1
    assert isinstance(error, KilledWorker)
    tries = log.read_text().count("seed 1 epoch 2")
    assert tries == 4  # twice beside others, twice alone
    assert {run.spec.seed for run in runs.find(tmp_path)} == {0, 2}
    (file,) = (tmp_path / ".partial").glob("*seed1*.pt")  # and what it had is kept
    assert len(training.load_records(file)) == 1


def test_a_run_that_raises_stops_nobody_else(tmp_path: Path, client: Client) -> None:
    fine = specs()
    failing = replace(fine[0], changes=SMALL | {"model_options": {"nonsense": 1}})
    with pytest.warns(RuntimeWarning, match="digits-desk-symmetric-0.4-ce-seed0: .*nonsense"):
        outcome = record([failing, *fine], tmp_path, scheduler=client)
    assert (outcome.written, outcome.present, outcome.unfinished) == (2, 0, 0)
    ((spec, error),) = outcome.failed
    assert spec == failing
    assert isinstance(error, TypeError)


@pytest.mark.parametrize("where", ["checkpoint", "record"])
def test_a_full_disk_ends_the_grid_and_keeps_what_was_finished(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    seen, wanted = counted(monkeypatch), three_seeds()[:2]
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "there")

    def refuse(*_: Any) -> None:
        raise full

    record(wanted[:1], tmp_path, scheduler=client)
    with monkeypatch.context() as patch:
        written = {"record": (worker, "write"), "checkpoint": (checkpoint, "save")}[where]
        patch.setattr(*written, refuse)
        with pytest.raises(OSError, match="No space left"):
            record(wanted, tmp_path, scheduler=client)
    assert len(runs.find(tmp_path)) == 1
    kept = {"checkpoint": 0, "record": 3}[where]  # epochs of the run that met the full disk
    files = list((tmp_path / ".partial").glob("*.pt"))
    assert sum(len(training.load_records(file)) for file in files) == kept
    del seen[:]
    assert record(wanted, tmp_path, scheduler=client) == Outcome(1, 1, 0)
    assert len(seen) == 3 - kept
    for run in runs.find(tmp_path):
        assert curve(run) == whole(run.spec)


# --- real processes --------------------------------------------------------------------------

# Where tests run in the background SIGINT is ignored, and children inherit that.
HEARD = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
if __name__ == "__main__":
    from anl_edu.cli import main
    main()
"""
ENDLESS = [
    "--dataset", "digits", "--loss", "ce", "--loss", "mae", "--loss", "gce",
    "--noise", "symmetric:0.4", "--seeds", "1", "--set", "epochs=100000", "--device", "cpu",
]  # fmt: skip


@contextlib.contextmanager
def recording(folder: Path, *where: str) -> Iterator[subprocess.Popen[str]]:
    """``anl-edu record`` of three runs that never end, in a process group of its own."""
    script = folder / "heard.py"
    script.write_text(HEARD)
    command = [sys.executable, str(script), "record", *ENDLESS, *where, "--out", str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[Any]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_for(
    condition: Callable[[], object], process: subprocess.Popen[str], seconds: float = 300
) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            pytest.fail(f"ended early: {process.communicate()}")
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


def checkpoints(folder: Path) -> list[Path]:
    return list(folder.glob(".partial/*.pt"))


def require_whole_checkpoints(folder: Path, number: int) -> None:
    assert len(checkpoints(folder)) == number  # no other run was begun
    assert all(training.load_records(path) for path in checkpoints(folder))


def test_ctrl_c_stops_every_process_and_keeps_finished_epochs(tmp_path: Path) -> None:
    with recording(tmp_path, "--jobs", "2") as process:
        wait_for(lambda: len(checkpoints(tmp_path)) == 2, process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "The same command goes on" in err
    assert "Traceback" not in err
    require_whole_checkpoints(tmp_path, 2)


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@needs_proc
def test_ctrl_c_while_workers_begin_gives_no_traceback(tmp_path: Path) -> None:
    with recording(tmp_path, "--jobs", "2") as process:
        # the parent, two workers and the tracker of what they share
        wait_for(lambda: len(alive(process.pid)) >= 4, process)
        time.sleep(0.2)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in err


@needs_proc
@pytest.mark.parametrize(("how", "jobs"), [(signal.SIGTERM, 1), (signal.SIGKILL, 2)])
def test_workers_end_with_their_client(tmp_path: Path, how: signal.Signals, jobs: int) -> None:
    with recording(tmp_path, "--jobs", str(jobs)) as process:
        wait_for(lambda: len(checkpoints(tmp_path)) == jobs, process)
        os.kill(process.pid, how)  # as `docker stop`, a scheduler or the kernel do: to it alone
        process.wait(timeout=60)
        deadline = time.monotonic() + 30
        while alive(process.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert alive(process.pid) == []
    require_whole_checkpoints(tmp_path, jobs)


@pytest.fixture(scope="module")
def dask_cluster(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, subprocess.Popen[Any]]]:
    """Give the address of a scheduler with one worker, both processes of their own, and it."""
    folder = tmp_path_factory.mktemp("cluster")
    file = folder / "scheduler.json"
    options: dict[str, Any] = {
        "start_new_session": True,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "cwd": folder,
    }
    dask_command = [sys.executable, "-m", "dask"]
    with subprocess.Popen(
        [*dask_command, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
         "--scheduler-file", str(file)], **options
    ) as scheduler, subprocess.Popen(
        [*dask_command, "worker", "--scheduler-file", str(file), "--nthreads", "1",
         "--no-dashboard"], **options
    ) as worker:  # fmt: skip
        try:
            with Client(scheduler_file=str(file), timeout=120) as client:
                client.wait_for_workers(1, timeout=120)
                address = client.scheduler.address
            yield address, scheduler
        finally:
            end(worker)
            end(scheduler)


def test_a_run_whose_client_is_gone_stops_after_its_epoch_and_another_goes_on(
    tmp_path: Path, dask_cluster: tuple[str, subprocess.Popen[Any]]
) -> None:
    address, _ = dask_cluster
    with recording(tmp_path, "--scheduler", address) as process:
        wait_for(lambda: checkpoints(tmp_path), process)
        os.kill(process.pid, signal.SIGKILL)
    (file,) = checkpoints(tmp_path)
    spec = grid("digits", ["ce"], [("symmetric", 0.4)], range(1), epochs=100000)[0]
    with Client(address) as client:
        deadline = time.monotonic() + 60
        while any(client.processing().values()) and time.monotonic() < deadline:
            time.sleep(0.1)
        lock = file.with_name(f".{file.name}.lock")
        while lock.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not lock.exists()  # it has stopped, with nobody to ask it to
        before = len(training.load_records(file))
        assert record([spec], tmp_path, scheduler=client, time_limit=2) == Outcome(0, 0, 1)
    after = [each.epoch for each in training.load_records(file)]
    assert after == list(range(1, len(after) + 1))
    assert len(after) > before


def test_a_lost_scheduler_is_told_and_finished_epochs_are_kept(
    tmp_path: Path, dask_cluster: tuple[str, subprocess.Popen[Any]]
) -> None:
    """The last one: no test after it has that cluster."""
    address, scheduler = dask_cluster
    with recording(tmp_path, "--scheduler", address) as process:
        wait_for(lambda: checkpoints(tmp_path), process)
        os.kill(scheduler.pid, signal.SIGKILL)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "the scheduler was lost" in err
    assert "Traceback" not in err, err
    (file,) = checkpoints(tmp_path)
    assert training.load_records(file)
