"""The live dashboard: training with start, pause, resume and stop, and two runs that race.

Training runs in a thread of its own, so that the page and its buttons stay alive; records, model
and checkpoint are those of the last epoch that ended, whatever happens in between.
"""

from __future__ import annotations

import html
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import ipywidgets as widgets
import plotly.graph_objects as go

from anl_edu.progress_bar import progress_bar
from anl_edu.runs import Live, Run
from anl_edu.teach.canvas import new_canvas
from anl_edu.teach.dashboard_figure import Racer
from anl_edu.teach.dashboard_figure import dashboard as draw
from anl_edu.teach.describe import alt_text, details
from anl_edu.teach.explorer import WIDGET_MIME, choice, error_panel, in_class
from anl_edu.teach.figure import mime_bundle
from anl_edu.teach.page import STYLE
from anl_edu.teach.style import label_of
from anl_edu.training import EpochRecord

_PERIOD = 0.25  # seconds between drawings: a page that falls behind does not hear its buttons
_SPEEDS = {"as fast as it goes": 0.0, "0.2 s between epochs": 0.2, "1 s between epochs": 1.0}
_LISTED = 8  # runs in the list under the figure

_NAMES = {"start": "Start", "add": "Add to the race"} | {
    name: name.capitalize() for name in ("pause", "resume", "stop")
}
_TIPS = {
    "start": "train a run with these settings, alone",
    "add": "train a run with these settings, and keep the last one drawn",
    "pause": "hold the run at the end of this epoch",
    "resume": "go on",
    "stop": "end the run at the end of this epoch, and keep what it has made",
}
# state -> which of (start, add, pause, resume, stop) can be pressed
_ENDED = (True, True, False, False, False)
_BUTTONS = {
    "ready": (True, False, False, False, False),
    "running": (False, False, True, False, True),
    "paused": (False, False, False, True, True),
    "stopping": (False, False, False, False, False),
    "stopped": _ENDED,
    "finished": _ENDED,
    "failed": _ENDED,
}


