"""Recipes: what `get` makes of the tables, and what a recipe is."""

import hashlib
import math
import pickle

import pytest
import torch

from anl_edu import data, losses, models, recipes
from anl_edu.recipes import Recipe

RECORDED = {  # loss: what differs from cross entropy in the recipes of recorded runs
    "ce": {},
    "mae": {},
    "gce": {},
    "nce+rce": {"loss_parameters": {"alpha": 1.0, "beta": 1.0}},
    "anl-ce": {"loss_parameters": {"alpha": 5.0, "beta": 5.0}, "l1": 5e-5, "weight_decay": 0.0},
    "anl-fl": {"loss_parameters": {"alpha": 5.0, "beta": 5.0}, "l1": 5e-5, "weight_decay": 0.0},
}
ALIKE = {
    "scale": "desk",
    "loss_parameters": {},
    "batch_size": 64,
    "lr": 0.05,
    "momentum": 0.9,
    "nesterov": False,
    "l1": 0.0,
    "entropy": 0.0,
    "clip_norm": 5.0,
    "schedule": "cosine",
    "decay": 1.0,
    "precision": "float32",
    "held_out": 0.0,
}
DIGITS = {
    "dataset": "digits",
    "model": "mlp",
    "model_options": {},
    "epochs": 60,
    "weight_decay": 0.0,
    "augment": [],
    "train_images": None,
    "test_images": None,
    "train_eval": None,
}
CIFAR10 = {
    "dataset": "cifar10",
    "model": "cnn8",
    "model_options": {"widths": [16, 32, 64], "hidden": 256, "shrink": 2, "zero_biases": True},
    "epochs": 30,
    "weight_decay": 1e-4,
    "augment": ["flip"],
    "train_images": 5000,
    "test_images": 1000,
    "train_eval": 1000,
}


@pytest.mark.parametrize("base", [DIGITS, CIFAR10], ids=["digits", "cifar10"])
@pytest.mark.parametrize("loss", RECORDED)
def test_recipes_of_recorded_runs_stay_as_they_were(base: dict, loss: str) -> None:
    expected = ALIKE | base | {"loss": loss} | RECORDED[loss]
    assert recipes.get(base["dataset"], loss).as_dict() == expected
    for noise, rate in (("none", 0), ("symmetric", 0.6), ("asymmetric", 0.4)):
        told = recipes.get(base["dataset"], loss, noise=noise, rate=rate)
        assert told.as_dict() == expected


def test_initial_weights_of_recorded_runs_stay_as_they_were() -> None:
    recipe = recipes.get("cifar10", "ce")
    torch.manual_seed(0)
    model = models.build(recipe.model, (3, 32, 32), 10, **recipe.model_options)
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    assert digest.hexdigest() == (
        "ad5bf529f83be6a627f91aabbba88a0bfcf9594cb2ace7b647e5091189bea124"
    )


def test_precision_is_chosen_by_the_machine_at_paper_size_alone() -> None:
    for scale, precision in (("paper", "auto"), ("desk", "float32")):
        for dataset in recipes.datasets(scale):
            assert recipes.get(dataset, "anl-ce", scale).precision == precision
    assert recipes.get("digits", "ce", precision="auto").precision == "float32"
    assert recipes.get("cifar10", "ce", "paper", precision="float32").precision == "float32"


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


def test_every_data_set_with_a_recipe_can_be_loaded() -> None:
    for scale in recipes.SCALES:
        assert set(recipes.datasets(scale)) <= set(data.names())
    assert recipes.datasets("paper") == ("cifar10", "cifar100", "webvision")
    assert recipes.datasets() == ("digits", "digit-pairs", "scenes", "cifar10")


@pytest.mark.parametrize(
    ("dataset", "why"), [("mnist", "nothing here loads"), ("clothing1m", "was never published")]
)
def test_what_is_known_but_cannot_be_trained_says_so(dataset: str, why: str) -> None:
    words = f"no recipe for '{dataset}' yet: .* recipes.settings, but .*{why}"
    with pytest.raises(ValueError, match=words):
        recipes.get(dataset, "anl-ce", "paper")


def test_the_noise_chooses_parameters_where_authors_let_it() -> None:
    def alpha(**noise: object) -> float:
        return recipes.get("cifar100", "ece", "paper", **noise).loss_parameters["alpha"]

    assert alpha(noise="symmetric", rate=0.2) == 0.05
    assert alpha(noise="none") == 0.1
    assert alpha(noise="symmetric", rate=0.2, loss_parameters={"alpha": 7}) == 7
    digits = recipes.get("digits", "ece", noise="asymmetric", rate=0.4)  # CIFAR-10's
    assert dict(digits.loss_parameters) == {"alpha": 0.02, "beta": 5, "m": 1e3}
    with pytest.raises(ValueError, match="unknown noise 'asymetric'"):
        recipes.get("digits", "ce", noise="asymetric", rate=0.4)
    with pytest.raises(ValueError, match="between 0 and 1, got 40"):
        recipes.get("digits", "ce", noise="asymmetric", rate=40)


def test_a_loss_may_have_its_own_parameters_in_a_recipe_that_is_like_another() -> None:
    anl, cifar = recipes.get("scenes", "anl-ce"), recipes.get("cifar10", "anl-ce")
    assert dict(anl.loss_parameters) == {"alpha": 25, "beta": 1}
    assert (anl.l1, anl.weight_decay) == (cifar.l1, cifar.weight_decay)
    sce = [recipes.get(dataset, "sce").loss_parameters for dataset in ("scenes", "cifar10")]
    assert sce[0] == sce[1]


@pytest.mark.parametrize("scale", recipes.SCALES)
def test_every_recipe_builds_its_loss(scale: str) -> None:
    for dataset in recipes.datasets(scale):
        for name in losses.names():
            value = recipes.get(dataset, name, scale).build_loss()(
                torch.zeros(2, 10), torch.tensor([0, 3])
            )
            assert torch.isfinite(value)


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
        (
            {"augment": ("mixup",)},
            "augment .* crop, flip, rotate, .*jitter; got",
        ),
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
        (
            ("digits", "ce", "paper"),
            "paper recipe for 'digits'; known: cifar10, cifar100, webvision$",
        ),
        (("webvision", "ce"), "no desk recipe for 'webvision'; known: digits"),
        (("digits", "ace"), "unknown loss 'ace'; known: ce"),
        (("digits", "ce", "lap"), "unknown scale 'lap'; known: desk, lab, paper"),
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
