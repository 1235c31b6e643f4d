"""What hidden tests share: it takes right answers, and no other."""

from __future__ import annotations

import builtins
import importlib
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import anl_edu.labs.plain as plain_before
import anl_edu.labs.plain3 as plain3
from anl_edu import gradients, losses
from anl_edu.losses import ce_table as bound_early
from anl_edu.losses.tables import normalized as bound_earlier


@pytest.fixture
def grading() -> ModuleType:
    """Load it as a hidden cell does."""
    sys.modules.pop("anl_edu.labs.grading", None)
    return importlib.import_module("anl_edu.labs.grading")


def mine(z: torch.Tensor) -> torch.Tensor:
    return -z.log_softmax(1)


def test_a_right_function_is_counted(grading: ModuleType) -> None:
    inputs = [(grading.logits(5, 3, 0),), (grading.logits(4, 100, 1, 3000.0),)]
    grading.function(mine, plain_before.ce_table, inputs)
    grading.function(grading.pixels(mine), plain_before.ce_table, [(grading.logits(8, 5, 2),)])
    assert grading.tested == 2


@pytest.mark.parametrize(
    "answer",
    [
        lambda z: z.log_softmax(1),
        lambda z: -z.log_softmax(1)[:, :2],
        lambda z: -z.log_softmax(1).sum(),
        lambda z: mine(z) * math.nan,
        lambda z: mine(z).tolist()[0],
        lambda z: mine(z).as_subclass(torch.nn.parameter.Buffer),
        lambda z: "right",
        lambda z: None,
    ],
)
def test_a_wrong_one_is_not(grading: ModuleType, answer: Any) -> None:
    with pytest.raises(AssertionError):
        grading.function(answer, plain_before.ce_table, [(grading.logits(5, 3, 0),)])
    assert grading.tested == 0


@pytest.mark.parametrize(
    "answer",
    [
        bound_early,
        lambda z: bound_earlier(z, torch.zeros(len(z), dtype=torch.int64)),
        lambda z: losses.build("ce", reduction="none")(z, torch.zeros(len(z), dtype=torch.int64)),
        lambda z: gradients.label_gradient("ce", 0.5),
        lambda z: torch.tensor(plain_before.ce_table(z.tolist())),
        lambda z: importlib.import_module("anl_edu.losses.tables").ce_table(z),
        lambda z: importlib.reload(losses).ce_table(z),
        lambda z: importlib.import_module("anl_edu.lessons.l04_building_an_nnlf.exercises"),
    ],
)
def test_the_packages_functions_are_no_answers(grading: ModuleType, answer: Any) -> None:
    with pytest.raises((AssertionError, ImportError, AttributeError, KeyError)):
        grading.function(answer, plain_before.ce_table, [(grading.logits(5, 3, 0),)])


def test_those_of_a_module_that_was_loaded_anew_are_none_either(grading: ModuleType) -> None:
    early = grading.fresh("anl_edu.labs.plain").ce_table
    plain = grading.fresh("anl_edu.labs.plain")
    with pytest.raises(AssertionError, match="own function"):
        grading.function(
            lambda z: torch.tensor(early(z.tolist())), plain.ce_table, [(grading.logits(5, 3, 0),)]
        )


def test_they_work_again_afterwards(grading: ModuleType) -> None:
    z = grading.logits(5, 3, 0)
    with pytest.raises(AssertionError), grading.sealed(*grading.SEALED):
        losses.ce_table(z)
    assert torch.equal(losses.ce_table(z), bound_early(z))
    assert losses.build("anl-ce")(z, grading.labels(5, 3, 1)).isfinite()
    assert sys.modules["anl_edu.losses"] is losses


def test_every_public_loss_is_sealed(grading: ModuleType) -> None:
    z, y = grading.logits(5, 3, 0), grading.labels(5, 3, 1)
    built = {name: losses.build(name) for name in losses.names()}
    with grading.sealed(*grading.SEALED):
        for name, criterion in built.items():
            with pytest.raises(AssertionError, match="own function"):
                criterion(z, y)
            assert name


def test_a_gradient_is_compared(grading: ModuleType) -> None:
    slope = plain_before.differences(lambda z: [row[1] for row in plain_before.ce_table(z)])
    inputs = [(grading.logits(5, 4, 0),)]
    grading.gradient(lambda z: mine(z)[:, 1], slope, inputs)
    for wrong in (lambda z: mine(z.detach())[:, 1], lambda z: mine(z)[:, 1].detach() + z[:, 0]):
        with pytest.raises(AssertionError):
            grading.gradient(wrong, slope, inputs)


