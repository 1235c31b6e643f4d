"""The report's numbers are those of the runs."""

import base64
import json
import re
import zlib
from dataclasses import replace
from statistics import fmean, stdev

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from anl_edu import data, demo, runs
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


def unpacked(page: str) -> tuple[str, dict]:
    """Return the script of plotly and the figures that travel in the page."""
    (text,) = re.findall(r'<script type="text/plain" id="packed">([^<]*)</script>', page)
    script, _, figures = zlib.decompress(base64.b85decode(text.replace(",", "<")), 31).partition(
        b"\0"
    )
    return script.decode(), json.loads(figures)


def numbers(values: list | dict) -> list[float]:
    """Return a series as plotly writes it: a list, or from 6.0 on packed."""
    if isinstance(values, list):
        return values
    return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()


def test_the_page_carries_plotly_and_its_figures(made):
    script, figures = unpacked(demo.page(made))
    assert script == get_plotlyjs()
    assert list(figures) == [f"chart-{i}" for i in range(4)]
    curve = next(t for t in figures["chart-0"]["data"] if t.get("name") == "ANL-CE")
    x, y = numbers(curve["x"]), numbers(curve["y"])
    assert x == [1, 2]
    last = [100 * run.last.test_accuracy for run in made[2:]]
    assert y[-1] == pytest.approx(fmean(last))


def test_each_loss_is_explained_and_each_chart_asked_about(made):
    page = demo.page(made)
    assert "−log p<sub>y</sub>" in page
    assert "5 (1 − F<sub>y</sub> / Σ F<sub>k</sub>)" in page
    assert "9.21" not in page  # NCE+RCE was not trained here
    assert page.count("<h2>") == page.count("<section>") + 2


def test_the_wall_shows_what_the_two_models_say(made):
    spec = RunSpec("digits", "ce", changes={"epochs": 2})
    digits = data.load("digits")
    follow = demo.followed(spec, digits)
    for loss in demo.WALL:
        live = runs.start(replace(spec, loss=loss), digits, device="cpu")
        follow.train({loss: live})
    page = demo.page(made, follow)
    _, figures = unpacked(page)
    assert [frame["name"] for frame in figures["chart-0"]["frames"]] == ["0", "1", "2"]
    assert page.count('role="group"') == 1
    assert demo.followed(replace(spec, noise="none", rate=0.0), digits) is None


def test_a_report_of_nothing_is_refused_and_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match="at least one run"):
        demo.write([], tmp_path / "build" / "demo.html")
    assert list((tmp_path / "build").iterdir()) == []
