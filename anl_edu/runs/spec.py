"""What a run is: one description, enough to make it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import torch

from anl_edu import losses, noise, recipes
from anl_edu.data import SETS, shape_of
from anl_edu.recipes import Recipe
from anl_edu.recipes.recipe import Frozen
from anl_edu.runs.protocol import identity


@dataclass(frozen=True)
class RunSpec:
    """One run, described: enough to start it again.

    Parameters
    ----------
    dataset, loss : str
        Names known to `data.load` and `losses.build`.
    noise : str
        A name of `noise.KINDS`: ``"none"``, ``"symmetric"``, ``"instance"``, ``"human-worst"``...
    rate : float
        Nominal noise rate in [0, 1]; 0 for ``"none"`` and human labels, whose rate is their own.
    seed : int
        Decides the noise, the initial weights, the order and the augmentation.
    scale : str
        ``"desk"``, ``"lab"`` or ``"paper"``: which recipe.
    changes : mapping
        Fields of the recipe to replace, for instance ``{"epochs": 10}``.
    """

    dataset: str
    loss: str
    noise: str = "symmetric"
    rate: float = 0.6
    seed: int = 0
    scale: str = "desk"
    changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rate = self.rate if noise.kind(self.noise).rated else 0.0
        if not 0 <= rate <= 1:
            raise ValueError(f"noise rate {self.rate} is not in [0, 1]")
        object.__setattr__(self, "rate", float(rate))
        object.__setattr__(self, "changes", Frozen(self.changes))

    @property
    def recipe(self) -> Recipe:
        known = recipes.get(self.dataset, self.loss, self.scale, noise=self.noise, rate=self.rate)
        return known.replace(**self.changes)

    @property
    def digest(self) -> str:
        """Identity of the run: short hash of the description and of the recipe behind it."""
        described = self.as_dict()
        del described["changes"]  # what they come to is in the recipe
        return identity(described, self.recipe)

    @property
    def stem(self) -> str:
        """A readable file stem, for instance ``cifar10-desk-symmetric-0.6-anl-ce-seed0``."""
        rate = f"-{self.rate:g}" if noise.kind(self.noise).rated else ""
        return f"{self.dataset}-{self.scale}-{self.noise}{rate}-{self.loss}-seed{self.seed}"

    @property
    def file_name(self) -> str:
        """Name of the run's record file: one file a run, whoever makes it."""
        return f"{self.stem}-{self.digest}.json"

    def check(self) -> None:
        """Raise what starting the run would raise, without its data and in no time.

        Raises
        ------
        ValueError, TypeError
            An unknown name, a noise that the data set does not have, a parameter of the loss or
            an option of the model that does not exist or is out of its range.
        """
        recipe = self.recipe
        recipe.build_loss()
        noise.check(self.noise, self.rate, self.dataset)
        shape, num_classes = shape_of(self.dataset)
        if self.loss in losses.mask_names() and not SETS[self.dataset].masks:
            raise ValueError(f"loss {self.loss!r} compares masks, and {self.dataset} has none")
        with torch.device("meta"):  # shapes alone, no weights
            from anl_edu import models

            models.build(recipe.model, shape, num_classes, **recipe.model_options)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as recorded runs store them."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        changes = {k: list(v) if isinstance(v, tuple) else v for k, v in self.changes.items()}
        return plain | {"changes": changes}
