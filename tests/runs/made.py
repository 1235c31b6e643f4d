"""Runs made by hand, for tests of what is told about runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from anl_edu.runs import Run, RunSpec
from anl_edu.training import EpochRecord


def run(
    accuracies: Sequence[float],
    spec: RunSpec,
    *,
    memorised: float = 0.25,
    recalls: tuple[float, ...] | None = None,
    **meta: Any,
) -> Run:
    """A run with these test accuracies, epoch by epoch."""
    records = tuple(
        EpochRecord.from_dict(
            {
                "epoch": epoch,
                "epochs": spec.recipe.epochs,
                "test_accuracy": accuracy,
                "memorised": memorised if spec.noise != "none" else math.nan,
                "recalls": recalls,
            }
        )
        for epoch, accuracy in enumerate(accuracies, start=1)
    )
    usual = {
        "images": "aaaa", "precision": "float32", "data": "some digits", "commit": "c0ffee",
        "realised_rate": spec.rate,
    }  # fmt: skip
    return Run(spec, usual | meta, records)


def spec(loss: str = "ce", noise: str = "symmetric", rate: float = 0.6, **more: Any) -> RunSpec:
    return RunSpec("digits", loss, noise, rate, **more)
