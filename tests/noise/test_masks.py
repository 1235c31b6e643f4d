"""Corrupted masks: strengths by counting pixels, what each way may change, and what survives."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from anl_edu import data, noise
from anl_edu.noise import masks as ways

BY_PIXEL = ("dilation", "erosion", "displacement", "boundary", "mixed")
BY_OBJECT = ("confusion", "missing")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def clean():
    return data.load("scenes").y_train[:240]


def one(way, mask, strength=0.7, K=11, seed=0):
    return noise.corrupt_masks(torch.tensor(mask)[None], K, way, 1.0, strength, seeded(seed))[0]


@pytest.mark.parametrize("strength", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("way", BY_PIXEL)
def test_the_strength_is_the_one_asked_for(clean, way, strength):
    found = noise.realised_masks(
        clean, noise.corrupt_masks(clean, 11, way, 0.5, strength, seeded()), 11
    )
    assert found.share == 0.5
    assert found.strength == pytest.approx(strength, abs=0.02)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("way", BY_PIXEL)
def test_the_share_is_the_one_asked_for(clean, way, share):
    noisy = noise.corrupt_masks(clean, 11, way, share, generator=seeded())
    changed = (noisy != clean).flatten(1).any(1)
    assert int(changed.sum()) == round(share * len(clean))


@pytest.mark.parametrize("way", ways.WAYS)
def test_the_same_state_gives_the_same_masks(clean, way):
    before = clean.clone()
    first, second, other = (
        noise.corrupt_masks(clean[:40], 11, way, 0.5, generator=seeded(s)) for s in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(clean, before)


def test_what_each_way_changes(clean):
    changed = {way: noise.corrupt_masks(clean, 11, way, 1.0, 0.5, seeded()) for way in ways.WAYS}
    ground = clean == 0
    assert torch.equal(changed["dilation"][~ground], clean[~ground])
    assert (changed["erosion"][ground] == 0).all()
    stays = (changed["erosion"] == clean) | (changed["erosion"] == 0)
    assert stays.all()
    assert torch.equal(changed["confusion"] == 0, ground)
    assert (changed["missing"][ground] == 0).all()
    assert ((changed["missing"] == clean) | (changed["missing"] == 0)).all()
    for way in ("displacement", "boundary"):
        wrong = changed[way] != clean
        assert (wrong & ground).any()
        assert (wrong & ~ground).any()


@pytest.mark.parametrize("strength", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("way", BY_OBJECT)
def test_a_share_of_all_objects_is_changed_and_each_of_them_whole(clean, way, strength):
    noisy = noise.corrupt_masks(clean, 11, way, 1.0, strength, seeded()).numpy()
    total = changed = 0
    for a, b in zip(clean.numpy(), noisy, strict=True):
        for where in ways.objects(a):
            (k,), named = np.unique(a[where]), np.unique(b[where])
            assert len(named) == 1
            assert way == "confusion" or named[0] in (0, k)
            total += 1
            changed += named[0] != k
    assert changed == round(strength * total)


def test_confusion_names_every_other_class_alike():
    mask = np.zeros((1, 8, 8), int)
    mask[0, 2:5, 2:5] = 3
    many = torch.tensor(np.repeat(mask, 3000, 0))
    noisy = noise.corrupt_masks(many, 6, "confusion", 1.0, 1.0, seeded())
    counts = torch.bincount(noisy[:, 3, 3], minlength=6)
    assert counts[0] == counts[3] == 0
    assert counts[[1, 2, 4, 5]].double() / 3000 == pytest.approx(0.25, abs=0.03)


def test_dilation_takes_the_nearest_ground_and_erosion_the_outermost_ink():
    mask = np.zeros((21, 21), int)
    mask[8:13, 8:13] = 4  # 25 pixels
    grown = one("dilation", mask, 0.8).numpy()
    distance = ndimage.distance_transform_edt(mask == 0)
    assert (grown == 4).sum() == 45
    assert distance[(grown == 4) & (mask == 0)].max() <= distance[grown == 0].min()
    # the 20 nearest are those that share an edge: 5 on each side
    assert set(distance[(grown == 4) & (mask == 0)]) == {1.0}
    shrunk = one("erosion", mask, 0.64).numpy()  # the rim of 16
    assert np.array_equal(shrunk[9:12, 9:12], np.full((3, 3), 4))
    assert (shrunk > 0).sum() == 9


def test_two_objects_that_touch_keep_their_classes():
    mask = np.zeros((16, 16), int)
    mask[4:12, 4:8], mask[4:12, 8:12] = 1, 2
    grown = one("dilation", mask, 0.5).numpy()
    assert (grown[:, :8] != 2).all()
    assert (grown[:, 8:] != 1).all()
    shrunk = one("erosion", mask, 0.4).numpy()
    assert (shrunk[6:10, 7:9] == 0).any()  # the edge between them is an edge


def test_a_displacement_moves_the_whole_mask():
    mask = np.zeros((40, 40), int)
    mask[10:20, 8:16], mask[24:30, 20:34] = 1, 2
    moved = one("displacement", mask, 0.5).numpy()
    for k in (1, 2):
        assert (moved == k).sum() == pytest.approx((mask == k).sum(), rel=0.35)
        assert len(ways.objects(moved)) == 2


@pytest.mark.parametrize("way", ways.WAYS)
def test_empty_and_full_masks_survive(way):
    empty = torch.zeros(4, 12, 10, dtype=torch.int64)
    assert torch.equal(noise.corrupt_masks(empty, 3, way, 1.0, generator=seeded()), empty)
    full = torch.ones(4, 12, 10, dtype=torch.int64)
    noisy = noise.corrupt_masks(full, 3, way, 1.0, 0.5, seeded())
    assert noisy.shape == full.shape
    assert ((noisy >= 0) & (noisy < 3)).all()
    if way in ("dilation", "boundary"):  # no ground to take, no edge to move
        assert torch.equal(noisy, full)
    if way == "erosion":
        assert (noisy == 0).sum() == 240
    alone = torch.zeros(1, 9, 9, dtype=torch.int64)
    alone[0, 4, 4] = 1
    assert noise.corrupt_masks(alone, 3, way, 1.0, 0.7, seeded()).shape == alone.shape
    none = torch.zeros(0, 9, 9, dtype=torch.int64)
    assert noise.corrupt_masks(none, 3, way, 0.5, generator=seeded()).shape == (0, 9, 9)


def test_what_was_realised_is_counted():
    clean = torch.tensor([[[0, 0, 1], [0, 1, 1]], [[0, 2, 2], [0, 0, 0]]])
    noisy = torch.tensor([[[0, 1, 1], [0, 1, 0]], [[0, 2, 2], [0, 0, 0]]])
    found = noise.realised_masks(clean, noisy, 4)
    assert found.share == 0.5
    assert found.strength == pytest.approx(2 / 3)
    assert found.rate == pytest.approx(2 / 12)
    assert found.counts.tolist() == [[6, 1, 0, 0], [1, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]]
    assert found.dice[:3].tolist() == pytest.approx([12 / 14, 4 / 6, 1.0])
    assert found.dice[3].isnan()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"way": "blur"}, "way must be one of dilation, erosion, .*, got 'blur'"),
        ({"share": 1.5}, "1.5"),
        ({"strength": -0.1}, "-0.1"),
        ({"num_classes": 5, "masks": torch.full((1, 2, 2), 7)}, r"masks hold 7, outside 0\.\.4"),
        ({"masks": torch.zeros(2, 3, dtype=torch.int64)}, r"must be \(N, H, W\) int64, got \(2, 3"),
        ({"masks": torch.zeros(2, 3, 3)}, "of torch.float32"),
        ({"way": "confusion", "num_classes": 2, "masks": torch.zeros(1, 2, 2).long()}, "is 2"),
    ],
)
def test_bad_input_is_named(clean, change, words):
    given = {"masks": clean[:5], "num_classes": 11, "way": "mixed", "share": 0.5} | change
    with pytest.raises(ValueError, match=words):
        noise.corrupt_masks(**given)


def test_the_named_kinds_draw_as_the_function_does(clean):
    d = data.load("scenes").subset(40, 5)
    for way in ways.WAYS:
        drawn = noise.noisy_labels(f"mask-{way}", d, 0.5, seeded(3))
        asked = noise.corrupt_masks(d.y_train, 11, way, 0.5, ways.STRENGTH, seeded(3))
        assert torch.equal(drawn, asked)
    pixels = noise.noisy_labels("symmetric", d, 0.4, seeded())  # of masks, every pixel is a label
    assert pixels.shape == d.y_train.shape
    assert (pixels != d.y_train).double().mean() == pytest.approx(0.4, abs=0.001)
