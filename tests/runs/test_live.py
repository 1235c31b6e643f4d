"""A live run is what it says: its data, arithmetic and code are looked at, not told."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from anl_edu import data, paths, runs
from anl_edu.runs import RunSpec

TINY = {"epochs": 2, "train_images": 200, "test_images": 50}
SPEC = RunSpec("digits", "ce", "symmetric", 0.5, seed=3, changes=TINY)


def test_a_live_run_is_iterated_and_finishes_into_a_run() -> None:
    live = runs.start(SPEC, device="cpu")
    first = next(live)
    assert (first.epoch, len(live.records), live.device.type) == (1, 1, "cpu")
    assert live.dtype == torch.float32
    logits = live.predict(live.data.x_test)
    accuracy = (logits.argmax(1) == live.data.y_test).double().mean().item()
    assert accuracy == pytest.approx(first.test_accuracy)
    run = live.finish()
    assert [r.epoch for r in run.records] == [1, 2]
    assert list(live) == []
    assert run.confusion is not None
    counts = torch.tensor(run.confusion)  # (K, K), rows true
    assert counts.sum(1).tolist() == live.data.y_test.bincount().tolist()
    assert (counts.diagonal() / counts.sum(1)).tolist() == pytest.approx(run.last.recalls)


def test_a_recorded_run_is_got_and_another_one_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "recorded_runs", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    made = runs.get(SPEC)
    assert made.spec == SPEC
    assert runs.lookup(SPEC) is None
    runs.write(made, tmp_path)
    monkeypatch.setattr("anl_edu.runs.live.start", lambda spec: pytest.fail("trained again"))
    got = runs.get(SPEC)
    assert got.confusion == made.confusion
    assert got.last.recalls == pytest.approx(made.last.recalls, abs=5e-4)
    (tmp_path / SPEC.file_name).write_text("{")
    with pytest.warns(UserWarning, match="not a whole recorded run"):
        assert runs.lookup(SPEC) is None


def test_the_same_spec_gives_the_same_run() -> None:
    once, again = (runs.start(SPEC, device="cpu").finish() for _ in range(2))
    assert [r.train_loss for r in again.records] == [r.train_loss for r in once.records]
    other = runs.start(replace(SPEC, seed=4), device="cpu").finish()
    assert [r.train_loss for r in other.records] != [r.train_loss for r in once.records]


def test_clean_and_prepared_data_give_the_same_run() -> None:
    clean = data.load("digits")
    ready = runs.prepare(SPEC, clean)
    assert runs.prepare(SPEC, ready) is ready
    losses = [next(runs.start(SPEC, d, device="cpu")).train_loss for d in (None, clean, ready)]
    assert len(set(losses)) == 1


def test_labels_that_are_not_the_described_ones_are_refused() -> None:
    other = runs.prepare(replace(SPEC, seed=4))
    with pytest.raises(ValueError, match=r"noisy, and not as digits-desk-symmetric-0\.5-ce-seed3"):
        runs.start(SPEC, other)
    with pytest.raises(ValueError, match="noisy, and not as digits-desk-none"):
        runs.start(replace(SPEC, noise="none"), runs.prepare(SPEC))
    with pytest.raises(ValueError, match="the run is on cifar10, the data given is digits"):
        runs.prepare(RunSpec("cifar10", "ce"), data.load("digits"))


def test_meta_is_what_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(SPEC, changes=TINY | {"precision": "bfloat16"})
    live = runs.start(spec, device="cpu")
    next(live)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # a card that was not used
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "a card")
    meta = live.run().meta
    assert (meta["device"], meta["precision"]) == ("cpu", "bfloat16")
    assert meta["processor"] != "a card"
    assert meta["images"] == data.load("digits").fingerprint
    # exact draws: int(0.5 / 9 * n) of each class and direction, a little short of 0.5
    assert 0.4 < meta["realised_rate"] <= 0.5
    assert meta["realised_rate"] == pytest.approx(live.data.wrong.double().mean().item(), abs=1e-6)
    assert (meta["train_images"], meta["recipe"]["epochs"]) == (200, 2)
    assert meta["recipe_digest"] == spec.digest


@pytest.mark.parametrize("native", [False, True])
def test_a_desk_run_is_float32_whatever_the_processor_likes(
    monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, probe, lambda: native, raising=False)
    for changes in (TINY, TINY | {"precision": "auto"}):
        live = runs.start(replace(SPEC, changes=changes), device="cpu")
        assert live.describe()["precision"] == "float32"


def test_a_live_run_resumes_with_all_its_records(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    live = runs.start(SPEC, device="cpu", checkpoint=path)
    next(live)
    with pytest.raises(BlockingIOError, match="in use by another run"):
        runs.start(SPEC, device="cpu", checkpoint=path)
    live.close()
    again = runs.start(SPEC, device="cpu", checkpoint=path)
    assert [r.epoch for r in again.records] == [1]
    whole = runs.start(SPEC, device="cpu").finish()
    assert [r.train_loss for r in again.finish().records] == [r.train_loss for r in whole.records]


def test_a_run_without_records_is_no_run() -> None:
    with pytest.raises(ValueError, match="no records"):
        runs.start(SPEC, device="cpu").run()


def test_meta_tells_the_code_that_ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not here")

    def git(*arguments: str) -> str:
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
    monkeypatch.setattr(paths, "checkout", lambda: tmp_path)
    runs.code_commit.cache_clear()
    try:
        live = runs.start(SPEC, data.load("digits"), device="cpu")
        git("commit", "-q", "--allow-empty", "-m", "two")  # while the run is under way
        assert live.describe()["commit"] == first
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
def test_each_part_is_cut_to_its_size_where_it_is_larger(
    train_images: int | None, test_images: int | None, sizes: tuple[int, int]
) -> None:
    changes = {"train_images": train_images, "test_images": test_images}
    ready = runs.prepare(RunSpec("digits", "ce", changes=changes))
    assert (len(ready.y_train), len(ready.y_test)) == sizes
    if sizes == (200, 50):  # recorded runs stand on this draw
        whole = data.load("digits").subset(200, 50, seed=0)
        assert torch.equal(ready.x_train, whole.x_train)
        assert torch.equal(ready.x_test, whole.x_test)


@pytest.mark.parametrize("kind", ["symmetric", "pair", "asymmetric", "instance"])
def test_noise_reaches_labels_once_and_keeps_the_truth(kind: str) -> None:
    clean = data.load("digits")
    noisy = runs.noisy_data(clean, kind, 0.4, seed=1)
    assert noisy.y_clean is not None
    assert torch.equal(noisy.y_clean, clean.y_train)
    nominal = {"asymmetric": 0.2}.get(kind, 0.4)  # five of ten classes flip
    assert noisy.wrong.double().mean().item() == pytest.approx(nominal, abs=0.04)
    assert torch.equal(noisy.y_train, runs.noisy_data(clean, kind, 0.4, seed=1).y_train)
    assert not torch.equal(noisy.y_train, runs.noisy_data(clean, kind, 0.4, seed=2).y_train)
    with pytest.raises(ValueError, match="noisy already"):
        runs.noisy_data(noisy, kind, 0.4)


def test_no_noise_leaves_labels_alone() -> None:
    assert not runs.noisy_data("digits", "none", 0.0).wrong.any()
    assert RunSpec("digits", "ce", "none", 0.6).rate == 0


def test_a_part_is_not_taken_for_the_whole() -> None:
    part = data.load("digits").subset(100, 50)
    with pytest.raises(ValueError, match=r"a part of digits with 100 train_images, .* all: give"):
        runs.start(RunSpec("digits", "ce"), part)
    with pytest.raises(ValueError, match=r"with 100 train_images, the run describes 200"):
        runs.start(SPEC, part)
    says = RunSpec("digits", "ce", changes={"train_images": 100, "test_images": 50})
    assert len(runs.prepare(says, part).y_train) == 100
