"""Checks that a student runs: numbers first, then the verdict, with what was probably mistaken.

They need the package and nothing else, so they work on Colab too. No point depends on them: what is
graded stands in the hidden tests. Judges and verdicts are those of the lessons' exercises.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from anl_edu.labs.variants import LABS, Variant
from anl_edu.teach.exercise import Exercise, say_verdict, verdict
from anl_edu.teach.judges import Judge


@dataclass(frozen=True)
class Question:
    """A question that can be checked.

    Parameters
    ----------
    name, task
        ``"1.2"``, the second question of lab 1, and the task in one sentence.
    judge
        From a variant to the judge of answers: None for right, else the mistake's key.
    hints
        Key to what is said about that mistake.
    numbers
        ``numbers(answer, variant)``: a line or more, told before the verdict. An answer that it
        cannot take is left to the judge.
    because
        Why a right answer is right.
    """

    name: str
    task: str
    judge: Callable[[Variant], Judge]
    hints: dict[str, str] = field(default_factory=dict)
    numbers: Callable[[Any, Variant], str] | None = None
    because: str = ""

    def asked(self, me: Variant) -> Exercise:
        """Return the exercise that it is for one student."""
        lab = int(self.name.split(".")[0])
        if me.lab != lab:
            raise ValueError(f"question {self.name} is of lab {lab}; this variant of lab {me.lab}")
        return Exercise(
            self.name, lab, 1, self.task, self.judge(me), self.hints, (), "", self.because
        )


def questions(lab: int) -> dict[str, Question]:
    """Return the questions of a lab by name: ``QUESTIONS`` of its module."""
    module = importlib.import_module(f"anl_edu.labs.lab{lab}")
    return {question.name: question for question in module.QUESTIONS}


def find(name: str) -> Question:
    """Return the question of that name; ValueError names those of its lab."""
    lab = name.split(".")[0] if isinstance(name, str) else ""
    if lab not in map(str, LABS):
        raise ValueError(f"no question {name!r}: they are called 1.1, 1.2 and so on")
    known = questions(int(lab))
    if name not in known:
        raise ValueError(f"no question {name!r}; lab {lab} has {', '.join(known)}")
    return known[name]


def check(name: str, answer: Any, me: Variant) -> None:
    """Say the numbers that an answer gives, and whether it is not attempted, wrong or right.

    ``nbgrader validate`` counts errors, so there, and there alone, a wrong answer raises
    AssertionError.
    """
    question = find(name)
    found = verdict(question.asked(me), answer)
    if question.numbers is not None and found.status != "not attempted":
        with suppress(Exception):  # the verdict says what is the matter
            print(question.numbers(answer, me))
    say_verdict(found)
    if os.environ.get("NBGRADER_VALIDATING") and found.status != "right":
        raise AssertionError(found.message)
