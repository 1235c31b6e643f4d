"""From one figure object its four forms: live, kernel-free, still, and text.

Lessons make figures with pure functions (data in, ``go.Figure`` out) that begin with
:func:`new_figure`; :func:`show` displays one with its words and numbers, :func:`animate` turns a
function of a state into a figure with a slider that needs no kernel, :func:`still` writes a PNG.

A module that draws ends with ``FIGURES``: the name of each of its functions, and a call that draws
it with small inputs. The tests draw them all, and find a new one there by itself; the call stands
beside the function because whoever writes the one knows what the other needs.
"""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from anl_edu.paths import on_colab
from anl_edu.teach.describe import alt_text, details, is_number, words
from anl_edu.teach.style import HEIGHT, MARGIN_TOP, template

PLOTLY_MIME = "application/vnd.plotly.v1+json"
_CONFIG = {"responsive": True, "displaylogo": False}
_TITLE, _QUESTION = 62, 84  # characters in a line: what fits beside an explorer's controls


def new_figure(
    title: str, x: str = "", y: str = "", *, question: str = "", alt: str = ""
) -> go.Figure:
    """Return an empty figure in the house style.

    Parameters
    ----------
    title, x, y
        Title and axis titles. HTML (``p<sub>y</sub>``) works in all three, LaTeX does not.
    question
        What the reader should look for, set small under the title.
    alt
        The gist in a sentence: what a person sees at a glance. The rest of the alternative text
        is generated from the data when the figure is shown.
    """
    heads, asked = wrapped(title, _TITLE), wrapped(question, _QUESTION)
    text = "<br>".join(f"<b>{line}</b>" for line in heads)
    if question:
        text += f"<br><span style='font-size:13px'>{'<br>'.join(asked)}</span>"
    more = 22 * (len(heads) - 1) + 18 * (len(asked) - 1 if question else 0)
    return go.Figure(  # at once: plotly checks every later change anew, which explorers would feel
        layout={
            "template": template(),
            "title": {"text": text},
            **({"margin": {"t": MARGIN_TOP + more}} if more else {}),
            "xaxis": {"title": {"text": x}},
            "yaxis": {"title": {"text": y}},
            "meta": {"gist": alt},
        }
    )


def wrapped(text: str, width: int) -> list[str]:
    """Break a line at blanks so that no part shows more than `width` characters; tags count none.

    Plotly breaks no title by itself, and cuts what does not fit.
    """
    lines: list[str] = []
    for word in re.sub(r"<[^>]+>", lambda tag: tag[0].replace(" ", "\0"), text).split(" "):
        seen = len(re.sub(r"<[^>]+>", "", f"{lines[-1]} {word}")) if lines else 0
        if lines and seen <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return [line.replace("\0", " ") for line in lines]


def show(fig: go.Figure) -> None:
    """Display a figure, and folded under it its alternative text and data table.

    In Jupyter the figure goes out as plotly's own MIME type, so nothing is fetched from a
    network; Colab does not know that type and gets plotly's renderer for Colab.
    """
    from IPython.display import HTML, display

    display(colab_bundle(fig) if on_colab() else mime_bundle(fig), raw=True)
    display(HTML(details(fig)))


def mime_bundle(fig: go.Figure) -> dict[str, Any]:
    """Return what Jupyter displays for `fig`: plotly's JSON, and beside it the words."""
    return {PLOTLY_MIME: plain(fig) | {"config": _CONFIG}, "text/plain": _told(fig)}


def _told(fig: go.Figure) -> str:
    """Return the words for the figure, its name on a line of its own.

    JupyterLab shows the first line in the place of a folded output: it must not tell the rest.
    """
    name = words((fig.layout.title.text or "").partition("<br>")[0])
    return f"Figure: {name}\n{alt_text(fig)}" if name else alt_text(fig)


def colab_bundle(fig: go.Figure) -> dict[str, Any]:
    """Return what Colab displays for `fig`: a page of its own with plotly's script, and words."""
    from plotly.io.base_renderers import ColabRenderer

    return ColabRenderer(config=_CONFIG).to_mimebundle(plain(fig)) | {"text/plain": _told(fig)}


def plain(fig: go.Figure) -> dict[str, Any]:
    """Return `fig` as plain JSON values, with numbers to 5 significant digits.

    Plotly from 6.0 packs arrays in base64, which neither an older viewer nor a reader of a diff
    can use; rounding keeps the output of a cell the same from machine to machine.
    """
    out: dict[str, Any] = {
        "data": [plain_trace(trace) for trace in fig.data],
        "layout": _plain(fig.layout.to_plotly_json()),
    }
    if fig.frames:
        out["frames"] = [_plain(frame.to_plotly_json()) for frame in fig.frames]
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return float(f"{value:.5g}") + 0.0 if math.isfinite(value) else None  # + 0.0: no -0.0
    if hasattr(value, "to_plotly_json"):
        return _plain(value.to_plotly_json())
    return value


