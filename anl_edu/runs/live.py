"""A run while it is made: one object that knows its model, data, device, arithmetic and commit."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from os import PathLike
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from anl_edu import __version__, noise, paths, training
from anl_edu import data as data_module
from anl_edu.data import ImageData
from anl_edu.data.files import Images
from anl_edu.losses import label, mask_names
from anl_edu.progress_bar import progress_bar
from anl_edu.runs.run import Run
from anl_edu.runs.spec import RunSpec
from anl_edu.runs.store import lookup
from anl_edu.training import EpochRecord
from anl_edu.training.loop import Trainer


def noisy_data(data: str | ImageData, kind: str, rate: float, seed: int = 0) -> ImageData:
    """Return a data set whose training labels have been made wrong: where data meets noise.

    Parameters
    ----------
    data : str or ImageData
        A name for `data.load`, or clean data.
    kind : str
        A name of `noise.KINDS`.
    rate : float
        Nominal rate in [0, 1]; without meaning for ``"none"`` and human labels.
    seed : int
        Seed of the draw. The stream is apart from the one that training uses.

    Returns
    -------
    ImageData
        With the wrong labels in ``y_train`` and the true ones in ``y_clean``.
    """
    clean = data_module.load(data) if isinstance(data, str) else data
    if kind == "none":
        return clean
    # Training seeds its own generators with `seed`: the same number would tie the two draws.
    generator = torch.Generator().manual_seed(seed + 1_000_003)
    return clean.with_labels(noise.noisy_labels(kind, clean, rate, generator))


def prepare(spec: RunSpec, data: ImageData | None = None) -> ImageData:
    """Load (or take) the data of a run, cut it to the recipe's size and corrupt its labels.

    Data that has been prepared for this run before is given back as it is.

    Raises
    ------
    ValueError
        The data is noisy already, and not in the way that the run describes.
    """
    given = data_module.load(spec.dataset) if data is None else data
    if given.name != spec.dataset:
        raise ValueError(f"the run is on {spec.dataset}, the data given is {given.name}")
    recipe = spec.recipe
    wanted = (recipe.train_images, recipe.test_images)
    if given.whole is not None and given.y_clean is None:
        _require_whole(spec, given)
    # a part that is no larger than wanted stays whole
    n_train, n_test = (
        None if n is None or n >= len(x) else n
        for n, x in zip(wanted, (given.x_train, given.x_test), strict=True)
    )
    ready = noisy_data(given.clean().subset(n_train, n_test), spec.noise, spec.rate, spec.seed)
    if given.y_clean is None:
        return ready
    if len(ready.y_train) != len(given.y_train) or bool((ready.y_train != given.y_train).any()):
        raise ValueError(
            f"the labels given are noisy, and not as {spec.stem} describes: start from clean data, "
            "or prepare them for this run"
        )
    return given


def _require_whole(spec: RunSpec, part: ImageData) -> None:
    """Raise where a part of a set stands for more of it than the run describes."""
    for name, wanted, here in (
        ("train_images", spec.recipe.train_images, len(part.x_train)),
        ("test_images", spec.recipe.test_images, len(part.x_test)),
    ):
        if wanted != here and (wanted is None or wanted > here):
            raise ValueError(
                f"the data given is a part of {spec.dataset} with {here} {name}, the run describes "
                f"{'all' if wanted is None else wanted}: give the whole set, or say "
                f"changes={{{name!r}: {here}}}"
            )


class Live(Iterator[EpochRecord]):
    """A run while it is made: iterate it for one `EpochRecord` an epoch. Made by `start`.

    Attributes
    ----------
    spec : RunSpec
    data : ImageData
        What is trained on, with wrong and true labels; what the recipe holds out is in it.
    model : Module
    device : torch.device
    dtype : torch.dtype
        Of the forward pass.
    commit : str
        Of the code that runs.
    records : list of EpochRecord
        All epochs that have ended, those before a resume included.
    processes : Processes
        Those that train it together: this one alone, or `training.joined` ones.
    """

    def __init__(self, spec: RunSpec, data: ImageData, **options: Any) -> None:
        self.spec, self.data = spec, data
        self.commit = code_commit()
        recipe = spec.recipe
        self.model = recipe.build_model(data, seed=spec.seed)
        self._workers: int | None = options.get("workers")
        trainer = Trainer(self.model, data, recipe.build_loss(), recipe, seed=spec.seed, **options)
        self.device, self.dtype, self.records = trainer.where, trainer.dtype, trainer.records
        self.processes = trainer.processes
        self._epochs = trainer.epochs()

    def __iter__(self) -> Live:
        return self

    def __next__(self) -> EpochRecord:
        return next(self._epochs)

    def close(self) -> None:
        """End the run after the last finished epoch, and let its checkpoint go."""
        self._epochs.close()

    def predict(self, x: Images) -> Tensor:
        """Logits (N, K), float32 on the CPU, of uint8 images (N, C, H, W) or of files."""
        mean, std = self.data.mean, self.data.std
        return training.predict(self.model, x, mean, std, workers=self._workers)

    def finish(self) -> Run:
        """Train the epochs that are left, and give the finished run."""
        for _ in self:
            pass
        return self.run()

    def run(self) -> Run:
        """Return the run as far as it has come."""
        if not self.records:
            raise ValueError(f"run {self.spec.stem} has no records yet")
        said = self.predict(self.data.x_test).argmax(1)
        true = self.data.y_test.flatten()
        counts = noise.realised(true, said.flatten(), self.data.num_classes).counts  # (K, K)
        confusion = tuple(tuple(row) for row in counts.tolist())
        return Run(self.spec, self.describe(), tuple(self.records), confusion)

    def describe(self) -> dict[str, Any]:
        """Say on what, where and in which arithmetic the run is made, as it is, not as asked."""
        seconds = [record.seconds for record in self.records]
        own_noise = data_module.SETS[self.spec.dataset].own_noise
        known = self.data.y_clean is not None or not own_noise
        realised = round(self.data.wrong.double().mean().item(), 6) if known else None
        several = {"processes": self.processes.size} if self.processes.size > 1 else {}
        return {
            "data": self.data.source,
            "images": self.data.fingerprint,
            "realised_rate": realised,
            "train_images": len(self.data.x_train),
            "test_images": len(self.data.x_test),
            "device": str(self.device),
            "precision": str(self.dtype).removeprefix("torch."),
            "processor": _processor(self.device),
            "threads": torch.get_num_threads(),
            **several,
            "seconds_per_epoch": round(fmean(seconds), 3) if seconds else None,
            "torch": torch.__version__,
            "anl_edu": __version__,
            "commit": self.commit,
            "recipe": self.spec.recipe.as_dict(),
            "recipe_digest": self.spec.digest,
        }


def start(
    spec: RunSpec,
    data: ImageData | None = None,
    *,
    device: str | torch.device | None = None,
    compile: bool = False,
    checkpoint: str | PathLike[str] | None = None,
    track_gradients: bool = False,
    workers: int | None = None,
) -> Live:
    """Start a run; nothing is trained before the first epoch is asked for.

    Parameters
    ----------
    spec : RunSpec
    data : ImageData, optional
        Clean data to use instead of loading ``spec.dataset``, or data that `prepare` has made
        ready for this run: it is looked at, not believed.
    device, compile, checkpoint, workers
        As in `training.fit`.
    track_gradients
        Likewise; without effect for a loss of whole masks, in which no pixel has a gradient of its
        own.
    """
    return Live(
        spec,
        prepare(spec, data),
        device=device,
        compile=compile,
        checkpoint=checkpoint,
        track_gradients=track_gradients and spec.loss not in mask_names(),
        workers=workers,
    )


def get(spec: RunSpec) -> Run:
    """Return the recorded run of a description; where there is none, train it now."""
    return lookup(spec) or finish([start(spec)])[0]


def finish(lives: Iterable[Live]) -> list[Run]:
    """Train several live runs to their end, one after the other, under one progress bar.

    Returns
    -------
    list of Run
        In the order given. The live runs keep their models and data.
    """
    lives = list(lives)
    left = sum(live.spec.recipe.epochs - len(live.records) for live in lives)
    with progress_bar(total=left, unit="epoch", desc="training", leave=False) as bar:
        for place, live in enumerate(lives, start=1):
            bar.set_description(f"{label(live.spec.loss)}, run {place} of {len(lives)}")
            for _ in live:
                bar.update()
    return [live.run() for live in lives]


def _processor(where: torch.device) -> str:
    if where.type == "cuda":
        return torch.cuda.get_device_name(where)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@cache
def code_commit() -> str:
    """Return the commit of this package's code, with a ``+`` where files differ from it.

    Looked up once a process, when a run starts: it may well outlive what is checked out.
    """
    root = paths.checkout()
    if root is None or not (root / ".git").exists():
        return "unknown"
    try:
        head = _git(root, "rev-parse", "--short=10", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", "anl_edu")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head + ("+" if changed else "")


def _git(root: Path, *arguments: str) -> str:
    shown = subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, timeout=5, check=True
    )
    return shown.stdout.strip()
