"""The page of recorded runs, opened as a file: it draws itself, and what is folded when opened."""

from __future__ import annotations

from pathlib import Path

import lab
import pytest
from playwright.sync_api import Browser

from anl_edu import paths, report, runs
from anl_edu.runs.summary import tables

pytestmark = pytest.mark.browser

IN_VIEW = "c => !c.closest('details:not([open])')"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "runs.html"
    report.write(tables(runs.find(paths.recorded_runs())), path)
    assert path.stat().st_size < 8_000_000
    return path


@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_the_page_draws_itself(
    chromium: Browser, written: Path, screenshots: Path, width: int, scheme: str
) -> None:
    page, faults = lab.open_file(chromium, written, width, scheme)
    charts = "[...document.querySelectorAll('.chart')]"
    page.wait_for_function(f"{charts}.filter({IN_VIEW}).every(c => c.querySelector('.main-svg'))")
    page.screenshot(path=screenshots / f"runs-{width}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    drawn = page.evaluate(f"{charts}.filter(c => c.firstChild).length")
    assert 0 < drawn < page.evaluate(f"{charts}.length") / 4

    folded = page.locator("details.part:not([open])").first
    name = folded.locator(".chart").first.get_attribute("id")
    chart = page.locator(f"#{name}")  # by name: what is folded is another once this is opened
    assert chart.locator(".main-svg").count() == 0
    folded.locator("summary").first.focus()
    page.keyboard.press("Enter")
    chart.locator(".main-svg").first.wait_for()
    box = chart.bounding_box()
    assert box is not None
    assert box["height"] > 100
    ink = page.evaluate("getComputedStyle(document.querySelector('.ytick text')).fill")
    assert (ink == "rgb(230, 230, 230)") == (scheme == "dark")
    assert faults == []
    page.close()
