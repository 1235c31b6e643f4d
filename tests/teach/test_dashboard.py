"""The dashboard: start, pause, resume, stop, race; consistent after an interrupt; errors seen."""

import threading
import time
from dataclasses import replace

import IPython.display
import ipywidgets as widgets
import pytest

from anl_edu import data, runs
from anl_edu.runs import RunSpec
from anl_edu.teach import canvas, choice, dashboard, sandbox, slider
from anl_edu.teach.dashboard import Dashboard
from anl_edu.teach.sandbox_board import LOSSES, NOISES, not_used

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
    assert (board.status, enabled(board)) == ("finished", ["start", "add"])
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
    assert enabled(board) == ["start", "add"]


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
                if place == 3 and threading.current_thread() is not threading.main_thread():
                    between.set()
                    pressed.wait(1)
                yield can

    monkeypatch.setitem(dashboard._BUTTONS, "running", Held((False, False, True, False, True)))
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
    assert enabled(board) == ["start", "add"]


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
    assert enabled(board) == ["start", "add"]


def test_what_cannot_be_done_says_so(board):
    for action in ("pause", "resume", "stop"):
        with pytest.raises(ValueError, match=f"cannot {action} a run that is ready"):
            getattr(board, action)()
    board._buttons["pause"].click()  # disabled: a second click that was under way
    assert board._alarm.value == ""


def test_the_replayed_run_is_named_as_replayed_and_keeps_pace(board, gate, recorded):
    whole = board.figure.data[0]
    assert list(whole.y) == pytest.approx([100 * r.test_accuracy for r in recorded.records])
    assert whole.name == "replayed: CE, seed 0, recorded on cpu"
    board.start()
    gate.release()
    until(lambda: len(board.records) == 1)
    assert len(board.figure.data[0].x) == 1
    assert "replayed" in board._line.value
    board.stop()
    gate.release()


def drawn(board):
    """Name of each line, with its panel, to what it shows."""
    return {(trace.name, trace.xaxis): list(trace.y) for trace in board.figure.data}


def test_the_figure_draws_the_records(board, recorded):
    board.records.extend(recorded.records)
    lines = drawn(board)
    assert lines["CE", "x"] == pytest.approx([100 * r.test_accuracy for r in recorded.records])
    assert lines["CE: wrong labels", "x2"] == pytest.approx(
        [100 * r.memorised for r in recorded.records]
    )
    assert lines["CE", "x3"] == pytest.approx([100 * r.wrong_share for r in recorded.records])
    assert lines["share of wrong labels in the data", "x3"] == [60, 60]


def test_a_missing_share_is_a_gap_not_an_error(board, recorded):
    board.records.extend(replace(r, wrong_share=None) for r in recorded.records)
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


@pytest.mark.usefixtures("colab")
def test_on_colab_its_thread_draws_into_its_own_output(recorded, gate, monkeypatch):
    """And into no other: what is captured there belongs to whichever cell runs at the moment."""
    drawn_by = set()
    draw = canvas.RedrawnCanvas.draw

    def watched(self, figure, said):
        drawn_by.add(threading.current_thread())
        draw(self, figure, said)

    def capturing(*_):
        raise AssertionError("nothing is captured")

    monkeypatch.setattr(canvas.RedrawnCanvas, "draw", watched)
    monkeypatch.setattr(widgets.Output, "__enter__", capturing)

    def begin():
        for record in recorded.records:
            gate.acquire(timeout=120)
            yield record

    board = Dashboard(begin, loss="ce", epochs=4)
    output = board.canvas.widget
    before = output.outputs
    drawn_by.clear()
    board.start()
    gate.release(4)
    assert len(board.wait(60)) == 4
    assert board.error is None
    assert drawn_by - {threading.current_thread()}
    (shown,) = output.outputs
    assert (shown,) != before
    assert set(shown["data"]) == {"text/html", "text/plain"}  # a page that Colab can show
    assert "Plotly.newPlot" in shown["data"]["text/html"]
    assert "at 4" in shown["data"]["text/plain"]


# A race ----------------------------------------------------------------------------------------


