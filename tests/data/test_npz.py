"""CIFAR from an npz file: parts, checks, and files that are broken, forged or something else."""

import errno
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
from samples import arrays, real

from anl_edu import data


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
        ({"x_train": np.zeros((40, 3, 32, 32), np.uint8)}, r"x_train of \(40, 3, 32, 32\)"),
        ({"x_train": np.zeros((40, 32, 32, 3), np.float32)}, "float32"),
        ({"y_train": np.zeros(39, np.uint8)}, r"y_train of \(39,\) .*40 integers"),
        ({"y_train": np.zeros(40)}, "float64"),
        ({"y_train": np.full(40, 10)}, "holds label 10 in y_train, outside 0..9"),
        ({"y_test": np.full(20, -2)}, "holds label -2"),
        ({"train_index": np.arange(39)}, "train_index .* 40 integers"),
        ({"train_index": np.arange(40) + 49_990}, "train_index that leaves 0..49999"),
        ({"y_train": np.array([print] * 40, object)}, "y_train of .*object: it must be 40"),
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


def refused(path):
    """Read a broken file: one line, with its name, and no advice to trust it."""
    with pytest.raises(ValueError, match=path.name) as caught:
        data.load("cifar10")
    assert "\n" not in str(caught.value)
    assert "pickle" not in str(caught.value)
    return str(caught.value)


def test_every_bit_of_a_header_may_flip(folder):
    # Compressed: what follows may be zlib's errors, tokenize's, a size beyond any memory, ...
    path = folder / "cifar10.npz"
    small = arrays(n=2, n_test=2)
    np.savez_compressed(path, **small)
    raw = path.read_bytes()
    start = raw.index(b"x_train.npy")
    rng = np.random.default_rng(0)
    near = rng.integers(start, start + 300, 60)
    anywhere = rng.integers(0, len(raw), 60)
    heads = rng.integers(len(raw) - 300, len(raw), 60)  # the directory of the archive
    for place in [*near, *anywhere, *heads]:
        flipped = bytearray(raw)
        flipped[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        found = loaded_or_error()
        if isinstance(found, str):
            assert "cifar10.npz" in found
            assert "pickle" not in found
        else:  # a date, a mode: nothing that counts
            assert found.y_train.tolist() == small["y_train"].tolist()
            assert (found.x_train.permute(0, 2, 3, 1).numpy() == small["x_train"]).all()


def loaded_or_error():
    try:
        return data.load("cifar10")
    except ValueError as error:
        return str(error)


def npy(shape, descr="|u1", body=b""):
    """Give an npy file whose header claims what it likes."""
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


def forged(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for key, content in members.items():
            file.writestr(f"{key}.npy", content)


FORGED = {
    "10^12 images": npy((10**12, 32, 32, 3)),
    "10^400 images": npy((10**400, 32, 32, 3)),
    "fewer than none": npy((-(10**12), 32, 32, 3)),
    "a gigabyte each": npy((40, 32, 32, 3), descr="|V999999999"),
    "a byte short": npy((40, 32, 32, 3), body=bytes(40 * 3072 - 1)),
    "a byte long": npy((40, 32, 32, 3), body=bytes(40 * 3072 + 1)),
    "half a tuple": npy("(40,").replace(b"'(40,'", b"(40,"),
    "a pickle": npy((40,), descr="O", body=pickle.dumps(print)),
    "nothing": b"",
    "a header of 2 GB": b"\x93NUMPY\x02\x00" + (1 << 31).to_bytes(4, "little") + bytes(1 << 20),
}


@pytest.mark.parametrize("member", FORGED.values(), ids=FORGED)
def test_a_forged_header_costs_nothing(folder, member):
    path = folder / "cifar10.npz"
    small = {key: npy((2,), body=bytes(2)) for key in ("y_train", "x_test", "y_test")}
    forged(path, x_train=member, **small)
    tracemalloc.start()
    try:
        refused(path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_more_images_than_there_are(folder):
    path = folder / "cifar10.npz"
    body = bytes(50_001 * 3072)
    forged(path, x_train=npy((50_001, 32, 32, 3), body=body), y_train=b"", x_test=b"", y_test=b"")
    assert "holds 50,001 images in x_train: CIFAR-10 has 50,000" in refused(path)


@pytest.mark.parametrize("content", ["npy", "web page"])
def test_another_kind_of_file_is_told(folder, content):
    path = folder / "cifar10.npz"
    if content == "npy":
        with path.open("wb") as file:
            np.save(file, arrays()["x_train"])
    else:
        path.write_text("<!DOCTYPE html><html><body>Sign in to your university</body></html>")
    assert "File is not a zip file" in refused(path)


def test_a_file_that_cannot_be_opened_keeps_its_own_error(folder, monkeypatch):
    path = folder / "cifar10.npz"
    np.savez(path, **arrays())

    def closed(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(zipfile, "ZipFile", closed)
    with pytest.raises(PermissionError, match=r"cifar10\.npz"):
        data.load("cifar10")


# --- The real file, where it has been supplied ---


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
