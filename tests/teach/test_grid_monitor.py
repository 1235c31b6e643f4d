"""What a grid's monitor says of runs that have not begun, go on, and have ended."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from anl_edu.runs import RunSpec
from anl_edu.teach import grid_monitor
from anl_edu.teach.grid_monitor import GridMonitor
from anl_edu.training import EpochRecord

SPECS = [RunSpec("digits", loss, "pair", 0.3, seed) for loss in ("ce", "anl-ce") for seed in (0, 1)]
RECORD = EpochRecord(15, 60, 1.0, 0.1, 0.731, 0.8, 0.9, 0.5, 0.2, None, 0.1)


def test_each_run_has_a_line_that_says_how_far_it_is() -> None:
    monitor = GridMonitor(SPECS)
    monitor(SPECS[1], RECORD)
    monitor(SPECS[3], replace(RECORD, epoch=60, test_accuracy=float("nan")))
    assert monitor.text().splitlines() == [
        "CE, seed 0: not begun",
        "CE, seed 1: 73.1%, epoch 15",
        "ANL-CE, seed 0: not begun",
        "ANL-CE, seed 1: –, epoch 60",
    ]
    page = monitor.page()
    assert "1 of 4 runs have ended" in page
    assert re.findall(r"value='([\d.]+)'", page) == ["0.0000", "0.2500", "0.0000", "1.0000"]


def test_an_epoch_after_the_other_replaces_it() -> None:
    monitor = GridMonitor(SPECS)
    for epoch in (1, 2, 3):
        monitor(SPECS[0], replace(RECORD, epoch=epoch))
    assert "epoch 3" in monitor.text()
    assert "epoch 2" not in monitor.text()


def test_the_page_is_drawn_now_and_then_and_whenever_a_run_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, shown = [100.0], list[float]()
    monkeypatch.setattr(grid_monitor.time, "monotonic", lambda: clock[0])
    monitor = GridMonitor(SPECS)
    monkeypatch.setattr(monitor, "show", lambda: shown.append(clock[0]))
    for epoch in range(1, 61):
        monitor(SPECS[0], replace(RECORD, epoch=epoch))
        clock[0] += grid_monitor.SECONDS / 10
    assert 6 <= len(shown) <= 8
    monitor(SPECS[0], replace(RECORD, epoch=59))
    monitor(SPECS[0], replace(RECORD, epoch=60))
    assert shown[-1] == clock[0]
