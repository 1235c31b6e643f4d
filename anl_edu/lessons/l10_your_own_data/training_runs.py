"""CE and ANL on the example, before and after its labels were corrected."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from IPython.display import Markdown
from tabulate import tabulate
from torch import Tensor, nn

from anl_edu import data, losses, recipes, training
from anl_edu.data import ImageData
from anl_edu.lessons.l10_your_own_data import errors, example
from anl_edu.recipes import Recipe
from anl_edu.relabel import Board, relabel
from anl_edu.runs.table import mean_and_spread
from anl_edu.training import EpochRecord

LOSSES = ("ce", "anl-ce")
EPOCHS = 30


def recipe(loss: str) -> Recipe:
    """Return the desk-size recipe of the digits for a loss, in half its epochs."""
    return recipes.get("digits", loss, epochs=EPOCHS)


def train(table: ImageData, loss: str, seed: int = 0) -> tuple[nn.Module, EpochRecord]:
    """Train on the table's labels as they are; return the network and its last epoch's record."""
    how = recipe(loss)
    model = how.build_model(table, seed=seed)
    *_, last = training.fit(model, table, how.build_loss(), how, seed=seed)
    return model, last


def predicted(model: nn.Module, table: ImageData, x: Tensor | None = None) -> Tensor:
    """Return the classes (N,) that a network sees in the training rows, or in others."""
    rows = table.x_train if x is None else x
    return training.predict(model, rows, table.mean, table.std).argmax(1)


@dataclass(frozen=True)
class Whole:
    """The whole lesson at one seed: errors, folds, reviewer and networks are drawn with it.

    Attributes
    ----------
    planted, left
        Share of wrong labels before and after the review.
    flags
        Who flags -> precision and recall: cleanlab, and the networks where they do not repeat the
        label they were trained on.
    before, after
        Loss -> test accuracy, trained on the labels given and on the corrected ones.
    """

    planted: float
    left: float
    flags: dict[str, tuple[float, float]]
    before: dict[str, float]
    after: dict[str, float]


def whole(seed: int) -> Whole:
    """Do the lesson once: write files, train, flag, review the flags, save, read, train again."""
    from cleanlab.filter import find_label_issues

    truth = data.load("digits").y_train
    with tempfile.TemporaryDirectory() as folder:
        files = example.write_tables(Path(folder), seed)
        table = data.feature_table(*files, ignore=["id", "remark"])
        given = table.y_train
        wrong = given != truth
        P = errors.out_of_fold(table.x_train.flatten(1), given, table.num_classes, seed=seed)
        rows = find_label_issues(
            given.numpy(), P, return_indices_ranked_by="self_confidence", n_jobs=1
        )
        flags = {"cleanlab": errors.flags(rows, len(given))}
        before = {}
        for loss in LOSSES:
            model, last = train(table, loss, seed)
            before[loss] = last.test_accuracy
            flags[loss] = predicted(model, table) != given
        suggested = torch.from_numpy(P.argmax(1))
        board = relabel(table, suggested, rows, path=Path(folder) / "decisions.jsonl")
        reviewer = example.Reviewer(truth, seed=seed)
        for row in board.rows:
            board.decide(row, reviewer(row))
        corrected = read_corrected(board, *files)
    return Whole(
        planted=wrong.double().mean().item(),
        left=(corrected.y_train != truth).double().mean().item(),
        flags={who: errors.precision_and_recall(flag, wrong) for who, flag in flags.items()},
        before=before,
        after={loss: train(corrected, loss, seed)[1].test_accuracy for loss in LOSSES},
    )


def read_corrected(board: Board, train: Path, test: Path) -> ImageData:
    """Save what a board has decided beside ``train``, and read it again."""
    saved = train.with_name("train-corrected.csv")
    board.save(saved, train)
    return data.feature_table(
        saved,
        test,
        label="corrected_label",
        test_label="label",
        ignore=["id", "remark", "label", "decided_by", "reason"],
    )


def flags_table(runs: Sequence[Whole]) -> Markdown:
    """Table precision and recall of each way to flag labels, mean ± deviation over seeds."""
    rows = [
        [_who(who), *(mean_and_spread([run.flags[who][i] for run in runs]) for i in (0, 1))]
        for who in runs[0].flags
    ]
    return _table(["labels flagged by", "precision (%)", "recall (%)"], rows, runs)


def accuracy_table(runs: Sequence[Whole]) -> Markdown:
    """Table test accuracy before and after the correction, mean ± deviation over seeds."""
    rows = [
        [losses.label(loss), *(mean_and_spread(values) for values in accuracies(runs, loss))]
        for loss in LOSSES
    ]
    left = [mean_and_spread([getattr(run, what) for run in runs]) for what in ("planted", "left")]
    rows.append(["wrong labels (%)", *left])
    return _table(["test accuracy (%)", "labels as given", "labels corrected"], rows, runs)


def accuracies(runs: Sequence[Whole], loss: str) -> tuple[list[float], list[float]]:
    """Return a loss's test accuracies before and after, one a seed."""
    return [run.before[loss] for run in runs], [run.after[loss] for run in runs]


@dataclass(frozen=True)
class HeldOut:
    """Accuracy on held-out rows, by their noisy labels and by the true ones."""

    noisy: float
    true: float


def held_out(table: ImageData, truth: Tensor, loss: str, seed: int) -> HeldOut:
    """Train on three quarters of the rows, and read the network off the fourth."""
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(truth)))
    held, rest = order[: len(truth) // 4], order[len(truth) // 4 :]
    model, _ = train(table.part(rest), loss, seed)
    said = predicted(model, table, table.x_train[held])
    shares = [(said == y[held]).double().mean().item() for y in (table.y_train, truth)]
    return HeldOut(*shares)


def _who(who: str) -> str:
    return who if who == "cleanlab" else f"{losses.label(who)}, where it disagrees"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], runs: Sequence[Whole]) -> Markdown:
    align = ("left", "right", "right")
    table = tabulate(rows, heads, "github", colalign=align, disable_numparse=True)
    return Markdown(f"**{len(runs)} seeds**, mean ± deviation:\n\n{table}")
