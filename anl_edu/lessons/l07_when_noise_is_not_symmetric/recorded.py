"""The recorded runs of lesson 07: seven ways to train under noise that is not symmetric.

Made by ``anl-edu record --seeds 3`` with ``--dataset`` and ``--noise`` as `NOISES`, ``--loss`` and
``--set`` as `ROWS` says. Those of `sweep` have seed 3, ``held_out=0.1`` and for ``entropy`` each of
`LAMBDAS`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from tabulate import tabulate

from anl_edu import noise, runs
from anl_edu.runs import Run, RunSpec
from anl_edu.runs.table import mean_and_spread

# name of the row: loss, what differs from its recipe
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "CE": ("ce", {}),
    "GCE": ("gce", {}),
    "NCE+RCE": ("nce+rce", {}),
    "JAL-CE": ("jal-ce", {}),
    "ε-softmax": ("ece", {}),
    "ANL-CE": ("anl-ce", {}),
    "ANL-CE + ER, λ = 2": ("anl-ce", {"entropy": 2.0}),
}
NOISES = {
    "digits": (("asymmetric", 0.2), ("asymmetric", 0.4), ("instance", 0.4), ("pair", 0.45)),
    "cifar10": (
        ("asymmetric", 0.2),
        ("asymmetric", 0.4),
        ("instance", 0.4),
        ("pair", 0.45),
        ("human-worst", 0.0),
    ),
}
LAMBDAS = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)
SEEDS, SWEEP_SEED = range(3), 3


def recorded(dataset: str, kind: str, rate: float) -> dict[str, list[Run]]:
    """Return the runs of each of `ROWS` under a noise, one a seed."""
    return {
        name: [
            runs.get(RunSpec(dataset, loss, kind, rate, seed, changes=changes)) for seed in SEEDS
        ]
        for name, (loss, changes) in ROWS.items()
    }


def sweep(dataset: str, kind: str, rate: float) -> dict[float, Run]:
    """Return one run of ANL-CE for each of `LAMBDAS`, a tenth of the noisy labels held out."""
    return {
        weight: runs.get(
            RunSpec(
                dataset, "anl-ce", kind, rate, SWEEP_SEED,
                changes={"held_out": 0.1, "entropy": weight},
            )
        )
        for weight in LAMBDAS
    }  # fmt: skip


def table(dataset: str, kind: str, rate: float) -> str:
    """Return `recorded` as Markdown: last epoch, worst class, classes in use, memorised.

    Mean ± sample deviation over seeds; percent but for the classes in use, exp H of p_bar.
    """
    lines = [
        [
            name,
            mean_and_spread([run.last.test_accuracy for run in some]),
            mean_and_spread([run.last.worst_recall for run in some]),
            f"{fmean(in_use(some)):.2f}",
            mean_and_spread([run.last.memorised for run in some]),
        ]
        for name, some in recorded(dataset, kind, rate).items()
    ]
    heads = ["trained with", "last epoch", "worst class", "classes in use", "memorised"]
    align = ("left", "right", "right", "right", "right")
    return tabulate(lines, heads, "github", colalign=align, disable_numparse=True)


def tables(dataset: str, *noises: tuple[str, float]) -> str:
    """Return the tables of several kinds of noise, all of `NOISES` by default, with headings."""
    return "\n\n".join(
        f"**{dataset}, {noise.label(kind, rate)}**\n\n{table(dataset, kind, rate)}"
        for kind, rate in noises or NOISES[dataset]
    )


def in_use(some: Sequence[Run]) -> list[float]:
    """Return exp of the entropy of p_bar at the last epoch of each run: as how many classes."""
    return [math.exp(run.last.prediction_entropy) for run in some]


def last(dataset: str, kind: str, rate: float, field: str = "test_accuracy") -> dict[str, float]:
    """Return each row's mean of a field of the last epoch, in percent."""
    return {
        name: 100 * fmean(getattr(run.last, field) for run in some)
        for name, some in recorded(dataset, kind, rate).items()
    }
