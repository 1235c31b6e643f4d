"""What a table of runs holds: which runs share a row, a column, a cell, and what they come to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from made import run, spec

from anl_edu import paths, runs
from anl_edu.runs import summary
from anl_edu.runs.summary import MEASURES, Column, Row, tables

LAST = MEASURES["last"]


def names(table: summary.Table) -> list[str]:
    return [row.name for row in table.rows]


def test_a_cell_holds_the_mean_and_the_sample_deviation_over_seeds() -> None:
    made = [run([0.9, a], spec(seed=s)) for s, a in enumerate((0.5, 0.625, 0.75))]
    (table,) = tables(made)
    cell = table.over_seeds(table.rows[0], table.columns[0], LAST)
    assert cell.values == (0.5, 0.625, 0.75)
    assert cell.mean == pytest.approx(0.625)
    assert cell.deviation == pytest.approx(0.125)
    best = table.over_seeds(table.rows[0], table.columns[0], MEASURES["best"])
    assert best.values == (0.9,) * 3


def test_a_recorded_table_is_what_numpy_makes_of_the_runs() -> None:
    made = runs.find(paths.recorded_runs(), dataset="digits")
    (table,) = tables(made)
    assert len(table.runs) == len(made) > 200
    checked = 0
    for (row, column), cell in table.cells.items():
        same = [r for r in made if r.spec.loss == row.loss
                and (r.spec.noise, r.spec.rate) == (column.noise, column.rate)
                and r.spec.recipe == cell[0].spec.recipe]  # fmt: skip
        values = np.array([r.records[-1].test_accuracy for r in same])
        found = table.over_seeds(row, column, LAST)
        assert len(found.values) == len(values) == len({r.spec.seed for r in same})
        assert found.mean == pytest.approx(values.mean())
        if len(values) > 1:
            assert found.deviation == pytest.approx(values.std(ddof=1))
            checked += 1
    assert checked > 50


def test_one_seed_has_no_deviation_and_an_empty_cell_no_mean() -> None:
    (table,) = tables([run([0.5], spec()), run([0.5], spec("mae", "none", 0))])
    ce, mae = table.rows
    none, noisy = table.columns
    assert math.isnan(table.over_seeds(ce, noisy, LAST).deviation)
    assert math.isnan(table.over_seeds(ce, none, LAST).mean)
    assert table.over_seeds(mae, none, MEASURES["memorised"]).values == ()


def test_the_worst_class_is_absent_where_it_was_not_recorded() -> None:
    made = [run([0.5], spec(seed=0), recalls=(0.75, 0.25)), run([0.5], spec(seed=1))]
    (table,) = tables(made)
    worst = table.over_seeds(table.rows[0], table.columns[0], MEASURES["worst-class"])
    assert worst.values == (0.25,)


def test_a_changed_recipe_has_a_row_of_its_own_named_by_what_changed() -> None:
    changes = {"l1": 0, "loss_parameters": {"alpha": 1, "p_min": 1e-7}, "augment": ["flip"]}
    made = [run([0.5], spec("anl-ce")), run([0.5], spec("anl-ce", changes=changes))]
    (table,) = tables(made)
    assert names(table) == ["anl-ce", "anl-ce (augment flip, L1 0, alpha 1)"]
    assert table.rows[1].label == "ANL-CE (augment flip, L1 0, alpha 1)"


def test_a_change_that_says_what_the_recipe_says_is_none() -> None:
    usual = spec("anl-ce")
    same = spec("anl-ce", seed=1, changes={"epochs": usual.recipe.epochs, "l1": usual.recipe.l1})
    (table,) = tables([run([0.5], usual), run([0.6], same)])
    assert names(table) == ["anl-ce"]
    assert table.over_seeds(table.rows[0], table.columns[0], LAST).values == (0.5, 0.6)


def test_rows_and_columns_come_in_a_sensible_order() -> None:
    noises = [("instance", 0.4), ("asymmetric", 0.4), ("symmetric", 0.8), ("pair", 0.45),
              ("symmetric", 0.2), ("none", 0.0)]  # fmt: skip
    made = [run([0.5], spec("anl-ce", *each)) for each in noises]
    made += [run([0.5], spec("anl-ce", changes={"entropy": e})) for e in (10, 2)]
    made += [run([0.5], spec("mae")), run([0.5], spec("ce"))]
    (table,) = tables(made)
    assert [c.label for c in table.columns] == [
        "none", "symmetric 0.2", "symmetric 0.6", "symmetric 0.8", "pair 0.45", "asymmetric 0.4",
        "instance 0.4",
    ]  # fmt: skip
    assert names(table) == ["ce", "mae", "anl-ce", "anl-ce (entropy 2)", "anl-ce (entropy 10)"]


@pytest.mark.parametrize(
    ("differ", "said"),
    [
        ({"images": "bbbb"}, ["images aaaa", "images bbbb"]),
        ({"precision": "bfloat16"}, ["bfloat16", "float32"]),
    ],
)
def test_other_images_or_another_precision_make_another_table_and_it_is_said(differ, said) -> None:
    made = [run([0.5], spec(seed=0)), run([0.9], spec(seed=1), **differ)]
    found = tables(made)
    assert [table.title for table in found] == [f"digits, desk scale, {each}" for each in said]
    assert all(len(table.runs) == 1 for table in found)
    for table in found:
        assert "Not to be compared with other tables of digits" in " ".join(summary.protocol(table))


def test_the_best_of_a_column() -> None:
    made = [run([a], spec(loss, seed=s)) for loss, a in (("ce", 0.5), ("mae", 0.62), ("gce", 0.6))
            for s in range(2)]  # fmt: skip
    (table,) = tables([*made, run([0.99], spec("nce")), run([0.5], spec("nce", "none", 0))])
    none, noisy = table.columns
    assert {row.loss for row in table.best(noisy, LAST)} == {"mae"}  # not the single seed
    assert table.best(none, LAST) == set()  # alone
    assert {row.loss for row in table.best(noisy, MEASURES["memorised"])} == {"ce", "mae", "gce"}


def test_means_that_show_the_same_digits_are_both_the_best() -> None:
    made = [run([a], spec(loss)) for loss, a in (("ce", 0.5001), ("mae", 0.5004), ("gce", 0.499))]
    (table,) = tables(made)
    assert {row.loss for row in table.best(table.columns[0], LAST)} == {"ce", "mae"}


def test_the_lowest_is_best_where_less_is_better() -> None:
    made = [run([0.5], spec("ce"), memorised=0.9), run([0.5], spec("mae"), memorised=0.1)]
    (table,) = tables(made)
    assert [row.loss for row in table.best(table.columns[0], MEASURES["memorised"])] == ["mae"]


def test_filters_leave_what_they_name() -> None:
    made = [run([0.5], spec(loss, seed=s, rate=rate)) for loss in ("ce", "mae") for s in (0, 1)
            for rate in (0.4, 0.6)]  # fmt: skip
    left = summary.select(made, loss=["mae"], noise=[("symmetric", 0.4)], dataset=["digits"])
    assert {(r.spec.loss, r.spec.rate) for r in left} == {("mae", 0.4)}
    assert len(left) == 2
    assert summary.select(made) == made


def test_a_filter_that_no_run_meets_says_what_there_is() -> None:
    made = [run([0.5], spec("ce")), run([0.5], spec("mae", "none", 0))]
    with pytest.raises(ValueError, match="no run has loss 'gce'; there is ce, mae"):
        summary.select(made, loss=["ce", "gce"])
    with pytest.raises(ValueError, match=r"noise symmetric:0\.4; there is none, symmetric:0\.6"):
        summary.select(made, noise=[("symmetric", 0.4)])
    with pytest.raises(ValueError, match=r"noise none together .* there is symmetric:0\.6"):
        summary.select(made, loss=["ce"], noise=[("none", 0.0)])


def test_the_protocol_tells_images_precision_seeds_commits_and_rates() -> None:
    made = [run([0.5] * 60, spec(seed=s), commit=c, realised_rate=0.59) for s, c in
            ((0, "aa"), (1, "bb"), (2, "aa"), (7, "aa"))]  # fmt: skip
    (table,) = tables(made)
    said = " ".join(summary.protocol(table))
    assert "some digits (fingerprint of the images aaaa)" in said
    assert (
        "4 runs at desk scale, 60 epochs, computed in float32; seeds 0-2, 7; commits aa, bb" in said
    )
    assert "symmetric 0.6: 59.0 %" in said
    assert "end" not in said


def test_runs_that_stopped_early_are_told() -> None:
    (table,) = tables([run([0.5], spec(changes={"epochs": 2})), run([0.5] * 60, spec(seed=1))])
    said = " ".join(summary.protocol(table))
    assert "1 of the runs had not come to its end" in said
    assert "60 epochs (where a row names no other)" in said


def test_a_part_has_no_empty_rows_or_columns() -> None:
    made = [run([0.5], spec("ce", "none", 0)), run([0.5], spec("mae", changes={"l1": 1e-5}))]
    (table,) = tables(made)
    part = table.unchanged()
    assert (names(part), part.columns) == (["ce"], (Column("none", 0.0),))
    assert table.part([Row("ce", table.rows[0].changes)], table.columns[1:]).rows == ()
