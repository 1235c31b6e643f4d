"""The dashboard: start, pause, resume, stop; consistent after an interrupt; errors are seen."""

import threading
import time
from dataclasses import replace

import pytest

from anl_edu import runs
from anl_edu.runs import RunSpec
from anl_edu.teach import dashboard
from anl_edu.teach.dashboard import Dashboard

SPEC = RunSpec("digits", "ce", changes={"epochs": 4, "train_images": 200, "test_images": 50})


@pytest.fixture(scope="module")
def recorded():
    return runs.start(SPEC, track_gradients=True, device="cpu").finish()


@pytest.fixture
def gate():
    """Let a test decide when each epoch ends."""
    return threading.Semaphore(0)


@pytest.fixture
def board(recorded, gate):
    def begin():
        for record in recorded.records:
            gate.acquire(timeout=120)
            yield record

    return Dashboard(begin, loss="ce", epochs=4, replayed=recorded, noise=0.6)


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.01)


def enabled(board):
    return [name for name, button in board._buttons.items() if not button.disabled]


def test_a_run_goes_from_start_to_end(board, gate, recorded):
    assert (board.status, enabled(board)) == ("ready", ["start"])
    board.start()
    assert enabled(board) == ["pause", "stop"]
    gate.release(4)
    assert board.wait(60) == list(recorded.records)
    assert (board.status, enabled(board)) == ("finished", ["start"])
    assert board._bar.value == 4


def test_a_paused_run_holds_until_resumed(board, gate):
    board.start()
    gate.release()
    until(lambda: len(board.records) == 1)
    board.pause()
    assert enabled(board) == ["resume", "stop"]
    gate.release(3)
    # the epoch under way may end, then nothing moves
    time.sleep(0.3)
    held = len(board.records)
    assert held <= 2
    board.resume()
    assert len(board.wait(60)) == 4
    assert board.status == "finished"


def test_stop_keeps_what_has_been_made(board, gate):
    board.start()
    gate.release()
    until(lambda: len(board.records) == 1)
    board.stop()
    assert (board.status, enabled(board)) == ("stopping", [])
    with pytest.raises(ValueError, match="cannot pause a run that is stopping"):
        board.pause()
    gate.release()
    until(lambda: board.status == "stopped")
    assert 1 <= len(board.records) <= 2
    assert enabled(board) == ["start"]


def test_a_stopped_run_can_be_started_afresh(board, gate, recorded):
    board.start()
    board.stop()
    gate.release()
    until(lambda: board.status == "stopped")
    board.start()
    gate.release(4)
    assert board.wait(60) == list(recorded.records)


def test_buttons_agree_although_two_threads_draw_them(board, gate, monkeypatch):
    """The run's thread is held between two buttons while the page presses one."""
    between, pressed = threading.Event(), threading.Event()

    class Held(tuple):
        def __iter__(self):
            for place, can in enumerate(tuple.__iter__(self)):
                if place == 2 and threading.current_thread() is not threading.main_thread():
                    between.set()
                    pressed.wait(1)
                yield can

    monkeypatch.setitem(dashboard._BUTTONS, "running", Held((False, True, False, True)))
    monkeypatch.setattr(dashboard, "_PERIOD", 0)
    board.start()
    gate.release()
    assert between.wait(20)
    board.pause()
    pressed.set()
    assert (board.status, enabled(board)) == ("paused", ["resume", "stop"])
    time.sleep(0.2)  # what the run's thread had still to draw is drawn
    assert enabled(board) == ["resume", "stop"]
    gate.release(3)
    board.resume()
    board.wait(60)


def test_an_interrupt_while_waiting_stops_the_run_and_keeps_its_epochs(board, gate, monkeypatch):
    board.start()
    gate.release()
    until(lambda: len(board.records) == 1)
    wait, interrupted = board._ended.wait, []

    def interrupt(timeout=None):  # a real SIGINT is ignored where tests run in the background
        if not interrupted:
            interrupted.append(True)
            threading.Timer(0.5, gate.release).start()  # the epoch under way ends afterwards
            raise KeyboardInterrupt
        return wait(timeout)

    monkeypatch.setattr(board._ended, "wait", interrupt)
    kept = board.wait(60)
    assert board.status == "stopped"
    assert 1 <= len(kept) <= 2  # stopped before or after the epoch under way
    assert enabled(board) == ["start"]


def test_a_run_that_cannot_begin_leaves_the_board_as_it_was():
    def begin():
        raise ValueError("no such data")

    board = Dashboard(begin, loss="ce", epochs=4)
    with pytest.raises(ValueError, match="no such data"):
        board.start()
    assert (board.status, enabled(board)) == ("ready", ["start"])
    assert board.wait(1) == []


def test_an_error_in_the_run_is_shown_and_raised_by_wait():
    def begin():
        yield from ()
        raise RuntimeError("the lights went out")

    board = Dashboard(begin, loss="ce", epochs=4).start()
    with pytest.raises(RuntimeError, match="lights"):
        board.wait(60)
    assert board.status == "failed"
    assert "the lights went out" in board._alarm.value
    assert enabled(board) == ["start"]


def test_what_cannot_be_done_says_so(board):
    for action in ("pause", "resume", "stop"):
        with pytest.raises(ValueError, match=f"cannot {action} a run that is ready"):
            getattr(board, action)()
    board._buttons["pause"].click()
    assert "cannot pause" in board._alarm.value


def test_the_replayed_run_is_named_as_replayed_and_keeps_pace(board, gate, recorded):
    whole = board.figure.data[0]
    assert len(whole.x) == 4
    assert whole.name == "replayed: CE, seed 0, recorded on cpu"
    board.start()
    gate.release()
    until(lambda: len(board.records) == 1)
    assert len(board.figure.data[0].x) == 1
    assert "replayed" in board._line.value
    board.stop()
    gate.release()


def test_the_figure_draws_the_records(board, recorded):
    board.records = list(recorded.records)
    live = [trace for trace in board.figure.data if trace.legendgroup != "replayed"]
    drawn = {trace.name: list(trace.y) for trace in live}
    assert drawn["live, wrong labels"] == pytest.approx(
        [100 * r.memorised for r in recorded.records]
    )
    assert list(live[1].y) == pytest.approx([100 * r.test_accuracy for r in recorded.records])


def test_a_missing_share_is_a_gap_not_an_error(board, recorded):
    board.records = [replace(r, wrong_share=None) for r in recorded.records]
    assert board.figure is not None


def test_the_real_run_trains_in_its_thread(recorded):
    board = Dashboard(
        lambda: runs.start(SPEC, track_gradients=True, device="cpu"), loss="ce", epochs=4
    ).start()
    records = board.wait(60)
    assert isinstance(board.live, runs.Live)
    assert "CE, live on cpu in float32: finished, 4 of 4 epochs" in board._line.value
    assert [r.test_accuracy for r in records] == [r.test_accuracy for r in recorded.records]


def test_it_redraws_where_no_figure_widget_can_live(recorded, monkeypatch):
    monkeypatch.setenv("ANL_EDU_REDRAW", "1")
    board = Dashboard(lambda: iter(recorded.records), loss="ce", epochs=4)
    before = board.canvas.widget.outputs
    assert len(board.start().wait(20)) == 4
    (shown,) = board.canvas.widget.outputs
    assert (shown,) != before
    assert "at 4" in shown["data"]["text/plain"]
