"""Lesson 09: its tables are the recorded runs, its chances are those of independent arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from anl_edu import paths, recipes, runs
from anl_edu.lessons.l09_the_whole_table import chance, explorers, figures, recorded
from anl_edu.runs.grid import load


@pytest.mark.parametrize("dataset", recorded.GRIDS)
def test_every_cell_of_the_table_has_all_its_seeds(dataset: str) -> None:
    seeds = list(recorded.GRIDS[dataset][2])
    lacking = {
        key: [run.spec.seed for run in some]
        for key, some in recorded.cells(dataset).items()
        if [run.spec.seed for run in some] != seeds
    }
    assert lacking == {}


@pytest.mark.parametrize("dataset", recorded.GRIDS)
def test_the_grid_file_makes_the_table(dataset: str) -> None:
    root = paths.checkout()
    assert root is not None
    names = {"digits": "digits.toml", "cifar10": "cifar10-desk.toml"}
    specs = {spec.digest for spec in load(root / "data" / "grids" / names[dataset])}
    assert specs == {r.spec.digest for some in recorded.cells(dataset).values() for r in some}


def test_a_cell_is_the_mean_of_its_runs() -> None:
    table = recorded.means("digits")
    assert table.shape == (14, 9)
    files = [
        runs.lookup(runs.RunSpec("digits", "gce", "symmetric", 0.6, seed)) for seed in range(5)
    ]
    by_hand = sum(100 * run.records[-1].test_accuracy for run in files if run is not None) / 5
    row, column = (
        recorded.FOURTEEN.index("gce"),
        recorded.noises_of("digits").index("symmetric 0.6"),
    )
    assert table[row, column] == pytest.approx(by_hand)


def test_no_wrong_label_has_nothing_to_memorise() -> None:
    memorised = recorded.means("digits", "wrong labels memorised")
    assert np.isnan(memorised[:, 0]).all()
    assert not np.isnan(memorised[:, 1:]).any()


def test_published_numbers_are_those_of_one_paper() -> None:
    ours = recorded.published("asymmetric", 0.4, "eps-softmax's table")
    rows = {
        row["method"]: row["accuracy_percent"]
        for row in recipes.published("cifar10", noise="asymmetric", rate=0.4)
        if "eps-Softmax" in row["source"] and "Zhou" not in row["source"]
    }
    assert ours["nce+rce"][0] == rows["NCE+RCE"] == 79.43
    assert recorded.published("asymmetric", 0.4, "JAL's table")["nce+rce"] == (77.94, None)
    assert recorded.published("pair", 0.45, "JAL's table") == {}


def test_cells_printed_twice_stand_in_two_papers() -> None:
    found = dict(recorded.twice_printed())
    assert len(found) >= 10
    assert [v for _, v, _ in found["NCE+AGCE, symmetric 0.8"]] == [49.98, 55.62]
    assert all(len({paper for paper, _, _ in some}) == len(some) > 1 for some in found.values())


@pytest.mark.parametrize("correlation", [0.0, 0.6])
@pytest.mark.parametrize(("difference", "sd", "seeds"), [(1.0, 1.5, 3), (2, 1, 5), (0.5, 1, 20)])
def test_power_is_what_experiments_find(
    difference: float, sd: float, seeds: int, correlation: float
) -> None:
    draw = np.random.default_rng(7)
    cov = sd**2 * np.array([[1, correlation], [correlation, 1]])
    a, b = np.moveaxis(draw.multivariate_normal([difference, 0], cov, (20_000, seeds)), 2, 0)
    tested = stats.ttest_rel(a, b, axis=1)
    found = ((tested.pvalue < 0.05) & (tested.statistic > 0)).mean()
    assert chance.power(difference, sd, seeds, correlation) == pytest.approx(found, abs=0.012)


def test_experiments_have_the_mean_and_deviation_they_were_asked_for() -> None:
    found = chance.experiments(1.0, 2.0, 8, correlation=0.5, times=40_000)
    assert found.mean() == pytest.approx(1.0, abs=0.02)
    assert found.std() == pytest.approx(2.0 * math.sqrt(2 * 0.5 / 8), rel=0.02)
    assert (chance.experiments(1.0, 2.0, 8) == chance.experiments(1.0, 2.0, 8)).all()


@pytest.mark.parametrize(("difference", "sd"), [(1.0, 0.3), (1.0, 1.5), (0.5, 2.0), (5.0, 0.5)])
def test_the_seeds_needed_are_the_fewest(difference: float, sd: float) -> None:
    needed = chance.seeds_needed(difference, sd)
    assert chance.power(difference, sd, needed) >= 0.8
    assert needed == 2 or chance.power(difference, sd, needed - 1) < 0.8


def test_a_difference_too_small_for_any_grid_is_named() -> None:
    with pytest.raises(ValueError, match=r"0\.001"):
        chance.seeds_needed(0.001, 3.0)


def test_first_places_are_certain_where_every_seed_agrees_and_shared_where_not() -> None:
    sure = chance.first_places({"a": np.array([1.0, 2, 3]), "b": np.array([0.0, 1, 2])})
    assert sure == {"a": 1.0, "b": 0.0}
    even = chance.first_places({"a": np.array([0.0, 1]), "b": np.array([1.0, 0])})
    # of four draws of two seeds one favours a, one favours b, and two tie: to the first
    assert even["a"] == pytest.approx(0.75, abs=0.03)


def test_the_best_of_equals_is_lucky_by_the_expected_maximum() -> None:
    # the expected maximum of 14 standard normal numbers: integrate x d(Phi(x)**14)
    x = np.linspace(-8, 8, 40_001)
    expected = integrate.trapezoid(x * 14 * stats.norm.cdf(x) ** 13 * stats.norm.pdf(x), x)
    assert chance.luck_of_the_best(14, 2.0, 4, times=40_000) == pytest.approx(expected, rel=0.01)


def test_what_seeds_share_is_their_correlation() -> None:
    same = np.array([1.0, 2, 4])
    assert chance.shared_by_seeds({"a": same, "b": 3 * same, "c": np.ones(3)}) == pytest.approx(1)
    assert chance.shared_by_seeds({"a": same, "b": -same}) == pytest.approx(-1)


def test_the_strip_has_every_seed_and_the_best_mean_first() -> None:
    fig = figures.seed_strip(
        {"ce": np.array([1.0, 3.0]), "mae": np.array([5.0, 9.0])}, title="t", y="y"
    )
    assert list(fig.layout.xaxis.categoryarray) == ["MAE", "CE"]
    assert [list(trace.y) for trace in fig.data] == [[5, 1], [9, 3], [7, 2]]
    assert fig.data[-1].error_y.array == pytest.approx([math.sqrt(8), math.sqrt(2)])


def test_a_strip_of_the_best_six_has_the_six_best_means() -> None:
    explorer = explorers.cells("symmetric 0.6").set(shown=6)
    assert explorer.error is None
    fig = explorers._draw_cells("symmetric 0.6", "last epoch", 6)
    drawn = list(fig.layout.xaxis.categoryarray)
    whole = explorers._draw_cells("symmetric 0.6", "last epoch", 14)
    assert drawn == list(whole.layout.xaxis.categoryarray)[:6]


@pytest.mark.parametrize("p", [0.001, 0.5, 0.9])
def test_pulls_are_those_of_the_closed_forms(p: float) -> None:
    """CE's gradient is p - e, MAE's p_y (p - e); RCE is MAE times 9.21 (A = -log 1e-4)."""
    found = recorded.pulls("digits", p)
    length = (1 - p) * math.sqrt(1 + 1 / 9)  # of p - e, the others even
    assert found["ce"] == pytest.approx(length, rel=1e-6)
    assert found["mae"] == pytest.approx(p * length, rel=1e-6)
    nce = found["nce+mae"] - found["mae"]  # both halves point the same way
    assert found["nce+rce"] == pytest.approx(-math.log(1e-4) * found["mae"] + nce, rel=1e-6)
    assert found["sce"] == pytest.approx(
        0.1 * found["ce"] - math.log(1e-4) * found["mae"], rel=1e-6
    )


def test_losses_are_marked_by_the_runs_that_lost_a_class() -> None:
    lengths = {"ce": 0.5, "mae": 0.25, "ece": 2.5}
    fig = figures.pulls(lengths, lengths, {"ce": 0, "mae": 1, "ece": 2}, 2)
    assert [(t.name, list(t.text)) for t in fig.data] == [
        ("no run lost a class", ["CE"]),
        ("some runs did", ["MAE"]),
        ("every run did", ["ECE"]),
    ]


def test_names_of_close_points_cover_nothing() -> None:
    marks = {
        "nce+rce": (0.0, 0.0),
        "nfl+rce": (1.0, 1.0),
        "nce+agce": (12.0, 0.0),
        "ce": (400.0, 0),
    }
    places = figures._label_places(marks)
    assert len({places[n] for n in marks if n != "ce"}) == 3
    assert places["ce"] == "top center"


def test_the_bars_left_of_zero_are_the_wrong_winners() -> None:
    found = np.array([-2.0, -0.5, 0.5, 1.0, 3.0])
    wrong, right = figures.experiment_hist(found, 0.4, title="t", said="s").data
    assert (sum(wrong.y), sum(right.y)) == (2, 3)
    assert max(wrong.x) + wrong.width / 2 == pytest.approx(0)  # no bar holds both


@pytest.mark.parametrize("noise", recorded.noises_of("digits"))
def test_a_column_of_nothing_is_said(noise: str) -> None:
    explorer = explorers.cells(noise).set(measure="wrong labels memorised")
    assert explorer.error is None
    said = explorer._line.value
    assert ("No label is wrong" in said) == (noise == "none")
