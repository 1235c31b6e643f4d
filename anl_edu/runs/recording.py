"""Record many runs on a Dask cluster: resumed where it stopped, nothing made twice or lost."""

from __future__ import annotations

import asyncio
import errno
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from distributed import Client, Future, KilledWorker

from anl_edu import data
from anl_edu.progress_bar import progress_bar
from anl_edu.runs import worker
from anl_edu.runs.cluster import connected
from anl_edu.runs.spec import RunSpec
from anl_edu.runs.store import holds, write
from anl_edu.training import EpochRecord, devices
from anl_edu.training.sources import spare_cores

if TYPE_CHECKING:
    from distributed.deploy import Cluster
    from tqdm import tqdm

_LOOK_SECONDS = 2.0  # between looks at whether the scheduler is still there
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class Failure(NamedTuple):
    """A run that could not be made, and why."""

    spec: RunSpec
    error: BaseException

    def __str__(self) -> str:
        said = str(self.error).strip() or "no words"
        return f"{self.spec.stem}: {type(self.error).__name__}: {said}"


@dataclass(frozen=True)
class Outcome:
    """What a call of `record` did: numbers of runs, and those that failed."""

    written: int
    present: int
    unfinished: int
    failed: tuple[Failure, ...] = ()


def record(
    specs: Sequence[RunSpec],
    folder: str | Path,
    *,
    jobs: int | None = None,
    scheduler: str | Client | Cluster | None = None,
    threads: int | None = None,
    resources: Mapping[str, float] | None = None,
    time_limit: float | None = None,
    device: str | None = None,
    compile: bool = False,
    workers: int | None = None,
    on_epoch: Callable[[RunSpec, EpochRecord], object] | None = None,
) -> Outcome:
    """Make the runs that ``folder`` does not hold yet, each as one task of a Dask cluster.

    A task is named by its run's identity: two grids on one scheduler share the runs that both
    name. Where a worker shares ``folder`` with the caller, a run keeps a checkpoint in
    ``folder/.partial``, so that an interrupt or a killed worker loses at most the epoch it was in,
    and writes its record itself; where it does not, the record travels back and is written here. A
    run whose worker dies is tried again, in the end alone; one that raises stops nobody else. A run
    that another process is making is left to it.

    In a script, call it under ``if __name__ == "__main__":``, for worker processes import it.

    Parameters
    ----------
    specs : sequence of RunSpec
    folder : path
        Where the record files go.
    jobs : int, optional
        Worker processes of a cluster on this machine, which ends with the call; one when left out.
    scheduler : str, Client or Cluster, optional
        A Dask scheduler that is there, in place of one's own: ``"tcp://host:8786"``. Workers with
        one thread each suit best: a process makes one run at a time.
    threads : int, optional
        Threads a run. Left out, a cluster of one's own shares the processor out, and workers of
        another keep what they have.
    resources : mapping, optional
        What a run needs of its worker's Dask resources, for instance ``{"GPU": 1}``.
    time_limit : float, optional
        Seconds after which no epoch is begun; the same call later goes on from there.
    device, compile
        As in `training.fit`.
    workers : int, optional
        Processes a run that read image files. Left out, as many as there are cores to spare.
    on_epoch : callable, optional
        Called here with spec and record as epochs end, wherever they were trained.

    Returns
    -------
    Outcome
        A warning has named each run that failed.

    Raises
    ------
    ValueError
        ``jobs``, ``threads`` or ``time_limit`` out of range, both ``jobs`` and ``scheduler``, or a
        device that is not here.
    FileNotFoundError
        Human labels are asked for, not here, and could not be fetched.
    OSError
        Nobody answers at the scheduler's address, or the disk is full: what was finished is kept.
    ConnectionError
        The scheduler was lost; the same call, with one that lives, goes on.
    """
    _require_positive(jobs=jobs, threads=threads, time_limit=time_limit)
    if scheduler is not None and jobs is not None:
        raise ValueError("jobs are of a cluster of one's own: leave them out with a scheduler")
    if scheduler is None:
        devices.device(device)
    folder = Path(folder).resolve()
    missing = [spec for spec in {s.digest: s for s in specs}.values() if not holds(folder, spec)]
    if not missing:
        return Outcome(0, len(specs), 0)
    _require_human_labels(missing)
    jobs = min(jobs or 1, len(missing))
    if scheduler is None and threads is None:
        threads = max(1, torch.get_num_threads() // jobs)
    if scheduler is None and workers is None:
        workers = spare_cores(jobs)
    deadline = None if time_limit is None else time.time() + time_limit
    order = worker.Order(folder, worker.mark(folder), deadline, threads, device, compile, workers)
    with (
        connected(scheduler, jobs) as client,
        progress_bar(total=sum(s.recipe.epochs for s in missing), unit="epoch") as bar,
    ):
        grid = _Grid(client, order, dict(resources or {}), bar, on_epoch)
        grid.make(missing)
    for failure in grid.failed:
        warnings.warn(f"a run failed: {failure}", RuntimeWarning, stacklevel=2)
    # Another process may have made some meanwhile: what counts is what is in the folder now.
    unmade = sum(not holds(folder, spec) for spec in missing)
    present = len(specs) - grid.written - unmade
    return Outcome(grid.written, present, unmade - len(grid.failed), tuple(grid.failed))


class _Grid:
    """What was asked of a cluster, and what came of it."""

    def __init__(
        self,
        client: Client,
        order: worker.Order,
        resources: dict[str, float],
        bar: tqdm,
        on_epoch: Callable[[RunSpec, EpochRecord], object] | None,
    ) -> None:
        self.client, self.order, self.resources = client, order, resources
        self.bar, self.on_epoch = bar, on_epoch
        self.inbox: SimpleQueue[dict[str, Any] | Future] = SimpleQueue()  # epochs; ended tasks
        self.open: dict[str, tuple[RunSpec, Future]] = {}  # by the task's key
        self.ended: dict[str, int] = {}  # by key: the last epoch told
        self.written, self.failed = 0, list[Failure]()

    def make(self, specs: Sequence[RunSpec]) -> None:
        """Ask for all runs at once, then one at a time for those whose workers died."""
        self.client.subscribe_topic(worker.TOPIC, lambda event: self.inbox.put(event[1]))
        try:
            self._show(len(specs))
            for spec, _ in self._until_ended(specs):
                for failure in self._until_ended([spec]):
                    self.failed.append(failure)
        finally:
            self.client.unsubscribe_topic(worker.TOPIC)
            for _, future in self.open.values():  # nobody waits for them any more
                future.release()

    def _until_ended(self, specs: Sequence[RunSpec]) -> list[Failure]:
        """Have runs made; give those whose workers died each time they were tried."""
        suspects: list[Failure] = []
        for spec in specs:
            self._ask(spec)
        while self.open:
            message = self._next()
            if isinstance(message, dict):
                if message["run"] in self.open:  # else of another grid on the same scheduler
                    spec = self.open[message["run"]][0]
                    self._tell(spec, EpochRecord.from_dict(message["record"]))
                continue
            spec, _ = self.open.pop(str(message.key))
            error = self._settle(spec, message)
            if isinstance(error, KilledWorker):
                suspects.append(Failure(spec, error))
            elif error is not None:
                self.failed.append(Failure(spec, error))
            self._show(len(self.open) + len(suspects))
        return suspects

    def _ask(self, spec: RunSpec) -> None:
        future = self.client.submit(
            worker.make, spec, self.order, key=worker.key(spec), resources=self.resources
        )
        self.open[worker.key(spec)] = spec, future
        future.add_done_callback(self.inbox.put)

    def _next(self) -> dict[str, Any] | Future:
        while True:
            try:
                return self.inbox.get(timeout=_LOOK_SECONDS)
            except Empty:
                if self.client.status != "running":
                    raise _lost() from None

    def _settle(self, spec: RunSpec, future: Future) -> BaseException | None:
        """Take what came of a run; give the error if it failed."""
        if future.status not in ("finished", "error"):
            raise _lost()
        error = future.exception()
        result = None if error is not None else future.result()
        future.release()
        self.client.sync(asyncio.sleep, 0)  # the client has let it go: asked again, it runs again
        if isinstance(result, worker.Made):
            try:
                self._keep(spec, result)
            except ValueError as mixed:  # the folder has other images, or another precision
                return mixed
        elif isinstance(result, worker.Left) and self._is_ours_to_make(result):
            self._ask(spec)  # a grid that shared the run with this one was stopped
        if isinstance(error, OSError) and error.errno in _DISK_FULL:
            raise error
        return error

    def _is_ours_to_make(self, left: worker.Left) -> bool:
        return left.because == "unwanted" or (left.because == "time" and not self.order.late)

    def _keep(self, spec: RunSpec, made: worker.Made) -> None:
        elsewhere = not holds(self.order.folder, spec)  # the worker has another disk
        if elsewhere:
            write(made.run, self.order.folder)
        self.written += elsewhere or made.here
        for record in made.run.records:
            self._tell(spec, record)

    def _tell(self, spec: RunSpec, record: EpochRecord) -> None:
        """Count an epoch, and tell of it, the first time that it is heard of."""
        key = worker.key(spec)
        new = record.epoch - self.ended.get(key, 0)
        if new > 0:
            self.ended[key] = record.epoch
            self.bar.update(new)
            if self.on_epoch is not None:
                self.on_epoch(spec, record)

    def _show(self, left: int) -> None:
        failed = f", {len(self.failed)} failed" if self.failed else ""
        self.bar.set_description(f"{left} runs to go{failed}")


def _lost() -> ConnectionError:
    return ConnectionError(
        "the scheduler was lost; finished runs and epochs are kept where the workers could keep "
        "them, and the same call with a scheduler that lives goes on from there"
    )


def _require_positive(**values: float | None) -> None:
    for name, value in values.items():
        if value is not None and not value > 0:
            raise ValueError(f"{name} must be above 0, got {value}")


def _require_human_labels(specs: Iterable[RunSpec]) -> None:
    """Fetch the human labels of a grid now: hours into it is late for a missing file."""
    for dataset, kind in sorted({(spec.dataset, spec.noise) for spec in specs}):
        if kind.startswith("human-"):
            data.human_labels(dataset, kind.removeprefix("human-"))
