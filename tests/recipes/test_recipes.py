"""Recipes: the protocol's numbers, as the specification's table has them."""

import math
import pickle

import pytest
import torch

from anl_edu import data, losses, recipes
from anl_edu.recipes import Recipe


@pytest.mark.parametrize(
    ("dataset", "model", "epochs", "lr", "decay", "anl"),
    [
        ("mnist", "cnn4", 50, 0.01, 1e-3, (1, 1, 1e-6)),
        ("cifar10", "cnn8", 120, 0.01, 1e-4, (5, 5, 5e-5)),
        ("cifar100", "resnet34", 200, 0.1, 1e-5, (10, 1, 5e-7)),
        ("webvision", "resnet50", 250, 0.4, 3e-5, (20, 1, 5e-6)),
    ],
)
def test_reference_protocol(
    dataset: str, model: str, epochs: int, lr: float, decay: float, anl: tuple[float, ...]
) -> None:
    ce = recipes.get(dataset, "ce", "paper")
    assert (ce.model, ce.epochs, ce.lr, ce.weight_decay, ce.l1) == (model, epochs, lr, decay, 0)
    assert (ce.momentum, ce.clip_norm) == (0.9, 5)
    for name in ("anl-ce", "anl-fl"):
        ours = recipes.get(dataset, name, "paper")
        parameters = ours.loss_parameters
        assert (parameters["alpha"], parameters["beta"], ours.l1) == anl
        assert ours.weight_decay == 0  # L1 stands in its place
        assert ours.lr == lr


def test_webvision_differs_where_the_protocol_says() -> None:
    r = recipes.get("webvision", "ce", "paper")
    assert r.nesterov
    assert r.batch_size == 512
    assert r.lr_at(1) == 0.4
    assert r.lr_at(3) == pytest.approx(0.4 * 0.97**2)


def test_cosine_goes_to_zero() -> None:
    r = recipes.get("cifar10", "ce", "paper")
    rates = [r.lr_at(epoch) for epoch in range(1, 121)]
    model = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 120)
    for rate in rates:
        assert rate == pytest.approx(theirs.get_last_lr()[0], abs=1e-9)
        optimizer.step()
        theirs.step()
    assert r.lr_at(121) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("dataset", "loss", "parameters"),
    [
        ("mnist", "nce+agce", {"alpha": 0, "beta": 1, "a": 4, "q": 0.2}),
        ("cifar10", "sce", {"alpha": 0.1, "beta": 1}),
        ("cifar10", "nce+aul", {"alpha": 1, "beta": 4, "a": 6.3, "q": 1.5}),
        ("cifar100", "nce+rce", {"alpha": 10, "beta": 0.1}),
        ("cifar100", "nce+ael", {"alpha": 10, "beta": 0.1, "a": 1.5}),
        ("webvision", "nce+rce", {"alpha": 50, "beta": 0.1}),
    ],
)
def test_loss_parameters(dataset: str, loss: str, parameters: dict[str, float]) -> None:
    recipe = recipes.get(dataset, loss, "paper")
    assert dict(recipe.loss_parameters) == parameters
    assert recipe.build_loss().parameters_ == losses.defaults(loss) | parameters


@pytest.mark.parametrize("scale", recipes.SCALES)
def test_every_recipe_builds_its_loss(scale: str) -> None:
    for dataset in recipes.datasets(scale):
        for name in losses.names():
            value = recipes.get(dataset, name, scale).build_loss()(
                torch.zeros(2, 10), torch.tensor([0, 3])
            )
            assert torch.isfinite(value)


def test_entropy_weight_is_asked_for() -> None:
    assert recipes.get("cifar10", "anl-ce", "paper").entropy == 0
    lam = recipes.entropy_weight("cifar10")
    assert recipes.get("cifar10", "anl-ce", "paper", entropy=lam).entropy == 2
    with pytest.raises(ValueError, match="no published lambda for 'mnist'"):
        recipes.entropy_weight("mnist")


def test_replace_merges_and_refuses_what_is_unknown() -> None:
    recipe = recipes.get("digits", "anl-ce", epochs=3, loss_parameters={"beta": 1})
    assert dict(recipe.loss_parameters) == {"alpha": 5, "beta": 1}
    assert recipe.epochs == 3
    with pytest.raises(ValueError, match="no field 'epoch'; it has dataset"):
        recipe.replace(epoch=3)


def test_a_recipe_survives_its_plain_form_and_pickling() -> None:
    recipe = recipes.get("cifar10", "anl-fl", model_options={"widths": [4, 8]})
    assert Recipe(**recipe.as_dict()) == recipe
    again = pickle.loads(pickle.dumps(recipe))
    assert again == recipe
    assert repr(again) == repr(recipe)
    assert hash(again) == hash(recipe)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 0}, "epochs of a recipe must be a whole number of at least 1; got 0"),
        ({"batch_size": 1.5}, "batch_size .* got 1.5"),
        ({"lr": math.nan}, "lr .* got nan"),
        ({"momentum": 1.0}, "momentum .* got 1.0"),
        ({"l1": -1e-5}, "l1 .* got -1e-05"),
        ({"clip_norm": 0}, "clip_norm .* got 0"),
        ({"nesterov": "no"}, "nesterov of a recipe must be true or false; got 'no'"),
        ({"schedule": "step"}, "schedule .* cosine, exponential, constant; got 'step'"),
        ({"augment": ("mixup",)}, "augment .* crop, flip, rotate; got"),
        ({"train_images": 0}, "train_images .* got 0"),
    ],
)
def test_wrong_values_are_named(changes: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        recipes.get("digits", "ce", **changes)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("digit", "ce"), "no desk recipe for 'digit'; known: digits"),
        (("digits", "ce", "paper"), "no paper recipe for 'digits'; known: mnist"),
        (("digits", "ace"), "unknown loss 'ace'; known: ce"),
        (("digits", "ce", "lab"), "unknown scale 'lab'; known: desk, paper"),
    ],
)
def test_unknown_names_are_met_with_the_known_ones(arguments: tuple, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        recipes.get(*arguments)


def test_the_seed_alone_decides_the_weights() -> None:
    digits = data.load("digits")
    recipe = recipes.get("digits", "ce")
    torch.manual_seed(1)
    before = torch.get_rng_state()
    a = recipe.build_model(digits, seed=5)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    b = recipe.build_model(digits, seed=5)
    other = recipe.build_model(digits, seed=6)
    for p, q, r in zip(a.parameters(), b.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q)
        assert not torch.equal(p, r)


def test_published_numbers() -> None:
    assert len(recipes.published()) == 262
    (row,) = recipes.published("cifar10", "ce", "symmetric", 0.6)
    assert (row["accuracy_percent"], row["std"]) == (39.16, 0.5)
    assert "Table 2" in row["source"]
    assert recipes.published("cifar10", "anl-ce")
    row["accuracy_percent"] = 0
    assert recipes.published("cifar10", "CE", "symmetric", 0.6)[0]["accuracy_percent"] == 39.16