class Dashboard(widgets.VBox):
    """Live runs under the reader's hands: one alone, or one after the other in a race.

    Parameters
    ----------
    begin
        Starts a fresh run: gives an iterator of epoch records, for instance
        ``lambda: runs.start(spec, data, track_gradients=True)``. It is called with the controls'
        values, by name; those that do not apply are left out. Of a `runs.Live` the dashboard
        says on what device, in which arithmetic and with which recipe it is made.
    loss
        The run's loss; not needed where a control is named ``"loss"``.
    epochs
        How many epochs a run has.
    replayed
        A recorded run to draw beside the live one, epoch by epoch, until another joins the race;
        always labelled as replayed.
    noise
        Share of wrong labels in the training data; that of a `runs.Live` is known.
    controls
        What the reader may choose for the next run: argument of `begin` to control, made with
        `slider`, `choice` and the like. Without controls every run is the same.
    unused
        ``unused(**state)`` says which controls do not apply in a state, and why: name to
        sentence. They are disabled, and the sentences stand below them.
    called
        ``called(**state)`` names a run by the controls that apply; otherwise all are listed.
    title
        A heading.

    Attributes
    ----------
    records : list of EpochRecord
        Epochs of the last live run that have ended.
    rival : Racer or None
        What the live run is drawn against.
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
        begin: Callable[..., Iterator[EpochRecord]],
        *,
        epochs: int,
        loss: str | None = None,
        replayed: Run | None = None,
        noise: float | None = None,
        controls: Mapping[str, widgets.Widget] | None = None,
        unused: Callable[..., Mapping[str, str]] | None = None,
        called: Callable[..., str] | None = None,
        title: str = "A run under your hands",
    ) -> None:
        self.controls = dict(controls or {})
        if loss is None and "loss" not in self.controls:
            raise ValueError("say which loss the run has, or give a control named 'loss'")
        self.begin, self.epochs, self.noise, self.replayed = begin, epochs, noise, replayed
        self._loss, self._unused, self._called = loss, unused, called
        self.live: Iterator[EpochRecord] | None = None
        self.status, self.error = "ready", None  # type: str, Exception | None
        self._go, self._halt, self._ended = (threading.Event() for _ in range(3))
        self._ended.set()
        self._lock = threading.RLock()  # the page and the run's thread both change the status
        self._past: list[Racer] = []  # runs that have ended, the last one last
        self.racer, self._recorded = self._next(), self._replayed()
        self.rival = self._recorded
        self._make_widgets(title)

    def _make_widgets(self, title: str) -> None:
        self._buttons = {
            name: widgets.Button(description=words, tooltip=_TIPS[name], layout={"width": "auto"})
            for name, words in _NAMES.items()
        }
        for name, button in self._buttons.items():
            button.on_click(partial(self._press, name))
        self._speed = choice("speed", _SPEEDS, 0.0, tooltip="a pause after every epoch")
        self._bar = widgets.IntProgress(min=0, max=self.epochs, tooltip="epochs done")
        self._line, self._alarm, self._words = (widgets.HTML() for _ in range(3))
        self._reasons, self._list = widgets.HTML(), widgets.HTML()
        figure = self.figure
        self.canvas = new_canvas(figure, alt_text(figure))
        self._moved()
        row = widgets.HBox([*self._buttons.values(), self._bar], layout={"flex_flow": "row wrap"})
        self._speed.layout.max_width = "260px"
        asked = in_class("anl-controls", *self.controls.values(), self._speed, self._reasons)
        shown = in_class("anl-figure", self._alarm, self.canvas.widget)
        # a single menu needs no column beside the figure
        middle = [in_class("anl-parts", asked, shown)] if self.controls else [asked, shown]
        heading = widgets.HTML(f"{STYLE}<b>{html.escape(title)}</b>")
        super().__init__([heading, row, self._line, *middle, self._list, self._words])
        self.add_class("anl-explorer")
        self._view_count = 0  # not None: pages that show the board are counted
        self._handle: Any = None  # of its output in the notebook, until it shows a race
        for control in self.controls.values():
            control.observe(self._moved, names="value")

    @property
    def state(self) -> dict[str, Any]:
        """The controls' present values, by name."""
        return {name: control.value for name, control in self.controls.items()}

    @property
    def applies(self) -> dict[str, Any]:
        """The present values of the controls that apply: what `begin` is called with."""
        left_out = self._unused(**self.state) if self._unused is not None else {}
        return {name: value for name, value in self.state.items() if name not in left_out}

    @property
    def records(self) -> list[EpochRecord]:
        """Epochs of the last live run that have ended."""
        return self.racer.records  # type: ignore[return-value]  # always made as a list

    @property
    def figure(self) -> go.Figure:
        """The figure of the present state."""
        rival = self.rival
        if rival is not None and rival is self._recorded:
            # before the start the recorded run is seen whole, then as far as the live one has come
            rival = replace(rival, records=rival.records[: len(self.records) or None])
        return draw(self.racer, rival, epochs=self.epochs, noise=self._noise())

    def set(self, **state: Any) -> Dashboard:
        """Move controls from Python; ValueError for one that is not there or another value."""
        for name in state:
            if name not in self.controls:
                raise ValueError(f"no control named {name!r}; there are {list(self.controls)}")
        for name, control in self.controls.items():  # in their order: one may move a later one
            if name in state:
                control.value = state[name]
                if control.value != state[name]:  # a slider keeps within its ends without a word
                    raise ValueError(f"{name} cannot be {state[name]!r}")
        return self

    def start(self) -> Dashboard:
        """Begin a fresh run; what was drawn of earlier ones is dropped."""
        return self._start("start", self._recorded)

    def add(self) -> Dashboard:
        """Begin a fresh run, and keep the last one drawn: the two race."""
        return self._start("add", self.racer if self.records else self._recorded)

    def race(self, *settings: Mapping[str, Any]) -> dict[str, list[EpochRecord]]:
        """Train one run after the other, and wait for them; a race of just these runs is kept.

        The first race is also what a saved notebook shows in the place of the board.

        Parameters
        ----------
        settings
            Values of controls, one mapping a run; a control that is not named stays as it is.

        Returns
        -------
        dict
            Name of each run to its records, in the order given. Of a run that was stopped
            those that it has; later ones are then left out.
        """
        with suppress(Exception):  # of a run before these: its panel says it
            self.wait()
        names = []
        for chosen in settings:
            self.set(**chosen)
            names.append(self._next().name)
        drawn = [r for r in (self.rival, self.racer) if r is not None and len(r.records)]
        if [racer.name for racer in drawn] != names or self.status != "finished":
            drawn = []
            with progress_bar(total=self.epochs * len(names), unit="epoch", leave=False) as bar:
                for place, chosen in enumerate(settings):
                    self.set(**chosen)
                    before = bar.n
                    (self.add if place else self.start)()
                    while not self._ended.is_set() and self.status != "paused":
                        self.wait(0.3)
                        bar.update(before + len(self.records) - bar.n)
                    self.wait()
                    drawn.append(self.racer)
                    if self.status != "finished":
                        break
        self._show_still()
        return {racer.name: list(racer.records) for racer in drawn}

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

    def _start(self, action: str, rival: Racer | None) -> Dashboard:
        with self._lock:
            self._need(action, "ready", "stopped", "finished", "failed")
            live = self.begin(**self.applies)
            self.live, self.racer, self.rival, self.error = live, self._next(), rival, None
            self._halt.clear()
            self._ended = threading.Event()  # of its own: an earlier run may still be tidying up
            self._go.set()
            self._set("running")
        threading.Thread(target=self._work, args=(live, self._ended), daemon=True).start()
        return self

    def _work(self, live: Iterator[EpochRecord], ended: threading.Event) -> None:
        end = "finished"
        try:
            for record in live:
                self.records.append(record)
                if time.monotonic() - self._shown > _PERIOD:
                    self._show()
                if self._speed.value and len(self.records) < self.epochs:
                    self._halt.wait(self._speed.value)
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
                if self.records:
                    self._past.append(self.racer)
                self._set(end)
            finally:
                ended.set()

    def _press(self, action: str, button: widgets.Button) -> None:
        if button.disabled:  # heard already: a second click was under way
            return
        try:
            getattr(self, action)()
        except Exception as error:
            self._alarm.value = error_panel(error, f"{action.capitalize()} did not work")

    def _moved(self, _: Any = None) -> None:
        """Disable what does not apply now, and say why; the next run's name is another."""
        try:
            reasons = self._unused(**self.state) if self._unused is not None else {}
            for name, control in self.controls.items():
                control.disabled = name in reasons
            self._reasons.value = "<br>".join(map(html.escape, dict.fromkeys(reasons.values())))
            if self.status == "ready":
                self.racer = self._next()
            self._show()
        except Exception as error:
            self._alarm.value = error_panel(error)
            if os.environ.get("ANL_EDU_STRICT"):
                raise

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
            self._line.value = (
                "<div role='status' aria-live='polite' style='line-height:1.45'>"
                f"{self._said()}</div>"
            )
            self._alarm.value = (
                "" if self.error is None else error_panel(self.error, "The run failed")
            )
            self._list.value = _listed(self._past)
            figure = self.figure
            said = alt_text(figure)
            self.canvas.draw(figure, said)
            self._words.value = details(figure, said)

    def _show_still(self) -> None:
        """Put the first race into the notebook, unless a page shows the live board there."""
        if self._handle is not None and not self._view_count:
            self._handle.update(self._bundle(), raw=True)
            self._handle = None

    def _next(self) -> Racer:
        """Return the run that would start now, before its first epoch."""
        chosen = self.applies
        loss = str(chosen.get("loss", self._loss))
        if self._called is not None:
            return Racer(self._called(**chosen), loss, [])
        parts = [f"{name} {value}" for name, value in chosen.items() if name != "loss"]
        return Racer(", ".join([label_of(loss), *parts]), loss, [])

    def _noise(self) -> float | None:
        if isinstance(self.live, Live):
            return float(self.live.data.wrong.double().mean())
        return self.noise

    def _said(self) -> str:
        where = "live"
        if isinstance(self.live, Live):
            precision = str(self.live.dtype).removeprefix("torch.")
            where = f"live on {self.live.device} in {precision}"
        name = html.escape(self.racer.name)
        said = f"{name}, {where}: {self.status}, {len(self.records)} of {self.epochs} epochs"
        if self.records:
            last = self.records[-1]
            said += (
                f"; test accuracy {_percent(last.test_accuracy)}, wrong labels memorised "
                f"{_percent(last.memorised)}"
            )
            if last.seconds >= 0.1:
                said += f", {last.seconds:.2g} s an epoch"
        if isinstance(self.live, Live):
            said += f".<br>{html.escape(_recipe(self.live))}"
        if self.rival is not None:
            said += f".<br>Thin lines: {html.escape(self.rival.name)}"
        return said

    def _replayed(self) -> Racer | None:
        if self.replayed is None:
            return None
        spec, meta = self.replayed.spec, self.replayed.meta
        name = f"replayed: {label_of(spec.loss)}, seed {spec.seed}, recorded on {meta['device']}"
        return Racer(name, spec.loss, self.replayed.records)

    def _bundle(self) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {WIDGET_MIME: view} | mime_bundle(self.figure)

    def _ipython_display_(self, **_: Any) -> None:
        """Display the live dashboard; beside it, for readers without a kernel, its figure."""
        from IPython.display import display

        self._handle = display(self._bundle(), raw=True, display_id=True)


