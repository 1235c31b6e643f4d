"""A run's identity: what was trained on what, in which arithmetic, and nothing else."""

from __future__ import annotations

import dataclasses
from dataclasses import make_dataclass, replace
from typing import Any

import pytest

from anl_edu import losses, runs
from anl_edu.recipes import Recipe
from anl_edu.runs import RunSpec, protocol


def wider(recipe: Recipe) -> Recipe:
    """The same recipe in a later edition, whose class has one field more."""
    later = make_dataclass("Wider", [("warmup", int, 0)], bases=(Recipe,), frozen=True)
    return later(**{f.name: getattr(recipe, f.name) for f in dataclasses.fields(recipe)})


def test_a_field_added_to_the_recipe_changes_no_recorded_run() -> None:
    for run in runs.find():
        described = run.spec.as_dict()
        del described["changes"]
        assert protocol.identity(described, wider(run.spec.recipe)) == run.meta["recipe_digest"]


def test_an_added_field_counts_once_it_is_used() -> None:
    recipe = wider(RunSpec("digits", "ce").recipe)
    assert protocol.identity({}, recipe) != protocol.identity({}, replace(recipe, warmup=3))


def test_a_parameter_added_to_a_loss_changes_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = RunSpec("digits", "anl-ce")
    before, old = spec.digest, losses.defaults
    monkeypatch.setattr(losses, "defaults", lambda name: old(name) | {"warmth": 0.0})
    assert spec.digest == before


def test_a_default_that_changes_its_value_changes_the_runs_that_rely_on_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    relies, says = RunSpec("digits", "gce"), RunSpec("digits", "ce")
    before, old = (relies.digest, says.digest), losses.defaults
    monkeypatch.setattr(losses, "defaults", lambda name: {"q": 0.5} if name == "gce" else old(name))
    assert relies.digest != before[0]
    assert says.digest == before[1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"changes": {"lr": 1}}, {"changes": {"lr": 1.0}}),
        ({"changes": {"lr": 0.05}}, {}),  # what the recipe says anyway
        ({"changes": {"loss_parameters": {"alpha": 5}}}, {}),
        ({"changes": {"augment": []}}, {"changes": {"augment": ()}}),
        ({"changes": {"precision": "auto"}}, {}),  # float32 at desk size, for every reader
        ({"changes": {"precision": "float32"}}, {}),
        ({"rate": 1}, {"rate": 1.0}),
        ({"noise": "none", "rate": 0.6}, {"noise": "none", "rate": 0}),
    ],
)
def test_the_same_run_has_one_identity(one: dict[str, Any], other: dict[str, Any]) -> None:
    a, b = RunSpec("digits", "anl-ce", **one), RunSpec("digits", "anl-ce", **other)
    assert a.digest == b.digest
    assert a.file_name == b.file_name


@pytest.mark.parametrize(
    "other",
    [
        {"changes": {"lr": 0.01}},
        {"changes": {"precision": "bfloat16"}},
        {"changes": {"loss_parameters": {"alpha": 4}}},
        {"changes": {"model_options": {"hidden": (8,)}}},
        {"noise": "pair"},
        {"rate": 0.5},
        {"seed": 1},
        {"loss": "anl-fl"},
    ],
)
def test_another_run_has_another(other: dict[str, Any]) -> None:
    assert RunSpec(**({"dataset": "digits", "loss": "anl-ce"} | other)).digest != (
        RunSpec("digits", "anl-ce").digest
    )


def test_specs_are_values() -> None:
    shared = {"lr": 0.1}
    spec = RunSpec("digits", "ce", changes=shared)
    shared["lr"] = 0.2
    assert spec.recipe.lr == 0.1
    assert len({spec, RunSpec("digits", "ce", changes={"lr": 0.1})}) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"loss": "zz"}, "unknown loss 'zz'"),
        ({"dataset": "zz"}, "no desk recipe for 'zz'"),
        ({"changes": {"lrr": 1}}, "no field 'lrr'"),
        ({"changes": {"precision": "float8"}}, "precision of a recipe must be one of float32"),
        ({"changes": {"model": "zz"}}, "unknown model 'zz'"),
        ({"changes": {"model": "cnn8", "model_options": {"shrink": 2}}}, "images of at least"),
        ({"changes": {"model_options": {"depth": 3}}}, "depth"),
        ({"changes": {"loss_parameters": {"alpha": 1}}}, "has no parameter 'alpha'"),
        ({"noise": "asymmetric-superclass"}, "not defined for 'digits'"),
        ({"noise": "human-worst"}, "not defined for 'digits'"),
    ],
)
def test_what_cannot_run_is_refused_without_data(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        RunSpec(**({"dataset": "digits", "loss": "ce"} | wrong)).check()
    RunSpec("digits", "ce", "instance", 0.4).check()


def test_wrong_noises_and_rates_are_named_at_once() -> None:
    with pytest.raises(ValueError, match="unknown noise 'asymetric'"):
        RunSpec("digits", "ce", "asymetric")
    with pytest.raises(ValueError, match=r"1\.5 is not in \[0, 1\]"):
        RunSpec("digits", "ce", rate=1.5)
