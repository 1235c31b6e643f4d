"""Lab 3's checks: each mistake is told from the others; what was drawn, trained and reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from anl_edu import labs
from anl_edu.labs import checks, lab3, own_noise
from anl_edu.labs.variants import Variant
from anl_edu.teach.exercise import verdict

ME = labs.variant(3, "ada")
FUNCTIONS: dict[str, tuple[Callable[..., Any], Mapping[str, Callable[..., Any]]]] = {
    "3.3": (lab3._draw, lab3._DRAW_MISTAKES),
    "3.4": (lab3._excess, lab3._EXCESS_MISTAKES),
    "3.7": (lab3._mean_deviation, lab3._SPREAD_MISTAKES),
    "3.8": (lab3._choose, lab3._CHOICE_MISTAKES),
    "3.11": (lab3._paired, lab3._PAIRED_MISTAKES),
}


def said(name: str, answer: Any, me: Variant = ME) -> tuple[str, str | None, str]:
    found = verdict(checks.find(name).asked(me), answer)
    return found.status, found.key, found.said


def matrix(me: Variant) -> Tensor:
    """Everybody but class 0 is now and then called 0."""
    low, high = own_noise.band(me)
    T = torch.eye(me.K, dtype=torch.float64)
    T.diagonal()[1:] -= (low + high) / 2 * me.K / (me.K - 1)
    T[:, 0] += 1 - T.sum(1)
    return T


def records() -> dict[tuple[str, float], list[Any]]:
    """What 3.6 asks for, made up: all different."""
    return {
        key: [
            SimpleNamespace(
                test_accuracy=0.8 + place / 40 + seed / 100,
                held_out_accuracy=0.6 + place / 50 - seed / 90,
                best_accuracy=0.9 + place / 60 + seed / 80,
                mean_prediction=(place, seed),
            )
            for seed in own_noise.SEEDS
        ]
        for place, key in enumerate(lab3.KEYS)
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_mistake_has_a_hint_of_its_own(name: str) -> None:
    right, mistakes = FUNCTIONS[name]
    assert said(name, right)[0] == "right"
    assert {key: said(name, wrong)[1] for key, wrong in mistakes.items()} == {
        key: key for key in mistakes
    }
    assert set(mistakes) == set(checks.find(name).hints)


@pytest.mark.parametrize("student", ["ada", "bob", "carol", "dan", "instructor"])
def test_a_matrix_is_judged_row_by_row(student: str) -> None:
    me = labs.variant(3, student)
    T = matrix(me)
    assert said("3.1", T, me)[0] == "right"
    assert said("3.1", T.T, me)[1] == "columns"
    assert said("3.1", T * 0.99, me)[1] == "rows"
    assert said("3.1", T.roll(1, 0), me)[1] == "diagonal"
    assert said("3.1", 2 * T - torch.ones(me.K, 1) / me.K, me)[1] in ("range", "rows")
    rate = sum(own_noise.band(me)) / 2
    even = torch.full((me.K, me.K), rate / (me.K - 1)).fill_diagonal_(1 - rate)
    assert said("3.1", even, me)[1] == "symmetric"
    assert "your band is" in said("3.1", (T + torch.eye(me.K)) / 2, me)[2]
    closed = T.clone()
    closed[0, 1], closed[0, 0] = -1e-17, 1.0  # what subtraction leaves
    assert said("3.1", closed, me)[0] == "right"
    tied = T.clone()
    tied[1] = 0.0
    tied[1, :2] = 0.5
    tied[2:] = torch.eye(me.K, dtype=torch.float64)[2:]
    assert said("3.1", tied, me)[1] == "diagonal"
    tied[1, :2] = tied[1, :2].flip(0) + torch.tensor([-0.1, 0.1]).double()
    assert said("3.1", tied, me)[1] != "diagonal"


def test_labels_and_their_rate() -> None:
    T, clean = matrix(ME), own_noise.own_digits(ME).y_train
    noisy = lab3._draw(clean, T, own_noise.uniforms(ME))
    rate = (noisy != clean).double().mean().item()
    assert said("3.5", (T, noisy, rate))[0] == "right"
    assert said("3.5", (T, noisy.flip(0), rate))[1] == "other-labels"
    assert said("3.5", (T, noisy, 1 - T.diagonal().mean().item()))[1] == "nominal"
    assert said("3.5", (T, noisy, 1 - rate))[1] == "rate"
    assert said("3.5", (T, noisy, torch.tensor([rate])))[0] == "right"
    each = (noisy != clean).double()
    assert f"not {len(each)} of them" in said("3.5", (T, noisy, each))[2]


def test_records_choice_and_table() -> None:
    kept = records()
    assert said("3.6", kept)[0] == "right"
    assert said("3.6", kept | {("ce", 0.0): kept["ce", 0.0][:1] * 3})[1] == "same-seed"
    rows = [[r.held_out_accuracy for r in kept["anl-ce", w]] for w in own_noise.WEIGHTS]
    weight = lab3._choose(torch.tensor(own_noise.WEIGHTS), torch.tensor(rows)).item()
    other = next(w for w in own_noise.WEIGHTS if w != weight)
    test = [[r.test_accuracy for r in kept["anl-ce", w]] for w in own_noise.WEIGHTS]
    assert said("3.9", (kept, torch.tensor(rows), weight))[0] == "right"
    assert said("3.9", (kept, torch.tensor(rows), torch.tensor([weight])))[0] == "right"
    assert said("3.9", (kept, rows, other))[1] == "chosen"
    assert said("3.9", (kept, torch.tensor(rows).T, weight))[1] == "transposed"
    assert said("3.9", (kept, test, weight))[1] == "test"
    for column, key in (
        ("test_accuracy", None),
        ("best_accuracy", "best_accuracy"),
        ("held_out_accuracy", "held_out_accuracy"),
    ):
        table = {}
        for name, run in (
            ("ce", ("ce", 0.0)),
            ("anl-ce", ("anl-ce", 0.0)),
            ("anl-ce + er", ("anl-ce", weight)),
        ):
            values = torch.tensor([getattr(r, column) for r in kept[run]])
            table[name] = (values.mean().item(), values.std().item())
        assert said("3.10", (table, kept, weight))[1] == key
        assert said("3.10", (table, kept, torch.tensor([weight])))[1] == key


def test_a_seed_decides_a_run_and_a_weight_changes_it() -> None:
    data = own_noise.own_digits(ME)
    noisy = data.with_labels(lab3._draw(data.y_train, matrix(ME), own_noise.uniforms(ME)))
    told = [own_noise.train(noisy, "anl-ce", *how) for how in ((0,), (0,), (1,), (0, 2.0))]
    means = [record.mean_prediction for record in told]
    assert means[0] == means[1]
    assert len(set(means)) == 3
    assert all(record.held_out_accuracy is not None for record in told)
