"""The checks of lab 1: each mistake has its own hint, whatever the student's numbers are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from anl_edu import labs, losses
from anl_edu.labs import checks
from anl_edu.labs.lab1 import ALPHA, BETA, linear_scores
from anl_edu.teach.exercise import verdict

STUDENTS = ("instructor", "ada", "bob", "student-7")


def label(t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return t.gather(1, y[:, None])[:, 0]


def anl(z: Any, y: Any, alpha: float, beta: float, p_min: float) -> torch.Tensor:
    return alpha * losses.nce(z, y) + beta * losses.nnce(z, y, p_min=p_min)


def slope(p: torch.Tensor, y: torch.Tensor, A: float) -> torch.Tensor:
    z = p.log().requires_grad_()
    M = A + z.log_softmax(1)
    (g,) = torch.autograd.grad((1 - label(M, y) / M.sum(1)).sum(), z)
    return label(g, y)


def ratio(me: labs.Variant, K: int, A: float) -> float:
    ends = []
    for p in (0.99, 0.5):
        row = torch.tensor([[p] + [(1 - p) / (K - 1)] * (K - 1)], dtype=torch.float64)
        ends.append(slope(row, torch.tensor([0]), A).item())
    return ends[0] / ends[1]


# Question, and from a variant the answer; what is found about it: None for right.
CASES: list[tuple[str, Callable[[labs.Variant], Any], str | None]] = [
    ("1.1", lambda me: lambda z: -z.log_softmax(1), None),
    ("1.1", lambda me: lambda z: -z.softmax(1).log(), "infinite"),
    ("1.1", lambda me: lambda z: -z.log_softmax(0), "batch"),
    ("1.1", lambda me: lambda z: z.softmax(1), "probabilities"),
    ("1.2", lambda me: lambda t, y: label(t, y) / t.sum(1), None),
    ("1.2", lambda me: lambda t, y: label(t, y) / t.sum(), "batch-all"),
    ("1.2", lambda me: lambda t, y: label(t, y) / (t.sum(1) - label(t, y)), "others"),
    ("1.3", lambda me: lambda t, y, A: (A - t).sum(1) - A + label(t, y), None),
    ("1.3", lambda me: lambda t, y, A: A - t.sum(1) + label(t, y), "A-once"),
    ("1.3", lambda me: lambda t, y, A: (A - t).sum(1), "label-too"),
    ("1.4", lambda me: lambda t, y, A: 1 - label(A - t, y) / (A - t).sum(1), None),
    ("1.4", lambda me: lambda t, y, A: label(A - t, y) / (A - t).sum(1), "label-share"),
    ("1.4", lambda me: lambda t, y, A: 1 - label(t, y) / t.sum(1), "not-flipped"),
    ("1.5", lambda me: anl, None),
    ("1.5", lambda me: lambda z, y, a, b, p: anl(z, y, b, a, p), "swapped"),
    ("1.5", lambda me: lambda z, y, a, b, p: anl(z, y, a, b, p).mean(), "mean"),
    ("1.6", lambda me: anl(*linear_scores(me), ALPHA, BETA, me.p_min).mean(), None),
    ("1.6", lambda me: anl(*linear_scores(me), BETA, ALPHA, me.p_min).mean(), "swapped"),
    ("1.6", lambda me: anl(*linear_scores(me), ALPHA, BETA, me.p_min).sum(), "sum"),
    ("1.7", lambda me: slope, None),
    ("1.7", lambda me: lambda p, y, A: -slope(p, y, A), "sign"),
    ("1.7", lambda me: lambda p, y, A: label(p, y) - 1, "ce"),
    ("1.7", lambda me: lambda p, y, A: (label(p, y) - 1) / (A + p.log()).sum(1), "constant-sum"),
    ("1.8", lambda me: ratio(me, me.K, me.A), None),
    ("1.8", lambda me: 1 / ratio(me, me.K, me.A), "upside-down"),
    ("1.8", lambda me: 0.02, "ce"),
    ("1.10", lambda me: (1, me.K - 1, ALPHA + BETA * (me.K - 1)), None),
    ("1.10", lambda me: (1, me.K, ALPHA + BETA * me.K), "K"),
    ("1.10", lambda me: (1, me.K - 1), "three"),
    ("1.10", lambda me: (1, me.K - 1, 1000), "wrong-3"),
    ("1.12", lambda me: 1 - 1 / me.K, None),
    ("1.12", lambda me: 1 / me.K, "one-class"),
    ("1.13", lambda me: (1 - me.rate) / 2 + me.rate / (me.K - 1) * (me.K - 1.5), None),
    ("1.13", lambda me: (1 - me.rate) / 2, "clean-part"),
    ("1.13", lambda me: 0.5, "unchanged"),
]


@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize(
    ("name", "made", "key"), CASES, ids=[f"{name} {key or 'right'}" for name, _, key in CASES]
)
def test_a_mistake_is_named(
    name: str, made: Callable[[labs.Variant], Any], key: str | None, student: str
) -> None:
    me = labs.variant(1, student)
    question = checks.find(name)
    found = verdict(question.asked(me), made(me))
    assert found.key == key
    assert found.status == ("right" if key is None else "wrong")
    assert key in (None, "error", *question.hints)


def test_every_question_has_cases() -> None:
    assert {name for name, _, _ in CASES} == set(checks.questions(1))


def test_numbers_come_before_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    labs.check("1.12", 0.5, labs.variant(1, "ada"))
    first, second = capsys.readouterr().out.splitlines()
    assert first == "you say 0.5"
    assert second.startswith("1.12: not yet: ")


def test_what_is_not_attempted_says_the_task(capsys: pytest.CaptureFixture[str]) -> None:
    me = labs.variant(1, "ada")
    for name, question in checks.questions(1).items():
        labs.check(name, ..., me)
        assert capsys.readouterr().out == f"{name}: not attempted yet. {question.task}\n"


def test_only_under_validate_a_wrong_answer_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBGRADER_VALIDATING", "1")
    with pytest.raises(AssertionError, match=r"1\.12: not yet"):
        labs.check("1.12", 0.5, labs.variant(1, "ada"))


@pytest.mark.parametrize("name", ["1.99", "7.1", "x", 1.1])
def test_another_question_is_refused_by_name(name: Any) -> None:
    with pytest.raises(ValueError, match=f"no question {name!r}"):
        labs.check(name, 1, labs.variant(1, "ada"))


def test_a_variant_of_another_lab_is_refused() -> None:
    with pytest.raises(ValueError, match="this variant of lab 2"):
        labs.check("1.1", 1, labs.variant(2, "ada"))
