"""Corrected labels are saved beside all that was in the file."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
import torch
from PIL import Image
from reviewed import some_data

from anl_edu import data
from anl_edu.relabel import relabel

HARD = (
    '\ufeffid,height,"remark, free",label\r\n'
    '1,1.5,"said ""two"", twice",two\r\n'
    "2,2.5,日本語 ☃,one\r\n"
    '3,3.5,"a\nb\r\nc",two\r\n'
    "\r\n"
    '4,4.5,,"one"\r\n'
    "5,5.5, blank ,eight"
)


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [row for row in csv.reader(file) if row]


def test_all_of_the_file_is_kept_and_the_labels_stand_beside_it(tmp_path: Path) -> None:
    source, target = tmp_path / "some.csv", tmp_path / "corrected.csv"
    source.write_bytes(HARD.encode())
    found = data.feature_table(source, 0.2, ignore=["id", "remark, free"], seed=3)
    held = ({0, 1, 2, 3, 4} - {*found.train_index.tolist()}).pop()  # type: ignore[union-attr]
    board = relabel(
        found, torch.zeros(4, dtype=torch.int64), path=tmp_path / "d.jsonl", by='A, "B"'
    )
    board.press(" ")
    board.decide(1, "eight", why="three\nlines, two")
    board.save(target, source)
    before, after = rows_of(source), rows_of(target)
    assert [row[:-3] for row in after] == before
    assert after[0][-3:] == ["corrected_label", "decided_by", "reason"]
    at = found.train_index.tolist()  # type: ignore[union-attr]
    assert after[1 + at[0]][-3:] == [before[1 + at[0]][-1], 'A, "B"', "label kept"]
    assert after[1 + at[1]][-3:] == ["eight", 'A, "B"', "three\nlines, two"]
    for untouched in (at[2], at[3], held):
        assert after[1 + untouched][-3:] == [before[1 + untouched][-1], "", ""]
    text = target.read_bytes().decode()
    for piece in HARD.split("\r\n"):
        assert piece in text
    assert text.startswith("\ufeffid")
    assert text.count("\r\n") == HARD.count("\r\n")
    assert not text.endswith("\n")
    # and what was saved can be read, and learned from
    again = data.feature_table(
        target, 0.2, label="corrected_label", seed=3,
        ignore=["id", "remark, free", "label", "decided_by", "reason"],
    )  # fmt: skip
    assert [again.classes[k] for k in again.y_train] == [found.classes[k] for k in board.labels]


def test_another_file_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    source, target = tmp_path / "some.csv", tmp_path / "corrected.csv"
    source.write_bytes(HARD.encode())
    found = data.feature_table(source, 0.2, ignore=["id", "remark, free"])
    board = relabel(found, found.y_train, path=tmp_path / "d.jsonl")
    for text, said in (
        (HARD.replace(",two\r\n", ",one\r\n").replace(",eight", ",one"), "its row . is labelled"),
        (HARD[: HARD.index("3,3.5")], "rows are missing at its end"),
        (HARD.replace(",label", ",class"), "has no column 'label'"),
    ):
        (tmp_path / "other.csv").write_bytes(text.encode())
        with pytest.raises(ValueError, match=said):
            board.save(target, tmp_path / "other.csv")
    with pytest.raises(ValueError, match="is the file the labels came from"):
        board.save(source, source)
    with pytest.raises(ValueError, match="has a column 'id' already"):
        board.save(target, source, columns=("id", "by", "why"))
    assert not target.exists()
    assert source.read_bytes() == HARD.encode()


def test_a_name_that_the_encoding_lacks_is_said_and_nothing_lost(tmp_path: Path) -> None:
    source, target = tmp_path / "some.csv", tmp_path / "corrected.csv"
    source.write_bytes("x,label\n1,é\n2,b\n3,b\n".encode("latin-1"))
    found = data.feature_table(source, 0.3, encoding="latin-1")
    board = relabel(found, found.y_train, path=tmp_path / "d.jsonl", by="手")
    board.press(" ")
    with pytest.raises(ValueError, match="'手' cannot be written in latin-1"):
        board.save(target, source, encoding="latin-1")
    assert not target.exists()
    assert len(board.decisions.of_row) == 1


def test_images_are_listed(tmp_path: Path) -> None:
    board = relabel(some_data(), some_data().y_train, path=tmp_path / "d.jsonl")
    board.decide(1, "eight")
    board.save(tmp_path / "list.csv")
    assert rows_of(tmp_path / "list.csv")[:3] == [
        ["row", "label", "corrected_label", "decided_by", "reason"],
        ["0", "one", "one", "", ""],
        ["1", "two", "eight", "reviewer", "another class chosen"],
    ]
    part = some_data().part(torch.tensor([5, 2, 9]))  # listed by their place in the full set
    some = relabel(part, part.y_train, path=tmp_path / "part.jsonl")
    some.decide(1, "one")
    some.save(tmp_path / "part.csv")
    assert [row[:3] for row in rows_of(tmp_path / "part.csv")[1:]] == [
        ["5", "eight", "eight"],
        ["2", "eight", "one"],
        ["9", "one", "one"],
    ]
    for name in ("a, b/x.png", 'c/"y".png'):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True)
        Image.new("RGB", (300, 200), (9, 9, 9)).save(path)
    found = data.image_folder(tmp_path / "images", tmp_path / "images", size=16)
    files = relabel(found, found.y_train, path=tmp_path / "files.jsonl")
    files.decide(0, "c")
    assert files.view["image"].startswith("data:image/png")
    files.save(tmp_path / "files.csv")
    assert [row[:3] for row in rows_of(tmp_path / "files.csv")[1:]] == [
        ["a, b/x.png", "a, b", "c"],
        ['c/"y".png', "c", "c"],
    ]


def test_a_hundred_thousand_rows_are_saved_within_seconds(tmp_path: Path) -> None:
    source, target = tmp_path / "many.csv", tmp_path / "corrected.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["x", "y", "remark", "label"])
        out.writerows([i / 7, -i, f'row "{i}", ä', "abc"[i % 3]] for i in range(100_000))
    begun = time.process_time()
    found = data.feature_table(source, 0.1, ignore=["remark"])
    board = relabel(found, (found.y_train + 1) % 3, range(1000), path=tmp_path / "d.jsonl")
    board.press("Enter")
    board.save(target, source)
    assert time.process_time() - begun < 60  # 2 or 3 on one core; not a measure, a guard
    before, after = (path.read_text(encoding="utf-8").splitlines() for path in (source, target))
    assert len(after) == len(before) == 100_001
    assert all(new.startswith(f"{old},") for old, new in zip(before, after, strict=True))
    kept = [new.endswith(f",{old[-1]},,") for old, new in zip(before[1:], after[1:], strict=True)]
    assert kept.count(False) == 1