def _percent(share: float) -> str:
    return "–" if share != share else f"{100 * share:.1f} %"  # no wrong labels: nothing to repeat


def _recipe(live: Live) -> str:
    recipe = live.spec.recipe
    weights = {"L1 penalty": recipe.l1, "weight decay": recipe.weight_decay}
    penalty = ", ".join(f"{name} {weight:g}" for name, weight in weights.items() if weight)
    return (
        f"SGD, learning rate {recipe.lr:g}, {recipe.schedule}, momentum {recipe.momentum:g}, batch "
        f"{recipe.batch_size}, {penalty or 'no penalty'}, gradient clipped at {recipe.clip_norm}"
    )


def _listed(past: Sequence[Racer]) -> str:
    """Return the table of the runs that have ended, the last one first."""
    if not past:
        return ""
    head = ("runs so far", "epochs", "last", "best", "memorised")
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td style='text-align:{'left' if place == 0 else 'right'};padding:0 12px 0 0'>"
            f"{html.escape(text)}</td>"
            for place, text in enumerate(
                (
                    racer.name,
                    str(len(racer.records)),
                    _percent(racer.records[-1].test_accuracy),
                    _percent(max(r.test_accuracy for r in racer.records)),
                    _percent(racer.records[-1].memorised),
                )
            )
        )
        + "</tr>"
        for racer in reversed(past[-_LISTED:])
    )
    heads = "".join(f"<th style='text-align:left;padding:0 12px 0 0'>{h}</th>" for h in head)
    return f"<table><tr>{heads}</tr>{rows}</table>"
