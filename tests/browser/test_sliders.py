"""The sliders of figures that need no kernel: dragged and clicked, the figure stays and changes."""

from __future__ import annotations

from pathlib import Path

import lab
import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
PLOTLY = "application/vnd.plotly.v1+json"
ANIMATED = """
import numpy as np
from anl_edu.teach import animate, new_figure, show

def draw(power):
    return new_figure(f"power {power}", "x", "y").add_scatter(y=np.arange(9.0) ** power)

show(animate(draw, [1, 2, 3, 4], "power "))
"""


def animated() -> list[object]:
    """Give every cell of the lessons whose saved output moves without a kernel."""
    return [
        pytest.param(cell, id=f"{path.stem}-{place}")
        for path in sorted(NOTEBOOKS.rglob("*.ipynb"))
        for place, cell in enumerate(nbformat.read(path, as_version=4).cells)
        for output in cell.get("outputs", [])
        if output.get("data", {}).get(PLOTLY, {}).get("frames")
    ]


def opened(page: Page, address: str, folder: Path, cell: nbformat.NotebookNode) -> Locator:
    """Open a notebook of that cell alone, and give the cell on the page."""
    seen = {**cell, "metadata": {}}  # an output folded until a reader has guessed, unfolded
    book = nbformat.v4.new_notebook(cells=[nbformat.from_dict(seen)])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, folder / "slider.ipynb")
    lab.open_notebook(page, address, "slider.ipynb")
    return lab.cell(page, 0)


def pull_the_slider(page: Page, cell: Locator) -> None:
    """Click on the slider's other end, then drag its grip to the middle, and look at the figure."""
    figure = cell.locator(".jp-OutputArea-output.js-plotly-plot")
    still = cell.locator(".plot-img[src]")  # what a saved output shows until it is touched
    expect(still.or_(figure.locator(".slider-rail-touch-rect"))).to_be_visible(timeout=60_000)
    if still.count():
        still.scroll_into_view_if_needed()
        box = still.bounding_box()
        page.mouse.move(box["x"] + 200, box["y"] + 200)
    expect(figure.locator(".slider-rail-touch-rect")).to_be_visible(timeout=60_000)
    figure.locator(".slider-rail-touch-rect").scroll_into_view_if_needed()

    def seen() -> str:
        return str(figure.locator("svg.main-svg").evaluate_all(lab.SEEN))

    def height() -> float:
        return float(figure.bounding_box()["height"])

    def middle(part: str) -> tuple[float, float]:
        box = figure.locator(part).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    tall, before = height(), seen()
    rail = figure.locator(".slider-rail-touch-rect").bounding_box()
    at_the_start = middle(".slider-grip-rect")[0] < rail["x"] + rail["width"] / 2
    other_end = rail["x"] + (rail["width"] - 2 if at_the_start else 2)
    page.mouse.click(other_end, middle(".slider-rail-touch-rect")[1])
    assert lab.changes(page, seen, before), "a click moved nothing"
    page.wait_for_timeout(500)  # a figure that collapses does so after it has been redrawn
    assert height() == pytest.approx(tall, abs=1), "the figure collapsed under a click"

    clicked = seen()
    x, y = middle(".slider-grip-rect")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(rail["x"] + rail["width"] / 2, y, steps=8)
    page.mouse.up()
    assert lab.changes(page, seen, clicked), "dragging moved nothing"
    page.wait_for_timeout(500)
    assert height() == pytest.approx(tall, abs=1), "the figure collapsed under a drag"


def test_a_slider_that_needs_no_kernel_keeps_its_figure(
    page: Page, address: str, folder: Path, screenshots: Path
) -> None:
    cell = opened(page, address, folder, nbformat.v4.new_code_cell(ANIMATED.strip()))
    assert lab.run_all(page) == []
    pull_the_slider(page, cell)
    cell.screenshot(path=screenshots / "animated.png")


@pytest.mark.parametrize("cell", animated())
def test_a_slider_of_a_lesson_keeps_its_figure(
    page: Page, address: str, folder: Path, cell: nbformat.NotebookNode
) -> None:
    """As it was saved, and so without running the lesson."""
    pull_the_slider(page, opened(page, address, folder, cell))
