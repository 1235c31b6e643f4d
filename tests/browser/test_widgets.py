"""Widgets under a reader's hands, in small notebooks made for the purpose."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import lab
import nbformat
import pytest
from playwright.sync_api import Locator, Page, TimeoutError, expect

pytestmark = pytest.mark.browser

FAULTY = """
import plotly.graph_objects as go
from anl_edu.teach import Explorer, choice, slider
from anl_edu.teach import new_figure

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
LIVE = """
from anl_edu import runs
from anl_edu.teach.dashboard import Dashboard

changes = {"epochs": 9000}  # more than a slow page can miss
spec = runs.RunSpec("digits", "anl-ce", changes=changes)
Dashboard(lambda: runs.start(spec), loss=spec.loss, epochs=9000)
"""

GRID = """
import tempfile
from anl_edu.runs.grid import grid
from anl_edu.runs.recording import record
from anl_edu.teach.grid_monitor import GridMonitor

specs = grid("digits", ["ce", "mae"], [("symmetric", 0.4)], range(2))
print(record(specs, tempfile.mkdtemp(), jobs=2, on_epoch=GridMonitor(specs)))
"""

SANDBOX = """
from anl_edu import data
from anl_edu.teach import sandbox

board = sandbox(data.load("digits"), changes={"epochs": 5, "train_images": 300})
board
"""

NOTE_DISABLED = """e => {
    window.heard = false;
    new MutationObserver(() => { window.heard ||= e.disabled; })
        .observe(e, {attributes: true, attributeFilter: ["disabled"]});
}"""


def press(page: Page, cell: Locator, name: str) -> None:
    """Press a button by the keyboard; again, where a page under load took the focus on the way.

    Every button of the dashboard is disabled once it has been heard: a short run may have ended,
    and the button be alive again, before one could look, so the page itself takes note.
    """
    button = cell.get_by_role("button", name=name, exact=True)
    for _ in range(3):
        expect(button).to_be_enabled(timeout=60_000)
        button.evaluate(NOTE_DISABLED)
        button.focus()
        page.keyboard.press("Space")
        with suppress(TimeoutError):
            page.wait_for_function("() => window.heard", timeout=20_000)
            return
    raise AssertionError(f"{name} was pressed three times and not heard")


