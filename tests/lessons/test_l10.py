"""What lesson 10 computes is right: its files, the reviewer, flags, what noisy labels reward."""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from cleanlab.count import compute_confident_joint
from scipy.stats import binomtest
from sklearn.model_selection import StratifiedKFold

from anl_edu import data, noise, recipes, training
from anl_edu.lessons.l10_your_own_data import errors, example, explorers, figures, training_runs
from anl_edu.relabel import relabel
from anl_edu.teach.exercise import find

DIGITS = data.load("digits")


def test_the_files_hold_the_digits_under_the_planted_labels(tmp_path: Path) -> None:
    files = example.write_tables(tmp_path, seed=1)
    table = data.feature_table(*files, ignore=["id", "remark"])
    draw = example.picture(table)
    rows = range(0, len(table.y_train), 7)
    assert all(torch.equal(draw(n), DIGITS.x_train[n]) for n in rows)
    assert torch.equal(table.y_train, example.planted(1))
    assert torch.equal(table.y_test, DIGITS.y_test)
    with files[0].open(encoding="utf-8-sig", newline="") as file:
        text = file.read()
    assert {*',"\n☃'} <= {*"".join(row[1] for row in csv.reader(text.splitlines(keepends=True)))}
    assert files[0].read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_quarter_is_wrong_and_half_of_that_agrees() -> None:
    found = [noise.realised(DIGITS.y_train, example.planted(seed), 10).matrix for seed in range(20)]
    mean = torch.stack(found).mean(0)
    following = mean[torch.arange(10), (torch.arange(10) + 1) % 10]
    assert 1 - mean.diagonal().mean().item() == pytest.approx(0.25, abs=0.01)
    assert following.mean().item() == pytest.approx(0.125 + 0.125 / 9, abs=0.01)


def test_the_reviewer_errs_as_often_as_said_and_never_changes_his_mind() -> None:
    truth = DIGITS.y_train
    some = example.Reviewer(truth, wrong=0.05, seed=3)
    said = torch.tensor([some(n) for n in range(len(truth))])
    assert torch.equal(said, torch.tensor([some(n) for n in range(len(truth))]))
    slips = int((said != truth).sum())
    assert binomtest(slips, len(truth), 0.05).pvalue > 0.01
    assert bool((torch.tensor([example.Reviewer(truth, 0.0)(5)]) == truth[5]).all())


def test_probabilities_are_of_models_that_have_not_seen_the_label() -> None:
    """Of labels without any sense, what was seen is repeated, and what was not is not."""
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(200, 150, generator=g), torch.randint(2, (200,), generator=g)
    P = errors.out_of_fold(x, y, 2)
    assert P.shape == (200, 2)
    assert P.sum(1) == pytest.approx(1)
    assert (P.argmax(1) == y.numpy()).mean() < 0.65


def test_a_class_that_a_fold_would_lack_is_named() -> None:
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    y = torch.arange(40) % 2 * 2  # classes 0 and 2 of 3
    with pytest.raises(ValueError, match="class 1 has 0 rows: every class needs at least 5"):
        errors.out_of_fold(x, y, 3)
    y[:4] = 1
    with pytest.raises(ValueError, match="class 1 has 4 rows: every class needs at least 5"):
        errors.out_of_fold(x, y, 3)
    assert errors.out_of_fold(x, y, 3, folds=4).shape == (40, 3)


def test_precision_and_recall() -> None:
    flagged = errors.flags([0, 1, 2], 6)
    wrong = torch.tensor([True, False, True, True, True, False])
    assert errors.precision_and_recall(flagged, wrong) == pytest.approx((2 / 3, 1 / 2))
    none = errors.precision_and_recall(errors.flags([], 6), wrong)
    assert np.isnan(none[0])
    assert none[1] == 0


