"""The sliders of figures that need no kernel: dragged and clicked, the figure stays and changes."""

from __future__ import annotations

import json
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


def animated() -> list[tuple[str, int]]:
    """Give every cell of the lessons whose saved output moves without a kernel."""
    return [
        (path.name, place)
        for path in sorted(NOTEBOOKS.rglob("*.ipynb"))
        for place, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"])
        for output in cell.get("outputs", [])
        if output.get("data", {}).get(PLOTLY, {}).get("frames")
    ]


def pull_the_slider(page: Page, cell: Locator) -> None:
    """Click on the end of the figure's slider, then drag its grip back, and look at the figure."""
    figure = cell.locator(".js-plotly-plot")
    cell.scroll_into_view_if_needed()
    expect(figure.locator(".slider-rail-touch-rect")).to_be_visible(timeout=60_000)
    figure.locator(".slider-rail-touch-rect").scroll_into_view_if_needed()

    def height() -> float:
        return float(figure.bounding_box()["height"])

    def middle(part: str) -> tuple[float, float]:
        box = figure.locator(part).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    tall, before = height(), lab.picture(cell)
    rail = figure.locator(".slider-rail-touch-rect").bounding_box()
    page.mouse.click(rail["x"] + rail["width"] - 2, middle(".slider-rail-touch-rect")[1])
    assert lab.changes(page, lambda: lab.picture(cell), before), "a click moved nothing"
    page.wait_for_timeout(500)  # a figure that collapses does so after it has been redrawn
    assert height() == pytest.approx(tall, abs=1), "the figure collapsed under a click"

    clicked = lab.picture(cell)
    x, y = middle(".slider-grip-rect")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(rail["x"] + rail["width"] / 2, y, steps=8)
    page.mouse.up()
    assert lab.changes(page, lambda: lab.picture(cell), clicked), "dragging moved nothing"
    page.wait_for_timeout(500)
    assert height() == pytest.approx(tall, abs=1), "the figure collapsed under a drag"


def test_a_slider_that_needs_no_kernel_keeps_its_figure(
    page: Page, address: str, folder: Path, screenshots: Path
) -> None:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(ANIMATED.strip())])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, folder / "animated.ipynb")
    lab.open_notebook(page, address, "animated.ipynb")
    assert lab.run_all(page) == []
    cell = lab.cell(page, 0)
    pull_the_slider(page, cell)
    cell.screenshot(path=screenshots / "animated.png")


@pytest.mark.parametrize(("name", "place"), animated())
def test_a_saved_figure_with_a_slider_keeps_its_height(
    page: Page, address: str, name: str, place: int
) -> None:
    lab.open_notebook(page, address, name)
    pull_the_slider(page, lab.cell(page, place))
