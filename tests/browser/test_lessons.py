"""Real lessons in a real JupyterLab: they open, run, and their explorers answer to the keyboard."""

from __future__ import annotations

from pathlib import Path

import lab
import pytest
from playwright.sync_api import Page, expect

from anl_edu import lessons

pytestmark = pytest.mark.browser

# Every lesson that has explorers; dashboards have tests of their own.
LESSONS = [
    module.__name__.split(".")[-2].removeprefix("l").replace("_", "-")
    for module in lessons.modules("explorers")
]


@pytest.mark.parametrize("name", LESSONS)
def test_lesson_runs_and_every_control_moves_its_figure(
    page: Page, address: str, screenshots: Path, name: str
) -> None:
    lab.watch_shifts(page)
    lab.open_notebook(page, address, f"{name}.ipynb")
    badge = page.get_by_role("img", name="Open in Colab")  # drawn from the notebook itself
    assert badge.evaluate("e => e.decode().then(() => e.naturalWidth)") > 0
    assert lab.shift_while_scrolling(page) <= 0.25
    assert lab.run_all(page) == []
    cells = lab.explorers(page)
    assert cells
    unmoved, moved = [], 0
    for place, cell in enumerate(cells):
        cell.scroll_into_view_if_needed()
        expect(cell.locator(".js-plotly-plot svg.main-svg").first).to_be_visible(timeout=60_000)
        # a dashboard's controls choose its next run, and a live training curve has none
        board = cell.get_by_role("button", name="Start", exact=True).count()
        for control in [] if board else lab.controls(cell).all():
            if lab.move(page, cell, control):
                moved += 1
            else:
                unmoved.append((place, control.evaluate(lab.NAME)))
        expect(cell.get_by_role("alert")).to_have_count(0)
        cell.screenshot(path=screenshots / f"{name}-explorer-{place}.png")
    page.screenshot(path=screenshots / f"{name}.png")
    assert unmoved == []
    assert moved > 0