def animate(
    fn: Callable[..., go.Figure],
    states: Sequence[Any] | Mapping[str, Any],
    label: str,
    *,
    start: int = 0,
) -> go.Figure:
    """Draw `fn` once per state and join the figures by a slider that needs no kernel.

    Parameters
    ----------
    fn
        A pure drawing function. It is called ``fn(state)``, or ``fn(**state)`` where the state
        is a mapping, and must give the same number of traces for every state.
    states
        The states; a mapping gives each its name on the slider, otherwise it is ``str(state)``.
    label
        What the slider changes, for example ``"epoch "``; set before the state's name.
    start
        Place of the state that is shown first, and alone where nothing moves.

    Axes that have no range of their own are given one that holds every state, so that the eye
    compares against a frame that stands still.
    """
    named = dict(states) if isinstance(states, Mapping) else {str(s): s for s in states}
    if len(named) < 2:
        raise ValueError(f"an animation needs at least 2 different states, not {len(named)}")
    figures = [fn(**s) if isinstance(s, Mapping) else fn(s) for s in named.values()]
    counts = [len(f.data) for f in figures]
    if len(set(counts)) > 1:
        raise ValueError(f"every state must draw the same number of traces, not {counts}")

    joined = go.Figure(figures[start])
    _hold_axes(joined, figures)
    # In every frame too: plotly.js drops the height of a responsive figure whose frame has none,
    # and JupyterLab then shows nothing.
    height = (joined.layout.height or HEIGHT) + 90
    moving = _moving_traces(figures)
    joined.frames = [
        go.Frame(
            name=name,
            data=[f.data[i] for i in moving],
            traces=moving,
            layout=_moving(f) | {"height": height},
        )
        for name, f in zip(named, figures, strict=True)
    ]
    still_frame = {"mode": "immediate", "transition": {"duration": 0}}
    steps = [
        {
            "label": name,
            "method": "animate",
            "args": [[name], still_frame | {"frame": {"duration": 0, "redraw": True}}],
        }
        for name in named
    ]
    joined.update_layout(
        sliders=[
            {
                "active": start % len(named),
                "steps": steps,
                "currentvalue": {"prefix": label, "font": {"size": 15}},
                "pad": {"t": 45},
                "x": 0,
                "len": 1,
            }
        ],
        height=height,
        margin={"b": 60},
    )
    return joined


def _moving_traces(figures: Sequence[go.Figure]) -> list[int]:
    """Return the places of the traces that are not the same in every figure, or of all if none."""
    drawn = [[plain_trace(trace) for trace in f.data] for f in figures]
    differ = [
        i for i, same in enumerate(zip(*drawn, strict=True)) if any(t != same[0] for t in same)
    ]
    return differ or list(range(len(figures[0].data)))


def plain_trace(trace: Any) -> Any:
    """Return a trace as plain JSON values."""
    return _plain(trace.to_plotly_json())


def _moving(fig: go.Figure) -> dict[str, Any]:
    """Return the parts of a layout that may differ between states."""
    layout = fig.layout.to_plotly_json()
    return {key: layout[key] for key in ("title", "annotations", "shapes") if key in layout}


def _hold_axes(joined: go.Figure, figures: Sequence[go.Figure]) -> None:
    """Give each numeric axis of `joined` without a range one that holds all `figures`."""
    for kind in ("x", "y"):
        for axis in joined.select_xaxes() if kind == "x" else joined.select_yaxes():
            if axis.range is not None or axis.type == "category":
                continue
            anchor = axis.plotly_name.replace("axis", "")
            values: list[np.ndarray] = []
            for trace in (t for f in figures for t in f.data):
                if (getattr(trace, f"{kind}axis", None) or kind) != anchor:
                    continue
                array = np.asarray(getattr(trace, kind, None), dtype=object).ravel()
                if trace.type not in ("scatter", "scattergl", "bar") or not is_number(array):
                    values = []
                    break
                values.append(array.astype(float))
                if trace.type == "bar":
                    values.append(
                        np.zeros(1) if _is_length(trace, kind) else array.astype(float) + 0.5
                    )
                    values.append(
                        np.zeros(1) if _is_length(trace, kind) else array.astype(float) - 0.5
                    )
            _set_range(axis, values)


def _is_length(bar: Any, kind: str) -> bool:
    """Tell whether `kind` is the axis along which a bar's length is read."""
    return kind == ("x" if bar.orientation == "h" else "y")


def _set_range(axis: Any, values: list[np.ndarray]) -> None:
    if not values:
        return
    every = np.concatenate(values)
    every = every[np.isfinite(every)]
    if axis.type == "log":
        every = np.log10(every[every > 0])
    if every.size == 0:
        return
    low, high = float(every.min()), float(every.max())
    room = 0.05 * (high - low) or 0.5
    axis.range = [low - room, high + room]


def still(fig: go.Figure, path: str | Path, *, width: int = 900, scale: float = 1.0) -> Path:
    """Write `fig` as a PNG, for viewers that run no scripts. Authors only.

    Raises
    ------
    RuntimeError
        When kaleido or the Chromium it draws with is missing.
    """
    path = Path(path)
    if importlib.util.find_spec("kaleido") is None:
        raise RuntimeError("a still picture needs kaleido: pip install kaleido")
    import kaleido

    height = fig.layout.height or HEIGHT
    options = {"format": "png", "width": width, "height": height, "scale": scale}
    try:  # mathjax=False: the default page would ask a network for it
        png = kaleido.calc_fig_sync(plain(fig), opts=options, kopts={"mathjax": False})
    except Exception as error:
        if "chrome" not in f"{type(error).__name__} {error}".lower():
            raise
        raise RuntimeError(
            "a still picture needs Chromium: install chromium, or run plotly_get_chrome"
        ) from error
    path.write_bytes(png)
    return path
