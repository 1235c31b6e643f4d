"""Recipes side by side."""

from __future__ import annotations

from anl_edu.runs import RunSpec
from anl_edu.teach.recipe_table import differing, recipe_table


def test_the_recipes_are_told_with_what_differs() -> None:
    specs = {loss: RunSpec("digits", loss) for loss in ("ce", "anl-ce")}
    assert differing(specs) == ["weight δ of the L1 penalty", "parameters of the loss"]
    table = recipe_table(specs).data
    assert "| **parameters of the loss** | **none** | **alpha = 5, beta = 5** |" in table
    assert "| learning rate | 0.05 | 0.05 |" in table


def test_a_recipe_will_do_in_the_place_of_a_run() -> None:
    specs = {name: RunSpec("cifar10", name) for name in ("ce", "anl-ce")}
    recipes = {name: spec.recipe for name, spec in specs.items()}
    assert recipe_table(recipes).data == recipe_table(specs).data
    lines = recipe_table(specs).data.splitlines()
    assert lines[0] == "| | CE | ANL-CE |"
    assert "| **weight decay** | **0.0001** | **0** |" in lines
    assert "| network | cnn8 16 32 64 | cnn8 16 32 64 |" in lines
