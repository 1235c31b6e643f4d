"""Training that notes after each epoch how much of every class is named rightly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from anl_edu import noise, training
from anl_edu.data import ImageData
from anl_edu.progress_bar import progress_bar
from anl_edu.runs import Live


def recall_of(model: nn.Module, data: ImageData) -> np.ndarray:
    """Return (K,): of each class's test images, the share that the model names rightly."""
    said = training.predict(model, data.x_test, data.mean, data.std).argmax(1)
    # row: true class, column: what the model says; so the diagonal is what it gets right
    return noise.realised(data.y_test, said, data.num_classes).matrix.diagonal().numpy()


def recall(live: Live) -> np.ndarray:
    """Return `recall_of` a live run's model on its data, (K,)."""
    return recall_of(live.model, live.data)


def train_noting_recall(lives: Sequence[Live]) -> np.ndarray:
    """Train fresh live runs of equal length to their end and return `recall`, (S, epochs, K)."""
    epochs = lives[0].spec.recipe.epochs
    with progress_bar(total=epochs * len(lives), unit="epoch", leave=False) as bar:
        rows: list[list[np.ndarray]] = []
        for live in lives:
            rows.append([])
            for _ in live:
                rows[-1].append(recall(live))
                bar.update()
    return np.array(rows)
