"""Folders of images with masks: read, resized and kept; every fault is told by the file's name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import trees
from PIL import Image

from anl_edu import data, noise, training
from anl_edu.data import mask_folders
from anl_edu.recipes import Recipe

IMAGE = "ISIC-2017_Training_Data/ISIC_0000002.jpg"
MASK = "ISIC-2017_Training_Part1_GroundTruth/ISIC_0000002_segmentation.png"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("ANL_EDU_DATA", str(folder))
    return folder


def test_lesions_are_read_and_resized(tmp_path: Path, cache: Path) -> None:
    d = data.isic2017(trees.isic2017(tmp_path / "isic"), size=32)
    assert d.x_train.shape == (6, 3, 32, 32)
    assert d.y_test.shape == (3, 32, 32)
    assert d.classes == ("background", "lesion")
    for x, y in zip(d.x_train, d.y_train, strict=True):
        assert 0.02 < y.double().mean() < 0.7
        grey = x.double().mean(0)
        assert grey[y == 1].mean() < grey[y == 0].mean() - 60  # the mask lies on the blot
    scaled = d.x_train.double() / 255
    assert d.mean == pytest.approx(scaled.mean((0, 2, 3)).tolist(), abs=1e-4)
    assert d.std == pytest.approx(
        scaled.transpose(0, 1).flatten(1).std(1, correction=0).tolist(), abs=1e-4
    )


def test_what_was_read_is_kept_until_a_file_changes(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = trees.isic2017(tmp_path / "isic")
    first = data.isic2017(root, size=16)
    reads: list[Path] = []
    real = mask_folders._read
    monkeypatch.setattr(
        mask_folders, "_read", lambda pair, *a: reads.append(pair) or real(pair, *a)
    )
    again = data.isic2017(root, size=16)
    assert reads == []
    assert torch.equal(again.x_train, first.x_train)
    assert torch.equal(again.y_train, first.y_train)
    trees.lesion(root / IMAGE, root / MASK, 77)
    changed = data.isic2017(root, size=16)
    assert len(reads) == 9
    assert not torch.equal(changed.y_train, first.y_train)


def test_an_interrupted_reading_leaves_no_half_file(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = trees.isic2017(tmp_path / "isic")

    def stopping(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", stopping)
        with pytest.raises(KeyboardInterrupt):
            data.isic2017(root, size=16)
    assert not list(cache.glob("*.npz"))
    assert data.isic2017(root, size=16).num_classes == 2


def remove(path: Path) -> None:
    path.unlink()


def garble(path: Path) -> None:
    path.write_bytes(b"no picture")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def resize(path: Path) -> None:
    with Image.open(path) as image:
        image.resize((9, 8)).save(path)


def grey(path: Path) -> None:
    pixels = np.asarray(Image.open(path)).copy()
    pixels[3, 4] = 128
    Image.fromarray(pixels).save(path)


def more(path: Path) -> None:
    path.with_name("ISIC_0009999" + path.name[12:]).write_bytes(path.read_bytes())


@pytest.mark.parametrize(
    ("file", "fault", "error", "words"),
    [
        (MASK, remove, FileNotFoundError, "ISIC_0000002.jpg has no mask ISIC_0000002_segm"),
        (IMAGE, remove, FileNotFoundError, "0000002_segmentation.png is the mask of no image"),
        (IMAGE, more, FileNotFoundError, "ISIC_0009999.jpg has no mask"),
        (MASK, more, FileNotFoundError, "ISIC_0009999_segmentation.png is the mask of no image"),
        (IMAGE, garble, ValueError, "ISIC_0000002.jpg cannot be decoded"),
        (MASK, garble, ValueError, "ISIC_0000002_segmentation.png cannot be decoded"),
        (MASK, cut, ValueError, "ISIC_0000002_segmentation.png cannot be decoded"),
        (MASK, resize, ValueError, r"ISIC_0000002_segmentation.png is 9x8, and its image .* 61x37"),
        (MASK, grey, ValueError, "ISIC_0000002_segmentation.png has a pixel 128; .* 0 or 255"),
    ],
)
def test_each_fault_is_told_by_the_name_of_the_file(
    tmp_path: Path,
    cache: Path,
    file: str,
    fault: Callable[[Path], None],
    error: type[Exception],
    words: str,
) -> None:
    root = trees.isic2017(tmp_path / "isic")
    fault(root / file)
    with pytest.raises(error, match=words):
        data.isic2017(root, size=16)
    assert not list(cache.glob("*.npz"))


def test_missing_folders_are_named(tmp_path: Path, cache: Path) -> None:
    root = trees.isic2017(tmp_path / "isic")
    for path in (root / "ISIC-2017_Test_v2_Data").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="is the mask of no image"):
        data.isic2017(root)
    for path in (root / "ISIC-2017_Test_v2_Part1_GroundTruth").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="there are no test images of ISIC 2017"):
        data.isic2017(root)
    with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "nowhere"))):
        data.isic2017(tmp_path / "nowhere")


def test_pets_are_read_as_torchvision_lists_them(tmp_path: Path, cache: Path) -> None:
    root = trees.pets(tmp_path / "pets")
    d = data.oxford_pets(root, size=32)
    assert d.classes == ("background", "pet", "border")
    assert (len(d.y_train), len(d.y_test)) == (4, 2)
    assert torch.equal(d.y_train.unique(), torch.arange(3))
    assert (d.y_train[:, 15, 16] == 1).all()  # the middle is pet
    assert (d.y_train[:, 0] == 0).all()
    (root / "oxford-iiit-pet" / "annotations" / "trimaps" / "pug_1.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"pug_1.png is missing; test.txt names it"):
        data.oxford_pets(root)
    with pytest.raises(FileNotFoundError, match="the pets are not in"):
        data.oxford_pets(tmp_path)


def test_they_load_by_name_from_where_data_lies(tmp_path: Path, cache: Path) -> None:
    for name, words in (("isic2017", "never downloaded"), ("oxford-pets", "pets are not in")):
        with pytest.raises(FileNotFoundError, match=words):
            data.load(name, download=False)
    trees.isic2017(cache / "isic2017")
    trees.pets(cache / "oxford-pets")
    for name in ("isic2017", "oxford-pets"):
        d = data.load(name, download=False)
        assert data.shape_of(name) == (tuple(d.x_train.shape[1:]), d.num_classes)
        assert d.name == name


def test_a_step_of_training_on_lesions(tmp_path: Path, cache: Path) -> None:
    d = data.isic2017(trees.isic2017(tmp_path / "isic"), size=32)
    g = torch.Generator().manual_seed(0)
    noisy = d.with_labels(noise.noisy_labels("mask-mixed", d, 0.5, g))
    r = Recipe("isic2017", "anl-ce", model="unet", epochs=1, batch_size=3, augment=("flip",))
    (record,) = training.fit(r.build_model(noisy, seed=0), noisy, r.build_loss(), r, device="cpu")
    assert record.dice is not None
    assert len(record.dice) == 2
