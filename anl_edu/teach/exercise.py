"""Check, hint, solution: exercises that tell what is wrong, not only that something is.

Each lesson registers its exercises in ``exercises.py`` of its folder in `anl_edu.lessons`; a name
such as ``"04-normalise"`` begins with its lesson's number, and that file alone is imported for it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from anl_edu.teach import progress_file
from anl_edu.teach.answers import AnswerError, NotAttempted, one_line, require_filled
from anl_edu.teach.judges import Judge

Status = Literal["not attempted", "wrong", "right"]


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Parameters
    ----------
    name, lesson, difficulty, task
        ``"04-normalise"``, 4, 1 (a line) to 3 (think first), and the task in one sentence.
    judge
        From an answer to ``None`` (right) or the key of the mistake made.
    hints
        Key to what is said about that mistake. A key without a hint is said to be just wrong.
    general_hints
        What :func:`hint` gives, one per call, from gentle to nearly the answer. The last one is
        held back until there has been an attempt.
    solution
        Source of a right answer.
    wrong_bank, right_bank
        Answers the judge must reject, each with its key, and answers it must accept.
    """

    name: str
    lesson: int
    difficulty: int
    task: str
    judge: Judge
    hints: dict[str, str]
    general_hints: Sequence[str]
    solution: str
    wrong_bank: Sequence[tuple[Any, str]] = field(repr=False, default=())
    right_bank: Sequence[Any] = field(repr=False, default=())


@dataclass(frozen=True)
class Verdict:
    """What was found about an answer: its status, the mistake's key, and the line to print."""

    status: Status
    key: str | None
    message: str


_LESSONS = "anl_edu.lessons"  # by name: what lessons are made of knows none of them
_registry: dict[str, Exercise] = {}
_asked: dict[str, int] = {}  # hints given since the kernel started


def register(exercise: Exercise) -> Exercise:
    """Make an exercise known under its name."""
    if not exercise.name.startswith(f"{exercise.lesson:02d}-"):
        raise ValueError(
            f"exercise {exercise.name!r} of lesson {exercise.lesson} must be named "
            f"'{exercise.lesson:02d}-...'"
        )
    _registry[exercise.name] = exercise
    return exercise


def all_exercises() -> list[Exercise]:
    """Return every exercise of every lesson, by name."""
    for lesson in pkgutil.iter_modules(importlib.import_module(_LESSONS).__path__):
        _import_exercises(lesson.name)
    return [_registry[name] for name in sorted(_registry)]


def _import_exercises(lesson: str) -> None:
    importlib.import_module(f"{_LESSONS}.{lesson}.exercises")


def find(name: str) -> Exercise:
    """Return the exercise of that name; ValueError names those there are."""
    if name not in _registry:
        for lesson in pkgutil.iter_modules(importlib.import_module(_LESSONS).__path__):
            if lesson.name.startswith(f"l{name[:2]}_"):
                _import_exercises(lesson.name)
    if name not in _registry:
        known = [e.name for e in all_exercises()]
        if name not in known:
            raise ValueError(f"no exercise named {name!r}; there are {', '.join(known) or 'none'}")
    return _registry[name]


def judge(name: str, answer: Any) -> Verdict:
    """Judge an answer without printing or recording anything."""
    exercise = find(name)
    try:
        require_filled(answer)
        key = exercise.judge(answer)
    except NotAttempted:
        return Verdict("not attempted", None, f"{name}: not attempted yet. {exercise.task}")
    except AnswerError as error:
        said = str(error)
        if not said.endswith(("?", ".")):
            said += "."
        return Verdict("wrong", "error", f"{name}: not yet: {said}")
    except Exception as error:
        said = f"judging your answer raised {one_line(error)}"
        return Verdict("wrong", "error", f"{name}: not yet: {said}.")
    if key is None:
        return Verdict("right", None, f"{name}: right.")
    said = exercise.hints.get(key, f'the values are not right. hint("{name}") helps.')
    return Verdict("wrong", key, f"{name}: not yet: {said}")


def check(name: str, answer: Any) -> None:
    """Print whether an answer is not attempted, wrong (and the likely mistake), or right."""
    verdict = judge(name, answer)
    progress_file.note(name, verdict.status)
    print(verdict.message)


def hint(name: str) -> None:
    """Print the next hint; each call gives a stronger one, the last only after an attempt."""
    hints = find(name).general_hints
    place = _asked.get(name, 0)
    if place >= len(hints):
        print(f'{name}: no more hints. After an attempt, solution("{name}") shows one.')
        return
    if place == len(hints) - 1 and not progress_file.attempted(name):
        print(f"{name}: the last hint is nearly the answer, so it waits until you have tried once.")
        return
    _asked[name] = place + 1
    print(f"{name}, hint {place + 1} of {len(hints)}: {hints[place]}")


def solution(name: str) -> None:
    """Show a right answer, once there has been an attempt."""
    exercise = find(name)
    if not progress_file.attempted(name):
        print(f'{name}: try first: call check("{name}", ...) with an answer of your own.')
        return
    from IPython.display import display

    source = exercise.solution.strip()
    display({"text/markdown": f"```python\n{source}\n```", "text/plain": source}, raw=True)


def progress() -> None:
    """Print how far the reader has come, lesson by lesson."""
    marks: dict[Any, str] = {"right": "x", "wrong": "/", "not attempted": " "}
    status = progress_file.read()
    for exercise in all_exercises():
        level = "*" * exercise.difficulty
        print(f"[{marks[status.get(exercise.name, 'not attempted')]}] {exercise.name} {level}")
    print("x right, / attempted; * to *** difficulty")


def forget() -> None:
    """Delete the progress file and all that is remembered of attempts and hints."""
    _asked.clear()
    progress_file.forget()
