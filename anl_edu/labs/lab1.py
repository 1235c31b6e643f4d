"""Lab 1, "Build a robust loss, prove one property": what the student's checks know."""

from __future__ import annotations

from anl_edu import losses
from anl_edu.labs.checks import Question
from anl_edu.teach.judges import example, judge_function

QUESTIONS = [
    Question(
        "1.1",
        "Write ce_table(logits): -log p_k of every sample under every label, (N, K).",
        lambda me: judge_function(
            losses.ce_table,
            [(example(5, me.K, seed=0)[0],)],
            {"sign": lambda z: -losses.ce_table(z)},
        ),
        {"sign": "the sign is turned: log p is negative, a loss is not."},
    ),
]
