"""Runs: what was trained on what, started from one description, recorded, found, replayed.

A run is a loss on a data set under a noise with a seed (`RunSpec`). `start` trains it live;
`write` keeps it as a small JSON file named by its content; `read`, `find` and `replay` give it
back. A recorded run says where it comes from (data, commit, device, seconds) and is never
presented as live.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

import torch

from anl_edu import __version__, atomic, noise, recipes, train
from anl_edu import data as data_module
from anl_edu import device as devices
from anl_edu.data import ImageData
from anl_edu.recipes import Recipe
from anl_edu.train import EpochRecord

FORMAT = 1
_COLUMNS = tuple(f.name for f in fields(EpochRecord))


@dataclass(frozen=True)
class RunSpec:
    """One run, described: enough to start it again.

    Parameters
    ----------
    dataset, loss : str
        Names known to `data.load` and `losses.build`.
    noise : str
        ``"none"``, ``"symmetric"``, ``"pair"``, ``"asymmetric"``, ``"instance"`` or
        ``"human-<which>"`` (for instance ``"human-worst"``), see `noisy_data`.
    rate : float
        Nominal noise rate in [0, 1]; 0 for ``"none"`` and human labels, whose rate is their own.
    seed : int
        Decides the noise, the initial weights, the order and the augmentation.
    scale : str
        ``"desk"`` or ``"paper"``: which recipe.
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
        rateless = self.noise == "none" or self.noise.startswith("human-")
        if rateless and self.rate != 0:
            object.__setattr__(self, "rate", 0.0)
        if not 0 <= self.rate <= 1:
            raise ValueError(f"noise rate {self.rate} is not in [0, 1]")

    @property
    def recipe(self) -> Recipe:
        return recipes.get(self.dataset, self.loss, scale=self.scale, **self.changes)

    @property
    def digest(self) -> str:
        """Short hash of the description and of the whole recipe behind it."""
        return _digest({"spec": _spec_dict(self), "recipe": self.recipe.as_dict()})[:10]

    @property
    def stem(self) -> str:
        """A readable file stem, for instance ``cifar10-desk-symmetric-0.6-anl-ce-seed0``."""
        rate = f"-{self.rate:g}" if self.rate else ""
        return f"{self.dataset}-{self.scale}-{self.noise}{rate}-{self.loss}-seed{self.seed}"


@dataclass(frozen=True)
class Run:
    """A run that has been made: its description, where it was made, one record an epoch."""

    spec: RunSpec
    meta: Mapping[str, Any]
    records: tuple[EpochRecord, ...]

    @property
    def last(self) -> EpochRecord:
        """The last epoch: what the papers report."""
        return self.records[-1]

    @property
    def best(self) -> float:
        """Best test accuracy of any epoch; choosing it needs clean labels, so it is no result."""
        return max(record.test_accuracy for record in self.records)


def noisy_data(data: str | ImageData, kind: str, rate: float, seed: int = 0) -> ImageData:
    """Return a data set whose training labels have been made wrong: where data meets noise.

    Parameters
    ----------
    data : str or ImageData
        A name for `data.load`, or clean data.
    kind : str
        ``"none"``, ``"human-<which>"`` (CIFAR-N's annotators), ``"instance"`` (drawn from
        standardised pixels) or a name known to `noise.transition`.
    rate : float
        Nominal rate in [0, 1].
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
    if kind.startswith("human-"):
        return clean.with_labels(data_module.human_labels_for(clean, kind.removeprefix("human-")))
    # Training seeds its own generators with `seed`: the same number would tie the two draws.
    generator = torch.Generator().manual_seed(seed + 1_000_003)
    if kind == "instance":
        pixels = clean.x_train.flatten(1).float()  # (N, D)
        features = (pixels - pixels.mean(0)) / pixels.std(0).clamp_min(1.0)
        noisy = noise.instance_dependent(
            features, clean.y_train, rate, clean.num_classes, generator=generator
        )
    else:
        T = noise.transition(kind, rate, clean.name)  # (K, K)
        noisy = noise.corrupt(clean.y_train, T, generator=generator)
    return clean.with_labels(noisy)


def prepare(spec: RunSpec, data: ImageData | None = None) -> ImageData:
    """Load (or take) the data of a run, cut it to the recipe's size and corrupt its labels."""
    clean = data_module.load(spec.dataset) if data is None else data
    recipe = spec.recipe
    wanted = (recipe.train_images, recipe.test_images)
    # a part that is no larger than wanted stays whole
    n_train, n_test = (
        None if n is None or n >= len(x) else n
        for n, x in zip(wanted, (clean.x_train, clean.x_test), strict=True)
    )
    return noisy_data(clean.subset(n_train, n_test), spec.noise, spec.rate, spec.seed)


def start(
    spec: RunSpec, data: ImageData | None = None, *, corrupted: bool = False, **fit_options: Any
) -> Iterator[EpochRecord]:
    """Train a run live, one `EpochRecord` an epoch.

    Parameters
    ----------
    spec : RunSpec
    data : ImageData, optional
        Clean data to use instead of loading ``spec.dataset``; with ``corrupted=True``, data
        that `prepare` has already made ready.
    **fit_options
        Passed to `train.fit`: ``device``, ``precision``, ``checkpoint``, ``track_gradients``...
    """
    code_commit()  # the code that runs, whatever is checked out by the time it is asked for
    ready = data if corrupted and data is not None else prepare(spec, data)
    recipe = spec.recipe
    model = recipe.build_model(ready, seed=spec.seed)
    return train.fit(model, ready, recipe.build_loss(), recipe, seed=spec.seed, **fit_options)