@pytest.fixture
def chosen(recorded):
    """A board with controls, which trains nothing; what `begin` was called with."""
    calls = []

    def begin(**state):
        calls.append(state)
        return iter(recorded.records)

    controls = {
        "loss": choice("loss", ["ce", "mae", "anl-ce"], "ce"),
        "alpha": slider("alpha", 0.0, 10.0, 0.5, 5.0),
    }
    board = Dashboard(
        begin,
        epochs=4,
        controls=controls,
        unused=lambda loss, **_: {} if loss == "anl-ce" else {"alpha": f"{loss} has no alpha"},
    )
    return board, calls


def test_begin_gets_the_controls_that_apply_and_the_others_say_why(chosen):
    board, calls = chosen
    alpha = board.controls["alpha"]
    assert alpha.disabled
    assert board._reasons.value == "ce has no alpha"
    board.start().wait(20)
    board.controls["loss"].value = "anl-ce"  # as a hand would
    assert not alpha.disabled
    assert board._reasons.value == ""
    board.set(alpha=2.5).start().wait(20)
    assert calls == [{"loss": "ce"}, {"loss": "anl-ce", "alpha": 2.5}]
    assert board.racer.name == "ANL-CE, alpha 2.5"


def test_a_second_run_races_against_the_first(chosen, recorded):
    board, _ = chosen
    assert not board._buttons["start"].disabled
    assert board._buttons["add"].disabled  # nothing to race against
    board.start().wait(20)
    board.set(loss="mae")
    board._buttons["add"].click()
    board.wait(20)
    assert (board.rival.name, board.racer.name) == ("CE", "MAE")
    lines = drawn(board)
    assert lines["CE", "x"] == lines["MAE", "x"] != []
    assert "Thin lines: CE" in board._line.value
    assert board._list.value.count("<tr>") == 3  # a head and two runs
    board.start().wait(20)
    assert board.rival is None  # alone again
    assert drawn(board)["no rival", "x"] == []


def test_two_runs_of_one_loss_can_be_told_apart(chosen):
    board, _ = chosen
    board.set(loss="anl-ce").start().wait(20)
    board.set(alpha=1.0).add().wait(20)
    one, other = (next(t for t in board.figure.data if t.name == r.name)
                  for r in (board.rival, board.racer))  # fmt: skip
    assert one.line.color != other.line.color
    assert one.name != other.name
    assert one.line.width < other.line.width


def test_a_race_from_python_is_run_once_and_given_by_name(chosen, recorded):
    board, calls = chosen
    found = board.race({"loss": "ce"}, {"loss": "mae"})
    assert found == {"CE": list(recorded.records), "MAE": list(recorded.records)}
    assert board.race({"loss": "ce"}, {"loss": "mae"}) == found
    assert len(calls) == 2  # it was there already
    assert list(board.race({"loss": "mae"}, {"loss": "anl-ce"})) == ["MAE", "ANL-CE, alpha 5.0"]
    assert len(calls) == 4


def test_a_value_that_a_control_does_not_take_is_refused(chosen):
    board, _ = chosen
    with pytest.raises(ValueError, match="no control named 'beta'"):
        board.set(beta=1.0)
    with pytest.raises(ValueError, match="alpha cannot be 99"):
        board.set(alpha=99.0)
    with pytest.raises(ValueError, match="say which loss"):
        Dashboard(lambda: iter(()), epochs=1)


def test_the_controls_can_be_moved_while_a_run_goes_on(chosen, recorded, gate):
    board, _ = chosen

    def begin(**_):
        for record in recorded.records:
            gate.acquire(timeout=120)
            yield record

    board.begin = begin
    board.start()
    gate.release()
    until(lambda: len(board.records) == 1)
    board.controls["loss"].value = "mae"
    assert board.racer.name == "CE"  # the run that goes on is what it was
    gate.release(3)
    board.wait(60)
    board.add()
    assert board.racer.name == "MAE"
    gate.release(4)
    board.wait(60)


def test_a_slow_run_can_be_paused_and_stopped_between_two_epochs(recorded):
    board = Dashboard(lambda: iter(recorded.records), loss="ce", epochs=4)
    board._speed.value = 1.0
    board.start()
    until(lambda: len(board.records) == 1)
    board.pause()
    time.sleep(1.2)
    assert len(board.records) == 1
    board.stop()  # at once: the pause between two epochs is not sat out
    until(lambda: board.status == "stopped")
    assert len(board.records) == 1


