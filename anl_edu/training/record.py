"""What one epoch did."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from statistics import fmean
from typing import Any


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch did. Accuracies and shares are fractions in 0..1, NaN for an empty part.

    Where labels are masks, accuracies and shares are of pixels.

    The parts of the training set are predicted without augmentation at the epoch's end. In
    float16 ``train_loss`` is the mean over the batches whose loss is finite: a step that overflows
    is skipped and the scale lowered.
    """

    epoch: int  # 1-based
    epochs: int
    train_loss: float  # mean of the loss itself over the epoch, without penalties
    lr: float
    test_accuracy: float
    best_accuracy: float  # highest test accuracy so far: needs clean test labels, so no method
    clean_accuracy: float  # on rightly labelled training images
    wrong_accuracy: float  # on wrongly labelled ones, against their true label
    memorised: float  # share of wrongly labelled ones predicted as their wrong label
    wrong_share: float | None  # share of the logit-gradient norm that wrong labels contribute
    seconds: float
    held_out_accuracy: float | None = None  # on the noisy labels that the recipe holds out
    # (K,) of each class's test images the share that is named rightly; NaN for a class without any
    recalls: tuple[float, ...] | None = None
    # (K,) p_bar: mean of the softmax over the training images that are predicted
    mean_prediction: tuple[float, ...] | None = None
    # (K,) Dice of each class over all test pixels, of masks alone; NaN for a class in neither
    dice: tuple[float, ...] | None = None

    @property
    def worst_recall(self) -> float:
        """The lowest recall of any class; NaN where recalls were not recorded."""
        there = [r for r in self.recalls or () if not math.isnan(r)]
        return min(there, default=math.nan)

    @property
    def iou(self) -> tuple[float, ...] | None:
        """Intersection over union of each class (K,): Dice / (2 - Dice)."""
        return self.dice and tuple(d / (2 - d) for d in self.dice)

    @property
    def mean_dice(self) -> float:
        """Mean Dice of the classes but 0, the background; NaN where it was not recorded."""
        there = [d for d in (self.dice or ())[1:] if not math.isnan(d)]
        return fmean(there) if there else math.nan

    @property
    def worst_dice(self) -> float:
        """The lowest Dice of a class but the background's; NaN where it was not recorded."""
        return min((d for d in (self.dice or ())[1:] if not math.isnan(d)), default=math.nan)

    @property
    def prediction_entropy(self) -> float:
        """Entropy of `mean_prediction` in nats, at most log K; NaN where it was not recorded."""
        if self.mean_prediction is None:
            return math.nan
        return -sum(p * math.log(p) for p in self.mean_prediction if p > 0)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as recorded runs and checkpoints store them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EpochRecord:
        """Make a record of stored values; a column that is not stored is NaN, or its default."""
        known: dict[str, Any] = {
            f.name: tuple(value) if isinstance(value := values[f.name], list) else value
            for f in fields(cls)
            if f.name in values
        }
        absent = {f.name: math.nan for f in fields(cls) if f.default is MISSING}
        return cls(**{**absent, **known})