def test_without_autograd_there_is_none(grading: ModuleType) -> None:
    def by_autograd(z: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            x = z.clone().requires_grad_()
            return torch.autograd.grad((x**2).sum(), x)[0]

    inputs = [(grading.logits(5, 4, 0),)]

    def twice(z: list[list[float]]) -> list[list[float]]:
        return [[2 * v for v in row] for row in z]

    grading.function(by_autograd, twice, inputs)
    with pytest.raises(RuntimeError):
        grading.function(by_autograd, twice, inputs, autograd=False)
    grading.function(lambda z: 2 * z, twice, inputs, autograd=False)


@pytest.mark.parametrize("right", [[2], (2.0,), torch.tensor([2.0]), np.array([[2.0]]), [[[2]]]])
def test_one_number_may_stand_in_brackets(grading: ModuleType, right: Any) -> None:
    """As the checks take it."""
    grading.number(right, 2.0)
    assert grading.one(right) == 2.0
    with pytest.raises(AssertionError):
        grading.number(right, 2.1)
    with pytest.raises(AssertionError):
        grading.everything([right, right], [2, 2])


class Yes(float):
    """Claims to equal everything."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = float.__hash__


@pytest.mark.parametrize("right", [2, 2.0, torch.tensor(2), np.float64(2.0), np.array(2)])
def test_a_number_may_be_of_any_plain_kind(grading: ModuleType, right: Any) -> None:
    grading.number(right, 2.0)
    grading.everything([right, right], [2, 2])
    assert grading.tested == 2


@pytest.mark.parametrize(
    "wrong", [Yes(2.0), Yes(3), True, "2", 2j, math.nan, None, ..., [], [2.0, 2.0], 2.1]
)
def test_another_number_is_refused(grading: ModuleType, wrong: Any) -> None:
    with pytest.raises(AssertionError):
        grading.number(wrong, 2.0)
    with pytest.raises(AssertionError):
        grading.everything([wrong, 2.0], [2.0, 2.0])


@pytest.mark.parametrize(("where", "name"), [(builtins, "all"), (math, "isclose")])
def test_what_was_replaced_is_seen(
    grading: ModuleType, monkeypatch: pytest.MonkeyPatch, where: ModuleType, name: str
) -> None:
    monkeypatch.setattr(where, name, lambda *told, **more: True)
    with pytest.raises(AssertionError, match=name):
        grading.number(2.0, 2.0)
    monkeypatch.undo()
    grading.number(2.0, 2.0)


def test_the_folder_of_a_submission_says_whose_it_is(
    grading: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "autograded" / "Ada" / "lab-1"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert grading.own(1, " ADA").student == "ada"
    with pytest.raises(AssertionError, match="'ada' handed this in"):
        grading.own(1, "bob")
    monkeypatch.chdir(tmp_path)
    assert grading.own(1, "bob").student == "bob"


# The references, held against the package ---------------------------------------------------------


@pytest.mark.parametrize(("N", "K", "scale"), [(5, 2, 1.0), (6, 7, 3.0), (4, 50, 30.0)])
def test_plain_python_says_what_the_package_says(
    grading: ModuleType, N: int, K: int, scale: float
) -> None:
    z, y = grading.logits(N, K, 3, scale).double(), grading.labels(N, K, 4)
    rows, marks, p_min = z.tolist(), y.tolist(), 1e-6
    table, A = losses.ce_table(z, p_min), losses.ce_maximum(p_min)
    anl = 2 * losses.nce(z, y) + 3 * losses.nnce(z, y, p_min=p_min)
    assert plain_before.anl(rows, marks, 2, 3, p_min) == pytest.approx(anl.tolist(), rel=1e-9)
    others = (A - table).sum(1) - losses.active(A - table, y)
    assert plain_before.flipped_sum(table.tolist(), marks, A) == pytest.approx(others.tolist())
    small = z / scale
    z_grad = small.clone().requires_grad_()
    (slope,) = torch.autograd.grad(losses.nnce(z_grad, y, p_min=1e-9).sum(), z_grad)
    by_hand = plain_before.nnce_slope(small.softmax(1).tolist(), marks, -math.log(1e-9))
    assert by_hand == pytest.approx(slope.gather(1, y[:, None])[:, 0].tolist(), rel=1e-6)


def test_rounding_makes_no_matrix_wrong() -> None:
    T = [[float(i == j) for j in range(5)] for i in range(5)]
    T[0] = [0.4, 0.2, 0.1, 0.3, 1 - 0.4 - 0.2 - 0.1 - 0.3]  # closed by subtraction
    assert -1e-16 < T[0][-1] < 0
    assert plain3.faults(T, 5) == [0, 0, 0, 0]
    assert plain3.misfits(T, 5, 0.11, 0.13) == [0, 0]
    T[0] = [0.8, 0.3, -0.1, 0.0, 0.0]
    assert plain3.faults(T, 5) == [0, 1, 0, 0]
    assert plain3.misfits(T, 5, 0, 1)[0] == 1


def test_a_label_as_likely_as_the_true_one_is_seen() -> None:
    T = [[0.4, 0.4, 0.2], [0.0, 1.0, 0.0], [0.1, 0.5, 0.4]]
    assert plain3.faults(T, 3) == [0, 0, 0, 2]
