"""A run small enough for tests: images whose class is a bright corner, and a recipe for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from anl_edu import noise, training
from anl_edu.data import ImageData
from anl_edu.recipes import Recipe
from anl_edu.training import EpochRecord


def tiny(n: int = 50, seed: int = 0, classes: int = 3, rate: float = 0.4) -> ImageData:
    """Images whose class is a bright corner, some labels wrong."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (n + 20,), generator=g)
    x = torch.randint(0, 120, (n + 20, 2, 8, 8), dtype=torch.uint8, generator=g)
    for k in range(classes):
        x[y == k, :, 2 * k : 2 * k + 2, :4] += 100
    clean = ImageData(
        name="tiny",
        source="made here",
        x_train=x[:n],
        y_train=y[:n],
        x_test=x[n:],
        y_test=y[n:],
        classes=tuple("abcdefgh"[:classes]),
        mean=(0.4, 0.3),
        std=(0.2, 0.3),
    )
    return clean.with_labels(
        noise.corrupt(clean.y_train, noise.symmetric(classes, rate), generator=g)
    )


def recipe(**changes: object) -> Recipe:
    base = Recipe(
        dataset="tiny",
        loss="anl-ce",
        model="cnn8",
        model_options={"widths": (4, 6), "hidden": 8},
        epochs=3,
        batch_size=16,
        lr=0.05,
        l1=1e-4,
        augment=("crop", "flip"),
    )
    return base.replace(**changes)


def run(
    r: Recipe, d: ImageData, seed: int = 0, **options: Any
) -> tuple[nn.Module, list[EpochRecord]]:
    model = r.build_model(d, seed=seed)
    epochs = training.fit(model, d, r.build_loss(), r, seed=seed, device="cpu", **options)
    return model, list(epochs)


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(p, q) for p, q in pairs)
