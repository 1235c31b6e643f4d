"""Real lessons in a real JupyterLab: they open, run, and their explorers answer to the keyboard."""

from __future__ import annotations

from pathlib import Path

import lab
import nbformat
import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

LESSONS = ["00-start-here", "04-building-an-nnlf", "05-gradients-clean-against-noisy"]
FAULTY = """
import plotly.graph_objects as go
from anl_edu.explore import Explorer, choice, slider
from anl_edu.figures import new_figure

def draw(k, kind):
    if k == 3:
        raise ValueError("planted, k = 3")
    return new_figure("Line", "x", "y").add_scatter(y=[0, k if kind == "up" else -k])

Explorer(
    draw,
    {"k": slider("k", 1, 5, 1, 2), "kind": choice("kind", ["up", "down"], "up")},
    "Faulty at 3",
)
"""


@pytest.mark.parametrize("name", LESSONS)
def test_lesson_runs_and_every_control_moves_its_figure(
    page: Page, address: str, screenshots: Path, name: str
) -> None:
    lab.open_notebook(page, address, f"{name}.ipynb")
    assert lab.run_all(page) == []
    cells = lab.explorers(page)
    unmoved = []
    for place, cell in enumerate(cells):
        cell.scroll_into_view_if_needed()
        expect(cell.locator(".js-plotly-plot svg.main-svg").first).to_be_visible(timeout=60_000)
        controls = lab.controls(cell)
        assert controls.count() > 0
        for control in controls.all():
            if not lab.move(page, cell, control):
                unmoved.append((place, control.evaluate(lab.NAME)))
        expect(cell.get_by_role("alert")).to_have_count(0)
        cell.screenshot(path=screenshots / f"{name}-explorer-{place}.png")
    page.screenshot(path=screenshots / f"{name}.png")
    assert unmoved == []


@pytest.fixture
def faulty(folder: Path) -> str:
    """A notebook with one explorer whose drawing raises at k = 3."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(FAULTY.strip())])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, folder / "faulty.ipynb")
    return "faulty.ipynb"


def test_explorer_shows_its_errors_and_recovers(
    page: Page, address: str, faulty: str, screenshots: Path
) -> None:
    lab.open_notebook(page, address, faulty)
    assert lab.run_all(page) == []
    (cell,) = lab.explorers(page)
    handle, choice = lab.controls(cell).all()
    expect(cell.locator(".js-plotly-plot svg.main-svg").first).to_be_visible(timeout=60_000)
    alert = cell.get_by_role("alert")
    expect(alert).to_have_count(0)

    before = lab.picture(cell)
    handle.focus()
    page.keyboard.press("ArrowRight")  # to 3
    expect(alert).to_contain_text("ValueError: planted, k = 3", timeout=20_000)
    assert lab.picture(cell) == before
    cell.screenshot(path=screenshots / "error-panel.png")

    assert lab.move(page, cell, handle)  # to 4
    expect(alert).to_have_count(0)

    page.keyboard.press("Tab")  # to the slider's number, which can be typed over
    page.keyboard.press("Tab")
    expect(choice).to_be_focused()
