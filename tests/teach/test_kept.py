"""What is remembered stays right, whatever is done with what was given out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from anl_edu.lessons.l02_what_makes_a_loss_robust import explorers as robust
from anl_edu.lessons.l02_what_makes_a_loss_robust.figures import simplex_table
from anl_edu.lessons.l03_active_and_passive.figures import predictions
from anl_edu.lessons.l05_gradients_clean_against_noisy.figures import pull_curve, simplex_gradients
from anl_edu.teach.kept import kept


def tensors(found: Any) -> list[Tensor]:
    return [found] if isinstance(found, Tensor) else list(found)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (simplex_table, ("ce", 4)),
        (robust.classifiers, (3,)),
        (predictions, (5, 3)),
        (pull_curve, ("nnce",)),
        (simplex_gradients, ("ce", 0, 4)),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_writing_into_a_result_does_not_change_the_next(
    function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    before = [t.clone() for t in tensors(function(*arguments))]
    for given in tensors(function(*arguments)):
        given.zero_()
    for again, expected in zip(tensors(function(*arguments)), before, strict=True):
        torch.testing.assert_close(again, expected, rtol=0, atol=0)
        assert again.count_nonzero()


def test_it_is_computed_once() -> None:
    calls = []

    @kept(maxsize=2)
    def costly(n: int) -> tuple[Tensor, Tensor]:
        calls.append(n)
        return torch.ones(n), torch.zeros(n)

    one, _ = costly(3)
    two, _ = costly(3)
    assert calls == [3]
    assert one is not two
    assert costly.__name__ == "costly"
