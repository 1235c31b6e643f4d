"""Image folders and lists: what they become, and every fault by name."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import trees
from torch import Tensor

from anl_edu import data, noise
from anl_edu.data import ImageData, ImageFiles
from anl_edu.data.files import list_files


def of_folder(root: Path, **options: object) -> ImageData:
    return data.image_folder(root / "train", root / "test", size=16, **options)


def files(images: object) -> ImageFiles:
    assert isinstance(images, ImageFiles)
    return images


def test_a_folder_of_classes(tmp_path: Path) -> None:
    d = of_folder(trees.class_folders(tmp_path))
    assert (d.classes, d.num_classes) == (("a", "b", "c"), 3)
    assert (tuple(d.x_train.shape), tuple(d.x_test.shape)) == ((24, 3, 16, 16), (9, 3, 16, 16))
    assert (d.x_train.dtype, len(d.x_train)) == (torch.uint8, 24)
    assert d.y_train.bincount().tolist() == [8, 8, 8]
    for place, label in enumerate(d.y_train.tolist()):
        assert files(d.x_train).path(place).parent == tmp_path / "train" / "abc"[label]
    assert "24 train + 9 test images, on disk" in d.source


def test_images_are_read_as_rgb_in_their_own_size(tmp_path: Path) -> None:
    d = of_folder(trees.class_folders(tmp_path))
    grey = next(i for i in range(24) if files(d.x_train).path(i).parts[-2:] == ("b", "0.jpg"))
    for place in (0, 1, grey):
        image = files(d.x_train).read(place)
        assert (image.mode, image.size) == ("RGB", trees.SIZES[place % 4])
    red, green, blue = files(d.x_train).read(grey).split()
    assert red.tobytes() == green.tobytes() == blue.tobytes()


def test_parts_are_lists_of_the_same_files(tmp_path: Path) -> None:
    d = of_folder(trees.class_folders(tmp_path))
    labels = noise.corrupt(d.y_train, noise.symmetric(3, 0.5))
    noisy = d.with_labels(labels)
    assert torch.equal(noisy.clean().y_train, d.y_train)
    some = noisy.subset(12, 6)
    assert some.train_index is not None
    assert some.y_clean is not None
    assert some.y_clean.bincount().tolist() == [4, 4, 4]
    kept, out = noisy.hold_out(0.25)
    assert (len(kept.x_train), len(out.x_train), len(out.x_test)) == (18, 6, 9)
    for part in (some, kept, out):
        assert part.train_index is not None
        for here, there in enumerate(part.train_index.tolist()):
            assert files(part.x_train).path(here) == files(d.x_train).path(there)
        assert part.fingerprint == d.fingerprint


def test_files_are_who_they_are_by_name_and_length(tmp_path: Path) -> None:
    root = trees.class_folders(tmp_path / "one")
    d = of_folder(root)
    moved = tmp_path / "two"
    shutil.copytree(root, moved)
    assert of_folder(moved).fingerprint == d.fingerprint
    assert data.image_folder(root / "train", root / "test", size=17).fingerprint != d.fingerprint
    (moved / "test" / "c" / "2.jpg").rename(moved / "test" / "c" / "3.jpg")
    assert of_folder(moved).fingerprint != d.fingerprint
    (moved / "test" / "c" / "3.jpg").rename(moved / "test" / "c" / "2.jpg")
    assert of_folder(moved).fingerprint == d.fingerprint
    with (moved / "train" / "a" / "0.jpg").open("ab") as file:
        file.write(b"\0")
    assert of_folder(moved).fingerprint != d.fingerprint


def test_what_needs_pixels_says_so(tmp_path: Path) -> None:
    d = of_folder(trees.class_folders(tmp_path))
    with pytest.raises(TypeError, match=r"instance-dependent noise needs .* are files"):
        noise.noisy_labels("instance", d, 0.4, torch.Generator())
    for index in (0, slice(3), [1, 2]):
        with pytest.raises(TypeError, match="image files are taken by a tensor of places"):
            d.x_train[index]


# --- faults ---------------------------------------------------------------------------------------


def remove_class(root: Path) -> None:
    shutil.rmtree(root / "test" / "b")


def empty_class(root: Path) -> None:
    (root / "train" / "empty").mkdir()
    (root / "train" / "empty" / "notes.txt").write_text("no image")


def remove_train(root: Path) -> None:
    shutil.rmtree(root / "train")


def remove_classes(root: Path) -> None:
    remove_train(root)
    (root / "train").mkdir()


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (remove_class, ValueError, "train and .*test differ: only one of them has 'b'"),
        (empty_class, FileNotFoundError, "train: .*for the classes empty"),
        (remove_train, FileNotFoundError, "there is no folder .*train"),
        (remove_classes, FileNotFoundError, "train: .*any class folder"),
    ],
)
def test_faults_of_a_folder_are_named(
    tmp_path: Path, spoil: Callable[[Path], None], kind: type[Exception], words: str
) -> None:
    spoil(trees.class_folders(tmp_path))
    with pytest.raises(kind, match=words):
        of_folder(tmp_path)


def test_an_image_that_cannot_be_decoded_is_named_when_it_is_read(tmp_path: Path) -> None:
    trees.class_folders(tmp_path)
    content = (tmp_path / "train" / "a" / "3.jpg").read_bytes()
    (tmp_path / "train" / "a" / "3.jpg").write_bytes(content[: len(content) // 2])
    (tmp_path / "train" / "a" / "4.jpg").write_bytes(b"no picture")
    (tmp_path / "train" / "a" / "5.jpg").write_bytes(b"")
    d = of_folder(tmp_path)
    for place in (3, 4, 5):
        with pytest.raises(ValueError, match=rf"image .*a.{place}\.jpg cannot be decoded: \S+"):
            files(d.x_train).read(place)


def test_broken_images_can_be_left_out(tmp_path: Path) -> None:
    trees.class_folders(tmp_path)
    whole = of_folder(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing to say
        assert of_folder(tmp_path, broken="skip").fingerprint == whole.fingerprint
    for place in (3, 4, 5, 6):
        (tmp_path / "train" / "b" / f"{place}.jpg").write_bytes(b"no picture")
    with pytest.warns(
        RuntimeWarning, match=r"4 of 24 images .* left out: .*b.3.jpg.*, \.\.\.$"
    ) as w:
        d = data.image_folder(tmp_path / "train", tmp_path / "test", size=16, broken="skip")
    assert [Path(each.filename).name for each in w] == [Path(__file__).name]  # whose call it was
    assert d.y_train.bincount().tolist() == [8, 4, 8]
    assert len(d.x_train) == 20
    for place in range(20):
        files(d.x_train).read(place)
    for path in tmp_path.glob("test/*/*.jpg"):
        path.write_bytes(b"no picture")
    with (
        pytest.warns(RuntimeWarning, match="9 of 9"),
        pytest.raises(ValueError, match="there are no test images"),
    ):
        of_folder(tmp_path, broken="skip")
    with pytest.raises(ValueError, match="broken must be 'raise' or 'skip', got 'no'"):
        of_folder(tmp_path, broken="no")


def test_webvision_is_its_first_classes(tmp_path: Path) -> None:
    d = data.webvision_mini(trees.webvision(tmp_path), size=32)
    assert (d.name, d.num_classes) == ("webvision", 50)
    assert torch.equal(d.y_train, torch.arange(50).repeat_interleave(2))
    assert torch.equal(d.y_test, torch.arange(50))
    assert files(d.x_train).path(3) == tmp_path / "google" / "q0001" / "1 a.jpg"
    assert files(d.x_test).path(3) == tmp_path / "val_images_256" / "val000003.jpg"
    few = data.webvision_mini(tmp_path, size=32, classes=5)
    assert (len(few.x_train), len(few.x_test), few.num_classes) == (10, 5, 5)
    assert few.fingerprint != d.fingerprint


def append(file: str, line: str) -> Callable[[Path], None]:
    def spoil(root: Path) -> None:
        with (root / file).open("a") as f:
            f.write(line + "\n")

    return spoil


def remove(file: str) -> Callable[[Path], None]:
    return lambda root: (root / file).unlink()


TRAIN, VAL = "info/train_filelist_google.txt", "info/val_filelist.txt"


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (remove(TRAIN), FileNotFoundError, "train_filelist_google.txt is missing"),
        (remove(VAL), FileNotFoundError, "val_filelist.txt is missing"),
        (append(TRAIN, "google/x.jpg"), ValueError, "line 12: 'google/x.jpg' is no 'path label'"),
        (append(TRAIN, "google/x.jpg dog"), ValueError, "line 12: .* is no 'path label'"),
        (append(VAL, "x.jpg 1000"), ValueError, r"val_.*, line 6: label 1000 is outside 0\.\.999"),
        (append(VAL, "x.jpg -1"), ValueError, r"line 6: label -1 is outside 0\.\.999"),
        (
            append(TRAIN, "google/x.jpg 3"),
            FileNotFoundError,
            r"google/x.jpg is not there.*11 of 11",
        ),
        (remove("val_images_256/val000002.jpg"), FileNotFoundError, "val000002.jpg is not there"),
    ],
)
def test_faults_of_a_list_are_named(
    tmp_path: Path, spoil: Callable[[Path], None], kind: type[Exception], words: str
) -> None:
    trees.webvision(tmp_path, classes=5)
    spoil(tmp_path)
    with pytest.raises(kind, match=words):
        data.webvision_mini(tmp_path, classes=5)


def test_clothing1m(tmp_path: Path) -> None:
    d = data.clothing1m(trees.clothing1m(tmp_path), size=32)
    assert (d.num_classes, len(d.x_train), len(d.x_test)) == (14, 42, 14)
    assert torch.equal(d.y_train, torch.arange(14).repeat_interleave(3))
    assert files(d.x_test).path(2).name == "clean_test0.jpg"
    val = data.clothing1m(tmp_path, size=32, test="val")
    assert files(val.x_test).path(2).name == "clean_val0.jpg"
    with pytest.raises(ValueError, match="test must be 'test' or 'val', got 'train'"):
        data.clothing1m(tmp_path, test="train")
    append("noisy_train_key_list.txt", "images/0/x.jpg")(tmp_path)
    with pytest.raises(
        ValueError, match=r"images/0/x.jpg of noisy_train_key_list.txt has no label"
    ):
        data.clothing1m(tmp_path)
    append("noisy_label_kv.txt", "images/0/x.jpg 14")(tmp_path)
    with pytest.raises(ValueError, match=r"label 14 is outside 0\.\.13"):
        data.clothing1m(tmp_path)


def test_a_size_has_to_be_one(tmp_path: Path) -> None:
    for size in (0, 2.5):
        with pytest.raises(ValueError, match=f"size must be a whole number .* got {size}"):
            list_files(tmp_path, [], size)


# --- by name --------------------------------------------------------------------------------------


def test_what_is_not_there_says_where_to_place_it(folder: Path) -> None:
    for name in ("webvision", "clothing1m"):
        with pytest.raises(FileNotFoundError, match=f"is not in {folder}.* folder as {name}, so"):
            data.load(name)
    with pytest.raises(FileNotFoundError, match="there is no folder nowhere"):
        data.webvision_mini("nowhere")


def test_what_is_placed_is_found(folder: Path) -> None:
    trees.webvision(folder / "webvision")
    trees.clothing1m(folder / "clothing1m")
    for name in ("webvision", "clothing1m"):
        d = data.load(name)
        assert (tuple(d.x_train.shape[1:]), d.num_classes) == data.shape_of(name)
        assert d.name == name
        (file,) = data.SETS[name].images
        assert data.where()[file] == folder / file


def test_bool_and_whole_places_index_alike(tmp_path: Path) -> None:
    x = files(of_folder(trees.class_folders(tmp_path)).x_train)
    wanted: Tensor = torch.zeros(24, dtype=torch.bool)
    wanted[[2, 7]] = True
    assert [x[wanted].path(i) for i in (0, 1)] == [x.path(2), x.path(7)]
    assert x[wanted].identity() == x[torch.tensor([2, 7])].identity() != x.identity()
