"""Grids: many losses, noises and seeds at once, from a call or from a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from anl_edu import noise
from anl_edu.runs.spec import RunSpec

_KEYS = ("dataset", "losses", "noises", "seeds", "scale", "changes")


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


def load(path: str | Path) -> list[RunSpec]:
    """Read a grid from a TOML file: one table, or several under ``[[grid]]``.

    .. code-block:: toml

        dataset = "digits"
        losses = ["ce", "nce+rce", "anl-ce"]
        noises = ["none", "symmetric:0.4"]      # as on the command line
        seeds = 5                               # 0 to 4; or a list: [3, 7]
        scale = "desk"                          # left out: desk
        [changes]                               # fields of the recipe, if any
        epochs = 10
        loss_parameters = { alpha = 1 }

    Runs that several tables name are made once.

    Raises
    ------
    ValueError, TypeError
        The file is no TOML, a key is missing, unknown or of another type, or a run could not be
        made; the message names the file.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
        tables = content.pop("grid", None)
        if tables is None:
            tables = [content]
        elif content:
            raise ValueError(f"{next(iter(content))!r} stands outside of the [[grid]] tables")
        specs = [spec for table in tables for spec in _from_table(table)]
    except (ValueError, TypeError) as error:
        raise type(error)(f"{path}: {error}") from None
    return list({spec.digest: spec for spec in specs}.values())


def _from_table(table: Mapping[str, Any]) -> list[RunSpec]:
    unknown = set(table) - set(_KEYS)
    if unknown:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}; a grid has {', '.join(_KEYS)}")
    for key in _KEYS[:4]:
        if key not in table:
            raise ValueError(f"{key!r} is missing")
    texts = {key: _texts(key, table[key]) for key in ("losses", "noises")}
    return grid(
        table["dataset"],
        texts["losses"],
        [noise.parse(text) for text in texts["noises"]],
        _seeds(table["seeds"]),
        table.get("scale", "desk"),
        **table.get("changes", {}),
    )


def _texts(key: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise TypeError(f"{key} must be a list of names, got {value!r}")
    return value


def _seeds(value: Any) -> Iterable[int]:
    seeds = value if isinstance(value, list) else [value]
    if not seeds or any(not isinstance(v, int) or isinstance(v, bool) or v < 0 for v in seeds):
        raise TypeError(f"seeds must be a number of seeds or a list of them, got {value!r}")
    if isinstance(value, list):
        return value
    if value < 1:
        raise ValueError(f"seeds must be at least 1, got {value}")
    return range(value)
