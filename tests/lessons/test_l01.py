"""Lesson 01: what its figures draw is what the noise really is."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from anl_edu import data, noise
from anl_edu.data.human import label_file
from anl_edu.lessons.l01_how_labels_go_wrong.explorers import KINDS, transition
from anl_edu.lessons.l01_how_labels_go_wrong.figures import lead, matrices, matrix, superclass_flips
from anl_edu.lessons.l01_how_labels_go_wrong.rates import (
    draws,
    exact_rate,
    margins,
    redrawn,
    shortfall,
)
from anl_edu.teach.pictures import pictures


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_matrix_marks_the_most_frequent_label_of_each_row() -> None:
    T = torch.tensor([[0.6, 0.4, 0.0], [0.7, 0.3, 0.0], [0.5, 0.0, 0.5]], dtype=torch.float64)
    heat, true, wrong = matrix(T, ["a", "b", "c"], title="t").data
    assert np.array_equal(heat.z, T.numpy())
    assert list(zip(true.y, true.x, strict=True)) == [("a", "a")]
    assert list(zip(wrong.y, wrong.x, strict=True)) == [("b", "a"), ("c", "a")]  # c is a tie


def test_matrix_leaves_a_class_without_samples_unmarked() -> None:
    T = torch.tensor([[1.0, 0.0], [torch.nan, torch.nan]], dtype=torch.float64)
    _, true, wrong = matrix(T, title="t").data
    assert (list(true.y), list(wrong.y)) == (["0"], [])


def test_matrices_share_one_colour_scale() -> None:
    named = {"one": noise.symmetric(3, 0.4), "two": noise.pair_flip(3, 0.4)}
    fig = matrices(named, title="t")
    assert [trace.coloraxis for trace in fig.data] == ["coloraxis"] * 2
    for trace, T in zip(fig.data, named.values(), strict=True):
        assert np.array_equal(trace.z, T.numpy())


@pytest.mark.parametrize("K", [3, 10, 100])
def test_lead_is_lost_where_the_lesson_says(K: int) -> None:
    for make, limit in ((noise.symmetric, (K - 1) / K), (noise.pair_flip, 1 / 2)):
        assert lead(make(K, limit - 1e-6)).min() > 0
        assert lead(make(K, limit)).abs().max() < 1e-12
        assert lead(make(K, limit + 1e-6)).max() < 0


def test_margins_are_the_formulas() -> None:
    rates = [0.0, 0.3, 0.9]
    fig = margins(rates, classes=(4,))
    assert list(fig.data[0].y) == pytest.approx([1 - r - r / 3 for r in rates])
    assert list(fig.data[1].y) == pytest.approx([1 - 2 * r for r in rates])


@pytest.mark.parametrize(("K", "size", "rate"), [(10, 40, 0.4), (100, 500, 0.8), (3, 7, 0.5)])
def test_exact_rate_is_what_exact_drawing_gives(K: int, size: int, rate: float) -> None:
    labels = torch.arange(K).repeat(size)
    noisy = noise.corrupt(labels, noise.symmetric(K, rate), "exact", seeded())
    found = noise.realised(labels, noisy, K).rate
    assert exact_rate(K, rate, size) == pytest.approx(found, abs=1e-12)
    assert found == pytest.approx((K - 1) * int(rate / (K - 1) * size + 1e-9) / size)


def test_shortfall_band_is_two_binomial_deviations() -> None:
    below, above, exact = shortfall(10, 0.4, [10, 100]).data
    for i, size in enumerate((10, 100)):
        deviation = math.sqrt(0.4 * 0.6 / (10 * size))
        assert above.y[i] - 0.4 == pytest.approx(2 * deviation)
        assert 0.4 - below.y[i] == pytest.approx(2 * deviation)
    assert list(exact.y) == pytest.approx([0.0, 0.36])


def test_draws_is_the_binomial_distribution() -> None:
    curve, exact, nominal = draws(4, 10, 0.3).data
    N = 40
    mass = [math.comb(N, k) * 0.3**k * 0.7 ** (N - k) for k in range(N + 1)]
    expected = [mass[round(x * N)] / max(mass) for x in curve.x]
    assert list(curve.y) == pytest.approx(expected)
    assert (exact.x[0], nominal.x[0]) == pytest.approx((0.3, 0.3))


def test_redrawn_rate_agrees_with_redrawing() -> None:
    rng = np.random.default_rng(0)
    clean = rng.integers(0, 3, 100_000)
    noisy = np.where(rng.random(100_000) < 0.5, rng.integers(0, 3, 100_000), clean)
    asked, _, three, *_ = redrawn((2, 3)).data
    half = list(asked.x).index(0.5)
    assert three.y[half] == pytest.approx((noisy != clean).mean(), abs=0.01)


def test_superclass_flips_counts_what_stays_inside() -> None:
    consecutive = noise.asymmetric_cifar100(0.4, "consecutive")
    real = noise.asymmetric_cifar100(0.4, "superclass")
    fig = superclass_flips({"a": consecutive, "b": real}, noise.CIFAR100_SUPERCLASS)
    assert [len(trace.x) for trace in fig.data] == [6, 94, 100, 0]
    inside = fig.data[0]
    assert all(int(x) // 5 == int(y) // 5 for x, y in zip(inside.x, inside.y, strict=True))


def test_pictures_shows_wrong_labels_on_their_own_images() -> None:
    digits = data.load("digits")
    noisy = noise.corrupt(digits.y_train, noise.asymmetric_mnist(0.4), generator=seeded())
    fig = pictures(digits, {"asymmetric": noisy}, columns=5, title="t")
    captions = [note.text for note in fig.layout.annotations]
    allowed = {f"{i} →\u00a0<b>{j}</b>" for i, j in noise.MNIST_FLIPS.items()}
    assert len(captions) == 5
    assert set(captions) <= allowed
    wrong = digits.x_train[noisy != digits.y_train][:, 0].numpy()
    for image, caption in zip(fig.layout.images, captions, strict=True):
        png = base64.b64decode(image.source.split(",")[1])
        small = np.asarray(Image.open(io.BytesIO(png)))[::8, ::8]  # 8x8, enlarged to 64x64
        found = np.flatnonzero((wrong == small).all((1, 2)))
        assert found.size
        true = digits.y_train[noisy != digits.y_train][found[0]]
        assert caption.startswith(str(int(true)))


def test_wrong_class_shares_is_a_softmax_without_the_own_class() -> None:
    x, y = torch.randn(5, 3, generator=seeded()), torch.tensor([0, 1, 2, 3, 1])
    shares = noise.wrong_class_shares(x, y, 4, seeded(1))
    g = seeded(1)
    W = torch.stack([torch.randn(3, 4, generator=g) for _ in range(4)])  # (K, D, K)
    for n in range(5):
        weight = (x[n] @ W[y[n]]).double().exp()
        weight[y[n]] = 0
        assert torch.allclose(shares[n], weight / weight.sum(), atol=1e-6)


def test_transition_explorer_draws_every_kind_at_its_number_of_classes() -> None:
    explorer = transition()
    for kind, (_, dataset) in KINDS.items():
        explorer.set(kind=kind, K=7)
        assert explorer.figure.data[0].z.shape == ((10, 10) if dataset else (7, 7))


def test_published_rates_are_those_of_the_label_file() -> None:
    if data.where()["CIFAR-10_human.pt"] is None:
        pytest.skip("CIFAR-10N's label file is not here")
    # The numbers the lesson shows to a reader who has no label file.
    published = {"aggregate": 0.0901, "random1": 0.1723, "random2": 0.1812, "random3": 0.1764}
    for which, rate in (published | {"worst": 0.4021}).items():
        noisy, clean = label_file("cifar10", which, download=False)
        assert noise.realised(clean, noisy, 10).rate == pytest.approx(rate, abs=1e-4)
