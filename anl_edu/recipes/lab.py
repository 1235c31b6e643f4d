"""Lab-size recipes: all the images, on CPUs that are left to it for some days."""

from __future__ import annotations

from typing import Any

LAB: dict[str, dict[str, Any]] = {
    # The reference's network and augmentation, for a third of its epochs, on images averaged over
    # 2x2 pixels first, which makes a step four times cheaper.
    "cifar10": {
        "model": "cnn8",
        "model_options": {"shrink": 2},
        "epochs": 40,
        "batch_size": 128,
        "lr": 0.01,
        "weight_decay": 1e-4,
        "augment": ("crop", "flip"),
        "train_eval": 5000,
    },
}
