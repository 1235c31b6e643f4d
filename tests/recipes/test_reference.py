"""The tables of the reference: numbers typed from the authors' configurations, one by one."""

import math

import pytest

from anl_edu import losses, models, noise, recipes
from anl_edu.recipes.reference import LOSSES, PROTOCOLS, ByNoise

NOISES = (None, *noise.KINDS)
RATES = (None, 0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8)

# data set: model, epochs, batch, learning rate, weight decay
TRAINED = {
    "mnist": ("cnn4", 50, 128, 0.01, 1e-3),
    "cifar10": ("cnn8", 120, 128, 0.01, 1e-4),
    "cifar100": ("resnet34", 200, 128, 0.1, 1e-5),
    "webvision": ("resnet50", 250, 512, 0.4, 3e-5),
}

# data set, loss: parameters; what else the method has of its own
ALONE = {
    ("mnist", "sce"): ({"alpha": 0.01, "beta": 1}, {}),
    ("mnist", "agce"): ({"a": 4, "q": 0.2}, {}),
    ("mnist", "aul"): ({"a": 3, "q": 0.1}, {}),
    ("mnist", "ael"): ({"a": 3.5}, {}),
    ("mnist", "nce+mae"): ({"alpha": 1, "beta": 10}, {}),
    ("mnist", "nce+rce"): ({"alpha": 1, "beta": 10}, {}),
    ("mnist", "nfl+mae"): ({"alpha": 1, "beta": 10}, {}),
    ("mnist", "nfl+rce"): ({"alpha": 1, "beta": 10}, {}),
    ("mnist", "nce+agce"): ({"alpha": 0, "beta": 1, "a": 4, "q": 0.2}, {}),
    ("mnist", "nce+aul"): ({"alpha": 0, "beta": 1, "a": 3, "q": 0.1}, {}),
    ("mnist", "nce+ael"): ({"alpha": 0, "beta": 1, "a": 3.5}, {}),
    ("mnist", "anl-ce"): ({"alpha": 1, "beta": 1}, {"l1": 1e-6, "weight_decay": 0}),
    ("mnist", "anl-fl"): ({"alpha": 1, "beta": 1}, {"l1": 1e-6, "weight_decay": 0}),
    ("cifar10", "sce"): ({"alpha": 0.1, "beta": 1}, {}),
    ("cifar10", "nce+mae"): ({"alpha": 1, "beta": 1}, {}),
    ("cifar10", "nce+rce"): ({"alpha": 1, "beta": 1}, {}),
    ("cifar10", "nfl+mae"): ({"alpha": 1, "beta": 1}, {}),
    ("cifar10", "nfl+rce"): ({"alpha": 1, "beta": 1}, {}),
    ("cifar10", "nce+agce"): ({"alpha": 1, "beta": 4, "a": 6, "q": 1.5}, {}),
    ("cifar10", "nce+aul"): ({"alpha": 1, "beta": 4, "a": 6.3, "q": 1.5}, {}),
    ("cifar10", "nce+ael"): ({"alpha": 1, "beta": 4, "a": 5}, {}),
    ("cifar10", "anl-ce"): ({"alpha": 5, "beta": 5}, {"l1": 5e-5, "weight_decay": 0}),
    ("cifar10", "anl-fl"): ({"alpha": 5, "beta": 5}, {"l1": 5e-5, "weight_decay": 0}),
    ("cifar10", "jal-ce"): ({"alpha": 1, "beta": 1, "a": 30}, {"l1": 5e-5, "weight_decay": 0}),
    ("cifar10", "jal-fl"): ({"alpha": 1, "beta": 1, "a": 30}, {"l1": 5e-5, "weight_decay": 0}),
    ("cifar100", "sce"): ({"alpha": 6, "beta": 0.1}, {}),
    ("cifar100", "nce+mae"): ({"alpha": 10, "beta": 0.1}, {}),
    ("cifar100", "nce+rce"): ({"alpha": 10, "beta": 0.1}, {}),
    ("cifar100", "nfl+mae"): ({"alpha": 10, "beta": 1}, {}),
    ("cifar100", "nfl+rce"): ({"alpha": 10, "beta": 0.1}, {}),
    ("cifar100", "nce+agce"): ({"alpha": 10, "beta": 0.1, "a": 1.8, "q": 3}, {}),
    ("cifar100", "nce+aul"): ({"alpha": 10, "beta": 0.015, "a": 6, "q": 3}, {}),
    ("cifar100", "nce+ael"): ({"alpha": 10, "beta": 0.1, "a": 1.5}, {}),
    ("cifar100", "anl-ce"): ({"alpha": 10, "beta": 1}, {"l1": 5e-7, "weight_decay": 0}),
    ("cifar100", "anl-fl"): ({"alpha": 10, "beta": 1}, {"l1": 5e-7, "weight_decay": 0}),
    ("cifar100", "jal-ce"): ({"alpha": 5, "beta": 1, "a": 20}, {"l1": 5e-6, "weight_decay": 0}),
    ("cifar100", "jal-fl"): ({"alpha": 5, "beta": 1, "a": 20}, {"l1": 5e-6, "weight_decay": 0}),
    ("webvision", "sce"): ({"alpha": 10, "beta": 1}, {}),
    ("webvision", "agce"): ({"a": 1e-5, "q": 0.5}, {}),
    ("webvision", "ece"): ({"alpha": 0.015, "beta": 0.3, "m": 1e3}, {"batch_size": 256}),
    ("webvision", "nce+rce"): ({"alpha": 50, "beta": 0.1}, {}),
    ("webvision", "nfl+mae"): ({"alpha": 50, "beta": 1}, {}),
    ("webvision", "nce+agce"): ({"alpha": 50, "beta": 0.1, "a": 2.5, "q": 3}, {}),
    ("webvision", "anl-ce"): ({"alpha": 20, "beta": 1}, {"l1": 5e-6, "weight_decay": 0}),
    ("webvision", "anl-fl"): ({"alpha": 20, "beta": 1}, {"l1": 5e-6, "weight_decay": 0}),
    ("webvision", "jal-ce"): ({"alpha": 50, "beta": 1, "a": 30}, {"batch_size": 256}),
    ("webvision", "jal-fl"): ({"alpha": 50, "beta": 1, "a": 30}, {"batch_size": 256}),
    ("clothing1m", "gce"): ({"q": 0.6}, {"batch_size": 256, "weight_decay": 1e-3}),
    ("clothing1m", "ece"): (
        {"alpha": 0.012, "beta": 0.1, "m": 1e3},
        {"batch_size": 256, "weight_decay": 1e-3},
    ),
    ("clothing1m", "jal-ce"): (
        {"alpha": 5, "beta": 0.1, "a": 5},
        {"batch_size": 256, "weight_decay": 1e-3},
    ),
    ("clothing1m", "jal-fl"): (
        {"alpha": 5, "beta": 0.1, "a": 5},
        {"batch_size": 256, "weight_decay": 1e-3},
    ),
}

