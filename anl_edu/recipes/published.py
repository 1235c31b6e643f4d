"""Published test accuracies, to stand beside one's own."""

from __future__ import annotations

import csv
import math
from functools import cache
from importlib import resources
from typing import Any

from anl_edu.noise import kind


def published(
    dataset: str | None = None,
    method: str | None = None,
    noise: str | None = None,
    rate: float | None = None,
) -> list[dict[str, Any]]:
    """List published test accuracies, to stand beside one's own.

    Each row has dataset, method (``"ANL-CE"``; matched in any case, so a loss name works), noise,
    rate, accuracy_percent, std (None where not given) and source (paper, table, protocol, and who
    made the number where it is not the paper that prints it). Noise is named as in `noise.KINDS`,
    and ``"real"`` where the data set came with wrong labels; rate is 0 where the noise has its own.

    Raises
    ------
    ValueError
        For a noise of another name.
    """
    if noise not in (None, "real"):
        kind(noise)
    rows = []
    for row in _published():
        if dataset is not None and row["dataset"] != dataset:
            continue
        if method is not None and row["method"].lower() != method.lower():
            continue
        if noise is not None and row["noise"] != noise:
            continue
        if rate is not None and not math.isclose(row["rate"], rate):
            continue
        rows.append(dict(row))
    return rows


@cache
def _published() -> list[dict[str, Any]]:
    text = resources.files("anl_edu.recipes").joinpath("published.csv").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = []
    for row in csv.DictReader(text.splitlines()):
        numbers = {
            "rate": float(row["rate"] or 0),
            "accuracy_percent": float(row["accuracy_percent"]),
            "std": float(row["std"]) if row["std"] else None,
        }
        rows.append({**row, **numbers})
    return rows
