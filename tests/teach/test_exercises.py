"""Exercises: what check says, and every registered exercise against its own bank.

A new ``anl_edu/exercises/lessonNN.py`` is covered by registering its exercises on import.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import IPython.display
import numpy as np
import pytest
import torch
from torch import Tensor

from anl_edu import teach as exercises
from anl_edu.teach import Exercise, judge_choice, judge_function, judge_loss, judges, progress_file
from anl_edu.teach import exercise as core

ALL = exercises.all_exercises()
each = pytest.mark.parametrize("exercise", ALL, ids=lambda e: e.name)


def ce(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy, one value per sample."""
    return torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def twice(logits: Tensor, targets: Tensor) -> Tensor:
    """The mistake of a softmax too many."""
    return ce(logits.softmax(1), targets)


@pytest.fixture
def exercise(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """One exercise of our own, alone in the registry; nothing is remembered."""
    monkeypatch.setattr(core, "_registry", {})
    monkeypatch.setattr(core, "all_exercises", lambda: list(core._registry.values()))
    core.register(
        Exercise(
            name="99-ce",
            lesson=99,
            difficulty=2,
            task="Write cross entropy per sample.",
            judge=judge_loss(ce, {"sign": lambda z, y: -ce(z, y), "softmax": twice}),
            hints={"sign": "the sign is turned.", "softmax": "there is a softmax too many."},
            general_hints=["Think of log_softmax.", "Gather the label's column."],
            solution="def ce(logits, targets):\n    ...\n",
        )
    )
    exercises.forget()
    yield "99-ce"
    exercises.forget()


def said(capsys: pytest.CaptureFixture[str], answer: Any) -> str:
    """What check prints about an answer."""
    exercises.check("99-ce", answer)
    return capsys.readouterr().out


def by_hand(logits: Any, targets: Any) -> Any:
    """A right answer in another form: NumPy, float64."""
    z, y = np.asarray(logits, dtype=float), np.asarray(targets)
    return np.log(np.exp(z).sum(1)) - z[np.arange(len(z)), y]


def in_place(logits: Tensor, targets: Tensor) -> Tensor:
    """A right answer that spoils its own input."""
    logits -= logits.logsumexp(1, keepdim=True)
    return -logits.gather(1, targets[:, None])[:, 0]


def unfinished(logits: Tensor, targets: Tensor) -> Tensor:
    """A cell as it is handed out."""
    raise NotImplementedError


@pytest.mark.parametrize(
    "answer", [None, ..., NotImplemented, "", "?", [None, None], lambda z, y: None, unfinished]
)
def test_not_attempted(exercise: str, capsys: pytest.CaptureFixture[str], answer: Any) -> None:
    assert said(capsys, answer) == "99-ce: not attempted yet. Write cross entropy per sample.\n"
    exercises.solution("99-ce")
    assert "try first" in capsys.readouterr().out


@pytest.mark.parametrize(
    "answer",
    [
        ce,
        by_hand,
        in_place,
        lambda z, y: ce(z.double(), y),
        lambda z, y: ce(z, y).tolist(),
        lambda z, y: list(ce(z, y)),
        lambda z, y: ce(z.requires_grad_(), y),
    ],
)
def test_right_in_any_form(exercise: str, capsys: pytest.CaptureFixture[str], answer: Any) -> None:
    assert said(capsys, answer) == "99-ce: right.\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda z, y: -ce(z, y), "the sign is turned."),
        (twice, "there is a softmax too many."),
        (lambda z, y: 2 * ce(z, y), "entry [0] is "),
        (
            lambda z, y: ce(z, y)[:, None].repeat(1, len(y)),
            "the result has shape (6, 6); it should have (6,). [:, y]",
        ),
        (lambda z, y: ce(z, y).mean(), "the result has shape (); it should have (6,)."),
        (lambda z, y: ce(z, y)[:, None], "the result has shape (6, 1); it should have (6,)."),
        (lambda z, y: 1 / 0, "it raised ZeroDivisionError: division by zero."),
        (lambda z: z, "it raised TypeError: "),
        (lambda z, y: ce(z, y) * float("inf"), "the result has infinite or NaN values"),
        (lambda z, y: "high", "numbers are needed, not the text 'high'."),
        (3, "a function is needed, not an int."),
        ("ce", "a function is needed, not the text 'ce'."),
    ],
)
def test_wrong_names_the_mistake(
    exercise: str, capsys: pytest.CaptureFixture[str], answer: Any, words: str
) -> None:
    line = said(capsys, answer)
    assert line.startswith(f"99-ce: not yet: {words}")
    assert line.count("\n") == 1