# data set, loss, noise, rate: parameters
BY_NOISE = [
    ("cifar10", "ece", None, None, {"alpha": 0.01, "beta": 5, "m": 1e5}),
    ("cifar10", "ece", "none", 0, {"alpha": 0.01, "beta": 5, "m": 1e5}),
    ("cifar10", "ece", "symmetric", 0.8, {"alpha": 0.01, "beta": 5, "m": 1e5}),
    ("cifar10", "ece", "asymmetric", 0.4, {"alpha": 0.02, "beta": 5, "m": 1e3}),
    ("cifar10", "ece", "instance", 0.4, {"alpha": 0.045, "beta": 10, "m": 1e5}),
    ("cifar10", "ece", "human-worst", 0, {"alpha": 0.5, "beta": 1, "m": 1e4}),
    ("cifar10", "ece", "pair", 0.3, {"alpha": 0.01, "beta": 5, "m": 1e5}),  # as for no noise
    ("cifar100", "ece", None, None, {"alpha": 0.03, "beta": 1, "m": 1e4}),
    ("cifar100", "ece", "none", None, {"alpha": 0.1, "beta": 1, "m": 1e4}),
    ("cifar100", "ece", "symmetric", 0, {"alpha": 0.1, "beta": 1, "m": 1e4}),
    ("cifar100", "ece", "symmetric", 0.2, {"alpha": 0.05, "beta": 1, "m": 1e4}),
    ("cifar100", "ece", "symmetric", 0.4, {"alpha": 0.03, "beta": 1, "m": 1e4}),
    ("cifar100", "ece", "symmetric", 0.6, {"alpha": 0.0125, "beta": 1, "m": 1e4}),
    ("cifar100", "ece", "symmetric", 0.8, {"alpha": 0.0075, "beta": 1, "m": 1e4}),
    ("cifar100", "ece", "symmetric", 0.25, {"alpha": 0.05, "beta": 1, "m": 1e4}),  # nearest
    ("cifar100", "ece", "symmetric", 0.3, {"alpha": 0.05, "beta": 1, "m": 1e4}),  # the lower
    ("cifar100", "ece", "symmetric", 0.5, {"alpha": 0.03, "beta": 1, "m": 1e4}),  # the lower
    ("cifar100", "ece", "symmetric", 0.7, {"alpha": 0.0125, "beta": 1, "m": 1e4}),  # the lower
    ("cifar100", "ece", "symmetric", None, {"alpha": 0.03, "beta": 1, "m": 1e4}),
    ("cifar100", "ece", "instance", 0.2, {"alpha": 0.05, "beta": 1, "m": 1e4}),
    ("cifar100", "ece", "instance", 0.6, {"alpha": 0.0125, "beta": 1, "m": 1e4}),
    ("cifar100", "ece", "asymmetric", 0.1, {"alpha": 0.015, "beta": 1, "m": 1e2}),
    ("cifar100", "ece", "asymmetric", 0.2, {"alpha": 0.007, "beta": 1, "m": 1e2}),
    ("cifar100", "ece", "asymmetric", 0.3, {"alpha": 0.005, "beta": 1, "m": 1e2}),
    ("cifar100", "ece", "asymmetric", 0.4, {"alpha": 0.004, "beta": 1, "m": 1e2}),
    ("cifar100", "ece", "asymmetric-superclass", 0.4, {"alpha": 0.004, "beta": 1, "m": 1e2}),
    ("cifar100", "ece", "human-noisy", 0, {"alpha": 0.5, "beta": 1, "m": 1e4}),
    ("cifar100", "gce", None, None, {"q": 0.7}),
    ("cifar100", "gce", "none", None, {"q": 0.5}),
    ("cifar100", "gce", "symmetric", 0.2, {"q": 0.5}),
    ("cifar100", "gce", "symmetric", 0.4, {"q": 0.7}),
    ("cifar100", "gce", "symmetric", 0.6, {"q": 0.7}),
    ("cifar100", "gce", "symmetric", 0.8, {"q": 0.9}),
    ("cifar100", "gce", "asymmetric", 0.2, {"q": 0.7}),
    ("cifar100", "gce", "instance", 0.8, {"q": 0.7}),
]

