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


def shapes(n: int = 30, seed: int = 0, share: float = 0.5) -> ImageData:
    """Bright squares of two kinds on dark ground, some of their masks too large or small."""
    g = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 100, (n + 12, 2, 16, 12), dtype=torch.uint8, generator=g)
    y = torch.zeros(n + 12, 16, 12, dtype=torch.int64)
    for i in range(n + 12):
        top, left, k = (int(torch.randint(high, (), generator=g)) for high in (10, 6, 2))
        x[i, k, top : top + 5, left : left + 5] += 120
        y[i, top : top + 5, left : left + 5] = k + 1
    clean = ImageData(
        "shapes", "made here", x[:n], y[:n], x[n:], y[n:], ("ground", "red", "green"),
        (0.25, 0.25), (0.2, 0.2),
    )  # fmt: skip
    return clean.with_labels(noise.corrupt_masks(clean.y_train, 3, "mixed", share, 0.5, g))


def mask_recipe(**changes: Any) -> Recipe:
    base = Recipe(
        dataset="shapes",
        loss="ce",
        model="unet",
        model_options={"widths": (4, 6)},
        epochs=3,
        batch_size=8,
        lr=0.1,
        augment=("flip",),
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
