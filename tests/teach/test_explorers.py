"""Explorers: every registered one at every control's ends, and what happens when drawing fails.

A new one is found when its maker stands in ``EXPLORERS`` of a lesson's ``explorers.py``.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import threading
from collections.abc import Iterator
from typing import Any

import IPython.display
import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go
import pytest

from anl_edu import lessons
from anl_edu.teach import (
    Explorer,
    alt_text,
    canvas,
    choice,
    log_slider,
    new_figure,
    slider,
    style_of,
    toggle,
)
from anl_edu.teach import figure as core

MAKERS = [
    pytest.param(make, id=f"{module.__name__.split('.')[-2]}-{name}")
    for module in lessons.modules("explorers")
    for name, make in module.EXPLORERS.items()
]


def power(exponent: float, loss: str = "ce", fail: bool = False) -> go.Figure:
    """A curve; it fails when asked to."""
    if fail:
        raise ZeroDivisionError("planted <b>here</b>")
    fig = new_figure("Power", "x", "y", alt="A power")
    x = np.linspace(0, 1, 11)
    return fig.add_scatter(x=x, y=x**exponent, name=loss, line=style_of(loss).line)


def made() -> Explorer:
    """An explorer with one control of three kinds."""
    controls = {
        "exponent": slider("exponent", 0.0, 4.0, 0.1, 1.0),
        "loss": choice("which loss", {"CE": "ce", "MAE": "mae"}, "ce"),
        "fail": toggle("fail"),
    }
    return Explorer(power, controls, "Powers & more")


def test_the_figure_follows_the_state() -> None:
    explorer = made()
    assert explorer.state == {"exponent": 1.0, "loss": "ce", "fail": False}
    assert explorer.set(exponent=2.0, loss="mae") is explorer
    assert explorer.state == {"exponent": 2.0, "loss": "mae", "fail": False}
    np.testing.assert_allclose(explorer.figure.data[0].y, np.linspace(0, 1, 11) ** 2)
    explorer.controls["exponent"].value = 3.0  # as a hand would
    np.testing.assert_allclose(explorer.figure.data[0].y, np.linspace(0, 1, 11) ** 3)


def test_the_page_gets_the_figure_and_its_words() -> None:
    explorer = made().set(exponent=2.0)
    sent = json.loads(explorer.canvas.sheet.value)
    assert sent["data"] == core.plain(explorer.figure)["data"]
    assert sent["layout"]["height"] == 420
    assert sent["words"] == alt_text(explorer.figure)


def test_one_state_one_update(monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = made()
    calls: list[Any] = []
    monkeypatch.setattr(explorer, "draw", lambda **s: calls.append(s) or power(**s))
    explorer.set(exponent=2.0, loss="mae")
    assert calls == [{"exponent": 2.0, "loss": "mae", "fail": False}]


def test_plotly_travels_once(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = made().canvas, made().canvas
    assert one._library is other._library
    for widget in one.widget, one.sheet:
        assert len(json.dumps(widget.get_state(), default=str)) < 50_000
    assert b"plotly.js" in one._library.source[:200]


def test_a_planted_error_is_shown_and_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANL_EDU_STRICT", raising=False)  # as a reader has it
    explorer = made()
    before = explorer.figure
    explorer.controls["fail"].value = True
    assert isinstance(explorer.error, ZeroDivisionError)
    panel = panel_of(explorer)
    assert "role='alert'" in panel
    assert "ZeroDivisionError: planted &lt;b&gt;here&lt;/b&gt;" in panel
    assert "in power, line" in panel
    assert explorer.figure is before
    explorer.controls["fail"].value = False
    assert explorer.error is None
    assert panel_of(explorer) == ""


def texts_of(explorer: Explorer) -> list[str]:
    """Every piece of HTML on the explorer's page."""
    return [str(found.value) for found in within(explorer) if isinstance(found, widgets.HTML)]


def within(box: widgets.Box) -> Iterator[widgets.Widget]:
    """Every widget in a box, and in the boxes in it."""
    for child in box.children:
        yield child
        if isinstance(child, widgets.Box):
            yield from within(child)


def panel_of(explorer: Explorer) -> str:
    """What alarms the reader, empty while nothing does."""
    return "".join(text for text in texts_of(explorer) if "role='alert'" in text)


