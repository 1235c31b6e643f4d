"""The collection's recorded runs: whole, described, and made again here within a stated band."""

from __future__ import annotations

import itertools
from dataclasses import fields
from pathlib import Path

import pytest

from anl_edu import data, paths, runs
from anl_edu.recipes import Recipe
from anl_edu.runs import packs, store

FOLDER = paths.recorded_runs()
PLACES = [
    (archive, name) for archive in sorted(FOLDER.glob("*.zip")) for name in packs.names(archive)
]
# Between machines and versions of torch, sums are rounded in another order and training drifts
# apart: through the digits' linear layers slowly, through ReLU and max-pooling after convolutions,
# where a rounding decides which pixel passes, within the first epoch. So the digits show that a
# run is the same run (another seed or bfloat16 is off by far more), the CIFAR images that it goes
# the same way. Accuracies in shares, the first epoch's loss as a part of itself.
BAND = {"digits": 0.03, "cifar10": 0.10}
FIRST_LOSS = {"digits": 2e-4, "cifar10": 0.02}
EPOCHS = {"digits": 8, "cifar10": 2}


def test_there_are_runs_all_packed_and_no_two_are_the_same() -> None:
    assert len(PLACES) >= 1100
    assert list(FOLDER.glob("*.json")) == [], "anl-edu pack data/runs"
    assert len(runs.find(FOLDER)) == len(PLACES)


@pytest.mark.parametrize(("archive", "name"), PLACES, ids=[Path(name).stem for _, name in PLACES])
def test_a_recorded_run_says_where_it_comes_from_and_is_complete(archive: Path, name: str) -> None:
    ((_, text),) = packs.texts(archive, lambda other: other == name)
    run = store.decode(text, name)
    assert archive.name == store.archive_name(run.spec)
    assert name == run.spec.file_name, "the recipe has changed since"
    assert run.meta["recipe_digest"] == run.spec.digest
    assert [r.epoch for r in run.records] == list(range(1, run.meta["recipe"]["epochs"] + 1))
    for key in ("data", "images", "realised_rate", "device", "processor", "torch", "commit"):
        assert run.meta[key] not in ("", None, "unknown"), key
    assert run.meta["precision"] == "float32"
    assert "/" not in run.meta["data"], "a path of the machine it was made on"
    made, told = run.spec.recipe.as_dict(), run.meta["recipe"]
    younger = {f.name: f.default for f in fields(Recipe) if f.name not in told}
    assert told | younger == made


@pytest.mark.parametrize("dataset", ["digits", "cifar10"])
def test_a_slice_made_again_lands_in_the_band(dataset: str) -> None:
    try:
        images = data.load(dataset, download=False)
    except FileNotFoundError:
        pytest.skip(f"{dataset} is not here: set ANL_EDU_DATA to a folder that holds it")
    where = {"dataset": dataset, "loss": "ce", "noise": "symmetric", "rate": 0.6, "seed": 0}
    (run,) = runs.find(FOLDER, scale="desk", changes=({},), **where)
    if images.fingerprint != run.meta["images"]:
        pytest.skip(f"recorded on {run.meta['data']!r}, here are other images: {images.source!r}")
    again = list(itertools.islice(runs.start(run.spec, images, device="cpu"), EPOCHS[dataset]))
    assert again[0].train_loss == pytest.approx(run.records[0].train_loss, rel=FIRST_LOSS[dataset])
    for then, now in zip(run.records, again, strict=False):
        assert now.test_accuracy == pytest.approx(then.test_accuracy, abs=BAND[dataset])
        assert now.memorised == pytest.approx(then.memorised, abs=BAND[dataset])
