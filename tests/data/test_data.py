"""Data: the embedded digits, CIFAR through its real reading path, human labels, refused files."""

import os
import pickle
import subprocess
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch

from anl_edu import data, noise
from anl_edu.data import cifar

SHARED = os.environ.get("ANL_EDU_DATA")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give an empty, writable ANL_EDU_DATA, no other place to look, and no network."""
    monkeypatch.setenv("ANL_EDU_DATA", str(tmp_path))
    monkeypatch.setenv("ANL_EDU_OFFLINE", "1")
    monkeypatch.setattr(data, "_default_cache", lambda: tmp_path / "nowhere")
    return tmp_path


def arrays(n=40, n_test=20, K=10, seed=0, **changes):
    rng = np.random.default_rng(seed)
    content = {
        "x_train": rng.integers(0, 256, (n, 32, 32, 3), np.uint8),
        "y_train": np.arange(n, dtype=np.uint8) % K,
        "x_test": rng.integers(0, 256, (n_test, 32, 32, 3), np.uint8),
        "y_test": np.arange(n_test, dtype=np.uint8) % K,
    }
    content.update(changes)
    return {key: value for key, value in content.items() if value is not None}


# --- Digits ---


def test_digits():
    d = data.load("digits")
    assert d.x_train.shape == (1437, 1, 8, 8)
    assert d.x_test.shape == (360, 1, 8, 8)
    assert d.x_train.dtype == torch.uint8
    assert (int(d.x_train.min()), int(d.x_train.max())) == (0, 255)
    assert d.y_train.dtype == d.y_test.dtype == torch.int64
    assert d.num_classes == 10
    assert d.y_train.bincount().min() >= 138  # stratified: 80 % of 174 to 183 a class
    assert d.source.startswith("scikit-learn's digits: 1,437 train + 360 test images")
    assert not d.wrong.any()
    z = (d.x_train.double() / 255 - d.mean[0]) / d.std[0]
    assert abs(z.mean()) < 1e-3
    assert abs(z.std() - 1) < 1e-3


def test_digits_are_the_originals_and_the_split_covers_them():
    from sklearn.datasets import load_digits

    raw = load_digits()
    d = data.load("digits")
    back = (d.x_train.double() * 16 / 255).round().squeeze(1).numpy()
    assert np.array_equal(back, raw.images[d.train_index])
    assert torch.equal(d.y_train, torch.from_numpy(raw.target)[d.train_index])
    assert torch.equal(d.x_train, data.load("digits").x_train)


# --- ImageData ---


def test_with_labels_keeps_the_truth():
    d = data.load("digits")
    noisy = noise.corrupt(d.y_train, noise.symmetric(10, 0.6))
    n = d.with_labels(noisy)
    assert torch.equal(n.y_clean, d.y_train)
    assert torch.equal(n.wrong, noisy != d.y_train)
    assert not d.wrong.any()
    with pytest.raises(ValueError, match="noisy already"):
        n.with_labels(noisy)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda y: y[:-1], r"\(1437,\) int64, got \(1436,\)"),
        (lambda y: y.int(), "int32"),
        (lambda y: y + 1, "hold 10, outside 0..9"),
    ],
)
def test_with_labels_refuses(spoil, words):
    d = data.load("digits")
    with pytest.raises(ValueError, match=words):
        d.with_labels(spoil(d.y_train))


def test_subset_is_stratified_ordered_and_traceable():
    d = data.load("digits")
    s = d.subset(501, 100)
    assert (len(s.y_train), len(s.y_test)) == (501, 100)
    quota = d.y_train.bincount() * 501 / len(d.y_train)
    assert ((s.y_train.bincount() - quota).abs() < 1).all()
    places = torch.isin(d.train_index, s.train_index)
    assert torch.equal(d.x_train[places], s.x_train)
    assert torch.equal(d.y_train[places], s.y_train)
    assert s.source.startswith("501 train + 100 test images of: scikit-learn's digits")
    assert torch.equal(s.train_index, d.subset(501, 100).train_index)
    assert not torch.equal(s.train_index, d.subset(501, 100, seed=1).train_index)


def test_subset_of_noisy_data_goes_by_the_true_labels():
    d = data.load("digits")
    n = d.with_labels(torch.zeros_like(d.y_train)).subset(100)
    assert torch.equal(n.y_clean.bincount(), d.subset(100).y_train.bincount())
    assert len(n.y_test) == 360
    assert (n.y_train == 0).all()


def test_subset_edges():
    d = data.load("digits")
    assert d.subset(None) is d
    assert d.subset(1437, 360) is d
    for n in (0, 1438):
        with pytest.raises(ValueError, match=f"cannot take {n} of 1437 training"):
            d.subset(n)


# --- CIFAR from an npz file ---


def test_npz(folder):
    content = arrays()
    np.savez(folder / "cifar10.npz", **content)
    d = data.load("cifar10")
    assert d.x_train.shape == (40, 3, 32, 32)
    assert int(d.x_train[7, 2, 5, 9]) == content["x_train"][7, 5, 9, 2]
    assert d.y_train.tolist() == content["y_train"].tolist()
    assert d.classes[3] == "cat"
    assert d.train_index is None
    assert "40 train + 20 test images (a part" in d.source
    assert str(folder) not in d.source  # sources are printed in committed notebooks


def test_npz_keras_labels_are_columns(folder):
    y = np.arange(40)[:, None] % 100
    np.savez(folder / "cifar100.npz", **arrays(y_train=y, train_index=np.arange(40) * 3))
    d = data.load("cifar100")
    assert d.y_train.tolist() == list(range(40))
    assert d.train_index.tolist() == list(range(0, 120, 3))
    assert d.num_classes == 100


def test_altered_pixels_are_said(folder):
    np.savez(folder / "cifar10.npz", **arrays(n=1000))
    assert "not the original pixels" in data.load("cifar10").source


def test_pixels_that_cannot_be_checked_are_said(folder):
    np.savez(folder / "cifar10.npz", **arrays(n=1000, train_index=np.arange(1000) + 5))
    np.savez(folder / "cifar100.npz", **arrays(n=1000, K=100))  # no fingerprint is known
    for name in ("cifar10", "cifar100"):
        assert data.load(name).source.endswith("; pixels not checked")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x_test": None}, "holds no x_test"),
        ({"x_train": np.zeros((40, 3, 32, 32), np.uint8)}, r"\(40, 3, 32, 32\)"),
        ({"x_train": np.zeros((40, 32, 32, 3), np.float32)}, "float32"),
        ({"y_train": np.zeros(39, np.uint8)}, "40 integers, got 39"),
        ({"y_train": np.zeros(40)}, "float64"),
        ({"y_train": np.full(40, 10)}, "holds label 10, outside 0..9"),
        ({"y_test": np.full(20, -2)}, "holds label -2"),
        ({"train_index": np.arange(39)}, "train_index .* 40 integers"),
        ({"train_index": np.arange(40) + 49_990}, "train_index .* leaves 0..49999"),
        ({"y_train": np.array([print] * 40, object)}, "allow_pickle"),
    ],
)
def test_npz_refused(folder, changes, words):
    np.savez(folder / "cifar10.npz", **arrays(**changes))
    with pytest.raises(ValueError, match=words) as caught:
        data.load("cifar10")
    assert "cifar10.npz" in str(caught.value)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text"])
def test_broken_npz_is_refused(folder, damage):
    path = folder / "cifar10.npz"
    np.savez(path, **arrays())
    raw = bytearray(path.read_bytes())
    flipped = raw[:5000] + bytes([raw[5000] ^ 1]) + raw[5001:]
    spoiled = {"truncated": raw[:-200], "flipped": flipped, "empty": b"", "text": b"hello"}
    path.write_bytes(spoiled[damage])
    with pytest.raises(ValueError, match=r"cifar10\.npz cannot be read as an npz file"):
        data.load("cifar10")


# --- CIFAR from the published archive ---


def make_archive(path, spec, batches, protocol=4):
    """Write a tiny archive of the published layout; ``batches`` maps members to contents."""
    with tarfile.open(path, "w:gz") as tar:
        for member, content in batches.items():
            raw = pickle.dumps(content, protocol)
            info = tarfile.TarInfo(member)
            info.size = len(raw)
            tar.addfile(info, BytesIO(raw))
    return replace(spec, sha256=pooch.file_hash(str(path)))


def cifar10_batches():
    rng = np.random.default_rng(0)
    members = [*cifar.SETS["cifar10"].train_files, "cifar-10-batches-py/test_batch"]
    return {
        member: {
            "data": rng.integers(0, 256, (4, 3072), np.uint8),
            "labels": [i, i + 1, i + 2, 9],
        }
        for i, member in enumerate(members)
    }


def test_archive_is_read_once_and_rewritten(folder, monkeypatch):
    batches = cifar10_batches()
    archive = folder / "cifar-10-python.tar.gz"
    spec = make_archive(archive, cifar.SETS["cifar10"], batches)
    monkeypatch.setattr(cifar, "SETS", {"cifar10": spec})
    d = data.load("cifar10")
    assert d.x_train.shape == (20, 3, 32, 32)
    planes = batches["cifar-10-batches-py/data_batch_2"]["data"].reshape(4, 3, 32, 32)
    assert np.array_equal(d.x_train[4:8].numpy(), planes)
    assert d.y_train[4:8].tolist() == [1, 2, 3, 9]
    assert d.y_test.tolist() == [5, 6, 7, 9]
    assert archive.exists()  # placed by hand: not ours to delete
    archive.unlink()
    assert torch.equal(data.load("cifar10").x_train, d.x_train)
    assert sorted(p.name for p in folder.iterdir()) == ["cifar10.npz"]


def test_cifar100_archive_gives_fine_labels(folder, monkeypatch):
    batch = {
        "data": np.zeros((3, 3072), np.uint8),
        "fine_labels": [99, 0, 50],
        "coarse_labels": [1, 2, 3],
    }
    spec = make_archive(
        folder / "cifar-100-python.tar.gz",
        cifar.SETS["cifar100"],
        {"cifar-100-python/train": batch, "cifar-100-python/test": batch},
    )
    monkeypatch.setattr(cifar, "SETS", {"cifar100": spec})
    assert data.load("cifar100").y_train.tolist() == [99, 0, 50]


def test_downloaded_archive_is_tidied_away(folder, monkeypatch):
    made = folder / "elsewhere.tar.gz"
    spec = make_archive(made, cifar.SETS["cifar10"], cifar10_batches())
    monkeypatch.setattr(cifar, "SETS", {"cifar10": spec})
    monkeypatch.setattr(data, "fetch", lambda name, *_, **__: made.rename(folder / name))
    assert len(data.load("cifar10").y_train) == 20
    assert [p.name for p in folder.iterdir()] == ["cifar10.npz"]


def test_archive_with_another_checksum_is_never_opened(folder, monkeypatch):
    make_archive(folder / "cifar-10-python.tar.gz", cifar.SETS["cifar10"], cifar10_batches())

    def opened(*_, **__):
        raise AssertionError("opened an unverified archive")

    monkeypatch.setattr(tarfile, "open", opened)
    monkeypatch.setattr(pickle, "Unpickler", opened)
    with (
        pytest.warns(UserWarning, match="SHA-256"),
        pytest.raises(FileNotFoundError, match="ANL_EDU_OFFLINE"),
    ):
        data.load("cifar10")


class Evil:
    def __reduce__(self):
        return os.system, ("echo this must never run",)


@pytest.mark.parametrize("content", [Evil(), torch.nn.ReLU(), {"data": [print]}, Path("a")])
def test_unpickling_anything_but_arrays_is_refused(content, capfd):
    file = BytesIO(pickle.dumps(content, protocol=2))
    with pytest.raises(pickle.UnpicklingError, match="refused to load"):
        cifar.read_pickle(file)
    assert "never run" not in capfd.readouterr().out


def test_a_failed_conversion_leaves_nothing(folder, monkeypatch):
    batches = cifar10_batches() | {"cifar-10-batches-py/test_batch": {"data": Evil()}}
    spec = make_archive(folder / "cifar-10-python.tar.gz", cifar.SETS["cifar10"], batches)
    monkeypatch.setattr(cifar, "SETS", {"cifar10": spec})
    with pytest.raises(pickle.UnpicklingError):
        data.load("cifar10")
    left = [p.name for p in folder.iterdir() if p.suffix != ".lock"]
    assert left == ["cifar-10-python.tar.gz"]


def test_of_two_that_fetch_at_once_one_converts(folder, monkeypatch):
    arrived = folder / "arrived"
    arrived.mkdir()
    archive = arrived / "cifar-10-python.tar.gz"
    spec = make_archive(archive, cifar.SETS["cifar10"], cifar10_batches())
    monkeypatch.setattr(cifar, "SETS", {"cifar10": spec})
    both = threading.Barrier(2)

    def fetched(*_, **__):
        both.wait(timeout=30)
        return archive

    conversions = []
    convert = cifar.archive_to_npz

    def converting(*arguments):
        conversions.append(arguments)
        time.sleep(0.2)
        convert(*arguments)

    monkeypatch.setattr(data, "fetch", fetched)
    monkeypatch.setattr(cifar, "archive_to_npz", converting)
    with ThreadPoolExecutor(2) as pool:
        sizes = [len(d.y_train) for d in pool.map(data.load, ["cifar10", "cifar10"])]
    assert sizes == [20, 20]
    assert len(conversions) == 1
    assert sorted(p.name for p in folder.iterdir()) == ["arrived", "cifar10.npz"]
    assert not archive.exists()


# --- What is missing ---


def test_missing_images_name_three_ways(folder):
    with pytest.raises(FileNotFoundError) as caught:
        data.load("cifar10")
    message = str(caught.value)
    for words in ("ANL_EDU_DATA", "cifar10.npz", "cifar-10-python.tar.gz", "ANL_EDU_MIRROR"):
        assert words in message
    assert str(folder) in message
    with pytest.raises(FileNotFoundError, match="not asked for"):
        data.load("cifar100", download=False)


def test_missing_human_labels_say_where_to_put_them(folder):
    with pytest.raises(FileNotFoundError, match=r"CIFAR-10_human\.pt .*by hand from https"):
        data.human_labels("cifar10", "worst")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: data.load("cifar11"), "'cifar11': use one of digits, cifar10, cifar100"),
        (lambda: data.human_labels("cifar10", "best"), "'best': use one of aggregate"),
        (lambda: data.human_labels("cifar100", "worst"), "'worst': use one of noisy"),
        (lambda: data.human_labels("digits", "worst"), "digits has no human labels"),
    ],
)
def test_unknown_names(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_where_and_the_order_of_folders(tmp_path, monkeypatch):
    first, cache = tmp_path / "lab", tmp_path / "cache"
    for place in (first, cache):
        place.mkdir()
    monkeypatch.setattr(data, "_default_cache", lambda: cache)
    monkeypatch.setenv("ANL_EDU_DATA", str(first))
    (cache / "cifar10.npz").touch()
    (cache / "cifar100.npz").touch()
    (first / "cifar10.npz").touch()
    found = data.where()
    assert found["cifar10.npz"] == first / "cifar10.npz"
    assert found["cifar100.npz"] == cache / "cifar100.npz"
    assert found["CIFAR-10_human.pt"] is None
    assert data.cache_folder() == first
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != first)
    assert data.cache_folder() == cache
    monkeypatch.delenv("ANL_EDU_DATA")
    assert data.search_folders() == (cache,)


def test_the_cache_of_a_checkout_is_ignored_by_git():
    root = Path(data.__file__).parents[1]
    if not (root / ".git").exists():
        pytest.skip("not a checkout")
    assert data._default_cache() == root / "data" / "cache"
    ignored = subprocess.run(["git", "check-ignore", "-q", "data/cache/x"], cwd=root)
    assert ignored.returncode == 0


# --- Human labels ---


@pytest.fixture
def human(folder):
    """Write a label file of the published form, with 60 labels, and images that go with it."""
    clean = np.arange(60) % 10
    labels = {key: (clean + n) % 10 for n, key in enumerate(["clean_label", "aggre_label"])}
    labels["worse_label"] = np.where(np.arange(60) < 30, (clean + 5) % 10, clean)
    torch.save(labels, folder / "CIFAR-10_human.pt")
    index = np.arange(0, 60, 2)
    np.savez(folder / "cifar10.npz", **arrays(n=30, y_train=clean[index], train_index=index))
    return labels


def test_human_labels_of_a_part(human):
    assert data.human_labels("cifar10", "worst").tolist() == human["worse_label"].tolist()
    d = data.load("cifar10")
    worst = data.human_labels_for(d, "worst")
    assert worst.tolist() == human["worse_label"][::2].tolist()
    assert d.with_labels(worst).wrong.sum() == 15
    some = d.subset(10)
    assert torch.equal(
        data.human_labels_for(some, "worst"),
        torch.from_numpy(human["worse_label"])[some.train_index],
    )
    # Noisy data still finds them, by its true labels.
    assert torch.equal(data.human_labels_for(d.with_labels(worst), "worst"), worst)


def test_human_labels_of_other_images_are_refused(human):
    d = data.load("cifar10")
    shifted = replace(d, train_index=d.train_index + 1)
    with pytest.raises(ValueError, match="30 of 30 true labels differ"):
        data.human_labels_for(shifted, "worst")
    with pytest.raises(ValueError, match="30 images without train_index"):
        data.human_labels_for(replace(d, train_index=None), "worst")
    with pytest.raises(ValueError, match="from 2 to 60, but there are 60"):
        data.human_labels_for(replace(d, train_index=d.train_index + 2), "worst")


def test_human_file_holding_more_than_arrays_is_refused(folder, capfd):
    torch.save(
        {"clean_label": np.zeros(3, int), "worse_label": Evil()}, folder / "CIFAR-10_human.pt"
    )
    with pytest.raises(ValueError, match=r"CIFAR-10_human\.pt is not a CIFAR-N label file"):
        data.human_labels("cifar10", "worst")
    assert "never run" not in capfd.readouterr().out


@pytest.mark.parametrize("content", [b"", b"not a torch file", None])
def test_broken_human_file(folder, content):
    path = folder / "CIFAR-10_human.pt"
    torch.save({"clean_label": np.zeros(3, int)}, path)
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    with pytest.raises(ValueError, match="is not a CIFAR-N label file"):
        data.human_labels("cifar10", "worst")


# --- Real files, where they have been supplied ---


def real(file):
    if not SHARED or not (Path(SHARED) / file).is_file():
        pytest.skip(f"set ANL_EDU_DATA to a folder that holds {file} to test on the real one")


def test_real_cifar10():
    real("cifar10.npz")
    d = data.load("cifar10", download=False)
    sizes = f"{len(d.y_train):,} train + {len(d.y_test):,} test images"
    assert sizes in d.source
    if len(d.y_train) == 5085:
        assert sizes == "5,085 train + 1,017 test images"
    names = [d.classes[k] for k in d.y_train[:5].tolist()]
    assert names == ["frog", "truck", "truck", "deer", "automobile"]
    assert "not checked" not in d.source
    if "not the original" not in d.source:
        scaled = d.x_train.double() / 255
        for channel in range(3):
            assert scaled[:, channel].mean().item() == pytest.approx(d.mean[channel], abs=0.005)
            assert scaled[:, channel].std().item() == pytest.approx(d.std[channel], abs=0.005)


@pytest.mark.parametrize(
    ("name", "which", "percent"),
    [
        ("cifar10", "aggregate", 9.01),
        ("cifar10", "random1", 17.23),
        ("cifar10", "random2", 18.12),
        ("cifar10", "random3", 17.64),
        ("cifar10", "worst", 40.21),
        ("cifar100", "noisy", 40.20),
    ],
)
def test_real_human_labels(name, which, percent):
    spec = cifar.SETS[name]
    real(spec.human)
    path = Path(SHARED) / spec.human
    assert pooch.file_hash(str(path)) == spec.human_sha256
    noisy, clean = cifar.read_human(path, spec, which)
    assert len(noisy) == 50_000
    assert torch.equal(noisy, data.human_labels(name, which, download=False))
    found = noise.realised(clean, noisy, len(spec.classes))
    assert 100 * found.rate == pytest.approx(percent, abs=0.005)


def test_real_human_labels_fit_the_images():
    real("cifar10.npz")
    real("CIFAR-10_human.pt")
    d = data.load("cifar10", download=False)
    worst = data.human_labels_for(d, "worst", download=False)
    assert d.with_labels(worst).wrong.double().mean() == pytest.approx(0.40, abs=0.02)


def test_superclasses_agree_with_the_published_labels():
    real("CIFAR-100_human.pt")
    path = Path(SHARED) / "CIFAR-100_human.pt"
    with torch.serialization.safe_globals(cifar.numpy_globals()):
        content = torch.load(path, weights_only=True)
    table = torch.tensor(noise.CIFAR100_SUPERCLASS)
    assert table[torch.from_numpy(content["clean_label"])].tolist() == content["clean_coarse_label"]