def opened(page: Page, address: str, folder: Path, name: str, source: str) -> None:
    """Write a notebook of one cell, and open it."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source.strip())])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, folder / f"{name}.ipynb")
    lab.open_notebook(page, address, f"{name}.ipynb")


def shown(page: Page, address: str, folder: Path, name: str, source: str) -> Locator:
    """Run a notebook of one cell, and give the cell once its figure is drawn."""
    opened(page, address, folder, name, source)
    assert lab.run_all(page) == []
    (cell,) = lab.explorers(page)
    expect(cell.locator(".js-plotly-plot svg.main-svg").first).to_be_visible(timeout=60_000)
    return cell


def test_explorer_shows_its_errors_and_recovers(
    page: Page, address: str, folder: Path, screenshots: Path
) -> None:
    cell = shown(page, address, folder, "faulty", FAULTY)
    handle, choice = lab.controls(cell).all()
    alert = cell.get_by_role("alert")
    expect(alert).to_have_count(0)

    def drawn() -> str:
        """The numbers of the figure: its size may give way to the alert above it."""
        figure = cell.locator(".js-plotly-plot").first
        return str(figure.evaluate("e => JSON.stringify(Array.from(e.data[0].y))"))

    assert drawn() == "[0,2]"
    handle.focus()
    page.keyboard.press("ArrowRight")  # to 3
    expect(alert).to_contain_text("ValueError: planted, k = 3", timeout=20_000)
    assert drawn() == "[0,2]"
    cell.screenshot(path=screenshots / "error-panel.png")

    assert lab.move(page, cell, handle)  # to 4
    expect(alert).to_have_count(0)

    page.keyboard.press("Tab")  # to the slider's number, which can be typed over
    page.keyboard.press("Tab")
    expect(choice).to_be_focused()


@pytest.mark.parametrize("canvas", ["live", "redrawn"])
def test_dashboard_starts_pauses_resumes_and_stops(
    page: Page, address: str, folder: Path, screenshots: Path, canvas: str
) -> None:
    source = LIVE if canvas == "live" else f"%env ANL_EDU_REDRAW=1{LIVE}"
    cell = shown(page, address, folder, canvas, source)
    status = cell.get_by_role("status")

    def done() -> str:
        """How many epochs have ended."""
        return re.findall(r"(\d+) of 9000 epochs", status.inner_text())[0]

    assert done() == "0"
    empty = lab.picture(cell)
    press(page, cell, "Start")
    assert lab.changes(page, done, "0")
    assert lab.changes(page, lambda: lab.picture(cell), empty)
    press(page, cell, "Pause")
    expect(status).to_contain_text("paused", timeout=60_000)
    page.wait_for_timeout(3_000)  # the epoch under way still ends
    held = done()
    page.wait_for_timeout(2_000)
    assert done() == held
    press(page, cell, "Resume")
    assert lab.changes(page, done, held)
    cell.screenshot(path=screenshots / f"dashboard-{canvas}.png")
    press(page, cell, "Stop")
    expect(status).to_contain_text("stopped", timeout=60_000)
    expect(cell.get_by_role("button", name="Start", exact=True)).to_be_enabled()
    expect(cell.get_by_role("alert")).to_have_count(0)


def test_another_loss_is_chosen_by_keyboard_and_two_runs_race(
    page: Page, address: str, folder: Path, screenshots: Path
) -> None:
    cell = shown(page, address, folder, "sandbox", SANDBOX)
    status = cell.get_by_role("status")
    loss, _, _, alpha, *_ = lab.controls(cell).all()

    expect(status).to_contain_text("ANL-CE (5, 5), symmetric 0.6")
    press(page, cell, "Start")
    expect(status).to_contain_text("finished", timeout=60_000)
    loss.focus()
    for key in ("Enter", "Home", "Enter"):  # CE, the first
        page.keyboard.press(key)
    expect(cell).to_contain_text("CE is not a sum of two losses", timeout=20_000)
    expect(alpha.locator("xpath=ancestor::*[@disabled]")).to_have_count(1)
    press(page, cell, "Add to the race")
    expect(status).to_contain_text("CE, symmetric 0.6, live on", timeout=60_000)
    expect(status).to_contain_text("finished", timeout=60_000)
    expect(status).to_contain_text("Thin lines: ANL-CE")
    expect(cell.locator(".legend")).to_contain_text("ANL-CE (5, 5), symmetric 0.6")
    expect(cell.locator(".legend")).to_contain_text("CE, symmetric 0.6: wrong labels")
    expect(cell.get_by_role("alert")).to_have_count(0)
    cell.screenshot(path=screenshots / "dashboard-race.png")


def test_a_race_run_by_a_cell_is_seen_and_leaves_the_board_alive(
    page: Page, address: str, folder: Path
) -> None:
    # the kernel is busy until the race has ended, and then puts its figure in the board's place
    again = 'display(board)\nraced = board.race({"loss": "ce"}, {"loss": "anl-ce"})'
    source = SANDBOX.strip().removesuffix("board") + again
    cell = shown(page, address, folder, "raced", f"from IPython.display import display\n{source}")
    status = cell.get_by_role("status")
    expect(status).to_have_count(1)
    expect(status).to_contain_text("ANL-CE (5, 5), symmetric 0.6, live on", timeout=60_000)
    expect(status).to_contain_text("finished")
    expect(cell.locator(".js-plotly-plot")).to_have_count(1)
    before = lab.picture(cell)
    button = cell.get_by_role("button", name="Start", exact=True)
    expect(button).to_be_enabled(timeout=60_000)
    button.focus()
    page.keyboard.press("Space")
    assert lab.changes(page, lambda: lab.picture(cell), before)
    expect(status).to_contain_text("finished", timeout=60_000)
    expect(cell.get_by_role("alert")).to_have_count(0)


def test_a_grid_is_seen_to_move_while_its_cell_runs(
    page: Page, address: str, folder: Path, screenshots: Path
) -> None:
    opened(page, address, folder, "grid", GRID)
    lab.start_all(page)
    cell = lab.cell(page, 0)
    bars = cell.locator("progress[aria-label]")
    expect(bars).to_have_count(4, timeout=120_000)

    def far() -> list[float]:
        return [float(value) for value in bars.evaluate_all("all => all.map(e => e.value)")]

    seen = [far()]
    while "Outcome" not in cell.inner_text():
        if (now := far()) != seen[-1] and len(now) == 4:
            if 0 < sum(now) < 4:
                cell.screenshot(path=screenshots / "grid.png")
            seen.append(now)
        page.wait_for_timeout(100)
    assert lab.wait_for_all(page) == []
    assert len({sum(values) for values in seen}) >= 4  # it moved, and more than once
    assert all(sorted(values) == list(values) for values in zip(*seen, strict=True))  # onwards
    assert far() == [1, 1, 1, 1]
    expect(cell).to_contain_text("4 of 4 runs have ended")
    expect(cell).to_contain_text("written=4")
