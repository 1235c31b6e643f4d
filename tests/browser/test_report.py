"""The demo's report, opened as a file: it draws itself, fits a phone, and follows the dark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import lab
import pytest
from playwright.sync_api import Browser, expect

from anl_edu import data, demo, runs
from anl_edu.runs import RunSpec
from anl_edu.teach.figure import new_figure
from anl_edu.teach.overview import overview
from anl_edu.teach.page import STYLE

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    digits = data.load("digits")
    spec = RunSpec("digits", "ce", changes={"epochs": 2})
    follow, made = demo.followed(spec, digits), []
    assert follow is not None
    for loss in demo.WALL:
        live = runs.start(replace(spec, loss=loss), digits, track_gradients=True, device="cpu")
        follow.train({loss: live})
        made.append(live.run())
    return demo.write(made, tmp_path_factory.mktemp("report") / "demo.html", follow)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_report_draws_itself(
    chromium: Browser, report: Path, screenshots: Path, width: int, scheme: str
) -> None:
    page, faults = lab.open_file(chromium, report, width, scheme)
    page.wait_for_function("document.querySelectorAll('.chart .slider-rail-touch-rect').length")
    page.wait_for_function("[...document.querySelectorAll('.chart')].every(c => c.firstChild)")
    page.screenshot(path=screenshots / f"report-{width}.png", full_page=True)
    assert faults == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink = page.evaluate("getComputedStyle(document.querySelector('.xtick text')).fill")
    assert ink == ("rgb(230, 230, 230)" if scheme == "dark" else ink)
    assert scheme == "dark" or ink != "rgb(230, 230, 230)"

    rail = page.locator("#chart-0 .slider-rail-touch-rect")
    rail.scroll_into_view_if_needed()
    box = rail.bounding_box()
    assert box is not None
    label = page.locator("#chart-0 .slider-label").first
    assert label.text_content() == "after epoch 2"
    page.mouse.click(box["x"] + 3, box["y"] + box["height"] / 2)
    expect(label).to_have_text("after epoch 0")
    page.close()


@pytest.mark.parametrize(("scheme", "ink"), [("light", "34, 34, 34"), ("dark", "230, 230, 230")])
def test_words_inside_a_chart_can_be_read(
    chromium: Browser, tmp_path: Path, scheme: Literal["light", "dark"], ink: str
) -> None:
    """Beside points and above bars; those on a map's cells have the ink that the cells need."""
    points, bars = new_figure("points"), new_figure("bars")
    points.add_scatter(x=[1, 2], y=[1, 2], text=["a", "b"], mode="markers+text")
    bars.add_bar(x=[1], y=[2], text=["c"], textposition="outside")
    cells = overview([[90.0, 10.0]], ["CE"], ["none", "pair 0.4"], title="cells")
    path = tmp_path / "words.html"
    is_light = str(scheme == "light").lower()
    drawn = [
        f.to_html(full_html=False, include_plotlyjs=f is points) for f in (points, bars, cells)
    ]
    path.write_text(f"<body data-jp-theme-light={is_light}>{STYLE}{''.join(drawn)}</body>", "utf-8")
    page, _ = lab.open_file(chromium, path, 1000, scheme)
    for word in ("a", "b", "c"):
        text = page.locator(".js-plotly-plot .cartesianlayer").get_by_text(word, exact=True)
        assert text.evaluate("e => getComputedStyle(e).fill") == f"rgb({ink})"
    on_light = page.locator(".js-plotly-plot .cartesianlayer").get_by_text("90.0", exact=True)
    assert on_light.evaluate("e => getComputedStyle(e).fill") == "rgb(17, 17, 17)"
    page.close()
