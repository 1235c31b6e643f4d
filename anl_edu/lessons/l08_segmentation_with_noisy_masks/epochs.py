"""What networks say of four training scenes after each epoch: made once, scrubbed in lesson 08.

The file beside this one is made by ``python -m`` and the name of this module, on a core in a
quarter of an hour. It holds the runs of `recorded` with the largest share of wrong masks and the
first seed, made anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from anl_edu import atomic, runs
from anl_edu.data import ImageData
from anl_edu.lessons.l08_segmentation_with_noisy_masks import recorded
from anl_edu.progress_bar import progress_bar
from anl_edu.runs import RunSpec

FILE = Path(__file__).with_suffix(".npz")
SHARE = max(recorded.SHARES)
_WAYS = {  # are pixels gone, are there new ones?
    (False, True): "too large",
    (True, False): "too small",
    (True, True): "displaced",
    (False, False): "right",
}


class Scenes(NamedTuple):
    """Training scenes with their masks, true and as they were drawn."""

    images: Tensor  # (4, 3, H, W) uint8
    true: Tensor  # (4, H, W) int64
    drawn: Tensor  # (4, H, W) int64
    ways: tuple[str, ...]  # how each mask went wrong


@cache
def scenes() -> Scenes:
    """Return one scene for each way in which its mask went wrong, and one whose mask is right."""
    part = runs.prepare(recorded.specs("ce", SHARE)[0])
    where = _where(part)
    at = list(where.values())
    return Scenes(part.x_train[at], part.clean().y_train[at], part.y_train[at], tuple(where))


@cache
def predictions() -> dict[str, Tensor]:
    """Return what each of `recorded.ROWS` says of `scenes` after each epoch, (E, 4, H, W)."""
    with np.load(FILE) as stored:
        said = torch.from_numpy(stored["said"].astype(np.int64))  # (L, E, 4, H, W)
        return dict(zip(stored["names"].tolist(), said, strict=True))


def memorised(name: str, epoch: int) -> float:
    """Return which share of the wrong pixels in the masks drawn is said after an epoch (1..E)."""
    some = scenes()
    wrong = some.drawn != some.true
    return (predictions()[name][epoch - 1] == some.drawn)[wrong].double().mean().item()


def make(specs: Mapping[str, RunSpec]) -> dict[str, np.ndarray]:
    """Train some runs, and return what each says of its `scenes` after each epoch, as uint8."""
    made = {}
    for name, spec in specs.items():
        live = runs.start(spec)
        at = list(_where(live.data).values())
        epochs = progress_bar(iterable=live, total=spec.recipe.epochs, desc=name, unit="epoch")
        said = [live.predict(live.data.x_train[at]).argmax(1) for _ in epochs]
        made[name] = torch.stack(said).to(torch.uint8).numpy()
    return made


def write(made: Mapping[str, np.ndarray], path: Path = FILE) -> None:
    """Write what `make` gave where `predictions` reads it."""
    with atomic.writing(path) as stream:
        np.savez_compressed(stream, names=list(made), said=np.stack(list(made.values())))


def _where(part: ImageData) -> dict[str, int]:
    """Return for each way of the noise the first training scene of three digits or more."""
    true = part.clean().y_train
    found: dict[str, int] = {}
    for i, (drawn, mask) in enumerate(zip(part.y_train, true, strict=True)):
        if len(mask.unique()) > 3:
            found.setdefault(_way(mask, drawn), i)
    return {way: found[way] for way in _WAYS.values()}


def _way(true: Tensor, drawn: Tensor) -> str:
    gone, new = ((true > 0) & (drawn == 0)).any(), ((true == 0) & (drawn > 0)).any()
    return _WAYS[bool(gone), bool(new)]


if __name__ == "__main__":
    write(make({name: recorded.specs(name, SHARE)[0] for name in recorded.ROWS}))
