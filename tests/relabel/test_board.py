"""What keys do on the board, and what it says."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reviewed import some_data

from anl_edu.relabel import Board, Decision, relabel
from anl_edu.relabel.keys import keys_of

GIVEN = some_data().y_train
SUGGESTED = (GIVEN + 1) % 3


def board(folder: Path, rows: Any = (4, 7, 2), **more: Any) -> Board:
    return relabel(some_data(), SUGGESTED, rows, path=folder / "some.jsonl", by="ann", **more)


def test_keys_decide(tmp_path: Path) -> None:
    some = board(tmp_path)
    assert some.rows[some.at] == 4
    some.press("Enter")
    some.press(" ")
    some.press("2")  # "eight", the third of three classes
    assert some.decisions.of_row == {
        4: Decision(2, "ann", "suggestion accepted"),  # labelled 1, suggested 2
        7: Decision(1, "ann", "label kept"),
        2: Decision(2, "ann", "label kept"),  # chosen, and it is the one given
    }
    assert some.open == []
    assert some.labels.tolist() == [2 if row == 4 else k for row, k in enumerate(GIVEN.tolist())]
    assert "Row 2: eight kept. Written." in some.status
    assert "All are decided." in some.status


def test_arrows_and_undo(tmp_path: Path) -> None:
    some = board(tmp_path)
    some.press("ArrowRight")
    assert some.rows[some.at] == 7
    some.press("Enter")
    assert some.rows[some.at] == 2  # on, to the next that is open
    some.press("0")
    assert some.rows[some.at] == 4  # and round
    some.press("ArrowLeft")
    assert some.rows[some.at] == 4
    assert "no further row" in some.status
    some.press("U")
    assert (some.rows[some.at], some.open) == (2, [4, 2])
    some.press("u")
    some.press("u")
    assert "nothing to take back" in some.status
    assert dict(some.decisions.of_row) == {}
    some.press("x")
    assert "The key x does nothing" in some.status


def test_a_key_pressed_before_the_row_was_seen_decides_nothing(tmp_path: Path) -> None:
    some = board(tmp_path)
    for _ in range(3):
        some.press("Enter", shown=4)
    assert set(some.decisions.of_row) == {4}


def test_it_goes_on_where_it_was_left(tmp_path: Path) -> None:
    some = board(tmp_path)
    some.press("Enter")
    again = board(tmp_path)
    assert (again.rows[again.at], again.open) == (7, [7, 2])
    assert again.labels.tolist() == some.labels.tolist()
    again.undo()
    assert again.rows[again.at] == 4


@given(
    keys=st.lists(st.sampled_from(["Enter", " ", "0", "1", "2", "u", "ArrowLeft", "ArrowRight"]))
)
def test_whatever_is_pressed_a_board_opened_anew_has_the_same(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("board")
    some = board(folder)
    for key in keys:
        some.press(key)
        assert dict(board(folder).decisions.of_row) == dict(some.decisions.of_row)


def test_deciding_from_python(tmp_path: Path) -> None:
    some = board(tmp_path)
    some.decide(9, "two", why="asked Bob")  # any row, also one that is not shown
    some.decide(4, 2)
    assert some.decisions.of_row == {
        9: Decision(1, "ann", "asked Bob"),
        4: Decision(2, "ann", "suggestion accepted"),
    }
    for row, label, said in (
        (12, 0, "no row 12"),
        (4, 3, "no class 3"),
        (4, "ten", "no class 'ten'"),
    ):
        with pytest.raises(ValueError, match=said):
            some.decide(row, label)
    with pytest.raises(ValueError, match="rows is empty"):
        board(tmp_path, rows=[])
    with pytest.raises(ValueError, match=r"suggested must be \(12,\)"):
        relabel(some_data(), SUGGESTED[:3], path=tmp_path / "some.jsonl")
    for row in (12, -1):
        with pytest.raises(ValueError, match=rf"rows must lie in 0\.\.11, but hold {row}"):
            board(tmp_path, rows=[3, row])
    with pytest.raises(ValueError, match=r"suggested must lie in 0\.\.2, but hold 9"):
        relabel(some_data(), torch.full((12,), 9), path=tmp_path / "some.jsonl")
    assert board(tmp_path, rows=None).rows == tuple(range(12))


def test_each_class_has_a_key_of_its_own() -> None:
    assert keys_of([str(k) for k in range(10)]) == [*"0123456789"]
    assert keys_of(["1", "2", "3"]) == [*"123"]
    assert keys_of(["a", "U", "b"])[1] not in ("u", "a", "b")
    assert keys_of(["cat", "dog", "cow"]) == [*"012"]
    many = ["apple", "avocado", "beet", "unit", *(f"class {i}" for i in range(12))]
    keys = keys_of(many)
    assert keys[:4] == ["a", "v", "b", "n"]
    assert len(set(keys)) == len(many)
    assert "u" not in keys
    hundred = keys_of([f"class {i}" for i in range(100)])
    assert len([key for key in hundred if key]) == 35  # the others have buttons


@pytest.mark.parametrize(
    ("classes", "keys"),
    [
        (["grade 1", "grade 2", "grade 3"], "123"),
        (["01", "02", "03"], "123"),
        ([f"class {i}" for i in range(1, 11)], "1234567890"),
        (["none", "grade 1", "grade 2"], "012"),
        (["a1", "b1", "c2"], "032"),  # 1 would be a guess
        (["2", "grade 2", "grade 0"], "210"),
    ],
)
def test_a_class_that_ends_in_a_digit_has_it_for_a_key(classes: list[str], keys: str) -> None:
    assert keys_of(classes) == [*keys]


def test_what_is_shown(tmp_path: Path) -> None:
    some = board(tmp_path)
    view = some.view
    assert (view["row"], view["given"], view["suggested"], view["decided"]) == (
        4,
        "two",
        "eight",
        "",
    )
    assert view["image"].startswith("data:image/png;base64,")
    assert view["status"] == "1 of 3: row 4, labelled two, suggested eight. 0 decided, 3 open."
    still = board(tmp_path, picture=lambda row: f"<row {row}>").still()
    assert "&lt;row 4&gt;" in still
    assert "Label given: <b>two</b>" in still


def test_the_page_is_told_and_answers(tmp_path: Path) -> None:
    some = board(tmp_path)
    bundle, _ = some._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "Label given" in bundle["text/html"]
    page = some._widget
    assert page.classes == [["one", "0"], ["two", "1"], ["eight", "2"]]
    page._heard(page, {"key": "Enter", "shown": 4}, [])
    assert (page.view["row"], page.view["answer"]) == (7, 1)
    page._heard(page, {"label": 0, "shown": 7}, [])
    page._heard(page, {"label": 0, "shown": 7}, [])  # late: the next one is in sight
    assert {row: d.label for row, d in some.decisions.of_row.items()} == {4: 2, 7: 0}
    some.decide(2, 1)  # in Python, and the page follows
    assert "All are decided" in page.view["status"]
    some.decisions.path.unlink()
    page._heard(page, {"key": "Enter", "shown": 2}, [])
    assert page.view["failure"].startswith("This was not written")


def test_without_anywidget_there_is_a_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "anl_edu.relabel.widget", None)
    bundle, _ = board(tmp_path)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}


def test_rows_of_features_are_shown_as_numbers(tmp_path: Path) -> None:
    data = replace(some_data(), x_train=torch.arange(24.0).reshape(12, 2, 1, 1) / 7)
    some = relabel(data, SUGGESTED, [3], path=tmp_path / "some.jsonl")
    assert some.view["picture"] == "0.8571, 1"
    assert some.view["image"] == ""


def test_a_blind_board_hides_what_it_must_not_tell(tmp_path: Path) -> None:
    """Whatever the labels given and suggested are, it shows the same."""

    def seen(given: int, suggested: int) -> list[Any]:
        data = replace(some_data(), y_train=torch.full((12,), given))
        path = tmp_path / f"{given}{suggested}.jsonl"
        blind = relabel(data, torch.full((12,), suggested), [4, 7, 2], path=path, blind=True)
        shown: list[Any] = []
        blind.watchers.append(lambda: shown.append((blind.view, blind.still())))
        blind._changed()
        for key in ("Enter", " ", "2", "1", "u", "ArrowLeft", "ArrowRight", "0"):
            blind.press(key)
        decided = {row: d.label for row, d in blind.decisions.of_row.items()}
        assert decided == {4: 2, 7: 0}  # Enter and Space decided nothing
        assert {d.why for d in blind.decisions.of_row.values()} == {
            "decided without seeing the label"
        }
        return shown

    cases = [seen(given, suggested) for given in range(3) for suggested in range(3)]
    assert all(case == cases[0] for case in cases)
    (view, still), *_ = cases[0]
    assert view["given"] == view["suggested"] == ""
    assert "Label given" not in still
    assert "The key Enter does nothing" in cases[0][1][0]["status"]
    assert "Row 4: labels hidden, decided eight. Written." in cases[0][3][0]["status"]


def test_rows_are_shown_by_their_place_in_the_file(tmp_path: Path) -> None:
    """Where a share was held back, training row 4 is another row of the file."""
    data = replace(some_data(), train_index=torch.arange(12) * 2)
    some = relabel(data, SUGGESTED, [4, 0], path=tmp_path / "some.jsonl")
    assert some.view["alt"] == "Row 8 (training row 4)"
    assert "alt='Row 8 (training row 4)'" in some.still()
    assert some.status.startswith("1 of 2: row 8 (training row 4), labelled two")
    some.press("Enter")
    assert some.status.startswith(
        "Row 8 (training row 4): two becomes eight. Written. 2 of 2: row 0,"
    )
    some.press("u")
    assert some.status.startswith("Row 8 (training row 4): taken back.")