@pytest.mark.parametrize("order", ["self-confidence", "margin", "chance"])
def test_the_curve_of_a_review_is_what_counting_gives(order: str) -> None:
    counts, wrong = errors.found_by(order)
    assert (counts[0], counts[-1], len(counts)) == (0, wrong, len(DIGITS.y_train) + 1)
    assert {b - a for a, b in pairwise(counts)} <= {0, 1}
    y = example.planted(0)
    assert wrong == int((y != DIGITS.y_train).sum())
    P = errors.out_of_fold(DIGITS.x_train.flatten(1).double() * 16 / 255, y, 10)
    if order == "self-confidence":
        first = P[np.arange(len(y)), y].argsort(kind="stable")[:120]
        assert counts[120] == int((y != DIGITS.y_train)[first].sum())
    assert figures.at(120, order) == (counts[120] / 120, counts[120] / wrong)


@pytest.mark.parametrize(("eta", "agree"), [(0.25, 0.5), (0.4, 1.0), (0.4, 0.0)])
def test_what_noisy_labels_reward_is_what_drawing_them_gives(eta: float, agree: float) -> None:
    g = torch.Generator().manual_seed(0)
    K, n, a = 10, 300_000, 0.8
    true = torch.randint(K, (n,), generator=g)
    T = (1 - agree) * noise.symmetric(K, eta) + agree * noise.pair_flip(K, eta)
    noisy = noise.corrupt(true, T, "independent", g)
    errs = torch.rand(n, generator=g) > a
    any_kind = torch.where(errs, (true + torch.randint(1, K, (n,), generator=g)) % K, true)
    repeats = torch.where(errs, (true + 1) % K, true)
    drawn = [(said == noisy).double().mean().item() for said in (any_kind, repeats)]
    assert drawn == pytest.approx(figures.read_off(a, eta, agree), abs=0.004)
    level = figures.level(0.9, eta, agree)
    assert figures.read_off(level, eta, agree)[1] == pytest.approx(
        figures.read_off(0.9, eta, agree)[0]
    )


def test_explorers_say_what_they_show() -> None:
    some = explorers.review(240)
    precision, recall = figures.at(240, "self-confidence")
    assert f"{precision:.0%} are wrong, and they are {recall:.0%}" in some.line(some.state)
    assert "right on 88%" in explorers.misleading().line({"eta": 0.25, "agree": 0.5})


def test_the_thresholds_of_the_exercise_are_those_of_cleanlab() -> None:
    """Counted with them, confident rows give cleanlab's own confident joint."""
    y = example.planted(0)
    P = torch.from_numpy(errors.out_of_fold(DIGITS.x_train.flatten(1).double(), y, 10))
    t = find("10-thresholds").right_bank[0](P, y)
    sure = (P - t) >= -1e-6
    row = torch.where(sure, P, torch.zeros_like(P)).argmax(1)[sure.any(1)]
    mine = torch.zeros(10, 10, dtype=torch.int64)
    mine.index_put_((y[sure.any(1)], row), torch.tensor(1), accumulate=True)
    theirs = compute_confident_joint(y.numpy(), P.numpy(), calibrate=False)
    off = ~torch.eye(10, dtype=torch.bool)
    assert torch.equal(mine[off], torch.from_numpy(theirs)[off])


def test_the_formula_that_the_lesson_prints_is_the_one_drawn() -> None:
    """(1 - eta) u + (1 - u) eta / (K - 1), and the same of a model that says the next class."""
    for u, eta, rho in ((0.8, 0.25, 0.5), (0.9, 0.4, 1.0), (0.6, 0.3, 0.0)):
        any_kind = (1 - eta) * u + (1 - u) * eta / 9
        following = (1 - eta) * u + (1 - u) * (eta * rho + eta * (1 - rho) / 9)
        assert figures.read_off(u, eta, rho) == pytest.approx((any_kind, following))


def test_the_reviewers_slips_raise_the_rate_as_the_lesson_says() -> None:
    """Who errs on a share s finds about eta + s (1 - eta)."""
    rates, found = [], []
    for seed in range(10):
        reviewer = example.Reviewer(DIGITS.y_train, wrong=0.05, seed=seed)
        y = example.planted(seed)
        rates.append((y != DIGITS.y_train).double().mean().item())
        found.append((y != reviewer.answers).double().mean().item())
    assert np.mean(found) == pytest.approx(np.mean(rates) + 0.05 * (1 - np.mean(rates)), abs=0.005)


