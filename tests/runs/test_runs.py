"""Recorded runs: written whole, named by content, read back the same, refused when damaged."""

import json
import math
import shutil
import subprocess
from dataclasses import replace

import pytest
import torch

from anl_edu import data, runs
from anl_edu.runs import RunSpec

TINY = {"epochs": 2, "train_images": 200, "test_images": 50}


@pytest.fixture(scope="module")
def run():
    spec = RunSpec("digits", "ce", "symmetric", 0.5, seed=3, changes=TINY)
    ready = runs.prepare(spec)
    return runs.describe(spec, ready, runs.start(spec, ready, corrupted=True, device="cpu"), "cpu")


def test_a_run_reads_back_as_it_was_written(run, tmp_path):
    path = runs.write(run, tmp_path)
    back = runs.read(path)
    assert back.spec == run.spec
    assert back.meta == json.loads(json.dumps(run.meta))
    for old, new in zip(run.records, back.records, strict=True):
        for name, value in old.as_dict().items():
            read = getattr(new, name)
            assert read == value or read == pytest.approx(value, rel=1e-4, nan_ok=True), name


def test_the_name_tells_the_run_and_its_content(run, tmp_path):
    path = runs.write(run, tmp_path)
    digest = json.loads(path.read_text())["sha256"]
    assert path.name == f"digits-desk-symmetric-0.5-ce-seed3-{digest[:10]}.json"
    other = replace(run, records=run.records[:1])
    assert runs.write(other, tmp_path) != path


@pytest.mark.parametrize("keep", [0.3, 0.99])
def test_a_file_cut_short_is_refused(run, tmp_path, keep):
    path = runs.write(run, tmp_path)
    text = path.read_text()
    path.write_text(text[: int(len(text) * keep)])
    with pytest.raises(ValueError, match="not a whole recorded run"):
        runs.read(path)


def test_an_edited_file_is_refused(run, tmp_path):
    path = runs.write(run, tmp_path)
    path.write_text(path.read_text().replace('"seed":3', '"seed":4'))
    with pytest.raises(ValueError, match="does not match its own hash"):
        runs.read(path)


def test_another_format_is_named(run, tmp_path):
    path = runs.write(run, tmp_path)
    path.write_text(path.read_text().replace('"format":1', '"format":7'))
    with pytest.raises(ValueError, match="format 7"):
        runs.read(path)


def test_find_filters_by_spec_and_names_a_wrong_filter(run, tmp_path):
    runs.write(run, tmp_path)
    assert [r.spec for r in runs.find(tmp_path, loss=("ce", "mae"), rate=0.5)] == [run.spec]
    assert runs.find(tmp_path, loss="mae") == []
    with pytest.raises(ValueError, match="unknown filter 'lose'"):
        runs.find(tmp_path, lose="ce")


def test_replay_gives_the_recorded_epochs_in_order(run):
    assert tuple(runs.replay(run)) == run.records
    assert [r.epoch for r in run.records] == [1, 2]


def test_the_same_spec_gives_the_same_run(run):
    again = list(runs.start(run.spec, device="cpu"))
    assert [r.test_accuracy for r in again] == [r.test_accuracy for r in run.records]
    other = list(runs.start(replace(run.spec, seed=4), device="cpu"))
    assert [r.train_loss for r in other] != [r.train_loss for r in run.records]


def test_meta_tells_the_realised_rate_and_the_recipe(run):
    # exact draws: int(0.5 / 9 * n) of each class and direction, a little short of 0.5
    assert 0.4 < run.meta["realised_rate"] <= 0.5
    assert run.meta["recipe"]["epochs"] == 2
    assert run.meta["train_images"] == 200
    assert run.meta["recipe_digest"] == run.spec.digest


def test_meta_tells_device_and_precision(run, monkeypatch):
    assert run.meta["precision"] in ("float32", "bfloat16")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "a card")
    ready = runs.prepare(run.spec)
    meta = runs.describe(run.spec, ready, run.records, "cpu", "float16").meta
    assert meta["processor"] != "a card"
    assert (meta["device"], meta["precision"]) == ("cpu", "float16")


