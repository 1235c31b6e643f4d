"""The report's numbers are those of the runs."""

from dataclasses import replace
from statistics import fmean, pstdev

import pytest

from anl_edu import demo as report
from anl_edu import runs
from anl_edu.runs import RunSpec


@pytest.fixture(scope="module")
def made():
    changes = {"epochs": 2, "train_images": 200, "test_images": 50}
    specs = [
        RunSpec("digits", loss, seed=s, changes=changes) for loss in ("ce", "mae") for s in (0, 1)
    ]
    ready = [runs.prepare(spec) for spec in specs]
    return [
        runs.describe(
            spec, d, runs.start(spec, d, corrupted=True, track_gradients=True, device="cpu")
        )
        for spec, d in zip(specs, ready, strict=True)
    ]


def test_rows_are_means_and_deviations_over_seeds(made):
    ce, mae = report.rows(made)
    last = [100 * r.records[-1].test_accuracy for r in made[:2]]
    assert ce[:2] == ("CE", f"{fmean(last):.1f} ± {pstdev(last):.1f}")
    assert mae[0] == "MAE"


def test_best_is_not_last(made):
    first, second = made[0].records
    dropped = replace(made[0], records=(replace(first, test_accuracy=0.9), second))
    assert report.rows([dropped])[0][2] == "90.0 ± 0.0"


def test_the_page_tells_protocol_seeds_and_data(made):
    page = report.page(made)
    assert "Seeds: 0, 1." in page
    assert "scikit-learn" in page
    assert f"{made[0].meta['realised_rate']:.4f}" in page


def test_a_report_of_nothing_is_refused_and_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match="at least one run"):
        report.write([], tmp_path / "build" / "demo.html")
    assert list((tmp_path / "build").iterdir()) == []


def test_a_run_without_noise_has_nothing_memorised(made):
    first, second = made[0].records
    clean = replace(made[0], records=(first, replace(second, memorised=float("nan"))))
    assert report.rows([clean])[0][3] == "–"
