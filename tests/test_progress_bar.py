"""The progress bar suits where its output goes."""

from __future__ import annotations

import io
import os
import sys
from types import SimpleNamespace

import pytest
import tqdm.auto

from anl_edu import progress_bar as module
from anl_edu.progress_bar import progress_bar


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(value=1000.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now.value))
    return now


def work(bar, clock, steps: int, seconds: float) -> None:
    with bar:
        for step in range(steps):
            clock.value += seconds
            bar.set_description(f"part {step}")
            bar.set_postfix(test=step)
            bar.update()


def test_a_log_gets_one_line_at_the_end_of_short_work(monkeypatch, clock):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    work(progress_bar(total=500, unit="epoch"), clock, 500, 0.01)
    (line,) = sys.stderr.getvalue().splitlines()
    assert "500/500" in line
    assert "\r" not in sys.stderr.getvalue()


def test_a_log_gets_a_line_every_half_minute_of_long_work(monkeypatch, clock):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    work(progress_bar(total=100, mininterval=0, miniters=1), clock, 100, 1.0)
    lines = sys.stderr.getvalue().splitlines()
    assert len(lines) == 4  # after 30, 60, 90 seconds, and at the end
    assert "100/100" in lines[-1]


def test_work_that_fails_ends_its_log_where_it_was(monkeypatch, clock):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    bar = progress_bar(total=9)
    bar.update(4)
    bar.close()
    bar.close()
    (line,) = sys.stderr.getvalue().splitlines()
    assert "4/9" in line


def test_a_log_that_cannot_be_written_stops_no_work(monkeypatch, clock):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        bar = progress_bar(total=3)
        work(bar, clock, 3, 31.0)
        assert bar.n == 3
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def test_without_a_stream_nothing_is_drawn(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with progress_bar(total=3) as bar:
        bar.update()


def test_a_terminal_and_a_notebook_get_the_lively_one(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not isinstance(progress_bar(total=1), tqdm.auto.tqdm)
    kernel = SimpleNamespace(kernel=None)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: kernel))
    assert isinstance(progress_bar(total=1), tqdm.auto.tqdm)
    monkeypatch.delitem(sys.modules, "IPython")
    assert not isinstance(progress_bar(total=1), tqdm.auto.tqdm)
    monkeypatch.setattr(sys, "stderr", _Terminal())
    assert isinstance(progress_bar(total=1), tqdm.auto.tqdm)
