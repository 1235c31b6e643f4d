"""Drawn labels: counts against exact rational arithmetic, and realised rates."""

import warnings
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anl_edu import noise


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def balanced(K, per_class):
    return torch.arange(K).repeat_interleave(per_class)


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


@pytest.mark.filterwarnings("ignore:.* were to be wrong")  # a handful of labels
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


# --- Realised ---


def test_realised_by_hand():
    clean = torch.tensor([0, 0, 0, 0, 1, 1])
    noisy = torch.tensor([0, 1, 1, 0, 1, 0])
    found = noise.realised(clean, noisy, 3)
    assert found.rate == 0.5
    assert found.counts.tolist() == [[2, 2, 0], [1, 1, 0], [0, 0, 0]]
    assert found.matrix[:2].tolist() == [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]
    assert found.matrix[2].isnan().all()


def test_a_draw_that_falls_far_short_says_so():
    """20 samples a class and 99 other classes: int(0.4 / 99 * 20) is 0, and every label right."""
    few = torch.arange(100).repeat_interleave(20)
    with pytest.warns(UserWarning, match="0.4 of the labels were to be wrong, 0 are: of 2000"):
        assert torch.equal(noise.corrupt(few, noise.symmetric(100, 0.4)), few)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        noise.corrupt(few, noise.pair_flip(100, 0.4))  # one target: 8 of 20, exactly
        noise.corrupt(few, noise.symmetric(100, 0.4), "independent")
        noise.corrupt(torch.arange(100).repeat_interleave(500), noise.symmetric(100, 0.8))
