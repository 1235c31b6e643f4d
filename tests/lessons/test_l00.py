"""Lesson 00: watching runs side by side changes nothing in them; the first explorer's numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import pytest

from anl_edu import runs
from anl_edu.lessons.l00_start_here.explorers import mix, watch
from anl_edu.lessons.l00_start_here.figures import label_mix, race
from anl_edu.runs import RunSpec
from anl_edu.training import EpochRecord


def results(records: list[EpochRecord]) -> list[tuple[float, ...]]:
    return [(r.train_loss, r.test_accuracy, r.memorised) for r in records]


def test_side_by_side_is_as_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    specs = {
        loss: RunSpec("digits", loss, "symmetric", 0.6, 0, changes={"epochs": 3})
        for loss in ("ce", "anl-ce")
    }
    seen = []

    def draw(so_far: Mapping[str, list[EpochRecord]]) -> go.Figure:
        seen.append([len(records) for records in so_far.values()])
        return race(so_far, 3)

    together = watch({loss: runs.start(spec) for loss, spec in specs.items()}, draw, every=2)
    for loss, spec in specs.items():
        assert results(together[loss]) == results(list(runs.start(spec)))
    assert seen[0] == [0, 0]
    assert [2, 2] in seen
    assert seen[-1] == [3, 3]


def test_an_interrupt_keeps_what_is_there() -> None:
    def interrupted() -> Any:
        yield from runs.start(RunSpec("digits", "ce", changes={"epochs": 1}))
        raise KeyboardInterrupt

    records = watch({"ce": interrupted()}, lambda so_far: race(so_far, 5))
    assert len(records["ce"]) == 1


@pytest.mark.parametrize(("rate", "K"), [(0.6, 10), (0.9, 10), (0.0, 2), (1.0, 20)])
def test_label_mix_is_a_row_of_symmetric_noise(rate: float, K: int) -> None:
    from anl_edu import noise

    shares = list(label_mix(rate, K).data[0].y)
    assert shares == pytest.approx(noise.symmetric(K, rate)[0].tolist())


def test_readout_tells_on_which_side_of_the_tie_one_is() -> None:
    explorer = mix()
    for rate, word in ((0.85, "most"), (0.9, "tie"), (0.95, "least")):
        explorer.set(rate=rate, K=10)
        assert word in explorer._line.value


def test_whoever_looks_sees_each_epoch_and_changes_nothing() -> None:
    spec = RunSpec("digits", "ce", changes={"epochs": 2})
    seen: list[tuple[str, int]] = []
    records = watch(
        {"ce": runs.start(spec)},
        lambda so_far: race(so_far, 2),
        look=[lambda name, live: seen.append((name, len(live.records)))],
    )
    assert seen == [("ce", 0), ("ce", 1), ("ce", 2)]
    assert results(records["ce"]) == results(list(runs.start(spec)))
