"""Composed scenes: exact masks, the same bytes for the same seed, no digit in both parts."""

import hashlib

import numpy as np
import pytest
import torch
from scipy import ndimage

from anl_edu import data
from anl_edu.data import digits, scenes
from anl_edu.noise.masks import objects


@pytest.fixture(scope="module")
def drawn():
    source = digits.load()
    return scenes.compose(source.x_train, source.y_train, 300, seed=3)


def test_the_same_seed_gives_the_same_bytes_on_any_machine(drawn):
    source = digits.load()
    again = scenes.compose(source.x_train, source.y_train, 300, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(drawn, again, strict=True))
    sha = hashlib.sha256(drawn[0].numpy().tobytes() + drawn[1].numpy().tobytes())
    assert sha.hexdigest()[:16] == "4765e5fff8eb78c5"
    other, _ = scenes.compose(source.x_train, source.y_train, 300, seed=4)
    assert not torch.equal(other, drawn[0])


def test_forms_and_classes(drawn):
    x, y = drawn
    assert (x.dtype, x.shape) == (torch.uint8, (300, 3, 64, 64))
    assert (y.dtype, y.shape) == (torch.int64, (300, 64, 64))
    assert torch.equal(y.unique(), torch.arange(11))
    foreground = (y > 0).double().mean((1, 2))
    assert 0.1 < foreground.mean() < 0.2
    assert foreground.min() > 0.01  # a digit in every scene


def test_a_mask_is_where_the_ink_is(drawn):
    """The ink stands out from the ground around it by its contrast, all over the mask."""
    x, y = drawn
    for picture, mask in zip(x[:60].double() / 255, y[:60].numpy(), strict=True):
        for k in np.unique(mask[mask > 0]):
            numbered, count = ndimage.label(mask == k, np.ones((3, 3)))
            for n in range(1, count + 1):
                inside = numbered == n
                core = ndimage.binary_erosion(inside)
                if core.sum() < 8:
                    continue
                near = ndimage.binary_dilation(inside, iterations=5)
                rim = near & ~ndimage.binary_dilation(mask > 0, iterations=2)
                difference = picture[:, core].mean(1) - picture[:, rim].mean(1)
                assert difference.abs().max() > 0.15


def test_objects_have_the_shapes_of_digits_of_their_class():
    """Drawn from one image of each class alone, each object is that image enlarged."""
    source = digits.load()
    first = torch.tensor([int((source.y_train == k).nonzero()[0]) for k in range(10)])
    _, y = scenes.compose(source.x_train[first], torch.arange(10), 200, seed=0)
    for k in range(10):
        template = source.x_train[first[k], 0].double()
        sizes = []
        for mask in y.numpy():
            for where in objects(np.where(mask == k + 1, mask, 0)):
                rows, columns = where.nonzero()
                if len(rows) > 30:
                    sizes.append(np.ptp(columns) / np.ptp(rows))
        drawn_in = (template > 0.42 * 255).nonzero().T
        height, width = (int(v.max() - v.min()) + 1 for v in drawn_in)
        # turned by up to 20 degrees either way, which is about none in the middle
        assert np.median(sizes) == pytest.approx(width / height, rel=0.25)


def test_training_and_test_scenes_share_no_digit(monkeypatch):
    used = []
    monkeypatch.setattr(
        scenes, "compose",
        lambda x, y, count, seed: used.append(x) or (
            torch.zeros(count, 3, 64, 64, dtype=torch.uint8) + torch.arange(64, dtype=torch.uint8),
            torch.zeros(count, 64, 64, dtype=torch.int64),
        ),
    )  # fmt: skip
    scenes.load.__wrapped__(4, 2)
    source = digits.load()
    assert torch.equal(used[0], source.x_train)
    assert torch.equal(used[1], source.x_test)


def test_the_set_says_what_it_is():
    d = data.load("scenes")
    assert d.masks
    assert data.SETS["scenes"].masks
    assert data.shape_of("scenes") == ((3, 64, 64), d.num_classes)
    assert d.classes[0] == "background"
    assert (len(d.x_train), len(d.x_test)) == (1000, 250)
    scaled = d.x_train.double() / 255
    assert d.mean == pytest.approx(scaled.mean((0, 2, 3)).tolist(), abs=1e-4)
    assert d.std == pytest.approx(scaled.transpose(0, 1).flatten(1).std(1).tolist(), abs=1e-4)
    assert data.load("scenes").fingerprint == d.fingerprint


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x, y: (x.float(), y, 3), r"\(M, 1, 8, 8\) uint8, got .* of torch.float32"),
        (lambda x, y: (x[..., :4], y, 3), r"got \(1437, 1, 8, 4\)"),
        (lambda x, y: (x, y, 0), "count must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_composed_is_named(change, words):
    source = digits.load()
    with pytest.raises(ValueError, match=words):
        scenes.compose(*change(source.x_train, source.y_train))


def test_a_part_of_a_set_with_masks():
    d = data.load("scenes")
    part = d.subset(30, 20, seed=1)
    assert (len(part.y_train), len(part.y_test)) == (30, 20)
    assert torch.equal(part.y_train, d.y_train[part.train_index])
    assert part.fingerprint == d.fingerprint
    kept, aside = part.hold_out(0.2)
    assert (len(kept.y_train), len(aside.y_train)) == (24, 6)
    with pytest.raises(ValueError, match=r"labels must be \(30, 64, 64\) int64, got \(30,\)"):
        part.with_labels(torch.zeros(30, dtype=torch.int64))
