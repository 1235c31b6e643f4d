"""Holding out part of a noisy training set, and choosing by it: what lesson 06 does live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from tqdm import tqdm

from anl_edu import recipes, runs, training
from anl_edu.data import ImageData
from anl_edu.progress_bar import progress_bar


def split(noisy: ImageData, *, seed: int = 0) -> tuple[ImageData, ImageData]:
    """Return three quarters of a noisy training set to train on, and a quarter held out.

    Both keep the test images, and both their noisy and their true labels.
    """
    order = torch.randperm(len(noisy.x_train), generator=torch.Generator().manual_seed(seed))
    out, *kept = order.chunk(4)
    return _part(noisy, torch.cat(kept)), _part(noisy, out)


def _part(noisy: ImageData, index: torch.Tensor) -> ImageData:
    assert noisy.y_clean is not None
    return replace(
        noisy,
        x_train=noisy.x_train[index],
        y_train=noisy.y_train[index],
        y_clean=noisy.y_clean[index],
        train_index=None,
    )


def progress(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Go through named settings under a progress bar that says which one trains."""
    with progress_bar(total=len(settings), unit="run", leave=False) as bar:
        for name, changes in settings.items():
            bar.set_description(name)
            yield name, changes
            bar.update()


@dataclass(frozen=True)
class Watched:
    """A run that was watched on held-out noisy labels.

    Attributes
    ----------
    held, test
        (E,) accuracy on held-out noisy labels and on clean test labels, after each epoch.
    """

    held: torch.Tensor
    test: torch.Tensor

    @property
    def chosen(self) -> int:
        """Epoch (from 1) with the highest accuracy on held-out noisy labels."""
        return int(self.held.argmax()) + 1

    @property
    def stopped(self) -> float:
        """Test accuracy at the chosen epoch."""
        return float(self.test[self.chosen - 1])

    @property
    def last(self) -> float:
        """Test accuracy at the last epoch."""
        return float(self.test[-1])


def watch(loss: str, seeds: Sequence[int], *, kind: str, rate: float) -> list[Watched]:
    """Train on the digits, one run a seed, and watch each on a held-out quarter.

    The seed decides noise, split, weights and order. Recipe: the desk-size one of the loss.
    """
    recipe = recipes.get("digits", loss)
    with progress_bar(total=len(seeds) * recipe.epochs, unit="epoch", leave=False) as bar:
        return [_watched(loss, seed, kind, rate, bar) for seed in seeds]


def _watched(loss: str, seed: int, kind: str, rate: float, bar: tqdm) -> Watched:
    recipe = recipes.get("digits", loss)
    kept, out = split(runs.noisy_data("digits", kind, rate, seed), seed=seed)
    model = recipe.build_model(kept, seed=seed)
    held, test = [], []
    for record in training.fit(model, kept, recipe.build_loss(), recipe, seed=seed):
        held.append(training.evaluate(model, out.x_train, out.y_train, kept.mean, kept.std))
        test.append(record.test_accuracy)
        bar.update()
    return Watched(torch.tensor(held), torch.tensor(test))
