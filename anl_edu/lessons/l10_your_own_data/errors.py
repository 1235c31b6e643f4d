"""Label errors, looked for in the planted example: probabilities, an order, and what it finds."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from anl_edu import data
from anl_edu.lessons.l10_your_own_data.example import planted


def out_of_fold(x: Tensor, y: Tensor, K: int, folds: int = 5, seed: int = 0) -> NDArray[np.float64]:
    """Return (N, K) probabilities of each row by a model that has not seen its label.

    Parameters
    ----------
    x
        (N, D) features.
    y
        (N,) labels as given.
    K
        Number of classes.
    folds
        The rows are dealt into so many parts; a logistic regression learns from all but one, and
        speaks about that one.

    Raises
    ------
    ValueError
        A class has fewer rows than there are folds, so that some model would not know it.
    """
    few, k = torch.bincount(y, minlength=K).min(0)
    if few < folds:
        raise ValueError(
            f"class {k} has {few} rows: every class needs at least {folds}, one a fold"
        )
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return cross_val_predict(model, x.numpy(), y.numpy(), cv=split, method="predict_proba")


def precision_and_recall(flagged: Tensor, wrong: Tensor) -> tuple[float, float]:
    """Return which share of the flagged labels is wrong, and which share of the wrong is flagged.

    Both are bool (N,); the precision of no flag at all is NaN.
    """
    hit = int((flagged & wrong).sum())
    flags = int(flagged.sum())
    return hit / flags if flags else float("nan"), hit / int(wrong.sum())


def flags(rows: NDArray[np.int64] | Tensor | list[int], total: int) -> Tensor:
    """Return bool (total,), True at these rows."""
    flagged = torch.zeros(total, dtype=torch.bool)
    flagged[torch.as_tensor(rows, dtype=torch.int64)] = True
    return flagged


@cache
def found_by(order: str, seed: int = 0) -> tuple[tuple[int, ...], int]:
    """Return how many wrong labels the first n rows of an order hold, for n = 0..N.

    Parameters
    ----------
    order
        ``"self-confidence"`` (how probable the model finds the label given: the least first),
        ``"margin"`` (the same minus the most probable other class) or ``"chance"``.

    Returns
    -------
    tuple
        The counts (N + 1 of them), and the number of wrong labels.
    """
    digits, y = data.load("digits"), planted(seed)
    wrong = (y != digits.y_train).numpy()
    P = out_of_fold(digits.x_train.flatten(1).double() * 16 / 255, y, K=10, seed=seed)
    own = P[np.arange(len(y)), y.numpy()]
    others = P.copy()
    others[np.arange(len(y)), y.numpy()] = 0
    score = {
        "self-confidence": own,
        "margin": own - others.max(1),
        "chance": np.random.default_rng(seed).random(len(y)),
    }[order]
    counts = np.cumsum(wrong[np.argsort(score, kind="stable")])
    return (0, *counts.tolist()), int(wrong.sum())
