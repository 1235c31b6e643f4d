"""What the papers' code does, per data set and loss."""

from __future__ import annotations

from typing import Any


def entropy_weight(dataset: str) -> float:
    """Lambda of the entropy regulariser in the reference protocol."""
    if dataset not in _ENTROPY:
        raise ValueError(f"no published lambda for {dataset!r}; known: {', '.join(_ENTROPY)}")
    return _ENTROPY[dataset]


PAPER: dict[str, dict[str, Any]] = {
    "mnist": {"model": "cnn4", "epochs": 50, "batch_size": 128, "lr": 0.01, "weight_decay": 1e-3},
    "cifar10": {
        "model": "cnn8",
        "epochs": 120,
        "batch_size": 128,
        "lr": 0.01,
        "weight_decay": 1e-4,
        "augment": ("crop", "flip"),
    },
    "cifar100": {
        "model": "resnet34",
        "epochs": 200,
        "batch_size": 128,
        "lr": 0.1,
        "weight_decay": 1e-5,
        "augment": ("crop", "flip", "rotate"),
    },
    "webvision": {
        "model": "resnet50",
        "epochs": 250,
        "batch_size": 512,
        "lr": 0.4,
        "nesterov": True,
        "weight_decay": 3e-5,
        "schedule": "exponential",
        "decay": 0.97,
        "augment": ("crop", "flip"),
    },
}
ANL = {  # alpha, beta, delta
    "mnist": (1.0, 1.0, 1e-6),
    "cifar10": (5.0, 5.0, 5e-5),
    "cifar100": (10.0, 1.0, 5e-7),
    "webvision": (20.0, 1.0, 5e-6),
}
_ENTROPY = {"cifar10": 2.0, "cifar100": 0.01}


def _weights(alpha: float, beta: float, **more: float) -> dict[str, float]:
    return {"alpha": alpha, "beta": beta, **more}


PARAMETERS: dict[str, dict[str, dict[str, float]]] = {
    "mnist": {
        "sce": _weights(0.01, 1),
        "nce+mae": _weights(1, 10),
        "nce+rce": _weights(1, 10),
        "nfl+rce": _weights(1, 10),
        "nce+agce": _weights(0, 1, a=4, q=0.2),
        "nce+aul": _weights(0, 1, a=3, q=0.1),
        "nce+ael": _weights(0, 1, a=3.5),
    },
    "cifar10": {
        "sce": _weights(0.1, 1),
        "nce+mae": _weights(1, 1),
        "nce+rce": _weights(1, 1),
        "nfl+rce": _weights(1, 1),
        "nce+agce": _weights(1, 4, a=6, q=1.5),
        "nce+aul": _weights(1, 4, a=6.3, q=1.5),
        "nce+ael": _weights(1, 4, a=5),
    },
    "cifar100": {
        "sce": _weights(6, 0.1),
        "nce+mae": _weights(10, 0.1),
        "nce+rce": _weights(10, 0.1),
        "nfl+rce": _weights(10, 0.1),
        "nce+agce": _weights(10, 0.1, a=1.8, q=3),
        "nce+aul": _weights(10, 0.015, a=6, q=3),
        "nce+ael": _weights(10, 0.1, a=1.5),
    },
    "webvision": {
        "sce": _weights(10, 1),
        "nce+rce": _weights(50, 0.1),
        "nce+agce": _weights(50, 0.1, a=2.5, q=3),
    },
}
