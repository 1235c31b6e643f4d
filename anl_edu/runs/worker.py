"""What a worker of a grid does: one run, from where it was left to its record."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from distributed import Worker, WorkerPlugin, get_worker

from anl_edu import atomic
from anl_edu.runs.live import start
from anl_edu.runs.run import Run
from anl_edu.runs.spec import RunSpec
from anl_edu.runs.store import holds, lookup, require_alike, write
from anl_edu.training import devices

TOPIC = "anl-edu epochs"
# Building a model seeds the framework's generator, which all threads of a process share.
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Order:
    """How the runs of a grid are to be made.

    Attributes
    ----------
    folder : Path
        Where record files go, as the client names it.
    mark : str
        What its mark says: a worker that reads the same there works in the same folder.
    deadline : float, optional
        Time (seconds since the epoch) after which no epoch is begun.
    threads : int, optional
        Threads a run; None leaves them as they are.
    device : str, optional
    compile : bool
    workers : int, optional
        Processes a run that read image files.
    """

    folder: Path
    mark: str
    deadline: float | None = None
    threads: int | None = None
    device: str | None = None
    compile: bool = False
    workers: int | None = None

    @property
    def late(self) -> bool:
        return self.deadline is not None and time.time() >= self.deadline


@dataclass(frozen=True)
class Left:
    """A run that was left: its time ran out, nobody wants it now, or it is made elsewhere."""

    because: Literal["time", "unwanted", "elsewhere"]


@dataclass(frozen=True)
class Made:
    """A whole run, and whether it was made by this order: it may have been there."""

    run: Run
    here: bool


class Trains(WorkerPlugin):
    """Tells a process of a cluster of our own that it does nothing but train."""

    name = "anl-edu"

    def setup(self, worker: Worker) -> None:
        devices.keep_memory()


def key(spec: RunSpec) -> str:
    """Name of a run's task: the run's identity, so that two grids on one scheduler share it."""
    return f"anl-edu-{spec.digest}"


def mark(folder: Path) -> str:
    """Mark a folder, so that a worker on another machine can tell whether it has the same one."""
    path = folder / ".partial" / "folder-id"
    if not path.is_file():
        with atomic.writing(path) as file:
            file.write(secrets.token_hex(16).encode())
    return path.read_text()


def make(spec: RunSpec, order: Order) -> Made | Left:
    """Make one run unless it is there, or is being made elsewhere.

    Where the worker shares the folder, the run goes on from its checkpoint there, and its record
    is written before it is returned: nothing depends on whoever asked for it being there still.
    """
    with _one_at_a_time:
        if order.threads is not None:
            torch.set_num_threads(order.threads)
        if order.late:
            return Left("time")
        if not _shares(order):
            return _train(spec, order, None)
        try:
            with atomic.owning(order.folder / ".partial" / spec.file_name, "run"):
                there = lookup(spec, order.folder) if holds(order.folder, spec) else None
                return _train(spec, order, order.folder) if there is None else Made(there, False)
        except BlockingIOError:
            return Left("elsewhere")


def _shares(order: Order) -> bool:
    try:
        return (order.folder / ".partial" / "folder-id").read_text() == order.mark
    except OSError:
        return False


def _train(spec: RunSpec, order: Order, folder: Path | None) -> Made | Left:
    checkpoint = folder and folder / ".partial" / f"{spec.stem}-{spec.digest}.pt"
    live = start(
        spec,
        checkpoint=checkpoint,
        track_gradients=True,
        device=order.device,
        compile=order.compile,
        workers=order.workers,
    )
    try:
        if folder is not None:
            require_alike(folder, spec, live.describe())
        for each in live:
            get_worker().log_event(TOPIC, {"run": key(spec), "record": each.as_dict()})
            if each.epoch < each.epochs:
                if order.late:
                    return Left("time")
                if not _wanted():
                    return Left("unwanted")
        run = live.run()
        if folder is not None:
            write(run, folder)
    finally:
        live.close()
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return Made(run, True)


def _wanted() -> bool:
    """Whether anybody still waits for this run: its client may have gone, or been stopped."""
    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is not None and task.state != "cancelled"
