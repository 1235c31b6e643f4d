"""Where a run's numbers come from."""

from __future__ import annotations

from torch import nn


def mix(seed: int, epoch: int) -> int:
    """One 63-bit seed of a run's seed and an epoch, so that neighbours share nothing."""
    x = (seed * 0x9E3779B97F4A7C15 + epoch * 0xD1342543DE82EF95 + 1) & (2**64 - 1)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = ((x ^ (x >> shift)) * factor) & (2**64 - 1)
    return (x ^ (x >> 31)) >> 1


def may_draw(model: nn.Module) -> bool:
    """Whether the model may ask the framework's generators for numbers, as dropout does."""
    return any(
        not type(m).__module__.startswith(("torch.nn.modules.", "anl_edu.models"))
        or "drop" in type(m).__name__.lower()
        or isinstance(m, nn.RReLU | nn.FractionalMaxPool2d | nn.FractionalMaxPool3d)
        for m in model.modules()
    )
