"""Images in memory: the embedded digits, parts, labels, and what tells one set from another."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from samples import real

from anl_edu import data, noise

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


def test_digits_and_their_split_are_scikit_learn_s():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    raw = load_digits()
    d = data.load("digits")
    train, test = train_test_split(
        np.arange(len(raw.target)), test_size=0.2, random_state=0, stratify=raw.target
    )
    assert np.array_equal(d.train_index, train)
    for x, y, part in ((d.x_train, d.y_train, train), (d.x_test, d.y_test, test)):
        ink = (x.double() * 16 / 255).round().squeeze(1).numpy()
        assert np.array_equal(ink, raw.images[part])
        assert np.array_equal(y, raw.target[part])
    assert torch.equal(d.x_train, data.load("digits").x_train)


# --- Pairs of digits ---


def test_pairs_are_two_digits_of_their_class_and_of_their_part():
    single, pairs = data.load("digits"), data.load("digit-pairs")
    assert pairs.x_train.shape == (2000, 1, 8, 16)
    assert pairs.x_test.shape == (1000, 1, 8, 16)
    assert pairs.y_train.bincount().tolist() == [20] * 100
    assert pairs.y_test.bincount().tolist() == [10] * 100
    assert pairs.classes[7] == "07"
    for x, y, x1, y1 in (
        (pairs.x_train, pairs.y_train, single.x_train, single.y_train),
        (pairs.x_test, pairs.y_test, single.x_test, single.y_test),
    ):
        known = {image.numpy().tobytes(): int(k) for image, k in zip(x1, y1, strict=True)}
        for image, k in zip(x, y.tolist(), strict=True):
            halves = (image[:, :, :8], image[:, :, 8:])
            left, right = (known[half.contiguous().numpy().tobytes()] for half in halves)
            assert 10 * left + right == k


def test_pairs_are_the_same_everywhere():
    assert data.load("digit-pairs").fingerprint == "3e6b453014078af2"


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


# --- Who the images are ---


def test_fingerprint_is_of_the_images_and_their_true_labels():
    d = data.load("digits")
    assert len(d.fingerprint) == 16
    assert d.fingerprint == data.load("digits").fingerprint
    assert d.fingerprint == replace(d, name="x", source="y", mean=(0.0,)).fingerprint
    noisy = d.with_labels((d.y_train + 1) % 10)
    assert noisy.fingerprint == d.fingerprint
    for field in ("x_train", "y_train", "x_test", "y_test"):
        other = getattr(d, field).clone()
        other[7] = (other[7] + 1) % 10
        assert replace(d, **{field: other}).fingerprint != d.fingerprint
    # The same bytes in another shape are other images.
    wide = replace(d, x_train=d.x_train.reshape(-1, 1, 4, 16))
    assert wide.fingerprint != d.fingerprint


def test_a_part_has_the_fingerprint_of_the_whole_until_it_is_changed():
    d = data.load("digits")
    part = d.subset(200, 50)
    assert part.fingerprint == part.subset(20).fingerprint == d.fingerprint
    assert part.with_labels((part.y_train + 1) % 10).subset(20).fingerprint == d.fingerprint
    blurred = replace(part, x_train=part.x_train // 2)
    assert blurred.fingerprint == replace(blurred, whole=None).fingerprint != d.fingerprint
    assert blurred.subset(20).fingerprint == blurred.fingerprint


def test_a_copy_that_went_through_jpeg_is_another_set(folder, monkeypatch):
    packed = real("cifar10-jpeg75.npz")
    monkeypatch.setenv("ANL_EDU_DATA", str(packed.parent))
    real("cifar10.npz")
    exact = data.load("cifar10", download=False)
    with np.load(packed) as pack:
        raw, ends = pack["train_jpeg"].tobytes(), pack["train_size"].cumsum()
    starts = [0, *ends[:-1].tolist()]
    copies = [
        np.asarray(Image.open(BytesIO(raw[starts[i] : ends[i]])).convert("RGB"))
        for i in exact.train_index.tolist()
    ]
    np.savez(
        folder / "cifar10.npz",
        x_train=np.stack(copies),
        y_train=exact.y_train,
        x_test=exact.x_test.permute(0, 2, 3, 1).numpy(),
        y_test=exact.y_test,
        train_index=exact.train_index,
    )
    monkeypatch.setenv("ANL_EDU_DATA", str(folder))
    copy = data.load("cifar10")
    assert torch.equal(copy.y_train, exact.y_train)
    assert copy.fingerprint != exact.fingerprint
    assert "not the original pixels" in copy.source


def test_clean_undoes_with_labels():
    d = data.load("digits")
    assert d.clean() is d
    back = d.with_labels((d.y_train + 1) % 10).clean()
    assert torch.equal(back.y_train, d.y_train)
    assert back.y_clean is None
    assert not back.wrong.any()
    again = back.with_labels((d.y_train + 2) % 10)
    assert again.wrong.all()


@pytest.mark.parametrize("name", data.names())
def test_what_is_known_before_loading_is_what_is_loaded(name):
    for file in data.SETS[name].images[:1]:  # none: embedded
        real(file)
    d = data.load(name, download=False)
    assert (tuple(d.x_train.shape[1:]), d.num_classes) == data.shape_of(name)
    assert len(d.mean) == len(d.std) == d.x_train.shape[1]
    assert d.name == name


def test_holding_out_parts_the_training_images_and_keeps_who_they_are():
    d = data.load("digits")
    noisy = d.with_labels(noise.corrupt(d.y_train, noise.symmetric(10, 0.6)))
    kept, out = noisy.hold_out(0.25, seed=3)
    assert len(out.y_train) == 360  # a quarter of 1,437, rounded up
    both = torch.cat([kept.train_index, out.train_index])
    assert sorted(both.tolist()) == sorted(noisy.train_index.tolist())
    place = {int(i): n for n, i in enumerate(noisy.train_index)}
    for part in (kept, out):
        at = torch.tensor([place[int(i)] for i in part.train_index])
        assert torch.equal(part.x_train, noisy.x_train[at])
        assert torch.equal(part.y_train, noisy.y_train[at])
        assert torch.equal(part.y_clean, noisy.y_clean[at])
        assert part.fingerprint == d.fingerprint
    assert not torch.equal(out.train_index, noisy.hold_out(0.25, seed=4)[1].train_index)
    for share in (0.0, 1.0, -0.1):
        with pytest.raises(ValueError, match=f"cannot hold out a share of {share} of 1437"):
            d.hold_out(share)
