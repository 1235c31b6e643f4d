"""Explorers: a pure drawing function, a few labelled controls, and the figure between them.

An :class:`Explorer` calls ``draw(**state)`` whenever a control moves and carries the difference
into the figure on the page. It runs on ipywidgets 7.7 and 8 and plotly 5.24 and later.
"""

from __future__ import annotations

import html
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go
from traitlets import TraitError

from anl_edu.teach.canvas import new_canvas
from anl_edu.teach.describe import alt_text, details, words
from anl_edu.teach.figure import mime_bundle
from anl_edu.teach.page import STYLE, card
from anl_edu.teach.style import HEIGHT, MARGIN_TOP

WIDGET_MIME = "application/vnd.jupyter.widget-view+json"


def slider(
    label: str, low: float, high: float, step: float, value: float, *, tooltip: str = ""
) -> widgets.Widget:
    """Return a slider; whole numbers throughout give an integer slider."""
    whole = all(isinstance(v, int) for v in (low, high, step, value))
    kind = widgets.IntSlider if whole else widgets.FloatSlider
    extra = {} if whole else {"readout_format": f".{_decimals(step)}f"}
    return _named(kind, label, tooltip, min=low, max=high, step=step, value=value, **extra)


def log_slider(
    label: str,
    low: float,
    high: float,
    value: float,
    *,
    step: float = 0.05,
    tooltip: str = "",
    readout: str = ".2g",
) -> widgets.Widget:
    """Return a slider that is even in the logarithm, from `low` to `high` (both positive).

    `step` is in decades; `readout` is the format in which the value is shown.
    """
    ends = {"min": float(np.log10(low)), "max": float(np.log10(high))}
    return _named(
        widgets.FloatLogSlider,
        label,
        tooltip,
        step=step,
        value=value,
        readout_format=readout,
        **ends,
    )


def choice(
    label: str, options: Sequence[str] | Mapping[str, Any], value: Any, *, tooltip: str = ""
) -> widgets.Widget:
    """Return a drop-down; a mapping shows its keys and gives its values."""
    pairs = list(options.items()) if isinstance(options, Mapping) else list(options)
    return _named(widgets.Dropdown, label, tooltip, options=pairs, value=value)


def toggle(label: str, value: bool = False, *, tooltip: str = "") -> widgets.Widget:
    """Return a checkbox."""
    return _named(widgets.Checkbox, label, tooltip, value=value)


def _named(kind: Any, label: str, tooltip: str, **traits: Any) -> widgets.Widget:
    # ipywidgets 8 renamed description_tooltip to tooltip; the browser reads it out as a name.
    key = "tooltip" if "tooltip" in kind.class_trait_names() else "description_tooltip"
    said = {key: tooltip or label}
    # page.css sets the label above its control, as wide as it needs
    return kind(description=label, style={"description_width": "initial"}, **said, **traits)


def _decimals(step: float) -> int:
    return max(0, len(f"{step:.6f}".rstrip("0").partition(".")[2]))


