"""Batches of image files: what the pipeline makes of them, whoever reads; training on them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import trees
from PIL import Image
from small import recipe, run, same, tiny
from torch import Tensor, nn

from anl_edu import data, noise, runs, training
from anl_edu.data import ImageData, ImageFiles
from anl_edu.recipes import Recipe
from anl_edu.training.sources import Files, source, spare_cores

CPU = torch.device("cpu")
ALL = ("resized-crop", "flip", "colour-jitter")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ImageData:
    root = trees.class_folders(tmp_path_factory.mktemp("folder"))
    d = data.image_folder(root / "train", root / "test", size=16, name="tiny")
    g = torch.Generator().manual_seed(0)
    return d.with_labels(noise.corrupt(d.y_train, noise.symmetric(3, 0.3), generator=g))


def files(d: ImageData, augment: tuple[str, ...] = ALL, workers: int = 0) -> Files:
    made = source(d.x_train, augment, CPU, workers)
    assert isinstance(made, Files)
    return made


def small(**changes: object) -> Recipe:
    return recipe(augment=ALL, batch_size=7, model_options={"widths": (4,), "hidden": 8}, **changes)


def epoch(images: Files, shares: list[list[int]], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return list(images.augmented([torch.tensor(s, dtype=torch.int64) for s in shares], generator))


def plain(images: Files) -> Tensor:
    return torch.cat(list(images.plain(slice(None))))


def test_test_images_are_the_middle_of_the_scaled_picture(folder: ImageData) -> None:
    got = plain(files(folder))
    assert (tuple(got.shape), got.dtype) == ((24, 3, 16, 16), torch.uint8)
    assert isinstance(folder.x_train, ImageFiles)
    for place in (0, 1, 2, 3):
        image = folder.x_train.read(place)
        w, h = image.size
        short = 18  # 16 * 256 / 224
        w, h = (int(short * w / h), short) if h <= w else (short, int(short * h / w))
        left, top = round((w - 16) / 2), round((h - 16) / 2)
        cut = image.resize((w, h), Image.Resampling.BILINEAR).crop((left, top, left + 16, top + 16))
        expected = torch.from_numpy(np.array(cut)).permute(2, 0, 1)
        assert torch.equal(got[place], expected)


def test_some_rows_are_read_and_no_others(folder: ImageData) -> None:
    images = files(folder)
    whole = plain(images)
    assert torch.equal(torch.cat(list(images.plain(slice(5, 9)))), whole[5:9])
    assert [batch.shape for batch in images.plain(slice(9, 9))] == [(0, 3, 16, 16)]
    nothing = images.files[torch.arange(0)]
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 3))
    assert training.predict(model, nothing, folder.mean, folder.std).shape == (0, 3)


def test_each_kind_of_augmentation_does_its_own(folder: ImageData) -> None:
    everyone = [list(range(24))]
    still = plain(files(folder))
    (none,) = epoch(files(folder, ()), everyone)
    assert torch.equal(none, still)
    (flipped,) = epoch(files(folder, ("flip",)), everyone)
    turned = (flipped == still.flip(3)).flatten(1).all(1)
    kept = (flipped == still).flatten(1).all(1)
    assert bool((turned | kept).all())
    assert 4 <= int(turned.sum()) <= 20
    (jittered,) = epoch(files(folder, ("colour-jitter",)), everyone)
    means, before = (x.float().mean((2, 3)) for x in (jittered, still))  # (24, 3)
    assert ((means - before).abs().amax(1) > 3).sum() > 18
    (cropped,) = epoch(files(folder, ("resized-crop",)), everyone)
    assert not (cropped == still).flatten(1).all(1).any()
    near = (cropped.float().mean((2, 3)) - before).abs().amax(1)  # colours stay
    assert near.median() < 10


def test_batches_are_the_same_whoever_reads(folder: ImageData) -> None:
    shares = [[3, 1, 20], [], [7, 8, 9, 10], [0]]
    torch.manual_seed(4)
    before = torch.get_rng_state()
    alone = epoch(files(folder), shares)
    assert [len(batch) for batch in alone] == [3, 0, 4, 1]
    assert all(batch.shape[1:] == (3, 16, 16) for batch in alone)
    for workers in (1, 2):
        for a, b in zip(alone, epoch(files(folder, workers=workers), shares), strict=True):
            assert torch.equal(a, b)
    assert torch.equal(torch.get_rng_state(), before)  # the caller's draws go on as they were
    assert torch.equal(plain(files(folder, workers=2)), plain(files(folder)))


def test_an_image_s_draws_are_its_own_and_each_epoch_s(folder: ImageData) -> None:
    images = files(folder)
    first, second = epoch(images, [[5, 6]]), epoch(images, [[2, 6], [5]])
    assert torch.equal(first[0][0], second[1][0])  # whatever batch it is in
    assert torch.equal(first[0][1], second[0][1])
    assert not torch.equal(first[0], epoch(images, [[5, 6]], seed=1)[0])


def test_augmentations_belong_to_their_kind_of_images(folder: ImageData) -> None:
    for kind in ("crop", "rotate"):
        with pytest.raises(ValueError, match=f"augmentation '{kind}' is for images in memory"):
            run(small().replace(augment=(kind,)), folder)
    for kind in ("resized-crop", "colour-jitter"):
        with pytest.raises(ValueError, match=f"augmentation '{kind}' is not for images in memory"):
            run(recipe(augment=(kind,)), tiny())


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_image_is_named_in_training(tmp_path: Path, workers: int) -> None:
    root = trees.class_folders(tmp_path)
    (root / "train" / "b" / "5.jpg").write_bytes(b"no picture")
    d = data.image_folder(root / "train", root / "test", size=16)
    with pytest.raises(ValueError, match=r"^image .*b.5.jpg cannot be decoded"):
        run(small(epochs=1, train_eval=1), d, workers=workers)


def test_readers_are_the_cores_to_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    for cores, trainers, readers in ((1, 1, 0), (2, 1, 1), (16, 1, 8), (16, 4, 3), (2, 4, 0)):
        monkeypatch.setattr(
            os, "sched_getaffinity", lambda _, n=cores: set(range(n)), raising=False
        )
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(trainers))
        assert spare_cores() == readers
        monkeypatch.setenv("LOCAL_WORLD_SIZE", "100")
        assert spare_cores(trainers) == readers
    # a daemon, such as a worker that `dask worker` started, can have no children
    monkeypatch.setattr("multiprocessing.current_process", lambda: SimpleNamespace(daemon=True))
    assert spare_cores() == 0


# --- training -------------------------------------------------------------------------------------


def test_training_on_files_resumes_to_the_same_bits(folder: ImageData, tmp_path: Path) -> None:
    r = small(epochs=3, held_out=0.2, train_eval=9)
    whole, records = run(r, folder, workers=0, track_gradients=True)
    path = tmp_path / "run.pt"
    model = r.build_model(folder, seed=0)
    epochs = training.fit(model, folder, r.build_loss(), r, device="cpu", checkpoint=path)
    next(epochs)
    epochs.close()
    resumed, _ = run(r, folder, workers=2, track_gradients=True, checkpoint=path)
    assert same(whole, resumed)
    assert training.load_records(path)[-1].test_accuracy == records[-1].test_accuracy
    other = replace(folder, x_train=folder.x_train[torch.arange(24).flip(0)])
    with pytest.raises(ValueError, match="belongs to another run, with training data"):
        run(r, other, checkpoint=path)


def test_files_are_learned_as_pixels_are(folder: ImageData) -> None:
    """Without draws the files and their pixels in memory are the same training."""
    r = small(epochs=8, lr=0.02).replace(augment=())
    model, records = run(r, folder, workers=0)
    parts: dict[str, Any] = {
        part: plain(files(replace(folder, x_train=getattr(folder, part))))
        for part in ("x_train", "x_test")
    }
    class_of, loaded = run(r, replace(folder, **parts))[0], replace(folder, **parts)
    for mine, theirs in zip(model.parameters(), class_of.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-3, atol=1e-5)
    assert records[-1].test_accuracy > 0.8  # a third by chance
    on_disk = training.predict(model, folder.x_test, folder.mean, folder.std)
    assert torch.equal(on_disk, training.predict(model, loaded.x_test, folder.mean, folder.std))
    assert training.evaluate(
        model, folder.x_test, folder.y_test, folder.mean, folder.std
    ) == pytest.approx(records[-1].test_accuracy)


def test_a_webvision_run_from_its_recipe_to_its_record(tmp_path: Path) -> None:
    d = data.webvision_mini(trees.webvision(tmp_path / "webvision"), size=16)
    changes = {"model": "cnn4", "epochs": 1, "batch_size": 32, "lr": 0.01, "precision": "float32"}
    spec = runs.RunSpec("webvision", "anl-ce", "none", seed=0, scale="paper", changes=changes)
    assert spec.recipe.augment == ALL
    live = runs.start(spec, d, device="cpu", workers=0)
    made = live.finish()
    assert made.confusion is not None
    assert sum(map(sum, made.confusion)) == 50
    assert made.last.mean_prediction is not None
    assert len(made.last.mean_prediction) == 50
    again = runs.read(runs.write(made, tmp_path / "runs"))
    assert again.meta["images"] == d.fingerprint
    assert again.meta["realised_rate"] is None  # nobody knows
    assert again.last.test_accuracy == made.last.test_accuracy


# --- memory ---------------------------------------------------------------------------------------

FLAT = """
import resource, sys
from pathlib import Path
import torch
from torch import nn
from anl_edu import data, losses, training
from anl_edu.recipes import Recipe
torch.set_num_threads(1)
root = Path(sys.argv[1])
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MB
def train(d):
    r = Recipe("folder", "ce", epochs=1, batch_size=50, augment=("flip",))
    model = nn.Sequential(nn.AvgPool2d(16), nn.Flatten(), nn.Linear(48, 2))
    list(training.fit(model, d, losses.build("ce"), r, device="cpu", workers=0))
d = data.image_folder(root / "train", root / "train", size=64)
few = torch.arange(0, len(d.x_train), 50)
train(d.part(few, few))
before = peak()
train(d.part(torch.arange(len(d.x_train)), few))
print(peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in kilobytes there")
def test_memory_stays_flat_over_ten_thousand_images(tmp_path: Path) -> None:
    """Trained on and predicted; decoded they would fill 123 MB. Many names of a few files."""
    for k in range(2):
        trees.picture(tmp_path / f"{k}.jpg", k, 1)
        (tmp_path / "train" / str(k)).mkdir(parents=True)
        for n in range(5000):
            os.link(tmp_path / f"{k}.jpg", tmp_path / "train" / str(k) / f"{n}.jpg")
    done = subprocess.run(
        [sys.executable, "-c", FLAT, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 40
