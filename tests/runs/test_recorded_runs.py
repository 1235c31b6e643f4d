"""The collection's recorded runs: whole, described, and made again here within a stated band."""

import itertools

import pytest

from anl_edu import data, runs

FOLDER = runs.recorded()
# Between machines, sums are rounded in another order and training drifts apart. Over the first
# epochs test accuracy stays within this many points (1.0 = 100 %) of what was recorded.
BAND = {"digits": 0.03, "cifar10": 0.05}
EPOCHS = {"digits": 8, "cifar10": 2}


def test_every_file_reads_and_no_two_are_the_same_run():
    found = runs.find()
    assert len(found) == len(list(FOLDER.glob("*.json"))) > 0
    digests = [run.meta["recipe_digest"] for run in found]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("run", runs.find(), ids=lambda run: run.spec.stem)
def test_a_recorded_run_says_where_it_comes_from_and_is_complete(run):
    assert [r.epoch for r in run.records] == list(range(1, run.meta["recipe"]["epochs"] + 1))
    for key in ("data", "realised_rate", "device", "processor", "torch", "commit"):
        assert run.meta[key] not in ("", None, "unknown"), key
    assert run.meta["recipe_digest"] == run.spec.digest, "the recipe has changed since"
    assert "/" not in run.meta["data"], "a path of the machine it was made on"


@pytest.mark.parametrize("dataset", ["digits", "cifar10"])
def test_a_slice_made_again_lands_in_the_band(dataset, monkeypatch):
    try:
        data.load(dataset, download=False)
    except FileNotFoundError:
        pytest.skip(f"{dataset} is not here: set ANL_EDU_DATA to a folder that holds it")
    run = runs.find(dataset=dataset, loss="ce", noise="symmetric", rate=0.6, seed=0)[0]
    ready = runs.prepare(run.spec)
    if ready.source != run.meta["data"]:
        pytest.skip(f"recorded on {run.meta['data']!r}, here is {ready.source!r}")
    again = itertools.islice(
        runs.start(run.spec, ready, corrupted=True, device="cpu"), EPOCHS[dataset]
    )
    for then, now in zip(run.records, again, strict=False):
        assert now.test_accuracy == pytest.approx(then.test_accuracy, abs=BAND[dataset])
        assert now.memorised == pytest.approx(then.memorised, abs=BAND[dataset])
