"""Human labels: those of a part, refused files, the real ones."""

import pickle
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from samples import Evil, arrays, real

from anl_edu import data, noise
from anl_edu.data import cifar
from anl_edu.data.cifar_files import numpy_globals, read_human
from anl_edu.data.download import file_hash


def publish(monkeypatch, path, content):
    """Write a label file, and have it be the published one."""
    torch.save(content, path)
    spec = replace(cifar.SETS["cifar10"], human_sha256=file_hash(path))
    monkeypatch.setattr(cifar, "SETS", {**cifar.SETS, "cifar10": spec})


@pytest.fixture
def human(folder, monkeypatch):
    """Write a label file of the published form, with 60 labels, and images that go with it."""
    clean = np.arange(60) % 10
    labels = {key: (clean + n) % 10 for n, key in enumerate(["clean_label", "aggre_label"])}
    labels["worse_label"] = np.where(np.arange(60) < 30, (clean + 5) % 10, clean)
    publish(monkeypatch, folder / "CIFAR-10_human.pt", labels)
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
    assert torch.equal(d.human_labels("worst"), worst)


def test_human_labels_of_other_images_are_refused(human):
    d = data.load("cifar10")
    shifted = replace(d, train_index=d.train_index + 1)
    with pytest.raises(ValueError, match="30 of 30 true labels differ"):
        data.human_labels_for(shifted, "worst")
    with pytest.raises(ValueError, match="30 images without train_index"):
        data.human_labels_for(replace(d, train_index=None), "worst")
    with pytest.raises(ValueError, match="from 2 to 60, but there are 60"):
        data.human_labels_for(replace(d, train_index=d.train_index + 2), "worst")


def test_human_file_holding_more_than_arrays_is_refused(folder, monkeypatch, capfd):
    # Even with the right checksum.
    content = {"clean_label": np.zeros(3, int), "worse_label": Evil()}
    publish(monkeypatch, folder / "CIFAR-10_human.pt", content)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        data.human_labels("cifar10", "worst")
    assert "never run" not in capfd.readouterr().out


def test_any_other_file_is_refused(human, folder, monkeypatch):
    path = folder / "CIFAR-10_human.pt"
    raw = path.read_bytes()
    part = BytesIO()
    torch.save({key: value[:30] for key, value in human.items()}, part)
    flipped = bytearray(raw)
    flipped[raw.index(human["worse_label"].tobytes()) + 8] ^= 1  # one label is another
    others = [b"", b"<!DOCTYPE html>", raw[:-100], part.getvalue(), bytes(flipped)]
    loaded = []
    monkeypatch.setattr(torch, "load", lambda *_, **__: loaded.append(1))
    for content in others:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"CIFAR-10_human\.pt is not .* SHA-256 is") as caught:
            data.human_labels("cifar10", "worst")
        assert "\n" not in str(caught.value)
        assert path.read_bytes() == content
    assert not loaded


# --- The real files, where they have been supplied ---


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
    path = real(spec.human)
    noisy, clean = read_human(path, spec, which)
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
    path = real("CIFAR-100_human.pt")
    with torch.serialization.safe_globals(numpy_globals()):
        content = torch.load(path, weights_only=True)
    table = torch.tensor(noise.CIFAR100_SUPERCLASS)
    assert table[torch.from_numpy(content["clean_label"])].tolist() == content["clean_coarse_label"]
