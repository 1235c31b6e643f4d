"""Make sets of recorded runs: a grid, several at a time, stopped and resumed without loss."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from tqdm import tqdm

from anl_edu import runs, train
from anl_edu.runs import RunSpec


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
    """Every loss under every noise with every seed; one seed of everything comes first."""
    specs = [
        RunSpec(dataset, loss, kind, rate, seed, scale, changes)
        for seed in seeds
        for kind, rate in noises
        for loss in names
    ]
    for spec in specs:
        spec.recipe  # a wrong name is told before hours of work, not after  # noqa: B018
    return specs


def record(
    specs: Sequence[RunSpec],
    folder: str | Path,
    *,
    jobs: int = 1,
    time_limit: float | None = None,
    **fit_options: Any,
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
    **fit_options
        Passed to `train.fit`.

    Raises
    ------
    ValueError
        If the folder holds runs of the same data set and scale on other images.
    """
    folder = Path(folder)
    deadline = None if time_limit is None else time.time() + time_limit
    there = {run.meta["recipe_digest"] for run in runs.find(folder)}
    missing = [spec for spec in specs if spec.digest not in there]
    threads = max(1, torch.get_num_threads() // jobs)
    written = 0
    with tqdm(total=len(missing), unit="run", desc="recording") as bar:
        if jobs == 1:
            for spec in missing:
                bar.set_postfix_str(spec.stem)
                written += _record_one(spec, folder, deadline, threads, fit_options)
                bar.update()
        else:
            with _processes(jobs) as pool:
                tasks = {
                    pool.submit(_record_one, spec, folder, deadline, threads, fit_options): spec
                    for spec in missing
                }
                for task in as_completed(tasks):
                    bar.set_postfix_str(tasks[task].stem)
                    written += task.result()
                    bar.update()
    return Outcome(written, len(specs) - len(missing), len(missing) - written)


@contextmanager
def _processes(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Give worker processes that an interrupt or an error here stops at once."""
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),  # forked OpenMP threads can hang
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_IGN),  # Ctrl-C is for this process to answer
    ) as pool:
        try:
            yield pool
        except BaseException:
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            raise


def _record_one(
    spec: RunSpec,
    folder: Path,
    deadline: float | None,
    threads: int,
    fit_options: dict[str, Any],
) -> bool:
    """Make one run unless another process does; tell whether it is in the folder now."""
    if deadline is not None and time.time() >= deadline:
        return False
    torch.set_num_threads(threads)
    lock = folder / ".partial" / f"{spec.digest}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            made = _make(spec, folder, deadline, fit_options)
    except Timeout:
        return False
    if made:  # whoever takes the lock from here on finds the run
        with suppress(OSError):
            lock.unlink()
    return made


def _make(spec: RunSpec, folder: Path, deadline: float | None, fit_options: dict[str, Any]) -> bool:
    """Make one run, from its checkpoint if there is one; False when the time ran out."""
    there = runs.find(folder, dataset=spec.dataset, scale=spec.scale)
    if any(run.meta["recipe_digest"] == spec.digest for run in there):
        return True
    data = runs.prepare(spec)
    _require_same_images(folder, data.source, [run.meta["data"] for run in there])
    checkpoint = folder / ".partial" / f"{spec.stem}-{spec.digest}.pt"
    live = runs.start(
        spec, data, corrupted=True, checkpoint=checkpoint, track_gradients=True, **fit_options
    )
    records = train.load_records(checkpoint) if checkpoint.exists() else []
    for each in live:
        records.append(each)
        if deadline is not None and time.time() >= deadline and each.epoch < each.epochs:
            return False
    where = {name: fit_options[name] for name in ("device", "precision") if name in fit_options}
    runs.write(runs.describe(spec, data, records, **where), folder)
    checkpoint.unlink(missing_ok=True)
    return True


def _require_same_images(folder: Path, here: str, recorded: Iterable[str]) -> None:
    """Raise where a folder would mix, say, CIFAR-10 and a copy of it that went through JPEG."""
    for there in recorded:  # "5,000 train + 1,000 test images of: ..." names a part of the same
        if there.rpartition(" images of: ")[2] != here.rpartition(" images of: ")[2]:
            raise ValueError(
                f"{folder} holds runs on {there!r}; here is {here!r}: record into another folder"
            )


def parse_noise(text: str) -> tuple[str, float]:
    """Read ``"symmetric:0.6"``; kinds without a rate of their choice stand alone."""
    kind, _, rate = text.partition(":")
    try:
        return kind, float(rate) if rate else 0.0
    except ValueError:
        raise ValueError(f"noise {text!r} is not KIND:RATE, for instance symmetric:0.6") from None


def parse_changes(texts: Iterable[str]) -> dict[str, Any]:
    """Read ``["epochs=10", "loss.alpha=1"]`` into changes of a recipe."""
    changes: dict[str, Any] = {}
    parameters: dict[str, float | int | None] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"change {text!r} is not FIELD=VALUE, for instance epochs=10")
        if name.startswith("loss."):
            parameters[name.removeprefix("loss.")] = _number(value, text)
        else:
            changes[name] = _value(name, value, text)
    return changes | ({"loss_parameters": parameters} if parameters else {})


def _value(name: str, value: str, text: str) -> Any:
    if name in ("model", "schedule"):
        return value
    if name == "augment":
        return [] if value == "none" else value.split(",")
    if name in ("loss_parameters", "model_options"):
        raise ValueError(f"{text!r}: {name} holds many values; the loss's are set by loss.NAME=...")
    if value in ("true", "false"):
        return value == "true"
    return _number(value, text)


def _number(value: str, text: str) -> float | int | None:
    if value == "none":
        return None
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{value!r} in {text!r} is not a number") from None