def test_meta_tells_the_code_that_ran(run, tmp_path, monkeypatch):
    if shutil.which("git") is None:
        pytest.skip("git is not here")

    def git(*arguments):
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        made = subprocess.run(
            ["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return made.stdout.strip()

    code = tmp_path / "anl_edu" / "runs.py"
    code.parent.mkdir()
    code.write_text("1")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    first = git("rev-parse", "--short=10", "HEAD")
    monkeypatch.setattr(runs, "__file__", str(code))
    runs.code_commit.cache_clear()
    try:
        records = runs.start(run.spec, device="cpu")
        git("commit", "-q", "--allow-empty", "-m", "two")  # while the run is under way
        meta = runs.describe(run.spec, runs.prepare(run.spec), records, "cpu").meta
        assert meta["commit"] == first
        (tmp_path / "notes").write_text("no code")
        runs.code_commit.cache_clear()
        assert runs.code_commit() == git("rev-parse", "--short=10", "HEAD")
        code.write_text("2")
        runs.code_commit.cache_clear()
        assert runs.code_commit().endswith("+")
    finally:
        runs.code_commit.cache_clear()


@pytest.mark.parametrize(
    ("train_images", "test_images", "sizes"),
    [
        (200, 50, (200, 50)),
        (None, 50, (1437, 50)),
        (1437, 50, (1437, 50)),
        (5000, 50, (1437, 50)),
        (200, None, (200, 360)),
        (200, 400, (200, 360)),
        (None, None, (1437, 360)),
    ],
)
def test_each_part_is_cut_to_its_size_where_it_is_larger(train_images, test_images, sizes):
    changes = {"train_images": train_images, "test_images": test_images}
    ready = runs.prepare(RunSpec("digits", "ce", changes=changes))
    assert (len(ready.y_train), len(ready.y_test)) == sizes
    if sizes == (200, 50):  # recorded runs stand on this draw
        whole = data.load("digits").subset(200, 50, seed=0)
        assert torch.equal(ready.x_train, whole.x_train)
        assert torch.equal(ready.x_test, whole.x_test)


def test_the_digest_follows_the_recipe():
    spec = RunSpec("digits", "ce")
    assert spec.digest == RunSpec("digits", "ce").digest
    assert spec.digest != replace(spec, changes={"lr": 0.01}).digest


@pytest.mark.parametrize("kind", ["symmetric", "pair", "asymmetric", "instance"])
def test_noise_reaches_labels_once_and_keeps_the_truth(kind):
    clean = data.load("digits")
    noisy = runs.noisy_data(clean, kind, 0.4, seed=1)
    assert torch.equal(noisy.y_clean, clean.y_train)
    nominal = {"asymmetric": 0.2}.get(kind, 0.4)  # five of ten classes flip
    assert noisy.wrong.double().mean().item() == pytest.approx(nominal, abs=0.04)
    assert torch.equal(noisy.y_train, runs.noisy_data(clean, kind, 0.4, seed=1).y_train)
    assert not torch.equal(noisy.y_train, runs.noisy_data(clean, kind, 0.4, seed=2).y_train)
    with pytest.raises(ValueError, match="noisy already"):
        runs.noisy_data(noisy, kind, 0.4)


def test_no_noise_leaves_labels_alone():
    assert not runs.noisy_data("digits", "none", 0.0).wrong.any()
    assert RunSpec("digits", "ce", "none", 0.6).rate == 0


def test_rates_outside_the_unit_interval_are_named():
    with pytest.raises(ValueError, match=r"1\.5 is not in \[0, 1\]"):
        RunSpec("digits", "ce", rate=1.5)


def test_a_run_without_records_is_no_run(run):
    with pytest.raises(ValueError, match="no records"):
        runs.describe(run.spec, runs.prepare(run.spec), [])


def test_nan_survives_the_file(run, tmp_path):
    records = tuple(replace(r, memorised=math.nan) for r in run.records)
    back = runs.read(runs.write(replace(run, records=records), tmp_path))
    assert all(math.isnan(r.memorised) for r in back.records)
