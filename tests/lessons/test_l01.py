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
from anl_edu.lessons.l01_how_labels_go_wrong.columns import rows_and_columns, trust
from anl_edu.lessons.l01_how_labels_go_wrong.explorers import KINDS, saw, transition
from anl_edu.lessons.l01_how_labels_go_wrong.favourites import (
    CIFAR10,
    agreement,
    favourites,
    standardised,
)
from anl_edu.lessons.l01_how_labels_go_wrong.figures import lead, matrix
from anl_edu.lessons.l01_how_labels_go_wrong.people import PUBLISHED, count
from anl_edu.lessons.l01_how_labels_go_wrong.rates import (
    close_from,
    exact_rate,
    first_noise,
    margins,
    shortfall,
)
from anl_edu.teach.matrix_panels import matrices
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


@pytest.mark.parametrize(("K", "rate"), [(10, 0.4), (4, 0.3), (20, 0.95)])
def test_the_saw_begins_and_stays_close_where_it_says(K: int, rate: float) -> None:
    n = first_noise(K, rate)
    assert exact_rate(K, rate, n - 1) == 0 < exact_rate(K, rate, n)
    close = close_from(K, rate)
    short = [rate - exact_rate(K, rate, m) for m in range(close - 1, 3 * close)]
    assert short[0] > 0.01 >= max(short[1:])


def test_the_saw_is_drawn_as_exact_draws() -> None:
    explorer = saw()
    explorer.set(K=7, rate=0.45)
    *_, exact = explorer.figure.data
    for n, rate in list(zip(exact.x, exact.y, strict=True))[::20]:
        assert rate == pytest.approx(exact_rate(7, 0.45, n))


def test_trust_is_counted_in_a_draw() -> None:
    T = noise.asymmetric_cifar10(0.4)
    clean = torch.cat([torch.full((1000 * (k + 1),), k) for k in range(10)])
    noisy = noise.corrupt(clean, T, "exact", seeded())
    counts = noise.realised(clean, noisy, 10).counts.double()
    expected = counts.diagonal() / counts.sum(0)
    prior = torch.arange(1, 11).double() / 55
    assert torch.allclose(trust(T, prior), expected, atol=1e-9)
    even = torch.full((10,), 0.1, dtype=torch.float64)
    images, labels = rows_and_columns(T, list("abcdefghij")).data
    assert list(images.y) == pytest.approx(T.diagonal().tolist())
    assert list(labels.y) == pytest.approx(trust(T, even).tolist())


def test_agreement_tells_image_from_class() -> None:
    y = torch.zeros(200, dtype=torch.long)
    features = torch.cat([torch.zeros(100, 2), torch.full((100, 2), 9.0)])
    features += 0.01 * torch.randn(200, 2, generator=seeded())
    by_place = torch.tensor([1] * 100 + [2] * 100)
    assert agreement(features, y, by_place) == 1
    by_chance = torch.randint(1, 3, (200,), generator=seeded())
    assert agreement(features, y, by_chance) == pytest.approx(0.5, abs=0.15)


def test_favourites_on_cifar_are_as_recorded() -> None:
    if data.where()["cifar10.npz"] is None:
        pytest.skip("CIFAR-10 is not here")
    images = data.load("cifar10", download=False).subset(5085)
    pixels = images.x_train.flatten(1).float()
    for features, name in ((pixels, "raw 0..255"), (standardised(pixels), "standardised")):
        assert favourites(features, images.y_train, 10) == pytest.approx(CIFAR10[name], abs=0.03)


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


def test_what_is_published_agrees_with_itself() -> None:
    assert sum(PUBLISHED.wrong_of_three) == pytest.approx(1, abs=1e-3)
    assert sum(PUBLISHED.independent) == pytest.approx(1)
    by_count = sum(k * share for k, share in enumerate(PUBLISHED.wrong_of_three)) / 3
    assert by_count == pytest.approx(PUBLISHED.single, abs=1e-3)
    assert 1 - PUBLISHED.wrong_of_three[0] == pytest.approx(PUBLISHED.rates["worst"], abs=1e-3)
    # two or three wrong: all three differ, or two agree on a wrong label
    agreed = sum(PUBLISHED.wrong_of_three[2:]) - PUBLISHED.no_majority
    drawn = PUBLISHED.no_majority * PUBLISHED.drawn_wrong
    assert agreed + drawn == pytest.approx(PUBLISHED.rates["aggregate"], abs=1e-3)


def test_published_numbers_are_those_of_the_label_file() -> None:
    path = data.where()["CIFAR-10_human.pt"]
    if path is None:
        pytest.skip("CIFAR-10N's label file is not here")
    counted = count(path)
    assert dict(counted.rates) == pytest.approx(dict(PUBLISHED.rates), abs=1e-4)
    assert counted.wrong_of_three == pytest.approx(PUBLISHED.wrong_of_three, abs=1e-4)
    assert counted.no_majority == pytest.approx(PUBLISHED.no_majority, abs=1e-4)
    assert counted.drawn_wrong == pytest.approx(PUBLISHED.drawn_wrong, abs=1e-3)
    for pair, share in PUBLISHED.pairs.items():
        assert counted.pairs[pair] == pytest.approx(share, abs=1e-3), pair