def status_of(explorer: Explorer) -> str:
    """The line under the controls."""
    (line,) = (text for text in texts_of(explorer) if "role='status'" in text)
    return line


def test_a_planted_error_is_raised_where_tests_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError, match="planted"):
        made().set(fail=True)
    monkeypatch.setenv("ANL_EDU_STRICT", "1")
    with pytest.raises(ZeroDivisionError, match="planted"):
        made().controls["fail"].value = True
    with pytest.raises(ZeroDivisionError, match="planted"):
        Explorer(power, {"exponent": slider("e", 0, 1, 1, 1), "fail": toggle("f", True)}, "t")


def test_an_error_in_the_readout_is_one_too() -> None:
    controls = {"exponent": slider("exponent", 0.0, 4.0, 0.1, 1.0)}
    explorer = Explorer(power, controls, "t", readout=lambda exponent: f"{1 / (exponent - 2)}")
    with pytest.raises(ZeroDivisionError):
        explorer.set(exponent=2.0)


def test_states_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"no control named 'powr'; there are \['exponent'"):
        made().set(powr=1)
    with pytest.raises(ValueError, match=r"exponent must be in \[0.0, 4.0\], not 5"):
        made().set(exponent=5.0)
    with pytest.raises(ValueError, match="loss cannot be 'nce'"):
        made().set(loss="nce")


@pytest.mark.parametrize(
    "state", [{"exponent": 2.0, "loss": "nce"}, {"loss": "mae", "fail": True, "exponent": 5.0}]
)
def test_a_state_that_cannot_be_moves_nothing(state: dict[str, Any]) -> None:
    explorer = made()
    drawn, before = explorer.figure, explorer.state
    with pytest.raises(ValueError, match=r"cannot be|must be in"):
        explorer.set(**state)
    assert explorer.state == before
    assert explorer.figure is drawn
    explorer.controls["exponent"].value = 3.0  # and a hand moves them as before
    assert explorer.figure is not drawn


def tooltip_of(control: widgets.Widget) -> str:
    """What a control is called besides its label; ipywidgets 7 has another name for it."""
    return str(getattr(control, "tooltip", None) or control.description_tooltip)


def test_controls_say_what_they_are() -> None:
    for control in (
        slider("whole", 1, 9, 1, 3),
        slider("real", 0, 1, 0.01, 0.5, tooltip="said"),
        log_slider("small", 1e-9, 1e-2, 1e-7),
        choice("one", ["a", "b"], "a"),
        toggle("yes or no"),
    ):
        assert control.description
        assert tooltip_of(control) in (control.description, "said")
    assert isinstance(slider("whole", 1, 9, 1, 3), widgets.IntSlider)
    assert slider("real", 0, 1, 0.01, 0.5).readout_format == ".2f"
    assert log_slider("small", 1e-9, 1e-2, 1e-7).value == pytest.approx(1e-7)


def test_the_readout_repeats_the_state_in_words() -> None:
    explorer = made()
    assert "exponent = 1, which loss = ce, fail = no" in status_of(explorer)


def test_one_output_holds_the_widget_and_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", lambda what, **kw: shown.append((what, kw)))
    explorer = made()
    explorer._ipython_display_()
    ((bundle, kw),) = shown
    assert kw == {"raw": True}
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.model_id
    figure = bundle[core.PLOTLY_MIME]
    assert figure["data"] == core.plain(explorer.figure)["data"]
    assert "run this cell" in figure["layout"]["title"]["text"]
    assert bundle["text/plain"].startswith("Figure: Power\nA power.")
    assert "run this cell" not in explorer.figure.layout.title.text  # that of the live figure


def test_without_anywidget_the_figure_is_redrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(figure: go.Figure, said: str) -> Any:
        raise ImportError("anywidget")

    monkeypatch.setattr(canvas, "LiveCanvas", missing)
    explorer = made()
    assert isinstance(explorer.canvas.widget, widgets.Output)
    (before,) = explorer.canvas.widget.outputs
    explorer.set(exponent=2.0)
    (after,) = explorer.canvas.widget.outputs
    assert after["data"][core.PLOTLY_MIME] != before["data"][core.PLOTLY_MIME]
    assert after["data"][core.PLOTLY_MIME]["data"] == core.plain(explorer.figure)["data"]