def test_the_test_set_is_reviewed_by_exchanging_the_files(tmp_path: Path) -> None:
    train, test = example.write_tables(tmp_path)
    table = data.feature_table(test, train, ignore=["id", "remark"])
    board = relabel(table, table.y_train, [5, 2], path=tmp_path / "d.jsonl", blind=True)
    board.decide(5, (int(table.y_train[5]) + 1) % 10)
    board.save(tmp_path / "test-corrected.csv", test)
    again = data.feature_table(
        train,
        tmp_path / "test-corrected.csv",
        test_label="corrected_label",
        ignore=["id", "remark", "decided_by", "reason", "label"],
    )
    assert (again.y_test != DIGITS.y_test).nonzero().flatten().tolist() == [5]
    assert torch.equal(again.y_train, example.planted(0))


@pytest.mark.slow
def test_with_a_folder_of_images_each_call_that_the_lesson_names_works(tmp_path: Path) -> None:
    images = data.image_folder(*example.write_images(tmp_path, per_class=4), size=8)
    P = np.zeros((len(images.y_train), images.num_classes))
    split = StratifiedKFold(2, shuffle=True, random_state=0)
    for rest, fold in split.split(P, images.y_train.numpy()):
        part = images.part(torch.from_numpy(rest))
        recipe = recipes.get("digits", "ce", epochs=2)
        model = recipe.build_model(part, seed=0)
        for _ in training.fit(model, part, recipe.build_loss(), recipe):
            pass
        x = images.x_train[torch.from_numpy(fold)]
        P[fold] = training.predict(model, x, images.mean, images.std).softmax(1)
    assert P.sum(1) == pytest.approx(1)
    suggested = torch.from_numpy(P.argmax(1))
    board = relabel(images, suggested, [3, 1], path=tmp_path / "d.jsonl")
    board.decide(3, "7")
    board.save(tmp_path / "labels.csv")
    again = data.image_folder(tmp_path / "train", tmp_path / "test", size=8)  # in another session
    labels = relabel(again, suggested, path=tmp_path / "d.jsonl").labels
    assert torch.equal(labels, board.labels)
    assert labels[3] == 7
    with (tmp_path / "labels.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.reader(file))[1:]
    assert [images.classes.index(row[2]) for row in listed] == labels.tolist()
    other = data.image_folder(tmp_path / "train", tmp_path / "test", size=16)
    with pytest.raises(ValueError, match="decisions about other data"):
        relabel(other, suggested, path=tmp_path / "d.jsonl")


def test_the_matrix_of_a_joint_has_classes_in_rows() -> None:
    joint = np.array([[0.3, 0.1], [0.2, 0.4]])  # label given, class
    expected = torch.tensor([[0.6, 0.4], [0.2, 0.8]], dtype=torch.float64)
    assert torch.allclose(figures.matrix_from_joint(joint), expected)


def test_the_whole_lesson_at_one_seed() -> None:
    """What the lesson claims of three seeds holds for another, which it was not written by."""
    run = training_runs.whole(7)
    assert run.left < 0.06 < 0.2 < run.planted
    assert min(run.flags["cleanlab"]) > 0.8
    assert run.flags["ce"][1] < 0.3 < 0.9 < run.flags["anl-ce"][1]
    assert run.after["ce"] - run.before["ce"] > 0.05
    assert abs(run.after["anl-ce"] - run.before["anl-ce"]) < 0.03
    table = training_runs.accuracy_table([run, run]).data
    assert f"{100 * run.before['ce']:.1f} ± 0.0" in table
    assert f"{100 * run.left:.1f} ± 0.0" in table
    flags = training_runs.flags_table([run, run]).data
    assert f"{100 * run.flags['anl-ce'][0]:.1f} ± 0.0" in flags