def test_hints_grow_and_end(exercise: str, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        exercises.hint("99-ce")
    assert capsys.readouterr().out.splitlines() == [
        "99-ce, hint 1 of 2: Think of log_softmax.",
        "99-ce, hint 2 of 2: Gather the label's column.",
        '99-ce: no more hints. After an attempt, solution("99-ce") shows one.',
    ]


def test_solution_after_an_attempt(
    exercise: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", lambda what, **kw: shown.append(what))
    exercises.solution("99-ce")
    assert not shown
    said(capsys, twice)
    exercises.solution("99-ce")
    assert "def ce(logits, targets)" in shown[0]["text/plain"]


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="no exercise named '98-none'; there are "):
        exercises.check("98-none", 1)
    with pytest.raises(ValueError, match=r"must be named '03-\.\.\.'"):
        core.register(Exercise("04-a", 3, 1, "", judge_choice("a", "ab"), {}, [], ""))


def test_numbers_tensors_and_choices() -> None:
    number = exercises.judge_number(0.54, {"rate": 0.6})
    assert [number(a) for a in (0.54, "0.54" and np.float32(0.541), torch.tensor(0.6), 7)] == [
        *(None, None, "rate", "wrong")
    ]
    T = torch.tensor([[0.9, 0.1], [0.3, 0.7]])
    tensor = exercises.judge_tensor(T, {"transposed": T.T})
    assert tensor(T.tolist()) is None
    assert tensor(T.numpy().astype(np.float64)) is None
    assert tensor(T.T) == "transposed"
    with pytest.raises(exercises.AnswerError, match=r"shape \(2,\); it should have \(2, 2\)"):
        tensor([1, 2])
    with pytest.raises(exercises.AnswerError, match="numbers are needed, not the text 'T'"):
        tensor("T")
    letters = judge_choice("b", ("a", "b", "c"))
    assert [letters(a) for a in ("b", " B ", "(b)", "a", "C")] == [None, None, None, "a", "c"]
    with pytest.raises(exercises.AnswerError, match="'d' is not one of a, b, c"):
        letters("d")


def test_a_mistake_that_cannot_take_the_input_matches_nothing() -> None:
    judge = judge_function(lambda n: n + 1, [(0,), (1,)], {"divide": lambda n: 1 / n})
    with pytest.raises(exercises.AnswerError, match=r"arguments 0 is 2; it should be 1$"):
        judge(lambda n: n + 2)
    assert judge(lambda n: n + 1.0) is None


def test_inputs_are_the_same_everywhere() -> None:
    logits, targets = exercises.example(2, 3)
    np.testing.assert_allclose(logits[0], [0.251460, -0.264210, 1.280845], rtol=1e-5)
    assert targets.dtype == torch.int64
    assert judges.blank([None, ...])
    assert not judges.blank(0)


def test_progress_file(
    exercise: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "deep" / "progress.json"
    monkeypatch.setenv("ANL_EDU_PROGRESS", str(file))
    fresh = said(capsys, ce)
    assert json.loads(file.read_text()) == {"99-ce": "right"}
    assert said(capsys, twice) != fresh
    assert json.loads(file.read_text()) == {"99-ce": "right"}  # once right stays right
    assert said(capsys, ce) == fresh  # what check says does not depend on the file
    assert [p.name for p in file.parent.iterdir()] == ["progress.json"]
    exercises.progress()
    assert "[x] 99-ce **" in capsys.readouterr().out
    file.write_text("{ damaged")
    progress_file._session.clear()
    exercises.progress()
    assert "[ ] 99-ce **" in capsys.readouterr().out
    exercises.forget()
    assert not file.exists()


def test_progress_off_writes_nothing(
    exercise: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANL_EDU_PROGRESS", "off")
    assert progress_file.path() is None
    said(capsys, twice)
    assert progress_file.attempted("99-ce")  # for this session
    monkeypatch.delenv("ANL_EDU_PROGRESS")
    monkeypatch.setenv("CI", "true")
    assert progress_file.path() is None


def test_progress_that_cannot_be_written_is_no_error(
    exercise: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ANL_EDU_PROGRESS", str(tmp_path / "file" / "progress.json"))
    assert said(capsys, ce) == "99-ce: right.\n"


@each
def test_every_wrong_answer_gets_its_own_hint(exercise: Exercise) -> None:
    assert len(exercise.wrong_bank) >= 2
    for answer, key in exercise.wrong_bank:
        verdict = exercises.judge(exercise.name, answer)
        assert (verdict.status, verdict.key) == ("wrong", key)
        if key != "error":
            assert verdict.message == f"{exercise.name}: not yet: {exercise.hints[key]}"
    assert {key for _, key in exercise.wrong_bank} >= set(exercise.hints), "a hint without a test"
    assert len(set(exercise.hints.values())) == len(exercise.hints), "two mistakes, one hint"


@each
def test_every_right_variant_is_accepted(exercise: Exercise) -> None:
    assert len(exercise.right_bank) >= 3
    for answer in exercise.right_bank:
        verdict = exercises.judge(exercise.name, answer)
        assert verdict.status == "right", verdict.message


@each
def test_every_exercise_knows_a_blank(exercise: Exercise) -> None:
    for answer in (None, ..., NotImplemented):
        assert exercises.judge(exercise.name, answer).status == "not attempted"
    if any(callable(a) for a in exercise.right_bank):
        for empty in (lambda *a, **k: None, lambda *a, **k: ..., lambda *a, **k: NotImplemented):
            assert exercises.judge(exercise.name, empty).status == "not attempted"


@each
def test_every_exercise_survives_nonsense(exercise: Exercise) -> None:
    def explodes(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("boom")

    for answer in (explodes, object(), "nonsense", {1: 2}, torch.zeros(2, 3, 5), float("nan")):
        verdict = exercises.judge(exercise.name, answer)
        assert verdict.status == "wrong", answer
        assert "judging your answer raised" not in verdict.message, answer
        assert "\n" not in verdict.message
        assert " at 0x" not in verdict.message  # the same on every machine


@each
def test_every_exercise_is_complete(exercise: Exercise) -> None:
    assert exercise.difficulty in (1, 2, 3)
    assert exercise.task.endswith((".", "?"))
    assert 2 <= len(exercise.general_hints) <= 4
    assert all(h.strip() for h in exercise.general_hints)
    ast.parse(exercise.solution)


@each
def test_every_solution_is_right(exercise: Exercise) -> None:
    """The solution shown runs, and its last line's value or name is a right answer."""
    import anl_edu.losses

    space: dict[str, Any] = {"torch": torch, "np": np, "losses": anl_edu.losses}
    exec(exercise.solution, space)  # our own source
    last = ast.parse(exercise.solution).body[-1]
    named = last.name if isinstance(last, ast.FunctionDef) else ast.unparse(last).split(" = ")[0]
    verdict = exercises.judge(exercise.name, eval(named, space))
    assert verdict.status == "right", verdict.message


def test_every_lesson_has_two_exercises() -> None:
    lessons = [e.lesson for e in ALL]
    assert all(lessons.count(n) >= 2 for n in lessons)
