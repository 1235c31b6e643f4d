"""Decisions outlive whatever happens to the process that makes them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from reviewed import some_data

from anl_edu.relabel import Decision, Decisions

EIGHT = Decision(2, "ann, “the first”", "looks\nlike an eight")


def test_what_is_put_is_there_again(tmp_path: Path) -> None:
    data = some_data()
    first = Decisions(tmp_path / "some.jsonl", data)
    first.put(3, EIGHT)
    first.put(5, Decision(0, "ann", ""))
    first.put(3, Decision(1, "bob", "no"))
    again = Decisions(tmp_path / "some.jsonl", data)
    assert dict(again.of_row) == {3: Decision(1, "bob", "no"), 5: Decision(0, "ann", "")}
    assert again.undo() == 3
    assert again.of_row[3] == EIGHT  # what held before
    assert (again.undo(), again.undo(), again.undo()) == (5, 3, None)
    assert dict(Decisions(tmp_path / "some.jsonl", data).of_row) == {}


def test_two_writers_see_each_other(tmp_path: Path) -> None:
    data = some_data()
    one, two = (Decisions(tmp_path / "some.jsonl", data) for _ in range(2))
    one.put(1, EIGHT)
    two.put(2, EIGHT)
    assert set(two.of_row) == {1, 2}
    assert one.undo() == 2  # the last one, whoever made it
    assert set(one.of_row) == {1}


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_was_cut_off_is_not_counted(tmp_path: Path, cut: int) -> None:
    data, path = some_data(), tmp_path / "some.jsonl"
    Decisions(path, data).put(1, EIGHT)
    whole = path.stat().st_size
    Decisions(path, data).put(2, EIGHT)
    os.truncate(path, path.stat().st_size - cut)
    again = Decisions(path, data)
    assert set(again.of_row) == {1}
    again.put(4, EIGHT)
    assert set(Decisions(path, data).of_row) == {1, 4}
    assert path.read_bytes()[whole:].count(b"\n") == 1


KILLED = """
import sys
from reviewed import some_data
from anl_edu.relabel import Decision, Decisions
written = Decisions(sys.argv[1], some_data())
for n in range(10**6):
    written.put(n % 12, Decision(n % 3, "ann", str(n)))
    print(n, flush=True)
"""


def test_a_killed_process_loses_nothing_that_it_had_said(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    here = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True, env=here
    )
    assert process.stdout is not None
    said = [int(process.stdout.readline()) for _ in range(30)]
    process.send_signal(signal.SIGKILL)
    said += [int(line) for line in process.stdout.read().split("\n") if line]
    process.wait()
    found = Decisions(path, some_data())
    reasons = {int(decision.why) for decision in found.of_row.values()}
    assert max(reasons) >= said[-1] >= 29
    assert {n % 12 for n in range(max(reasons) - 11, max(reasons) + 1)} == set(found.of_row)
    assert reasons == set(range(max(reasons) - 11, max(reasons) + 1))


def test_another_data_set_is_refused(tmp_path: Path) -> None:
    data, path = some_data(), tmp_path / "some.jsonl"
    Decisions(path, data).put(1, EIGHT)
    before = path.read_bytes()
    y = data.y_train.clone()
    y[0] = (y[0] + 1) % 3
    x = data.x_train.clone()
    x[0, 0, 0, 0] += 1
    for other in (
        replace(data, y_train=y),
        replace(data, x_train=x),
        replace(data, classes=("a", "b", "d")),
    ):
        with pytest.raises(
            ValueError, match=r"some.jsonl holds decisions about other data \(finger"
        ):
            Decisions(path, other)
    (tmp_path / "none.jsonl").write_text("id,label\n")
    with pytest.raises(ValueError, match=r"none.jsonl holds no decisions about labels"):
        Decisions(tmp_path / "none.jsonl", data)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "line",
    [
        '{"row": 99, "label": 1, "by": "", "why": ""}',
        '{"row": 1, "label": 3, "by": "", "why": ""}',
        '{"row": 1, "label": 2}',
        '{"undo": 4}',
        "[]",
        "what?",
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "some.jsonl"
    Decisions(path, some_data()).put(1, EIGHT)
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ValueError, match=r"some.jsonl, line 3 is no decision: b'"):
        Decisions(path, some_data())


def test_what_cannot_be_decided_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    written = Decisions(path, some_data())
    before = path.read_bytes()
    for row, label, said in ((12, 0, "no row 12"), (-1, 0, "no row -1"), (0, 3, "no label 3")):
        with pytest.raises(ValueError, match=said):
            written.put(row, Decision(label, "", ""))
    assert path.read_bytes() == before
    written.put(0, EIGHT)
    path.write_bytes(before)
    with pytest.raises(ValueError, match="has become shorter"):
        written.put(1, EIGHT)
