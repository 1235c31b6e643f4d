"""Noise: matrices against hand-written values, drawn counts against exact rational arithmetic."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anl_edu import noise
from anl_edu.data import cifar


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def balanced(K, per_class):
    return torch.arange(K).repeat_interleave(per_class)


def off_diagonal(T):
    """Give the cells that flip, as {(i, j): probability}."""
    return {(i, j): T[i, j].item() for i, j in T.nonzero().tolist() if i != j}


# --- Matrices ---


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
    matrices = [noise.symmetric(K, rate), noise.pair_flip(K, rate)]
    matrices += [noise.asymmetric_cifar10(rate), noise.asymmetric_mnist(rate)]
    for T in matrices:
        assert T.dtype == torch.float64
        assert (T >= 0).all()
        torch.testing.assert_close(T.sum(1), torch.ones(len(T), dtype=torch.float64))


def test_transition_names():
    same = torch.equal
    assert same(noise.transition("none", 0.9, "digits"), torch.eye(10, dtype=torch.float64))
    assert same(noise.transition("symmetric", 0.4, 7), noise.symmetric(7, 0.4))
    assert same(noise.transition("pair", 0.4, "cifar100"), noise.pair_flip(100, 0.4))
    assert same(noise.transition("asymmetric", 0.4, "digits"), noise.asymmetric_mnist(0.4))
    assert same(noise.transition("asymmetric", 0.4, "cifar10"), noise.asymmetric_cifar10(0.4))
    assert same(
        noise.transition("asymmetric", 0.4, "cifar100"),
        noise.asymmetric_cifar100(0.4, "consecutive"),
    )
    assert same(
        noise.transition("asymmetric-superclass", 0.4, "cifar100"),
        noise.asymmetric_cifar100(0.4, "superclass"),
    )


# --- Drawing ---


@st.composite
def labelled_matrices(draw):
    """Labels of any imbalance, and T as exact fractions with a decimal denominator."""
    K = draw(st.integers(2, 6))
    labels = draw(st.lists(st.integers(0, K - 1), max_size=200))
    rows = []
    for _ in range(K):
        cuts = sorted(draw(st.lists(st.integers(0, 1000), min_size=K - 1, max_size=K - 1)))
        rows.append([Fraction(b - a, 1000) for a, b in zip([0, *cuts], [*cuts, 1000], strict=True)])
    return torch.tensor(labels, dtype=torch.int64), rows


@given(drawn=labelled_matrices(), seed=st.integers(0, 2**31))
@settings(deadline=None)
def test_exact_hits_the_whole_part_in_every_cell(drawn, seed):
    labels, rows = drawn
    K = len(rows)
    T = torch.tensor([[float(p) for p in row] for row in rows], dtype=torch.float64)
    counts = noise.realised(labels, noise.corrupt(labels, T, generator=seeded(seed)), K).counts
    for i in range(K):
        n = int((labels == i).sum())
        for j in range(K):
            if i != j:
                assert counts[i, j] == int(rows[i][j] * n)
        assert counts[i].sum() == n


@pytest.mark.parametrize(
    ("rate", "per_class", "expected"), [(0.29, 100, 29), (0.57, 100, 57), (0.58, 100, 58)]
)
def test_exact_is_not_robbed_by_floating_point(rate, per_class, expected):
    assert int(rate * per_class) == expected - 1  # what truncating the float product would give
    labels = balanced(3, per_class)
    noisy = noise.corrupt(labels, noise.pair_flip(3, rate), generator=seeded())
    assert noise.realised(labels, noisy, 3).counts.diag().tolist() == [per_class - expected] * 3


@pytest.mark.parametrize(
    ("K", "per_class", "rate", "expected"), [(10, 5000, 0.4, 0.3996), (100, 500, 0.8, 0.792)]
)
def test_exact_reproduces_the_reference_rates(K, per_class, rate, expected):
    labels = balanced(K, per_class)
    noisy = noise.corrupt(labels, noise.symmetric(K, rate), generator=seeded())
    assert noise.realised(labels, noisy, K).rate == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("method", ["exact", "independent"])
def test_no_label_flips_twice(method):
    # At rate 1 a cat that became a dog and was then taken for one would be a cat again.
    labels = balanced(10, 50)[torch.randperm(500, generator=seeded(1))]
    noisy = noise.corrupt(labels, noise.asymmetric_cifar10(1.0), method, seeded())
    assert (noisy[labels == 3] == 5).all()
    assert (noisy[labels == 5] == 3).all()
    assert (noisy[labels == 0] == 0).all()


def test_exact_chooses_at_random_within_a_class():
    labels = balanced(2, 1000)
    flipped = noise.corrupt(labels, noise.pair_flip(2, 0.5), generator=seeded()) != labels
    # 500 of 1,000; a hypergeometric half has deviation 7.9, so 60 is beyond any chance.
    assert abs(int(flipped[:500].sum()) - 250) < 60
    assert abs(int(flipped[1000:1500].sum()) - 250) < 60


def test_independent_follows_the_rows():
    T = torch.tensor([[0.5, 0.3, 0.2], [0.0, 1.0, 0.0], [0.1, 0.0, 0.9]], dtype=torch.float64)
    n = 20_000
    matrix = noise.realised(
        balanced(3, n), noise.corrupt(balanced(3, n), T, "independent", seeded()), 3
    ).matrix
    assert (matrix[T == 0] == 0).all()
    assert ((matrix - T).abs() <= 5 * (T * (1 - T) / n).sqrt()).all()  # five deviations


@pytest.mark.parametrize("method", ["exact", "independent"])
def test_same_generator_same_labels(method):
    labels = balanced(10, 100)
    T = noise.symmetric(10, 0.5)
    first, again, other = (noise.corrupt(labels, T, method, generator=seeded(s)) for s in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("method", ["exact", "independent"])
def test_rates_zero_and_empty(method):
    labels = balanced(10, 3)
    assert torch.equal(noise.corrupt(labels, noise.symmetric(10, 0.0), method), labels)
    empty = torch.empty(0, dtype=torch.int64)
    assert noise.corrupt(empty, noise.symmetric(10, 0.5), method).shape == (0,)


def test_the_given_labels_are_left_alone():
    labels = balanced(10, 30)
    before = labels.clone()
    noise.corrupt(labels, noise.symmetric(10, 0.9))
    noise.instance_dependent(torch.randn(300, 4), labels, 0.4, 10)
    assert torch.equal(labels, before)


# --- Instance-dependent ---


def test_instance_dependent_rate():
    n = 20_000
    x = torch.randn(n, 12, generator=seeded(7))
    labels = balanced(10, n // 10)
    for rate in (0.3, 0.5):  # far from both ends, where truncation does not move the mean
        noisy = noise.instance_dependent(x, labels, rate, 10, seeded())
        assert noise.realised(labels, noisy, 10).rate == pytest.approx(rate, abs=0.02)


def test_instance_dependent_rate_near_the_ends_is_the_truncated_mean():
    from scipy.stats import truncnorm

    n = 20_000
    x = torch.randn(n, 5, generator=seeded(7))
    labels = balanced(10, n // 10)
    for rate in (0.05, 1.0):
        noisy = noise.instance_dependent(x, labels, rate, 10, seeded())
        mean = truncnorm(-rate / 0.1, (1 - rate) / 0.1, loc=rate, scale=0.1).mean()
        assert noise.realised(labels, noisy, 10).rate == pytest.approx(mean, abs=0.015)


def test_instance_dependent_looks_at_the_image():
    # Twenty pictures, each shown 200 times. Were the noise a matrix, all pictures of one class
    # would spread their wrong labels alike; here each picture has a favourite of its own.
    pictures = torch.randn(20, 64, generator=seeded(2))
    which = torch.arange(20).repeat_interleave(200)
    noisy = noise.instance_dependent(pictures[which], which % 2, 0.5, 5, seeded())
    wrong = torch.stack(
        [
            torch.where(torch.arange(5) == p % 2, 0, noisy[which == p].bincount(minlength=5))
            for p in range(20)
        ]
    )  # (20, 5)
    assert (wrong.amax(1) / wrong.sum(1)).mean() > 0.8  # evenly spread: about 0.3
    for first in (0, 1):
        assert len(wrong[first::2].argmax(1).unique()) > 1


def test_instance_dependent_standardises():
    x = torch.rand(500, 3, 4, 4, generator=seeded(5))
    labels = balanced(5, 100)
    raw = (x * 255).round().to(torch.uint8)
    drawn = noise.instance_dependent(raw, labels, 0.4, 5, seeded())
    scaled = noise.instance_dependent(raw.double() * 0.5 - 3, labels, 0.4, 5, seeded())
    assert torch.equal(drawn, scaled)


def test_instance_dependent_edges():
    labels = balanced(4, 5)
    x = torch.zeros(20, 3)  # constant features: nothing to divide by
    assert torch.equal(noise.instance_dependent(x, labels, 0.0, 4), labels)
    noisy = noise.instance_dependent(x, labels, 0.5, 4, seeded())
    assert ((noisy >= 0) & (noisy < 4)).all()
    assert torch.equal(noisy, noise.instance_dependent(x, labels, 0.5, 4, seeded()))
    empty = noise.instance_dependent(x[:0], labels[:0], 0.5, 4)
    assert empty.shape == (0,)


# --- Realised ---


def test_realised_by_hand():
    clean = torch.tensor([0, 0, 0, 0, 1, 1])
    noisy = torch.tensor([0, 1, 1, 0, 1, 0])
    found = noise.realised(clean, noisy, 3)
    assert found.rate == 0.5
    assert found.counts.tolist() == [[2, 2, 0], [1, 1, 0], [0, 0, 0]]
    assert found.matrix[:2].tolist() == [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]
    assert found.matrix[2].isnan().all()


# --- Wrong input names the value ---


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda y: noise.symmetric(10, 1.2), ValueError, "1.2"),
        (lambda y: noise.asymmetric_cifar10(-0.1), ValueError, "-0.1"),
        (lambda y: noise.pair_flip(10, float("nan")), ValueError, "nan"),
        (lambda y: noise.symmetric(1, 0.1), ValueError, "got 1"),
        (lambda y: noise.asymmetric_cifar100(0.1, "random"), ValueError, "'random'"),
        (lambda y: noise.transition("salt", 0.1, "cifar10"), ValueError, "'salt'"),
        (lambda y: noise.transition("symmetric", 0.1, "svhn"), ValueError, "'svhn'"),
        (lambda y: noise.transition("asymmetric", 0.1, 10), ValueError, "'asymmetric'.*10"),
        (lambda y: noise.transition("asymmetric-superclass", 0.1, "digits"), ValueError, "digits"),
        (lambda y: noise.corrupt(y.int(), torch.eye(3)), TypeError, "int32"),
        (lambda y: noise.corrupt(y[None], torch.eye(3)), TypeError, r"\(1, 3\)"),
        (lambda y: noise.corrupt(y + 1, torch.eye(3)), ValueError, "label 3 is outside 0..2"),
        (lambda y: noise.corrupt(y - 1, torch.eye(3)), ValueError, "label -1"),
        (lambda y: noise.corrupt(y, torch.eye(3), "twice"), ValueError, "'twice'"),
        (lambda y: noise.corrupt(y, 0.9 * torch.eye(3)), ValueError, "row 0 .*0.9"),
        (lambda y: noise.corrupt(y, torch.eye(3) * 2 - 1 / 3), ValueError, "-0.33"),
        (lambda y: noise.corrupt(y, torch.ones(3, 2)), ValueError, r"\(3, 2\)"),
        (lambda y: noise.realised(y, y[:2], 3), ValueError, "3 clean labels do not match 2"),
        (lambda y: noise.instance_dependent(torch.ones(2, 4), y, 0.1, 3), ValueError, r"\(2, 4\)"),
        (lambda y: noise.instance_dependent(torch.ones(3, 4), y, 7.0, 3), ValueError, "7.0"),
    ],
)
def test_wrong_input(call, error, words):
    with pytest.raises(error, match=words):
        call(torch.tensor([0, 1, 2]))
