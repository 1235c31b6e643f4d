"""Check, hint, solution: exercises that tell what is wrong, not only that something is.

Each lesson registers its exercises in ``exercises.py`` of its folder in `anl_edu.lessons`; a name
such as ``"04-normalise"`` begins with its lesson's number, and that file alone is imported for it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from anl_edu.teach import progress_file
from anl_edu.teach.answers import AnswerError, NotAttempted, one_line, require_filled
from anl_edu.teach.judges import Judge
from anl_edu.teach.page import Kind, card, paragraph, say

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
    because
        Why it is right, in a sentence or two; said with the verdict.
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
    because: str = ""
    wrong_bank: Sequence[tuple[Any, str]] = field(repr=False, default=())
    right_bank: Sequence[Any] = field(repr=False, default=())


@dataclass(frozen=True)
class Verdict:
    """What was found about an answer: its status, the mistake's key, and what is said of it."""

    exercise: str
    status: Status
    key: str | None
    said: str

    @property
    def head(self) -> str:
        """The exercise and its verdict."""
        words = {"not attempted": "not attempted yet", "wrong": "not yet", "right": "right"}
        return f"{self.exercise}: {words[self.status]}"

    @property
    def message(self) -> str:
        """All of it in one line."""
        return f"{self.head}{':' if self.status == 'wrong' else '.'} {self.said}".rstrip()


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
    return verdict(find(name), answer)


def verdict(exercise: Exercise, answer: Any) -> Verdict:
    """Judge an answer to an exercise, which need not be registered."""
    name = exercise.name
    try:
        require_filled(answer)
        key = exercise.judge(answer)
    except NotAttempted:
        return Verdict(name, "not attempted", None, exercise.task)
    except AnswerError as error:
        said = str(error)
        return Verdict(name, "wrong", "error", said if said.endswith(("?", ".")) else f"{said}.")
    except Exception as error:
        said = f"judging your answer raised {one_line(error)}."
        return Verdict(name, "wrong", "error", said)
    if key is None:
        return Verdict(name, "right", None, exercise.because)
    general = f' hint("{name}") helps.' if exercise.general_hints else ""
    said = exercise.hints.get(key, f"the values are not right.{general}")
    return Verdict(name, "wrong", key, said)


def check(name: str, answer: Any) -> None:
    """Say whether an answer is not attempted, wrong (and how), or right (and why)."""
    found = judge(name, answer)
    progress_file.note(name, found.status)
    say_verdict(found)


def say_verdict(found: Verdict) -> None:
    """Show a verdict, as a card in a notebook and in one line elsewhere."""
    kinds: dict[Status, Kind] = {"not attempted": "open", "wrong": "wrong", "right": "right"}
    say(found.message, card(kinds[found.status], found.head, paragraph(found.said)))


def hint(name: str) -> None:
    """Give the next hint; each call gives a stronger one, the last only after an attempt."""
    hints = find(name).general_hints
    place = _asked.get(name, 0)
    if place >= len(hints):
        _hint(f"{name}: no more hints.", f'After an attempt, solution("{name}") shows one.')
    elif place == len(hints) - 1 and not progress_file.attempted(name):
        said = "the last hint is nearly the answer, so it waits until you have tried once."
        _hint(f"{name}:", said)
    else:
        _asked[name] = place + 1
        _hint(f"{name}, hint {place + 1} of {len(hints)}:", hints[place])


def _hint(head: str, said: str) -> None:
    say(f"{head} {said}", card("hint", head.rstrip(":."), paragraph(said)))


def solution(name: str) -> None:
    """Show a right answer, once there has been an attempt."""
    exercise = find(name)
    if not progress_file.attempted(name):
        _hint(f"{name}: try first:", f'call check("{name}", ...) with an answer of your own.')
        return
    from IPython.display import display

    source = exercise.solution.strip()
    display({"text/markdown": f"```python\n{source}\n```", "text/plain": source}, raw=True)


def progress() -> None:
    """Show how far the reader has come, lesson by lesson."""
    marks: dict[Any, str] = {"right": "x", "wrong": "/", "not attempted": " "}
    status = progress_file.read()
    lines, rows = [], []
    for lesson, exercises in groupby(all_exercises(), key=lambda e: e.lesson):
        found = [(e, status.get(e.name, "not attempted")) for e in exercises]
        lines += [f"[{marks[now]}] {e.name} {'*' * e.difficulty}" for e, now in found]
        rows.append(_progress_row(lesson, found))
    lines.append("x right, / attempted; * to *** difficulty")
    heads = "<tr><th>lesson</th><th>done</th><th>exercises</th></tr>"
    said = paragraph("✓ right, ✗ attempted, ○ not attempted; difficulty 1 to 3 in brackets")
    page = card("hint", "Your progress", f"<table>{heads}{''.join(rows)}</table>{said}")
    say("\n".join(lines), page)


def _progress_row(lesson: int, found: Sequence[tuple[Exercise, str]]) -> str:
    icons = {"right": "✓", "wrong": "✗"}
    done = sum(now == "right" for _, now in found)
    share = round(100 * done / len(found))
    each = ", ".join(f"{icons.get(now, '○')} {e.name[3:]} ({e.difficulty})" for e, now in found)
    bar = f"<span class='anl-meter' aria-hidden='true'><span style='width:{share}%'></span></span>"
    return f"<tr><td>{lesson:02d}</td><td>{bar} {done} of {len(found)}</td><td>{each}</td></tr>"


def forget() -> None:
    """Delete the progress file and all that is remembered of attempts and hints."""
    _asked.clear()
    progress_file.forget()
