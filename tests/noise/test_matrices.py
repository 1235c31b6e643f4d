"""Transition matrices against hand-written values and class names."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anl_edu import noise
from anl_edu.data import cifar


def off_diagonal(T):
    """Give the cells that flip, as {(i, j): probability}."""
    return {(i, j): T[i, j].item() for i, j in T.nonzero().tolist() if i != j}


def test_symmetric_by_hand():
    T = noise.symmetric(4, 0.3)
    expected = torch.full((4, 4), 0.1, dtype=torch.float64)
    expected[[0, 1, 2, 3], [0, 1, 2, 3]] = 0.7
    torch.testing.assert_close(T, expected)


def test_pair_flip_by_hand():
    expected = [[0.6, 0.4, 0.0], [0.0, 0.6, 0.4], [0.4, 0.0, 0.6]]
    torch.testing.assert_close(noise.pair_flip(3, 0.4), torch.tensor(expected, dtype=torch.float64))


def test_asymmetric_cifar10_by_class_name():
    names = cifar.SETS["cifar10"].classes
    flips = [
        ("truck", "automobile"),
        ("bird", "airplane"),
        ("deer", "horse"),
        ("cat", "dog"),
        ("dog", "cat"),
    ]
    expected = {(names.index(a), names.index(b)): 0.4 for a, b in flips}
    assert off_diagonal(noise.asymmetric_cifar10(0.4)) == expected


def test_asymmetric_mnist():
    flips = [(7, 1), (2, 7), (3, 8), (5, 6), (6, 5)]
    assert off_diagonal(noise.asymmetric_mnist(0.3)) == dict.fromkeys(flips, 0.3)


def test_superclasses_are_twenty_groups_of_five():
    sizes = torch.tensor(noise.CIFAR100_SUPERCLASS).bincount()
    assert sizes.tolist() == [5] * 20


def test_superclasses_by_class_name():
    names = cifar.SETS["cifar100"].classes
    assert len(names) == len(set(names)) == 100
    assert list(names) == sorted(names)
    members = {s: [] for s in range(20)}
    for name, s in zip(names, noise.CIFAR100_SUPERCLASS, strict=True):
        members[s].append(name)
    # Written from the data set's own table, not from ours.
    assert members[0] == ["beaver", "dolphin", "otter", "seal", "whale"]
    assert members[1] == ["aquarium_fish", "flatfish", "ray", "shark", "trout"]
    assert members[6] == ["bed", "chair", "couch", "table", "wardrobe"]
    assert members[11] == ["camel", "cattle", "chimpanzee", "elephant", "kangaroo"]
    assert members[14] == ["baby", "boy", "girl", "man", "woman"]
    assert members[17] == ["maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree"]
    assert members[18] == ["bicycle", "bus", "motorcycle", "pickup_truck", "train"]
    assert members[19] == ["lawn_mower", "rocket", "streetcar", "tank", "tractor"]


def test_only_six_consecutive_flips_stay_in_the_superclass():
    s = noise.CIFAR100_SUPERCLASS
    flips = off_diagonal(noise.asymmetric_cifar100(0.5, "consecutive"))
    assert len(flips) == 100
    assert all(j == (i + 1 if i % 5 < 4 else i - 4) for i, j in flips)
    assert sum(s[i] == s[j] for i, j in flips) == 6


def test_superclass_flips_are_one_circle_in_each_group():
    s = noise.CIFAR100_SUPERCLASS
    flips = off_diagonal(noise.asymmetric_cifar100(0.5, "superclass"))
    assert len(flips) == 100
    assert all(s[i] == s[j] for i, j in flips)
    after = dict(flips.keys())
    for i in range(100):
        circle = [i]
        while (j := after[circle[-1]]) != i:
            circle.append(j)
        assert len(circle) == 5


@given(rate=st.floats(0, 1), K=st.integers(2, 120))
def test_rows_sum_to_one(rate, K):
    for T in (noise.symmetric(K, rate), noise.pair_flip(K, rate)):
        assert (T >= 0).all()
        torch.testing.assert_close(T.sum(1), torch.ones(K, dtype=torch.float64))


def test_published_codes_that_flip_in_place_make_less_noise_of_cifar10():
    # One pair after another, each from the labels as the last has left them.
    T = torch.eye(10, dtype=torch.float64)
    for i, j in [(9, 1), (2, 0), (3, 5), (5, 3), (4, 7)]:
        T = T @ noise.flips({i: j}, 10, 0.4)
    assert T[3, 5] == pytest.approx(0.24)
    assert T[5, 3] == pytest.approx(0.4)
    assert (1 - T.diag()).mean() == pytest.approx(0.184)
    assert (1 - noise.asymmetric_cifar10(0.4).diag()).mean() == pytest.approx(0.2)
