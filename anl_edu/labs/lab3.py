"""Lab 3: what the student's checks know."""

from anl_edu.labs.checks import Question

QUESTIONS: list[Question] = []