# Published values that are the defaults of the losses, and so stand in no table.
DEFAULTS = {
    ("mnist", "gce"): {"q": 0.7},
    ("cifar10", "gce"): {"q": 0.7},
    ("cifar10", "agce"): {"a": 0.6, "q": 0.6},
    ("cifar10", "aul"): {"a": 5.5, "q": 3},
    ("cifar10", "ael"): {"a": 2.5},
    ("cifar100", "agce"): {"a": 0.6, "q": 0.6},
    ("cifar100", "aul"): {"a": 5.5, "q": 3},
    ("cifar100", "ael"): {"a": 2.5},
    ("webvision", "gce"): {"q": 0.7},
}


@pytest.mark.parametrize("dataset", PROTOCOLS)
def test_how_a_data_set_is_trained(dataset: str) -> None:
    protocol = PROTOCOLS[dataset]
    fields = ("model", "epochs", "batch_size", "lr", "weight_decay")
    assert tuple(protocol[name] for name in fields) == TRAINED[dataset]
    assert protocol["model"] in models.names()


@pytest.mark.parametrize("dataset", recipes.datasets("paper"))
def test_recipes_follow_the_protocol(dataset: str) -> None:
    model, epochs, batch_size, lr, weight_decay = TRAINED[dataset]
    for loss in losses.names():
        r = recipes.get(dataset, loss, "paper")
        own = ALONE.get((dataset, loss), ({}, {}))[1]
        batch = own.get("batch_size", batch_size)
        assert (r.model, r.epochs, r.batch_size, r.lr) == (model, epochs, batch, lr)
        web = dataset == "webvision"
        schedule = ("exponential", 0.97) if web else ("cosine", 1)
        assert (r.momentum, r.clip_norm, r.nesterov) == (0.9, 5, web)
        assert (r.schedule, r.decay) == schedule
        assert r.l1 == own.get("l1", 0)
        assert r.weight_decay == own.get("weight_decay", weight_decay)


