"""Lab 2's checks: each mistake is told from the others, whoever asks; numbers are judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from anl_edu import labs
from anl_edu.labs import checks, followed, lab2
from anl_edu.teach.exercise import verdict

STUDENTS = ("ada", "bob", "instructor")
FUNCTIONS: dict[str, tuple[Callable[..., Any], Mapping[str, Callable[..., Any]]]] = {
    "2.1": (lab2._ce, lab2._CE_MISTAKES),
    "2.2": (lab2._nnce, lab2._NNCE_MISTAKES),
    "2.6": (lab2._norm_shares, lab2._NORM_MISTAKES),
    "2.7": (lab2._update_shares, lab2._UPDATE_MISTAKES),
    "2.9": (lab2._by_p_y, lab2._BIN_MISTAKES),
}


def said(name: str, answer: Any, student: str) -> tuple[str, str | None, str]:
    found = verdict(checks.find(name).asked(labs.variant(2, student)), answer)
    return found.status, found.key, found.said


@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_mistake_has_a_hint_of_its_own(name: str, student: str) -> None:
    right, mistakes = FUNCTIONS[name]
    assert said(name, right, student)[0] == "right"
    assert {key: said(name, wrong, student)[1] for key, wrong in mistakes.items()} == {
        key: key for key in mistakes
    }
    assert set(mistakes) == set(checks.find(name).hints)


@pytest.mark.parametrize("student", STUDENTS)
def test_the_numbers_of_a_variant(student: str) -> None:
    me = labs.variant(2, student)
    u = me.p_min
    assert said("2.4", 1 - (me.K - 1) * u, student)[0] == "right"
    assert said("2.4", 1 - u, student)[1] == "p-min"
    assert said("2.4", 1 - me.K * u, student)[1] == "K"
    assert said("2.4", (me.K - 1) * u, student)[1] == "rest"
    growth = lab2._pull_of_nnce(0.99, me.K, me.A) / lab2._pull_of_nnce(0.5, me.K, me.A)
    assert growth > 1
    assert said("2.5", round(growth, 3), student)[0] == "right"
    assert said("2.5", 1 / growth, student)[1] == "turned"


def test_what_was_measured_is_compared_with_a_run() -> None:
    me = labs.variant(2, "ada")
    wrong = followed.noisy_digits(me).wrong
    runs = [followed.follow(me, loss, lab2.EPOCH) for loss in ("ce", "anl-ce")]
    right = lab2._measured(me, wrong, *runs)
    assert said("2.8", right, "ada")[0] == "right"
    assert said("2.8", {k: round(v, 2) for k, v in right.items()}, "ada")[0] == "right"
    percent = right | {"ce_update": 100 * right["ce_update"]}
    assert "per cent" in said("2.8", percent, "ada")[2]
    other = right | {"anl_share": 1 - right["anl_share"]}
    assert "the other group" in said("2.8", other, "ada")[2]
    assert said("2.8", right | {"anl_kept": right["anl_kept"] + 0.05}, "ada")[0] == "wrong"


def test_a_shorter_run_is_the_beginning_of_a_longer_one() -> None:
    me = labs.variant(2, "bob")
    short, longer = followed.follow(me, "anl-ce", 2), followed.follow(me, "anl-ce", 4)
    for name in ("p_y", "gradients", "clean", "wrong"):
        a, b = getattr(short, name), getattr(longer, name)
        assert len(a) == 3
        assert (a == b[:3]).all()


def test_the_gradients_followed_are_those_of_the_loss() -> None:
    """At the logits they add to 0 over the classes, and their length falls with p_y under CE."""
    seen = followed.follow(labs.variant(2, "ada"), "ce", 3)
    assert seen.gradients.sum(2).abs().max() < 1e-6
    own = seen.gradients.abs().amax(2)  # the label's entry is the largest: 1 - p_y
    assert (own - (1 - seen.p_y)).abs().max() < 1e-6
