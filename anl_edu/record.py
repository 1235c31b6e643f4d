"""Make sets of recorded runs: a grid, several at a time, stopped and resumed without loss."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
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

    Each run keeps a checkpoint in ``folder/.partial`` while it is made, so that a killed process
    loses at most the epoch it was in.

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
            context = multiprocessing.get_context("spawn")  # forked OpenMP threads can hang
            with ProcessPoolExecutor(jobs, mp_context=context) as pool:
                tasks = {
                    pool.submit(_record_one, spec, folder, deadline, threads, fit_options): spec
                    for spec in missing
                }
                for task in as_completed(tasks):
                    bar.set_postfix_str(tasks[task].stem)
                    written += task.result()
                    bar.update()
    return Outcome(written, len(specs) - len(missing), len(missing) - written)


def _record_one(
    spec: RunSpec,
    folder: Path,
    deadline: float | None,
    threads: int,
    fit_options: dict[str, Any],
) -> bool:
    """Make one run, from its checkpoint if there is one; False when the time ran out."""
    if deadline is not None and time.time() >= deadline:
        return False
    torch.set_num_threads(threads)
    data = runs.prepare(spec)
    checkpoint = folder / ".partial" / f"{spec.stem}-{spec.digest}.pt"
    live = runs.start(
        spec, data, corrupted=True, checkpoint=checkpoint, track_gradients=True, **fit_options
    )
    records = train.load_records(checkpoint) if checkpoint.exists() else []
    for each in live:
        records.append(each)
        if deadline is not None and time.time() >= deadline and each.epoch < each.epochs:
            return False
    runs.write(runs.describe(spec, data, records, fit_options.get("device") or ""), folder)
    checkpoint.unlink(missing_ok=True)
    return True


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
            changes[name] = value if name in ("model", "schedule") else _number(value, text)
    return changes | ({"loss_parameters": parameters} if parameters else {})


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
