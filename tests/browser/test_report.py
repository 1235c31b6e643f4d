"""The demo's report, opened as a file: it draws itself, fits a phone, and follows the dark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lab
import pytest
from playwright.sync_api import Browser, expect

from anl_edu import data, demo, runs
from anl_edu.runs import RunSpec

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