@pytest.mark.usefixtures("colab")
def test_on_colab_a_thread_redraws_through_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    explorer = made()
    (before,) = explorer.canvas.widget.outputs

    def capturing(*_: Any) -> None:
        raise AssertionError("what is captured belongs to whichever cell runs at the moment")

    monkeypatch.setattr(widgets.Output, "__enter__", capturing)
    thread = threading.Thread(target=explorer.set, kwargs={"exponent": 2.0})
    thread.start()
    thread.join(60)
    (after,) = explorer.canvas.widget.outputs
    assert explorer.error is None
    assert set(after["data"]) == {"text/html", "text/plain"}  # a page that Colab can show
    assert after["data"]["text/html"] != before["data"]["text/html"]
    assert "A power" in after["data"]["text/plain"]


def values_of(control: widgets.Widget) -> list[Any]:
    """The ends of a control, and all of its options."""
    if isinstance(control, widgets.FloatLogSlider):
        return [control.base**control.min, control.base**control.max, control.value]
    if isinstance(control, widgets.IntSlider | widgets.FloatSlider):
        return [control.min, control.max, control.value]
    if isinstance(control, widgets.Checkbox | widgets.ToggleButton):
        return [False, True]
    if isinstance(control, widgets.Dropdown | widgets.ToggleButtons | widgets.SelectionSlider):
        return [value for _, value in control._options_full]
    return [control.value]


ONE_A_LESSON = [
    pytest.param(next(iter(module.EXPLORERS.values())), id=module.__name__.split(".")[-2])
    for module in lessons.modules("explorers")
]


@pytest.mark.usefixtures("colab")
@pytest.mark.parametrize("make", ONE_A_LESSON)
def test_on_colab_each_control_changes_the_page_in_the_output(make: Any) -> None:
    for name in make().controls:
        explorer = make()
        control = explorer.controls[name]
        pages = set()
        for value in values_of(control):
            control.value = value  # as a hand would
            (shown,) = explorer.canvas.widget.outputs
            assert set(shown["data"]) == {"text/html", "text/plain"}
            pages.add(figure_in(shown["data"]["text/html"]))
            assert alt_text(explorer.figure) in shown["data"]["text/plain"]
        assert len(pages) > 1, f"{name} changes nothing"


def figure_in(page: str) -> str:
    """What Plotly is called with in a page; the page's own id, drawn at random, is left out."""
    (call,) = re.findall(r"Plotly\.newPlot\(\s*\"[^\"]+\",(.*)", page, re.DOTALL)
    return call.split("\n                        )")[0]


def some_of_all(values: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """Up to 6 of all combinations."""
    every = list(itertools.islice(itertools.product(*values.values()), 5000))
    for combination in random.Random(0).sample(every, min(6, len(every))):
        yield dict(zip(values, combination, strict=True))


def drawn(explorer: Explorer, **state: Any) -> str:
    """Set a state, which raises what the drawing raises; give all that the reader sees then."""
    explorer.set(**state)
    assert isinstance(explorer.figure, go.Figure)
    text = json.dumps(core.plain(explorer.figure), allow_nan=False)
    assert len(text) < 500_000
    return text + status_of(explorer)


@pytest.mark.parametrize("make", MAKERS)
def test_every_explorer_at_every_end_and_every_control_has_an_effect(make: Any) -> None:
    explorer, rng = make(), random.Random(1)
    values = {name: values_of(control) for name, control in explorer.controls.items()}
    for name, own in values.items():
        assert 1 <= len(explorer.controls[name].description) <= 40
        assert tooltip_of(explorer.controls[name])
        seen = {drawn(explorer, **{name: value}) for value in own}
        others = {n: v for n, v in values.items() if n != name}
        for _ in range(12):  # some states of the others may hide the effect
            if len(seen) > 1:
                break
            explorer.set(**{n: rng.choice(v) for n, v in others.items()})
            seen = {drawn(explorer, **{name: value}) for value in own}
        assert len(seen) > 1, f"{name} changes nothing"
    for state in some_of_all(values):
        drawn(explorer, **state)