def test_seconds_are_said_where_there_are_some(recorded):
    for seconds, said in ((0.01, False), (2.0, True)):
        records = [replace(r, seconds=seconds) for r in recorded.records]
        board = Dashboard(lambda records=records: iter(records), loss="ce", epochs=4).start()
        board.wait(20)
        assert ("s an epoch" in board._line.value) == said


def test_the_saved_figure_is_that_of_the_first_race(chosen, monkeypatch):
    board, _ = chosen
    updates = []

    class Handle:
        def update(self, bundle, raw):
            updates.append(bundle)

    monkeypatch.setattr(IPython.display, "display", lambda *a, **k: Handle())
    board._ipython_display_()
    board.race({"loss": "ce"}, {"loss": "mae"})
    (bundle,) = updates
    assert "MAE: " in bundle["text/plain"]
    board.race({"loss": "mae"}, {"loss": "ce"})
    assert len(updates) == 1
    board._ipython_display_()
    board._view_count = 1  # a page shows the live board: it is left alone
    board.race({"loss": "ce"}, {"loss": "mae"})
    assert len(updates) == 1


# The sandbox -----------------------------------------------------------------------------------

SHORT = {"epochs": 2, "train_images": 200, "test_images": 50}


def test_a_sandbox_trains_what_is_chosen_and_follows_the_published_weights():
    board = sandbox(data.load("digits"), changes=SHORT)
    assert board.state == {
        "loss": "anl-ce", "noise": "symmetric", "rate": 0.6, "alpha": 5.0, "beta": 5.0
    }  # fmt: skip
    board.controls["loss"].value = "nce+rce"
    assert (board.state["alpha"], board.state["beta"]) == (1.0, 1.0)
    board.set(noise="none", beta=2.0).start().wait(60)
    spec = board.live.spec
    assert (spec.loss, spec.noise, dict(spec.recipe.loss_parameters)) == (
        "nce+rce", "none", {"alpha": 1.0, "beta": 2.0}
    )  # fmt: skip
    assert "NCE+RCE (1, 2), clean labels, live on cpu" in board._line.value
    assert "no penalty" in board._line.value
    assert "memorised –" in board._line.value  # no label is wrong
    board.set(loss="anl-ce", noise="pair", rate=0.3).add().wait(60)
    assert "L1 penalty 5e-05" in board._line.value
    assert board.racer.name == "ANL-CE (5, 5), pair 0.3"


def test_a_sandbox_may_offer_the_entropy_regulariser():
    board = sandbox(data.load("digits"), changes=SHORT, entropy=2.0)
    board.start().wait(60)
    assert board.live.spec.recipe.entropy == 2.0
    assert board.racer.name == "ANL-CE (5, 5) + 2 ER, symmetric 0.6"
    board.set(entropy=0.0).add().wait(60)
    assert board.live.spec.recipe.entropy == 0.0
    assert "entropy" not in sandbox(data.load("digits"), changes=SHORT).controls


def test_what_does_not_apply_is_disabled_and_explained():
    board = sandbox(data.load("digits"), loss="ce", kind="none", changes=SHORT)
    off = {name for name, control in board.controls.items() if control.disabled}
    assert off == {"rate", "alpha", "beta"}
    assert "CE is not a sum of two losses" in board._reasons.value
    assert "Clean labels have no noise rate" in board._reasons.value
    for loss in LOSSES:
        assert ("alpha" in not_used(loss, "symmetric")) == ("+" not in loss and "anl" not in loss)


def test_a_loss_that_pulls_at_nothing_is_explained(monkeypatch):
    board = sandbox(data.load("digits"), changes=SHORT).set(alpha=0.0, beta=0.0)
    board._buttons["start"].click()
    assert "both 0" in board._alarm.value
    assert board.status == "ready"


@pytest.mark.parametrize("kind", NOISES)
def test_every_noise_of_the_sandbox_can_be_trained_on(kind):
    board = sandbox(data.load("digits"), changes=SHORT | {"epochs": 1}).set(noise=kind)
    assert len(board.start().wait(60)) == 1


def test_the_board_stands_beside_its_controls_as_an_explorer_does():
    board = sandbox(data.load("digits"), changes=SHORT)
    classes = {c for box in [board, *within(board)] for c in box._dom_classes}
    assert {"anl-explorer", "anl-parts", "anl-controls", "anl-figure"} <= classes


def within(box):
    for child in box.children:
        yield child
        if isinstance(child, widgets.Box):
            yield from within(child)