class Explorer(widgets.VBox):
    """Controls beside a figure that follows them, or above it where the page is narrow.

    Parameters
    ----------
    draw
        A pure function ``draw(**state) -> go.Figure`` with one argument per control.
    controls
        Argument name to control, made with :func:`slider`, :func:`choice` and the like.
    title
        A heading for the group of controls.
    readout
        ``readout(**state) -> str``, one line of HTML under the controls that says what matters in
        this state. Without one it repeats the controls' values.

    Attributes
    ----------
    state : dict
        The controls' present values, by argument name.
    figure : go.Figure
        The figure as last drawn without an error.
    error : Exception or None
        What the last drawing raised. It is also shown in a red panel above the figure.
    """

    def __init__(
        self,
        draw: Callable[..., go.Figure],
        controls: Mapping[str, widgets.Widget],
        title: str,
        *,
        readout: Callable[..., str] | None = None,
    ) -> None:
        self.draw, self.controls, self.title = draw, dict(controls), title
        self._readout = readout
        self.error: Exception | None = None
        self._held = False
        self._panel = widgets.HTML()
        self._line = widgets.HTML()
        self._words = widgets.HTML()
        self.figure = draw(**self.state)  # an error here fails the cell, as any error would
        said = alt_text(self.figure)
        self.canvas = new_canvas(self.figure, said)
        self._describe(said)
        super().__init__(
            [
                widgets.HTML(f"{STYLE}<b>{html.escape(title)}</b>"),
                in_class(
                    "anl-parts",
                    in_class("anl-controls", *self.controls.values(), self._line),
                    in_class("anl-figure", self._panel, self.canvas.widget),
                ),
                self._words,
            ]
        )
        self.add_class("anl-explorer")
        for control in self.controls.values():
            control.observe(self._moved, names="value")

    @property
    def state(self) -> dict[str, Any]:
        """The controls' present values, by argument name."""
        return {name: control.value for name, control in self.controls.items()}

    def set(self, **state: Any) -> Explorer:
        """Move controls from Python and redraw once.

        Unlike a control moved by hand it raises: what the drawing raised, or ValueError for a
        control that is not there or a value that the control does not take; then no control has
        moved.
        """
        unknown = sorted(set(state) - set(self.controls))
        if unknown:
            raise ValueError(f"no control named {unknown[0]!r}; there are {list(self.controls)}")
        before = self.state
        self._held = True
        try:
            for name, value in state.items():
                self._move(name, value)
        except ValueError:
            for name, value in before.items():
                self.controls[name].value = value
            raise
        finally:
            self._held = False
        self._update()
        if self.error is not None:
            raise self.error
        return self

    def _move(self, name: str, value: Any) -> None:
        control = self.controls[name]
        try:
            control.value = value
        except TraitError:
            raise ValueError(f"{name} cannot be {value!r}") from None
        if control.value != value:  # a slider keeps within its ends without a word
            raise ValueError(f"{name} must be in [{control.min}, {control.max}], not {value!r}")

    def _moved(self, change: Any) -> None:
        if self._held:
            return
        self._update()
        if self.error is not None and os.environ.get("ANL_EDU_STRICT"):
            raise self.error

    def _update(self) -> None:
        try:
            figure = self.draw(**self.state)
            said = alt_text(figure)
            self.canvas.draw(figure, said)
            self.figure = figure
            self._describe(said)
            self.error, self._panel.value = None, ""
        except Exception as error:
            self.error = error
            self._panel.value = error_panel(
                error, "The figure could not be redrawn: below is the last one that could"
            )

    def line(self, state: Mapping[str, Any]) -> str:
        """Return the line of HTML that is said under the controls in a state."""
        if self._readout is not None:
            return self._readout(**state)
        return ", ".join(
            f"{html.escape(_label(self.controls[name]))} = {_shown(v)}" for name, v in state.items()
        )

    def _describe(self, alternative: str) -> None:
        said = self.line(self.state)
        self._line.value = f"<div role='status' aria-live='polite'>{said}</div>"
        self._words.value = details(self.figure, alternative)

    def _ipython_display_(self, **_: Any) -> None:
        """Display the live widget; beside it in the same output, the figure as it stands.

        A front end shows the richest form it can: JupyterLab the widget while there is a kernel,
        a reader without a kernel the figure. It is never seen twice.
        """
        from IPython.display import display

        still = go.Figure(self.figure)
        room = 40 if still.layout.annotations else 20  # panels have names of their own there
        note = "A picture: run this cell to move the controls."
        # In the title, the one place where it meets neither an axis nor a legend.
        still.layout.title.text = (
            f"{still.layout.title.text or ''}<br><span style='font-size:12px'>{note}</span>"
        )
        still.update_layout(
            height=(still.layout.height or HEIGHT) + room,
            margin={"t": (still.layout.margin.t or MARGIN_TOP) + room},
        )
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        display({WIDGET_MIME: view} | mime_bundle(still), raw=True)


def in_class(name: str, *children: widgets.Widget) -> widgets.Box:
    """Put widgets into a box that `page.css` arranges by its class."""
    box = widgets.Box(children)
    box.add_class(name)
    return box


def error_panel(error: Exception, what: str = "The figure could not be redrawn") -> str:
    """Return the red card that says what failed, with which error, and where."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    said = html.escape(f"{type(error).__name__}: {error}")
    where = html.escape(f"{last.name}, line {last.lineno}")
    return card("failed", what, f"<p>{said} <small>(in {where})</small></p>")


def _label(control: widgets.Widget) -> str:
    return words(control.description).rstrip(":")


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        return html.escape(" and ".join(map(str, value))) or "none"
    return html.escape(
        {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    )
