"""Instance-dependent noise: its rate, and that the image has a say."""

import pytest
import torch

from anl_edu import noise
from anl_edu.noise.instance import _standardise


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def balanced(K, per_class):
    return torch.arange(K).repeat_interleave(per_class)


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


def test_a_constant_column_says_nothing():
    # Of a float32 mean of 0.1 a rounding error is left, which dividing by the deviation blows up.
    x = torch.full((50_000, 3), 0.1)
    assert (_standardise(x) == 0).all()


def test_scores_are_of_features_as_they_are():
    x, y = torch.zeros(4, 3), torch.tensor([0, 1, 2, 0])
    shares = noise.wrong_class_shares(x, y, 3, seeded())
    assert shares.tolist() == [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0], [0, 0.5, 0.5]]
