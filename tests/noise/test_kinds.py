"""Every kind of noise, whatever kinds there are: each entry of the table is drawn and measured."""

import os

import pytest
import torch

from anl_edu import data, noise
from anl_edu.data import ImageData, cifar
from anl_edu.data.human import label_file
from anl_edu.noise import kinds

RATE = 0.4
DATASETS = [*data.SETS, "mnist"]
WITH_MATRIX = [name for name, kind in noise.KINDS.items() if kind.has_matrix]
RATED = [name for name, kind in noise.KINDS.items() if kind.rated]
HUMAN = [name for name in noise.KINDS if name.startswith("human-")]
PLACES = [
    (name, dataset)
    for name in noise.KINDS
    for dataset in DATASETS
    if noise.KINDS[name].exists_on(dataset)
]
DRAWN = [
    (name, dataset)
    for name, dataset in PLACES
    if name not in HUMAN and not name.startswith("mask-")
]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(dataset, y=None, K=None):
    """Give pictures of noise under the name of a data set, 500 a class, or with labels ``y``."""
    K = K or (10 if dataset == "mnist" else data.shape_of(dataset)[1])
    if y is None and dataset in data.SETS and data.SETS[dataset].masks:
        y = torch.arange(K).repeat_interleave(500)[torch.randperm(500 * K, generator=seeded())]
        y = y.view(-1, 10, 10)
    y = torch.arange(K).repeat_interleave(500) if y is None else y
    x = torch.randint(0, 256, (len(y), 1, 4, 4), generator=seeded(1), dtype=torch.uint8)
    classes = tuple(map(str, range(K)))
    return ImageData(dataset, "made up", x, y, x[:K], y[:K], classes, (0.5,), (0.25,))


def matrix(name, rate, dataset):
    special = noise.KINDS[name].special
    return noise.transition(name, rate, dataset if special else images(dataset).num_classes)


@pytest.mark.parametrize("rate", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(("name", "dataset"), [p for p in PLACES if p[0] in WITH_MATRIX])
def test_matrices(name, dataset, rate):
    T = matrix(name, rate, dataset)
    assert T.dtype == torch.float64
    assert T.shape == (images(dataset).num_classes,) * 2
    assert (T >= 0).all()
    torch.testing.assert_close(T.sum(1), torch.ones(len(T), dtype=torch.float64))
    # A label that goes wrong is never given back: a row keeps all or flips by just the rate.
    stays = T.diag()
    flips = stays != 1
    torch.testing.assert_close(stays[flips], torch.full_like(stays[flips], 1 - rate))
    assert flips.any() == (rate > 0 and noise.KINDS[name].rated)


@pytest.mark.parametrize(("name", "dataset"), DRAWN)
def test_draws_come_near_the_rate(name, dataset):
    clean = images(dataset)
    before = clean.y_train.clone()
    noisy = noise.noisy_labels(name, clean, RATE, seeded())
    assert torch.equal(clean.y_train, before)
    assert torch.equal(noisy, noise.noisy_labels(name, clean, RATE, seeded()))
    noisy = noisy.flatten()
    found = noise.realised(clean.y_train.flatten(), noisy, clean.num_classes)
    if not noise.KINDS[name].has_matrix:
        assert found.rate == pytest.approx(RATE, abs=0.02)
        return
    T = matrix(name, RATE, dataset)
    assert (found.counts[T == 0] == 0).all()
    flipping = T.clone().fill_diagonal_(0)
    wanted = flipping.sum().item() * 500  # labels, of 500 a class
    drawn = found.rate * len(noisy)
    # Every cell rounds down, and loses less than one label.
    assert wanted - int((flipping > 0).sum()) - 1e-6 < drawn < wanted + 1e-6


@pytest.mark.parametrize("name", RATED)
def test_no_rate_no_noise(name):
    dataset = next(dataset for kind, dataset in PLACES if kind == name)
    clean = images(dataset)
    assert torch.equal(noise.noisy_labels(name, clean, 0.0, seeded()), clean.y_train)


@pytest.mark.parametrize("name", noise.KINDS)
def test_a_kind_is_drawn_where_check_lets_it_and_nowhere_else(name, monkeypatch):
    monkeypatch.setattr(ImageData, "human_labels", lambda images, which: images.y_train)
    drawn = 0
    for dataset in [*DATASETS, "made-up"]:
        clean = images(dataset, K=10 if dataset == "made-up" else None)
        if (name, dataset) in PLACES or noise.KINDS[name].exists_on(dataset):
            noise.check(name, RATE, dataset)
            noise.noisy_labels(name, clean, RATE, seeded())
            drawn += 1
            continue
        words = f"{name!r} is not defined for {dataset!r}"
        with pytest.raises(ValueError, match=words):
            noise.check(name, RATE, dataset)
        with pytest.raises(ValueError, match=words):
            noise.noisy_labels(name, clean, RATE, seeded())
    assert drawn


def test_general_kinds_need_no_entry_for_a_new_data_set():
    clean = images("made-up", K=7)
    for name in ("none", "symmetric", "pair", "instance"):
        noisy = noise.noisy_labels(name, clean, RATE, seeded())
        assert int(noisy.max()) <= 6


@pytest.mark.parametrize("name", noise.KINDS)
def test_each_kind_says_what_it_does_in_one_way(name):
    kind = noise.kind(name)
    assert kind.says
    ways = (kind.general is not None, bool(kind.special), kind.draw is not None)
    assert sum(ways) == 1
    assert kind.draw is not None or not kind.only


def test_the_sets_with_masks_are_those_that_say_so():
    assert set(kinds.WITH_MASKS) == {name for name, each in data.SETS.items() if each.masks}


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


# --- Human labels ---


def test_human_kinds_are_the_label_files():
    published = {(f"human-{w}", d) for d, spec in cifar.SETS.items() for w in spec.human_keys}
    assert {place for place in PLACES if place[0] in HUMAN} == published
    assert not any(noise.kind(name).rated for name in HUMAN)


@pytest.mark.parametrize(("name", "dataset"), [p for p in PLACES if p[0] in HUMAN])
def test_real_human_labels_are_drawn(name, dataset):
    given = os.environ.get("ANL_EDU_DATA")
    file = cifar.SETS[dataset].human
    if not given or data.where()[file] is None:
        pytest.skip(f"set ANL_EDU_DATA to a folder that holds {file} to draw the real labels")
    _, clean = label_file(dataset, name.removeprefix("human-"), download=False)
    whole = images(dataset, y=clean)
    noisy = noise.noisy_labels(name, whole, 0.0, seeded())
    published = {
        "human-aggregate": 0.0901,
        "human-random1": 0.17234,
        "human-random2": 0.18122,
        "human-random3": 0.1764,
        "human-worst": 0.40208,
        "human-noisy": 0.4020,
    }
    found = noise.realised(clean, noisy, whole.num_classes)
    assert found.rate == pytest.approx(published[name], abs=5e-5)
    assert torch.equal(noisy, noise.noisy_labels(name, whole, 0.0, seeded(1)))


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("symmetric:0.6", ("symmetric", 0.6)),
        ("none", ("none", 0.0)),
        ("human-worst", ("human-worst", 0.0)),
    ],
)
def test_noise_is_read_from_text(text, parsed):
    assert noise.parse(text) == parsed


@pytest.mark.parametrize("name", noise.KINDS)
def test_a_label_with_a_colon_is_read_back(name):
    rate = RATE if noise.KINDS[name].rated else 0.0
    assert noise.parse(noise.label(name, RATE).replace(" ", ":")) == (name, rate)
