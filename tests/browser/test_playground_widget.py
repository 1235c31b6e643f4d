"""The playground as a widget in JupyterLab: it moves, is set, and is read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lab
import nbformat
import pytest
from playwright.sync_api import Page, expect

from anl_edu.playground.state import complete

pytestmark = pytest.mark.browser

CELL = """
from anl_edu.playground import playground

board = playground(noise=0.4, loss="anl-ce", loss_1="ce")
board
"""
OTHER = "other = playground(noise=0.1)\nother"
# Run a line in the notebook's kernel, then evaluate an expression there.
ASK = """async ([line, expression]) => {
    const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
    const asked = { code: line, store_history: false, user_expressions: { it: expression } };
    const { content } = await kernel.requestExecute(asked).done;
    const { it } = content.user_expressions;
    return it.status === "ok" ? it.data["text/plain"] : `${it.ename}: ${it.evalue}`;
}"""


def ask(page: Page, expression: str, line: str = "") -> Any:
    return eval(page.evaluate(ASK, [line, expression]), {})


def wait_until(page: Page, expression: str, expected: Any) -> None:
    """Wait for the kernel to be told what the page has."""
    for _ in range(100):
        if ask(page, expression) == expected:
            return
        page.wait_for_timeout(200)
    assert ask(page, expression) == expected


def test_it_moves_is_set_and_read_back(
    page: Page, address: str, folder: Path, screenshots: Path
) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in (CELL.strip(), OTHER)]
    book = nbformat.v4.new_notebook(cells=cells)
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, folder / "board.ipynb")
    lab.open_notebook(page, address, "board.ipynb")
    assert lab.run_all(page) == []
    board, other = (lab.cell(page, place).locator(".anl-play") for place in (0, 1))
    expect(board.get_by_role("status")).to_contain_text("Not trained yet. 120 of 300 labels")
    assert ask(page, "board.state") == complete({"loss": "anl-ce", "loss_1": "ce"})

    # moved on the page, by keyboard: JupyterLab's own keys leave it alone
    board.get_by_label("noise rate η").press("ArrowRight")
    wait_until(page, "board.state['noise']", 0.45)
    board.locator("canvas").first.press("ArrowDown")
    wait_until(page, "board.state['point'] >= 0", True)
    board.get_by_label("kind of noise").press("ArrowDown")
    wait_until(page, "board.state['kind']", "pair")
    expect(page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(2)

    # each board has labels of its own
    other.get_by_label("noise rate η").press("ArrowLeft")
    wait_until(page, "other.state['noise']", 0.05)
    assert ask(page, "board.state['noise']") == 0.45
    ids = page.evaluate("[...document.querySelectorAll('.anl-play [id]')].map(e => e.id)")
    assert len(set(ids)) == len(ids) > 40

    # trained on the page, measured in the kernel
    board.get_by_role("button", name="Play", exact=True).press("Space")
    wait_until(page, "board.measured['playing'] and board.measured['epoch'] > 5", True)
    board.get_by_role("button", name="Pause").press("Space")
    wait_until(page, "board.measured['playing']", False)
    measured = ask(page, "board.measured")
    assert set(measured["1"]) >= {"accuracy", "worst", "fit", "memorised"}
    expect(board.locator(".epoch")).to_have_text(f"epoch {measured['epoch']}")
    page.screenshot(path=screenshots / "playground-jupyterlab.png")

    # set in the kernel, seen on the page
    ask(page, "None", "board.state = {'noise': 0.2, 'loss_1': 'mae', 'epoch': 15}")
    expect(board.get_by_label("noise rate η")).to_have_attribute("aria-valuetext", "0.2")
    expect(board.get_by_label("loss", exact=True).first).to_have_value("mae")
    wait_until(page, "(board.measured['epoch'], board.measured['playing'])", (15, False))
    assert ask(page, "board.state") == complete({"noise": 0.2, "loss_1": "mae", "epoch": 15})
    refused = "try: board.state = {'noise': 2}\nexcept ValueError as error: said = str(error)"
    assert ask(page, "said", refused) == "noise is 0 to 0.9, not 2"
    assert ask(page, "board.state['noise']") == 0.2

    # as dark as the page around it
    expect(board).not_to_have_class("anl-play dark")
    page.evaluate(
        "window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    expect(board).to_have_class("anl-play dark", timeout=30_000)
    page.screenshot(path=screenshots / "playground-jupyterlab-dark.png")
