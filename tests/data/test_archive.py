"""CIFAR from the published archive, placed by hand or downloaded; nothing unverified is opened."""

import pickle
import tarfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from samples import Evil, cifar10_batches, make_archive

from anl_edu import data
from anl_edu.data import cifar, cifar_files


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
    monkeypatch.setattr(cifar, "fetch", lambda name, *_, **__: made.rename(folder / name))
    assert len(data.load("cifar10").y_train) == 20
    assert [p.name for p in folder.iterdir()] == ["cifar10.npz"]


def test_archive_with_another_checksum_is_never_opened(folder, monkeypatch):
    archive = folder / "cifar-10-python.tar.gz"
    make_archive(archive, cifar.SETS["cifar10"], cifar10_batches())
    before = archive.read_bytes()

    def opened(*_, **__):
        raise AssertionError("opened an unverified archive")

    monkeypatch.setattr(tarfile, "open", opened)
    monkeypatch.setattr(pickle, "Unpickler", opened)
    said = r"cifar-10-python\.tar\.gz is there, but its SHA-256 is .*, not 6d958be07457.*"
    monkeypatch.setattr("requests.get", opened)
    for offline in ("1", "0"):
        monkeypatch.setenv("ANL_EDU_OFFLINE", offline)
        for allowed in (True, False):
            with pytest.raises(ValueError, match=said):
                data.load("cifar10", download=allowed)
    # Placed by hand: it is not ours to delete, least of all where nothing may replace it.
    assert archive.read_bytes() == before
    assert [p.name for p in folder.iterdir()] == [archive.name]


def test_a_wrong_archive_does_not_hide_a_right_one(folder, monkeypatch):
    wrong = folder / "cifar-10-python.tar.gz"
    wrong.write_bytes(b"cut short")
    (folder / "nowhere").mkdir()
    right = folder / "nowhere" / wrong.name
    spec = make_archive(right, cifar.SETS["cifar10"], cifar10_batches())
    monkeypatch.setattr(cifar, "SETS", {"cifar10": spec})
    assert len(data.load("cifar10").y_train) == 20
    assert wrong.read_bytes() == b"cut short"
    assert right.exists()


@pytest.mark.parametrize("content", [Evil(), torch.nn.ReLU(), {"data": [print]}, Path("a")])
def test_unpickling_anything_but_arrays_is_refused(content, capfd):
    file = BytesIO(pickle.dumps(content, protocol=2))
    with pytest.raises(pickle.UnpicklingError, match="refused to load"):
        cifar_files.read_pickle(file)
    assert "never run" not in capfd.readouterr().out


def test_a_failed_conversion_leaves_nothing(folder, monkeypatch):
    batches = cifar10_batches() | {"cifar-10-batches-py/test_batch": {"data": Evil()}}
    spec = make_archive(folder / "cifar-10-python.tar.gz", cifar.SETS["cifar10"], batches)
    monkeypatch.setattr(cifar, "SETS", {"cifar10": spec})
    with pytest.raises(pickle.UnpicklingError):
        data.load("cifar10")
    assert [p.name for p in folder.iterdir()] == ["cifar-10-python.tar.gz"]


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
    convert = cifar_files.archive_to_npz

    def converting(*arguments):
        conversions.append(arguments)
        time.sleep(0.2)
        convert(*arguments)

    monkeypatch.setattr(cifar, "fetch", fetched)
    monkeypatch.setattr(cifar_files, "archive_to_npz", converting)
    with ThreadPoolExecutor(2) as pool:
        sizes = [len(d.y_train) for d in pool.map(data.load, ["cifar10", "cifar10"])]
    assert sizes == [20, 20]
    assert len(conversions) == 1
    assert sorted(p.name for p in folder.iterdir()) == ["arrived", "cifar10.npz"]
    assert not archive.exists()
