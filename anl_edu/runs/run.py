"""A run that has been made: its description, its records, and what is asked of several."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, TypeVar

from anl_edu.runs.spec import RunSpec
from anl_edu.training import EpochRecord

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """A run that has been made: its description, where it was made, one record an epoch.

    ``confusion`` counts test images at the last epoch, (K, K): row the true class, column the one
    that the model names; None where it was not recorded.
    """

    spec: RunSpec
    meta: Mapping[str, Any]
    records: tuple[EpochRecord, ...]
    confusion: tuple[tuple[int, ...], ...] | None = None

    @property
    def last(self) -> EpochRecord:
        """The last epoch: what the authors' code reports."""
        return self.records[-1]

    @property
    def best(self) -> float:
        """Best test accuracy of any epoch; choosing it needs clean labels, so it is no result."""
        return max(record.test_accuracy for record in self.records)

    @property
    def chosen(self) -> EpochRecord:
        """The epoch with the highest accuracy on held-out noisy labels, the first of several.

        Raises
        ------
        ValueError
            The recipe held nothing out.
        """
        return max(self.records, key=lambda record: _held_out(record, self.spec))


def choose(settings: Mapping[T, Sequence[Run]]) -> T:
    """Return the setting that does best on held-out noisy labels: no clean label is looked at.

    What counts is the mean, over a setting's runs, of the accuracy on the noisy labels held out, at
    the last epoch; of equal ones the first wins. With n labels held out a difference below about
    ``1 / sqrt(n)`` is chance, so take several seeds.

    Parameters
    ----------
    settings
        Whatever is to be chosen (a lambda, a loss) to runs whose recipe holds labels out.

    Raises
    ------
    ValueError
        No settings, a setting without runs, or a run that held nothing out.
    """
    if not settings:
        raise ValueError("no settings to choose from")
    means: dict[T, float] = {}
    for name, some in settings.items():
        if not some:
            raise ValueError(f"no run for {name!r}")
        means[name] = fmean(_held_out(run.last, run.spec) for run in some)
    return max(means, key=lambda name: means[name])


def by_loss(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Group runs by loss, in the order of their first appearance."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.spec.loss, []).append(run)
    return groups


def _held_out(record: EpochRecord, spec: RunSpec) -> float:
    if record.held_out_accuracy is None:
        raise ValueError(f"{spec.stem} held no labels out: record with held_out=0.1, say")
    return record.held_out_accuracy
