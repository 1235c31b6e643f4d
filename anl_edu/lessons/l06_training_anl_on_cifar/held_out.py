"""Holding out part of a noisy training set, and choosing by it: what lesson 06 does live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anl_edu import runs
from anl_edu.progress_bar import progress_bar
from anl_edu.runs import Run, RunSpec


def progress(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Go through named settings under a progress bar that says which one trains."""
    with progress_bar(total=len(settings), unit="run", leave=False) as bar:
        for name, changes in settings.items():
            bar.set_description(name)
            yield name, changes
            bar.update()


def watch(loss: str, seeds: Sequence[int], *, kind: str, rate: float) -> list[Run]:
    """Train on the digits, one run a seed, each with a quarter of its noisy labels held out.

    The seed decides noise, split, weights and order. Recipe: the desk-size one of the loss.
    """
    specs = [RunSpec("digits", loss, kind, rate, s, changes={"held_out": 0.25}) for s in seeds]
    return runs.finish([runs.start(spec) for spec in specs])
