"""The board in JupyterLab: by keyboard, interrupted, resumed, and nothing lost."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import lab
import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

ROWS = (3, 14, 15, 92, 65, 35)
OPEN = f"""
from pathlib import Path

import torch

from anl_edu import data
from anl_edu.lessons.l10_your_own_data import example
from anl_edu.relabel import relabel

files = Path("train.csv"), Path("test.csv")
if not files[0].exists():
    example.write_tables(Path("."))
table = data.feature_table(*files, ignore=["id", "remark"])
suggested = (table.y_train + 1) % 10
board = relabel(table, suggested, {ROWS}, path="decisions.jsonl", picture=example.picture(table))
board
""".strip()
SAVE = "board.save('corrected.csv', files[0])"


def write(folder: Path) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in (OPEN, SAVE)]
    book = nbformat.v4.new_notebook(cells=cells)
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, folder / "board.ipynb")


def decided(folder: Path) -> dict[int, tuple[int, str]]:
    """What the file says, read by what a reader would use."""
    from anl_edu import data
    from anl_edu.relabel import Decisions

    files = folder / "train.csv", folder / "test.csv"
    table = data.feature_table(*files, ignore=["id", "remark"])
    found = Decisions(folder / "decisions.jsonl", table).of_row
    return {row: (decision.label, decision.why) for row, decision in found.items()}


def kill_kernel(page: Page) -> None:
    """End the kernel without a word, as the system does when memory is short."""
    page.evaluate(
        """async () => {
            const { session } = window.jupyterapp.shell.currentWidget.sessionContext;
            session.kernel.requestExecute({ code: "import os; os.kill(os.getpid(), 9)" });
        }"""
    )


def test_decided_by_keyboard_interrupted_and_resumed(
    page: Page, address: str, folder: Path, screenshots: Path
) -> None:
    write(folder)
    lab.open_notebook(page, address, "board.ipynb")
    assert lab.run_all(page) == []
    board = page.locator(".anl-relabel")
    status = board.get_by_role("status")
    expect(status).to_contain_text(f"1 of 6: row {ROWS[0]}, labelled")
    expect(status).to_contain_text("0 decided, 6 open.")
    table = given(folder)

    # by keyboard: accepted, kept, another class, back, forth, taken back
    board.focus()
    press(page, status, "Enter", f"2 of 6: row {ROWS[1]}")
    press(page, status, "Space", f"3 of 6: row {ROWS[2]}")
    other = (table[ROWS[2]] + 5) % 10
    press(page, status, str(other), f"4 of 6: row {ROWS[3]}")
    press(page, status, "ArrowLeft", f"3 of 6: row {ROWS[2]}")
    press(page, status, "u", "taken back")
    press(page, status, str(other), f"Row {ROWS[2]}: {table[ROWS[2]]} becomes {other}. Written.")
    press(page, status, "ArrowRight", f"5 of 6: row {ROWS[4]}")
    press(page, status, "ArrowLeft", f"4 of 6: row {ROWS[3]}")
    page.screenshot(path=screenshots / "relabelling.png")
    assert faults(page) == []
    # JupyterLab's own keys were left alone: no cell was added, run or cut
    expect(page.locator(".jp-Notebook .jp-CodeCell")).to_have_count(2)
    three = {
        ROWS[0]: ((table[ROWS[0]] + 1) % 10, "suggestion accepted"),
        ROWS[1]: (table[ROWS[1]], "label kept"),
        ROWS[2]: (other, "another class chosen"),
    }
    assert decided(folder) == three

    # the kernel is killed; a key pressed now is not taken for written
    kill_kernel(page)
    dialog = page.locator(".jp-Dialog")  # JupyterLab says that it died
    expect(dialog).to_be_visible(timeout=60_000)
    dialog.get_by_role("button", name="Ok").click()
    board.focus()
    page.keyboard.press("Enter")
    expect(board.get_by_role("alert")).to_contain_text("not written", timeout=30_000)
    page.screenshot(path=screenshots / "relabelling-killed.png")
    assert decided(folder) == three

    # the page is loaded anew, and the board goes on where it was left
    page.reload()
    lab.open_notebook(page, address, "board.ipynb")
    assert lab.run_all(page) == []
    expect(status).to_contain_text(f"4 of 6: row {ROWS[3]}, labelled")
    expect(status).to_contain_text("3 decided, 3 open.")
    # by buttons, reached with Tab and by mouse; a click hands the keys back to the board
    board.get_by_role("button", name="Accept the suggestion").press("Enter")
    expect(status).to_contain_text(f"5 of 6: row {ROWS[4]}")
    board.get_by_role("button", name="Keep the label").click()
    expect(status).to_contain_text(f"6 of 6: row {ROWS[5]}")
    press(page, status, "Enter", "All are decided.")
    assert lab.run_all(page) == []
    page.evaluate(
        "window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})"
    )
    dark = page.locator("body[data-jp-theme-light=false]")
    expect(dark).to_have_count(1, timeout=30_000)
    page.screenshot(path=screenshots / "relabelling-dark.png")
    assert faults(page) == []
    rows = saved(folder)
    assert len(decided(folder)) == 6
    changed = {n for n, row in enumerate(rows) if row[-1] != ""}
    assert changed == set(ROWS)
    assert [rows[row][-3] for row in ROWS[:3]] == [str(label) for label, _ in three.values()]


BLIND = OPEN.replace("path=", "blind=True, path=").replace("decisions.jsonl", "sample.jsonl")


def test_a_blind_board_shows_no_label(page: Page, address: str, folder: Path) -> None:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(BLIND)])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(book, folder / "blind.ipynb")
    lab.open_notebook(page, address, "blind.ipynb")
    assert lab.run_all(page) == []
    board = page.locator(".anl-relabel")
    status = board.get_by_role("status")
    expect(status).to_have_text(f"1 of 6: row {ROWS[0]}, labels hidden, open. 0 decided, 6 open.")
    assert board.locator("dt").all_inner_texts() == ["Decided"]
    actions = board.get_by_role("group", name="Actions").get_by_role("button")
    assert [name.split()[0] for name in actions.all_inner_texts()] == ["Back", "Undo", "Forth"]
    board.focus()
    for key in ("Enter", "Space"):  # would accept or keep what nobody sees
        page.keyboard.press(key)
    press(page, status, "7", f"Row {ROWS[0]}: labels hidden, decided 7. Written. 2 of 6")
    expect(status).to_contain_text("1 decided, 5 open.")
    assert faults(page) == []


def faults(page: Page) -> list[str]:
    """What axe finds serious or critical in the board as it stands."""
    how = {"resultTypes": ["violations"], "preload": False}
    return [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in Axe().run(page, {"include": [[".anl-relabel"]]}, how).response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def press(page: Page, status: Any, key: str, said: str) -> None:
    """Press a key, and wait for what the board says of it."""
    page.keyboard.press(key)
    expect(status).to_contain_text(said)


def given(folder: Path) -> list[int]:
    """The labels of the file, a number a row."""
    with (folder / "train.csv").open(encoding="utf-8-sig", newline="") as file:
        return [int(row[-1]) for row in list(csv.reader(file))[1:]]


def saved(folder: Path) -> list[list[str]]:
    """The corrected file's rows, after all that was there has been seen in it."""
    old, new = (
        list(csv.reader((folder / name).open(encoding="utf-8-sig", newline="")))
        for name in ("train.csv", "corrected.csv")
    )
    assert [row[:-3] for row in new] == old
    return new[1:]
