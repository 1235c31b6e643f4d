"""The page of a folder of runs: its numbers are those of the runs, its figures have words."""

from __future__ import annotations

import re
from statistics import fmean

import pytest
from test_demo import numbers, unpacked

from anl_edu import paths, report, runs
from anl_edu.runs.summary import tables


@pytest.fixture(scope="module")
def recorded():
    found = runs.find(
        paths.recorded_runs(),
        dataset="digits",
        loss=("ce", "anl-ce", "mae"),
        noise=("none", "symmetric"),
        rate=(0.0, 0.6),
    )
    return [run for run in found if (run.spec.loss, run.spec.noise) != ("anl-ce", "none")]


@pytest.fixture(scope="module")
def page(recorded):
    return report.page(tables(recorded))


def test_every_chart_has_its_place_and_its_figure(page) -> None:
    _, figures = unpacked(page)
    places = re.findall(r'<div class="chart[^"]*" id="([^"]+)"', page)
    assert places == sorted(set(places), key=places.index)
    assert set(places) == set(figures)
    assert page.count("In words and numbers") == page.count('role="img"') == len(places)
    assert all(len(label) > 60 for label in re.findall(r'aria-label="([^"]+)"></div>', page))


def test_the_overview_holds_the_means_of_the_usual_recipes(page, recorded) -> None:
    _, figures = unpacked(page)
    overview = figures["table-0-chart-0"]
    (heat,) = [trace for trace in overview["data"] if trace["type"] == "heatmap"]
    assert heat["x"] == ["none", "symmetric 0.6"]
    assert heat["y"] == ["CE", "MAE", "ANL-CE"]
    same = [r for r in recorded if r.spec.loss == "ce" and r.spec.noise == "symmetric"
            and not r.spec.changes]  # fmt: skip
    mean = 100 * fmean(r.last.test_accuracy for r in same)
    written = [text for trace in overview["data"] for text in trace.get("text") or ()]
    assert f"{mean:.1f}" in written
    filled = sum(bool(text) for text in written)
    assert filled == 5  # ANL-CE without noise is left out


def test_curves_are_means_with_a_band_over_seeds(page, recorded) -> None:
    _, figures = unpacked(page)
    titled = re.findall(r"<h3>([^<]+)</h3>.*?id=\"([^\"]+)\"", page, re.S)
    name = next(i for h, i in titled if h == "Accuracy on clean test images: symmetric 0.6")
    line = next(t for t in figures[name]["data"] if t.get("name") == "CE")
    same = [r for r in recorded if r.spec.loss == "ce" and r.spec.noise == "symmetric"
            and not r.spec.changes]  # fmt: skip
    by_epoch = list(zip(*([100 * e.test_accuracy for e in r.records] for r in same), strict=True))
    assert numbers(line["y"]) == pytest.approx([fmean(all_) for all_ in by_epoch])
    band = next(t for t in figures[name]["data"] if t.get("fill") == "toself")
    edge = numbers(band["y"])
    assert edge[: len(by_epoch)] == pytest.approx([max(each) for each in by_epoch])
    assert edge[: len(by_epoch) - 1 : -1] == pytest.approx([min(each) for each in by_epoch])


def test_changed_recipes_of_one_loss_are_told_apart(page) -> None:
    _, figures = unpacked(page)
    titled = re.findall(r"<h3>([^<]+)</h3>.*?id=\"([^\"]+)\"", page, re.S)
    name = next(i for h, i in titled if "images, ANL-CE: symmetric 0.6" in h)
    named = [trace for trace in figures[name]["data"] if trace.get("name")]
    looks = {(t["line"]["color"], t["line"]["dash"], t["marker"]["symbol"]) for t in named}
    assert len(looks) == len(named) > 5


def test_without_noise_there_is_nothing_to_memorise(page) -> None:
    assert "Wrong labels memorised: none" not in page
    assert "Wrong labels memorised: symmetric 0.6" in page


def test_the_page_tells_the_protocol(page) -> None:
    flat = " ".join(page.split())
    assert "fingerprint of the images 77a04757d3678edd" in flat
    assert "computed in float32; seeds 0-4;" in flat


def test_where_all_recipes_are_changed_they_are_the_overview() -> None:
    made = runs.find(paths.recorded_runs(), dataset="digit-pairs", loss=("nce+mae", "gce"))
    page = report.page(tables(run for run in made if run.spec.changes["lr"] == 0.5))
    _, figures = unpacked(page)
    assert figures["table-0-chart-0"]["data"][0]["y"] == ["GCE (lr 0.5)", "NCE+MAE (lr 0.5)"]
    assert "(changed recipes)" in page


def test_a_report_of_nothing_is_refused_and_leaves_no_file(tmp_path) -> None:
    with pytest.raises(ValueError, match="at least one run"):
        report.write([], tmp_path / "p.html")
    assert list(tmp_path.iterdir()) == []
