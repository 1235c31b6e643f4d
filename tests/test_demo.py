"""The report's numbers are those of the runs."""

from dataclasses import replace
from statistics import fmean, stdev

import pytest

from anl_edu import demo, runs
from anl_edu.runs import RunSpec
from anl_edu.runs.table import READING


@pytest.fixture(scope="module")
def made():
    changes = {"epochs": 2, "train_images": 200, "test_images": 50}
    specs = [
        RunSpec("digits", loss, seed=s, changes=changes)
        for loss in ("ce", "anl-ce")
        for s in (0, 1)
    ]
    return [runs.start(spec, track_gradients=True, device="cpu").finish() for spec in specs]


def test_rows_are_means_and_sample_deviations_over_seeds(made):
    ce, anl = runs.rows(made)
    last = [100 * run.last.test_accuracy for run in made[:2]]
    assert last[0] != last[1]
    assert ce[:2] == ("CE", f"{fmean(last):.1f} ± {stdev(last):.1f}")
    assert anl[0] == "ANL-CE"
    assert "sample deviation" in READING


def test_best_is_not_last_and_one_seed_has_no_deviation(made):
    first, second = made[0].records
    dropped = replace(made[0], records=(replace(first, test_accuracy=0.9), second))
    assert runs.rows([dropped])[0][2] == "90.0 ± –"


def test_a_run_without_noise_has_nothing_memorised(made):
    changes = {"epochs": 1, "train_images": 100, "test_images": 50}
    clean = runs.start(RunSpec("digits", "ce", "none", changes=changes), device="cpu").finish()
    assert runs.rows([clean])[0][3] == "–"
    assert "nan" not in runs.table([clean])


def test_the_page_tells_protocol_seeds_data_and_precision(made):
    page = " ".join(demo.page(made).split())
    assert "Seeds: 0, 1." in page
    assert "scikit-learn" in page
    assert f"{made[0].meta['realised_rate']:.4f}" in page
    assert "schedule cosine, computed in float32." in page


def test_the_page_tells_in_what_the_losses_differ(made):
    page = " ".join(demo.page(made).split())
    assert (
        "in the loss and its penalty alone: CE (L1 0, weight decay 0); "
        "ANL-CE (alpha 5, beta 5, p_min 1e-07, L1 5e-05, weight decay 0)." in page
    )


def test_a_report_of_nothing_is_refused_and_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match="at least one run"):
        demo.write([], tmp_path / "build" / "demo.html")
    assert list((tmp_path / "build").iterdir()) == []