def describe(
    spec: RunSpec,
    data: ImageData,
    records: Iterable[EpochRecord],
    device: str | None = None,
    precision: str = "auto",
) -> Run:
    """Make a `Run` of finished records, noting where and on what they were made.

    ``device`` and ``precision`` are those given to `start`.
    """
    records = tuple(records)
    if not records:
        raise ValueError(f"run {spec.stem} has no records")
    where = devices.device(device)
    meta = {
        "data": data.source,
        "realised_rate": round(data.wrong.double().mean().item(), 6),
        "train_images": len(data.x_train),
        "test_images": len(data.x_test),
        "device": str(where),
        "precision": str(devices.precision(precision, where)).removeprefix("torch."),
        "processor": _processor(where),
        "threads": torch.get_num_threads(),
        "seconds_per_epoch": round(sum(r.seconds for r in records) / len(records), 3),
        "torch": torch.__version__,
        "anl_edu": __version__,
        "commit": code_commit(),
        "recipe": spec.recipe.as_dict(),
        "recipe_digest": spec.digest,
    }
    return Run(spec, meta, records)


def write(run: Run, folder: str | Path) -> Path:
    """Write a run as one JSON file, named by its content; the file is whole or not there."""
    body = _body(run)
    digest = _digest(body)
    path = Path(folder) / f"{run.spec.stem}-{digest[:10]}.json"
    text = json.dumps({"sha256": digest, **body}, indent=None, separators=(",", ":")) + "\n"
    with atomic.writing(path) as file:
        file.write(text.encode())
    return path


def read(path: str | Path) -> Run:
    """Read a recorded run; a file that is cut short or was edited is refused.

    Raises
    ------
    ValueError
        If the file is no recorded run, of another format, or does not match its own hash.
    """
    path = Path(path)
    try:
        body = json.loads(path.read_text())
        digest = body.pop("sha256")
        number = body["format"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a whole recorded run ({error})") from None
    if number != FORMAT:
        raise ValueError(f"{path} has format {number}; this version reads format {FORMAT}")
    if digest != _digest(body):
        raise ValueError(f"{path} does not match its own hash {digest[:10]}: edited or cut short")
    columns = body["records"]
    records = tuple(
        _record(dict(zip(_COLUMNS, row, strict=True)))
        for row in zip(*(columns[name] for name in _COLUMNS), strict=True)
    )
    return Run(RunSpec(**body["spec"]), body["meta"], records)


def find(folder: str | Path | None = None, **filters: Any) -> list[Run]:
    """Return the recorded runs of a folder whose spec has the given values, in order of name.

    Parameters
    ----------
    folder : path, optional
        The collection's own recorded runs when left out.
    **filters
        Fields of `RunSpec`; a tuple or list means any of its values.
    """
    unknown = set(filters) - {f.name for f in fields(RunSpec)}
    if unknown:
        known = ", ".join(f.name for f in fields(RunSpec))
        raise ValueError(f"unknown filter {sorted(unknown)[0]!r}; a run has {known}")
    where = recorded() if folder is None else Path(folder)
    found = [read(path) for path in sorted(where.glob("*.json"))]
    for name, wanted in filters.items():
        allowed = wanted if isinstance(wanted, tuple | list) else (wanted,)
        found = [run for run in found if getattr(run.spec, name) in allowed]
    return sorted(found, key=lambda run: (run.spec.stem, run.spec.seed))


def replay(run: Run) -> Iterator[EpochRecord]:
    """Give a recorded run's epochs again, in order, as `start` would have given them."""
    yield from run.records


def recorded() -> Path:
    """Return the folder of recorded runs: data/runs, or its copy in the package."""
    packaged = Path(__file__).parent / "recorded"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "data" / "runs"


def _body(run: Run) -> dict[str, Any]:
    columns = {name: [_plain(getattr(record, name)) for record in run.records] for name in _COLUMNS}
    return {
        "format": FORMAT,
        "spec": _spec_dict(run.spec),
        "meta": dict(run.meta),
        "records": columns,
    }


def _spec_dict(spec: RunSpec) -> dict[str, Any]:
    plain = {f.name: getattr(spec, f.name) for f in fields(RunSpec)}
    return plain | {"changes": dict(spec.changes)}


def _plain(value: float | int | None) -> float | int | str | None:
    """JSON has no NaN; five digits are more than 1,017 test images can tell apart."""
    if isinstance(value, float):
        return "nan" if math.isnan(value) else float(f"{value:.5g}")
    return value


def _record(row: dict[str, Any]) -> EpochRecord:
    plain: dict[str, Any] = {k: math.nan if v == "nan" else v for k, v in row.items()}
    return EpochRecord(**plain)


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


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

    Looked up once a process, by `start`: a long run may well outlive what is checked out.
    """
    root = Path(__file__).parent.parent
    if not (root / ".git").exists():
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
