"""The live dashboard: a training run with start, pause, resume and stop, drawn as it goes.

Training runs in a thread of its own, so that the page and its buttons stay alive; records, model
and checkpoint are those of the last epoch that ended, whatever happens in between.
"""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import ipywidgets as widgets
import plotly.graph_objects as go

from anl_edu.runs import Live, Run
from anl_edu.teach.canvas import new_canvas
from anl_edu.teach.dashboard_figure import dashboard as draw
from anl_edu.teach.describe import alt_text, details
from anl_edu.teach.explorer import WIDGET_MIME, error_panel
from anl_edu.teach.figure import mime_bundle
from anl_edu.teach.style import label_of
from anl_edu.training import EpochRecord

_PERIOD = 0.25  # seconds between drawings: a page that falls behind does not hear its buttons

# state -> which of (start, pause, resume, stop) can be pressed
_BUTTONS = {
    "ready": (True, False, False, False),
    "running": (False, True, False, True),
    "paused": (False, False, True, True),
    "stopping": (False, False, False, False),
    "stopped": (True, False, False, False),
    "finished": (True, False, False, False),
    "failed": (True, False, False, False),
}


class Dashboard(widgets.VBox):
    """A live run under the reader's hands, beside a recorded one.

    Parameters
    ----------
    begin
        Starts a fresh run: a function without arguments that gives an iterator of epoch records,
        for instance ``lambda: runs.start(spec, data, track_gradients=True)``. Of a `runs.Live`
        the dashboard says on what device and in which arithmetic it is made.
    loss
        The live run's loss.
    epochs
        How many epochs the run has.
    replayed
        A recorded run to draw beside the live one, epoch by epoch; always labelled as replayed.
    noise
        Share of wrong labels in the training data.

    Attributes
    ----------
    records : list of EpochRecord
        Epochs of the live run that have ended.
    live : iterator of EpochRecord or None
        What `begin` gave last.
    status : str
        ``"ready"``, ``"running"``, ``"paused"``, ``"stopping"``, ``"stopped"``, ``"finished"`` or
        ``"failed"``.
    error : Exception or None
        What made the run fail; it is also shown in a red panel.
    """

    def __init__(
        self,
        begin: Callable[[], Iterator[EpochRecord]],
        *,
        loss: str,
        epochs: int,
        replayed: Run | None = None,
        noise: float | None = None,
    ) -> None:
        self.begin, self.loss, self.epochs, self.noise = begin, loss, epochs, noise
        self.replayed = replayed
        self.records: list[EpochRecord] = []
        self.live: Iterator[EpochRecord] | None = None
        self.status, self.error = "ready", None  # type: str, Exception | None
        self._go, self._halt, self._ended = (threading.Event() for _ in range(3))
        self._ended.set()
        self._lock = threading.RLock()  # the page and the run's thread both change the status
        self._buttons = {
            name: widgets.Button(description=name.capitalize(), tooltip=f"{name} the live run")
            for name in ("start", "pause", "resume", "stop")
        }
        for name, button in self._buttons.items():
            button.on_click(partial(self._press, name))
        self._bar = widgets.IntProgress(min=0, max=epochs, description="epoch")
        self._line, self._alarm, self._words = widgets.HTML(), widgets.HTML(), widgets.HTML()
        figure = self.figure
        self.canvas = new_canvas(figure, alt_text(figure))
        self._show()
        super().__init__(
            [
                widgets.HBox([*self._buttons.values(), self._bar]),
                self._line,
                self._alarm,
                self.canvas.widget,
                self._words,
            ]
        )

    @property
    def figure(self) -> go.Figure:
        """The figure of the present state."""
        # before the start the recorded run is seen whole, then as far as the live one has come
        known: Sequence[EpochRecord] = self.replayed.records if self.replayed else ()
        shown = known[: len(self.records)] if self.records else known
        return draw(
            self.records,
            shown,
            epochs=self.epochs,
            loss=self.loss,
            replayed_name=self._replayed_name(),
            noise=self.noise,
        )

    def start(self) -> Dashboard:
        """Begin a fresh run; the records of an earlier one are dropped."""
        with self._lock:
            self._need("start", "ready", "stopped", "finished", "failed")
            self.live = live = self.begin()
            self.records, self.error = [], None
            self._halt.clear()
            self._ended = threading.Event()  # of its own: an earlier run may still be tidying up
            self._go.set()
            self._set("running")
        threading.Thread(target=self._work, args=(live, self._ended), daemon=True).start()
        return self

    def pause(self) -> Dashboard:
        """Hold the run at the end of the epoch it is in."""
        with self._lock:
            self._need("pause", "running")
            self._go.clear()
            self._set("paused")
        return self

    def resume(self) -> Dashboard:
        """Go on from where the run was paused."""
        with self._lock:
            self._need("resume", "paused")
            self._set("running")
            self._go.set()
        return self

    def stop(self) -> Dashboard:
        """End the run at the end of the epoch it is in, and keep what has been made."""
        with self._lock:
            self._need("stop", "running", "paused")
            self._set("stopping")
            self._halt.set()
            self._go.set()
        return self

    def wait(self, timeout: float | None = None) -> list[EpochRecord]:
        """Wait for the run to end, and give its records.

        Interrupting the kernel while it waits stops the run after the epoch it is in; nothing
        that has been made is lost. A paused run is not waited for.
        """
        # an event, not Thread.join: up to Python 3.12 a join that is interrupted takes the thread
        # for ended (bpo-45274's repair)
        try:
            while not self._ended.wait(0.1):
                if self.status == "paused":
                    break
                if timeout is not None:
                    timeout -= 0.1
                    if timeout <= 0:
                        break
        except KeyboardInterrupt:
            with self._lock:
                if self.status in ("running", "paused"):
                    self.stop()
            self._ended.wait()
        if self.error is not None:
            raise self.error
        return self.records

    def _work(self, live: Iterator[EpochRecord], ended: threading.Event) -> None:
        end = "finished"
        try:
            for record in live:
                self.records.append(record)
                if time.monotonic() - self._shown > _PERIOD:
                    self._show()
                self._go.wait()
                if self._halt.is_set():
                    end = "stopped" if len(self.records) < self.epochs else "finished"
                    break
        except Exception as error:
            self.error, end = error, "failed"
        finally:
            try:
                close = getattr(live, "close", None)
                if close is not None:
                    close()
                self._set(end)
            finally:
                ended.set()

    def _press(self, action: str, _: widgets.Button) -> None:
        try:
            getattr(self, action)()
        except Exception as error:
            self._alarm.value = error_panel(error)

    def _need(self, action: str, *allowed: str) -> None:
        if self.status not in allowed:
            raise ValueError(f"cannot {action} a run that is {self.status}")

    def _set(self, status: str) -> None:
        with self._lock:
            self.status = status
            self._show()

    def _show(self) -> None:
        with self._lock:  # or another thread presses a button while this one draws the row of them
            self._shown = time.monotonic()
            for button, can in zip(self._buttons.values(), _BUTTONS[self.status], strict=True):
                button.disabled = not can
            self._bar.value = len(self.records)
            self._line.value = f"<div role='status' aria-live='polite'>{self._said()}</div>"
            self._alarm.value = "" if self.error is None else error_panel(self.error)
            figure = self.figure
            said = alt_text(figure)
            self.canvas.draw(figure, said)
            self._words.value = details(figure, said)

    def _said(self) -> str:
        where = "live"
        if isinstance(self.live, Live):
            precision = str(self.live.dtype).removeprefix("torch.")
            where = f"live on {self.live.device} in {precision}"
        said = f"{label_of(self.loss)}, {where}: {self.status}, "
        said += f"{len(self.records)} of {self.epochs} epochs"
        if self.records:
            last = self.records[-1]
            said += (
                f"; test accuracy {100 * last.test_accuracy:.1f} %, wrong labels memorised "
                f"{100 * last.memorised:.1f} %, {last.seconds:.2g} s an epoch"
            )
        if self.replayed is not None:
            said += f".<br>Grey: {html.escape(self._replayed_name())}"
        return said

    def _replayed_name(self) -> str:
        if self.replayed is None:
            return "replayed"
        spec, meta = self.replayed.spec, self.replayed.meta
        return f"replayed: {label_of(spec.loss)}, seed {spec.seed}, recorded on {meta['device']}"

    def _ipython_display_(self, **_: Any) -> None:
        """Display the live dashboard; beside it, for readers without a kernel, its figure."""
        from IPython.display import display

        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        display({WIDGET_MIME: view} | mime_bundle(self.figure), raw=True)