def test_webvision_is_cropped_flipped_and_coloured() -> None:
    r = recipes.get("webvision", "anl-ce", "paper", noise="none")
    assert r.augment == ("resized-crop", "flip", "colour-jitter")
    assert r.lr_at(3) == pytest.approx(0.4 * 0.97**2)


@pytest.mark.parametrize(("dataset", "loss"), ALONE)
def test_what_a_loss_has_of_its_own(dataset: str, loss: str) -> None:
    parameters, others = ALONE[dataset, loss]
    for kind in NOISES:
        for rate in RATES:
            found = recipes.settings(dataset, loss, kind, rate)
            assert found == {"loss_parameters": parameters, **others}
    built = losses.build(loss, **parameters)
    assert built.parameters_ == losses.defaults(loss) | parameters


@pytest.mark.parametrize(("dataset", "loss", "kind", "rate", "parameters"), BY_NOISE)
def test_what_a_loss_has_by_the_noise(
    dataset: str, loss: str, kind: str | None, rate: float | None, parameters: dict[str, float]
) -> None:
    assert recipes.settings(dataset, loss, kind, rate) == {"loss_parameters": parameters}
    recipe = recipes.get(dataset, loss, "paper", noise=kind, rate=rate)
    assert dict(recipe.loss_parameters) == parameters
    assert recipe.build_loss().parameters_ == losses.defaults(loss) | parameters


def test_published_defaults_are_the_losses_own() -> None:
    for (dataset, loss), parameters in DEFAULTS.items():
        assert recipes.settings(dataset, loss) == {}
        assert losses.defaults(loss) == parameters


def test_nothing_stands_in_the_tables_that_is_not_tested_here() -> None:
    entries = {(d, loss): e for d, table in LOSSES.items() for loss, e in table.items()}
    by_noise = {key for key, entry in entries.items() if isinstance(entry, ByNoise)}
    assert by_noise == {(dataset, loss) for dataset, loss, *_ in BY_NOISE}
    assert set(entries) - by_noise == set(ALONE)


def test_settings_are_a_copy() -> None:
    recipes.settings("cifar100", "ece", "symmetric", 0.4)["loss_parameters"]["alpha"] = math.nan
    recipes.settings("cifar10", "anl-ce")["loss_parameters"]["alpha"] = math.nan
    assert recipes.settings("cifar100", "ece", "symmetric", 0.4)["loss_parameters"]["alpha"] == 0.03
    assert recipes.settings("cifar10", "anl-ce")["loss_parameters"]["alpha"] == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("digits", "ce"), "nothing published for 'digits'; known: mnist, cifar10"),
        (("cifar10", "ace"), "unknown loss 'ace'; known: ce"),
        (("cifar10", "ce", "symetric", 0.4), "unknown noise 'symetric'"),
        (("cifar10", "ce", "symmetric", 1.5), "between 0 and 1, got 1.5"),
        (("cifar10", "ce", "symmetric", math.nan), "between 0 and 1, got nan"),
    ],
)
def test_wrong_requests_name_the_value(arguments: tuple, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        recipes.settings(*arguments)


def test_entropy_weight_is_known_for_two_data_sets_and_asked_for() -> None:
    assert (recipes.entropy_weight("cifar10"), recipes.entropy_weight("cifar100")) == (2, 0.01)
    assert recipes.get("cifar10", "anl-ce", "paper").entropy == 0
    assert recipes.get("cifar10", "anl-ce", "paper", entropy=2).entropy == 2
    for dataset in ("mnist", "digits", "webvision"):
        with pytest.raises(ValueError, match=f"no published lambda for '{dataset}'"):
            recipes.entropy_weight(dataset)
