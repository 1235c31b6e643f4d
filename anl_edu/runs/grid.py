"""Make sets of recorded runs: a grid, several at a time, stopped and resumed without loss."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import torch

from anl_edu import atomic, data, runs
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
    kinds, losses = list(dict.fromkeys(noises)), list(dict.fromkeys(names))
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
    FileNotFoundError
        Human labels are asked for, not here, and could not be fetched.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit must be above 0 seconds, got {time_limit}")
    devices.device(device)
    folder = Path(folder)
    deadline = None if time_limit is None else time.time() + time_limit
    missing = [spec for spec in specs if not _is_there(spec, folder)]
    _require_human_labels(missing)
    options = {"device": device, "compile": compile}
    threads = max(1, torch.get_num_threads() // jobs)
    written = 0
    with (
        progress_bar(total=len(missing), unit="run", desc="recording") as bar,
        closing(_made(missing, folder, jobs, (deadline, threads, options))) as ended,
    ):
        for spec, made in ended:
            written += made
            bar.set_postfix_str(spec.stem)
            bar.update(int(made))
    # Another process may have made some meanwhile: what counts is what is in the folder now.
    unfinished = sum(not _is_there(spec, folder) for spec in missing)
    return Outcome(written, len(specs) - written - unfinished, unfinished)


def _require_human_labels(specs: Iterable[RunSpec]) -> None:
    """Fetch the human labels of a grid now: hours into it is late for a missing file."""
    for dataset, kind in sorted({(spec.dataset, spec.noise) for spec in specs}):
        if kind.startswith("human-"):
            data.human_labels(dataset, kind.removeprefix("human-"))


def _is_there(spec: RunSpec, folder: Path) -> bool:
    return (folder / spec.file_name).is_file()


def _made(
    specs: Sequence[RunSpec], folder: Path, jobs: int, how: tuple[Any, ...]
) -> Generator[tuple[RunSpec, bool], None, None]:
    """Give every run as it ends, with whether it was made here."""
    if jobs == 1:
        for spec in specs:
            yield spec, _record_one(spec, folder, *how)
        return
    with _processes(jobs) as pool:
        with _interrupts_held():  # workers begin here and inherit it: Ctrl-C is for the parent
            tasks = {pool.submit(_record_one, spec, folder, *how): spec for spec in specs}
        for task in as_completed(tasks):
            yield tasks[task], task.result()


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


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while the block runs; one that comes meanwhile is heard after it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    devices.keep_memory()  # it does nothing but train
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
    with ExitStack() as held:
        try:
            held.enter_context(atomic.owning(folder / ".partial" / spec.file_name, "run"))
        except BlockingIOError:
            return False
        return not _is_there(spec, folder) and _make(spec, folder, deadline, options)


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
