"""The example of lesson 10: scikit-learn's digits as files, with errors that we plant ourselves.

The lesson then treats them as anybody's files, and knows the truth all the same.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from anl_edu import data, noise
from anl_edu.data import ImageData

RATE = 0.25
REMARKS = ("", 'written "by hand"', "seven, or one?", "naïve ☃ 手書き", "two\nlines")
PIXELS = tuple(f"p{row}{column}" for row in range(8) for column in range(8))


def planted(seed: int) -> Tensor:
    """Return labels (1437,) for the training digits, a quarter of them wrong.

    Half of the errors may be any class, half are the next one: some contradict each other, some
    agree, as people's do.
    """
    T = 0.5 * noise.symmetric(10, RATE) + 0.5 * noise.pair_flip(10, RATE)
    generator = torch.Generator().manual_seed(seed)
    return noise.corrupt(data.load("digits").y_train, T, "independent", generator)


def write_tables(folder: Path, seed: int = 0) -> tuple[Path, Path]:
    """Write ``train.csv`` with planted errors and ``test.csv`` without; return their paths.

    Columns are an id, a remark, 64 pixels of 0..16 and the label.
    """
    digits = data.load("digits")
    parts = (("train", digits.x_train, planted(seed)), ("test", digits.x_test, digits.y_test))
    for name, x, y in parts:
        ink = (x.flatten(1).double() * 16 / 255).round().long().tolist()
        with (folder / f"{name}.csv").open("w", encoding="utf-8-sig", newline="") as file:
            out = csv.writer(file)
            out.writerow(["id", "remark", *PIXELS, "label"])
            for i, (pixels, label) in enumerate(zip(ink, y.tolist(), strict=True)):
                out.writerow([f"{name}-{i}", REMARKS[i % len(REMARKS)], *pixels, label])
    return folder / "train.csv", folder / "test.csv"


def write_images(folder: Path, per_class: int = 3) -> tuple[Path, Path]:
    """Write a few digits as images, in a folder for each class; return those of train and test."""
    digits = data.load("digits")
    for name, x, y in (
        ("train", digits.x_train, planted(0)),
        ("test", digits.x_test, digits.y_test),
    ):
        for k in range(10):
            place = folder / name / str(k)
            place.mkdir(parents=True, exist_ok=True)
            for i in (y == k).nonzero().flatten()[:per_class].tolist():
                Image.fromarray(x[i, 0].numpy()).save(place / f"{i}.png")
    return folder / "train", folder / "test"


def picture(table: ImageData) -> Callable[[int], Tensor]:
    """Return what draws a row of the table: row -> (1, 8, 8) uint8."""
    ink = (table.x_train.reshape(-1, 1, 8, 8) * 255 / 16).round().to(torch.uint8)
    return lambda row: ink[row]


class Reviewer:
    """Stands in for you at the board: looks at the planted truth, and is sometimes wrong.

    Parameters
    ----------
    truth
        (N,) true classes.
    wrong
        How often another class is said, any of them.
    """

    def __init__(self, truth: Tensor, wrong: float = 0.05, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        K = int(truth.max()) + 1
        slips = torch.from_numpy(rng.random(len(truth)) < wrong)
        other = (truth + torch.from_numpy(rng.integers(1, K, len(truth)))) % K
        self.answers = torch.where(slips, other, truth)  # the same row gets the same answer

    def __call__(self, row: int) -> int:
        """Return the class that the reviewer sees in a row."""
        return int(self.answers[row])
