"""Lesson 00: two short exercises that show how the lessons' checks work."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anl_edu.teach.exercise import Exercise, register
from anl_edu.teach.judges import judge_function, judge_number

RATE, K = 0.6, 10

register(
    Exercise(
        name="00-ratio",
        lesson=0,
        difficulty=1,
        task=(
            "60 % of the labels are replaced by another of the 10 classes, evenly. Among the "
            "images of one class, how many times as frequent is the right label as one wrong one?"
        ),
        judge=judge_number(
            (1 - RATE) / (RATE / (K - 1)),
            {
                "all-wrong": (1 - RATE) / RATE,
                "K": (1 - RATE) / (RATE / K),
                "turned": (RATE / (K - 1)) / (1 - RATE),
                "one-share": RATE / (K - 1),
                "right-share": 1 - RATE,
                "all-turned": RATE / (1 - RATE),
                "cut-off": 0.4 / 0.067,
                "half-way": (1 - RATE) * (K - 1),
            },
        ),
        hints={
            "all-wrong": "that is right against all wrong labels together; take one of the nine.",
            "K": "a replaced label goes to one of the other 9 classes, not of all 10.",
            "turned": "that is one wrong label over the right one; turn it over.",
            "one-share": "that is the share of one wrong label; divide the right label's by it.",
            "right-share": "that is the share of the right label; compare it with one wrong one.",
            "all-turned": "that is all wrong labels together over the right one; turn it over, and "
            "take one of the nine.",
            "cut-off": "nearly: a share was rounded on the way. Keep 0.6 / 9 as it is.",
            "half-way": "the nine classes are in it; the 0.6 that they share is not yet.",
        },
        general_hints=[
            "What share of the images of a class keeps the right label?",
            "The wrong 60 % are spread evenly over the 9 other classes.",
            "0.4 / (0.6 / 9)",
        ],
        solution="0.4 / (0.6 / 9)",
        because="40 % keep the right label, and nine wrong ones share the other 60 %: 0.4 against "
        "0.067. Most labels are wrong, and yet no wrong label is frequent.",
        wrong_bank=[
            (0.4 / 0.6, "all-wrong"),
            (0.4 / 0.06, "K"),
            (1 / 6, "turned"),
            (0.0667, "one-share"),
            (0.4, "right-share"),
            (1.5, "all-turned"),
            (5.97, "cut-off"),
            (3.6, "half-way"),
            (6 + 0j, "error"),
        ],
        right_bank=[
            *(6, 6.0, 0.4 / (0.6 / 9), torch.tensor(6.0), [6], torch.tensor([[6]])),
            *(Fraction(6), Decimal("6.0"), np.float16(6), np.array([6], dtype=object)),
        ],
    )
)


def _memorised(predicted: Tensor, given: Tensor, true: Tensor) -> Tensor:
    wrong = given != true
    return (predicted[wrong] == given[wrong]).double().mean()


def _memorised_counted(predicted: Tensor, given: Tensor, true: Tensor) -> float:
    rows = list(zip(predicted.tolist(), given.tolist(), true.tolist(), strict=True))
    return sum(p == g != t for p, g, t in rows) / sum(g != t for _, g, t in rows)


def _memorised_masked(predicted: Tensor, given: Tensor, true: Tensor) -> Tensor:
    wrong = (given != true).double()
    return ((predicted == given) * wrong).sum() / wrong.sum()


def _example(seed: int) -> tuple[Any, ...]:
    generator = torch.Generator().manual_seed(seed)
    true = torch.randint(0, 5, (200,), generator=generator)
    given = torch.where(torch.rand(200, generator=generator) < 0.5, true, (true + 1) % 5)
    guess = torch.randint(0, 5, (200,), generator=generator)
    predicted = torch.where(torch.rand(200, generator=generator) < 0.4, given, guess)
    return predicted, given, true


_MISTAKES = {
    "of-all": lambda p, g, t: ((p == g) & (g != t)).double().mean(),
    "everything": lambda p, g, t: (p == g).double().mean(),
    "true-labels": lambda p, g, t: (p == t)[g != t].double().mean(),
    "errors": lambda p, g, t: (p != t).double().mean(),
    "right-ones": lambda p, g, t: (p == g)[g == t].double().mean(),
    "errors-there": lambda p, g, t: (p != t)[g != t].double().mean(),
    "count": lambda p, g, t: ((p == g) & (g != t)).sum(),
}

register(
    Exercise(
        name="00-memorised",
        lesson=0,
        difficulty=2,
        task=(
            "Write memorised(predicted, given, true): of the images whose given label is wrong, "
            "the share that the model predicts as that wrong label."
        ),
        judge=judge_function(_memorised, [_example(0), _example(1)], _MISTAKES),
        hints={
            "of-all": "you divided by all images; divide by the number of wrong labels.",
            "everything": "you compared on all images; only those with a wrong label count.",
            "true-labels": "that is how often the model is right in spite of a wrong label.",
            "errors": "that is the error rate on all images; memorised is another question.",
            "right-ones": "you kept the images whose label is right; keep the others.",
            "errors-there": "an error there may be a third class; only the given label counts.",
            "count": "that is how many; divide by the number of wrong labels.",
        },
        general_hints=[
            "First a mask: for which images is the given label wrong?",
            "wrong = given != true. Indexing with it keeps those images alone.",
            "return (predicted[wrong] == given[wrong]).float().mean()",
        ],
        solution=(
            "def memorised(predicted, given, true):\n"
            "    wrong = given != true\n"
            "    return (predicted[wrong] == given[wrong]).float().mean()"
        ),
        because="Only a wrong label can be told apart from the truth: where the label is right, a "
        "model that repeats it may have understood the image or learned it by heart.",
        wrong_bank=[(wrong, key) for key, wrong in _MISTAKES.items()],
        right_bank=[_memorised, _memorised_counted, _memorised_masked],
    )
)
