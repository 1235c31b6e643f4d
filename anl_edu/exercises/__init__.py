"""Exercises: check an answer, ask for a hint, see a solution after an attempt."""

from .core import (
    Exercise,
    Verdict,
    all_exercises,
    check,
    forget,
    hint,
    judge,
    progress,
    register,
    solution,
)
from .judges import (
    AnswerError,
    NotAttempted,
    example,
    judge_choice,
    judge_function,
    judge_loss,
    judge_number,
    judge_tensor,
)

__all__ = [
    "AnswerError",
    "Exercise",
    "NotAttempted",
    "Verdict",
    "all_exercises",
    "check",
    "example",
    "forget",
    "hint",
    "judge",
    "judge_choice",
    "judge_function",
    "judge_loss",
    "judge_number",
    "judge_tensor",
    "progress",
    "register",
    "solution",
]
