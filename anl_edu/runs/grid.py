"""Make sets of recorded runs: a grid, several at a time, stopped and resumed without loss."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import torch

from anl_edu import atomic, runs
from anl_edu.progress_bar import progress_bar
from anl_edu.runs import RunSpec
from anl_edu.training import devices


@dataclass(frozen=True)
class Outcome:
    """What a call of `record` did: numbers of runs."""

    written: int
    present: int
    unfinished: int


def grid(
    dataset: str,
    names: Iterable[str],
    noises: Iterable[tuple[str, float]],
    seeds: Iterable[int],
    scale: str = "desk",
    **changes: Any,
) -> list[RunSpec]:
    """Every loss under every noise with every seed; one seed of everything comes first.

    Raises
    ------
    ValueError, TypeError
        One of the runs could not be made: a wrong name or parameter is told before hours of work.
    """
    kinds, losses = list(noises), list(names)
    specs = [
        RunSpec(dataset, loss, kind, rate, seed, scale, dict(changes))
        for seed in seeds
        for kind, rate in kinds
        for loss in losses
    ]
    for spec in specs[: len(kinds) * len(losses)]:  # the other seeds are alike
        spec.check()
    return specs


def record(
    specs: Sequence[RunSpec],
    folder: str | Path,
    *,
    jobs: int = 1,
    time_limit: float | None = None,
    device: str | None = None,
    compile: bool = False,
) -> Outcome:
    """Make the runs that ``folder`` does not hold yet.

    Each run keeps a checkpoint in ``folder/.partial`` while it is made, so that an interrupt, an
    error in another run or a killed process loses at most the epoch it was in. A run that another
    process is making is left to it.

    Parameters
    ----------
    specs : sequence of RunSpec
    folder : path
        Where the record files go.
    jobs : int
        Runs made at a time, each in a process of its own with its share of the processor.
    time_limit : float, optional
        Seconds after which no epoch is begun; the same call later goes on from there.
    device, compile
        As in `training.fit`.

    Raises
    ------
    ValueError
        ``jobs`` or ``time_limit`` out of range, a device that is not here, or a folder that holds
        runs of the same data set and scale on other images or in another precision.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit must be above 0 seconds, got {time_limit}")
    devices.device(device)
    folder = Path(folder)
    deadline = None if time_limit is None else time.time() + time_limit
    missing = [spec for spec in specs if not _is_there(spec, folder)]
    options = {"device": device, "compile": compile}
    threads = max(1, torch.get_num_threads() // jobs)
    with progress_bar(total=len(missing), unit="run", desc="recording") as bar:
        if jobs == 1:
            for spec in missing:
                bar.set_postfix_str(spec.stem)
                bar.update(_record_one(spec, folder, deadline, threads, options))
        else:
            with _processes(jobs) as pool:
                tasks = {
                    pool.submit(_record_one, spec, folder, deadline, threads, options): spec
                    for spec in missing
                }
                for task in as_completed(tasks):
                    bar.set_postfix_str(tasks[task].stem)
                    bar.update(task.result())
        written = int(bar.n)
    # Another process may have made some meanwhile: what counts is what is in the folder now.
    unfinished = sum(not _is_there(spec, folder) for spec in missing)
    return Outcome(written, len(specs) - written - unfinished, unfinished)


def _is_there(spec: RunSpec, folder: Path) -> bool:
    return (folder / spec.file_name).is_file()


@contextmanager
def _processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Give worker processes that an interrupt or an error here stops at once."""
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),  # forked OpenMP threads can hang
        initializer=_begin_worker,
    ) as pool:
        try:
            yield pool
        except BaseException:
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            raise


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent to answer
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent is gone, as after SIGTERM or SIGKILL."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _record_one(
    spec: RunSpec,
    folder: Path,
    deadline: float | None,
    threads: int,
    options: dict[str, Any],
) -> bool:
    """Make one run unless another process does; tell whether this call has made it."""
    if deadline is not None and time.time() >= deadline:
        return False
    torch.set_num_threads(threads)
    with suppress(BlockingIOError), atomic.owning(folder / ".partial" / spec.file_name, "run"):
        return not _is_there(spec, folder) and _make(spec, folder, deadline, options)
    return False


def _make(spec: RunSpec, folder: Path, deadline: float | None, options: dict[str, Any]) -> bool:
    """Make one run, from its checkpoint if there is one; False when the time ran out."""
    checkpoint = folder / ".partial" / f"{spec.stem}-{spec.digest}.pt"
    live = runs.start(spec, checkpoint=checkpoint, track_gradients=True, **options)
    try:
        runs.require_alike(folder, spec, live.describe())
        for each in live:
            if deadline is not None and time.time() >= deadline and each.epoch < each.epochs:
                return False
        runs.write(live.finish(), folder)
    finally:
        live.close()
    checkpoint.unlink(missing_ok=True)
    return True
