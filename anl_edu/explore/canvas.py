"""Where an explorer's figure lives on the page.

:class:`LiveCanvas` sends the whole figure and lets ``Plotly.react`` draw what changed, so the
figure never flickers and a reader's zoom stays. It brings plotly.js from the installed plotly, once
a kernel, so nothing is fetched from a network. (A plotly ``FigureWidget`` sends its 5 MB of script
with every single widget, and in JupyterLab some of several then stayed empty.)
:class:`RedrawnCanvas` is for places without anywidget and for Colab: a plain output area.
"""

from __future__ import annotations

import os
from typing import Any, Protocol

import ipywidgets as widgets
import plotly.graph_objects as go

from anl_edu.figures.core import mime_bundle, on_colab, plain
from anl_edu.figures.style import TEMPLATE

# Both scripts share one promise of plotly.js a page, whichever of them runs first.
_PROMISE = """
function shared() {
  if (!window.anlEduPlotly) {
    const box = {};
    box.promise = new Promise((resolve, reject) => Object.assign(box, { resolve, reject }));
    window.anlEduPlotly = box;
  }
  return window.anlEduPlotly;
}
"""
_LIBRARY = (
    _PROMISE
    + """
function initialize({ model }) {
  const box = shared();
  if (box.loading) return;
  box.loading = true;
  const script = document.createElement("script");
  const define = window.define;   // plotly.js would hand itself to an AMD loader, if it saw one
  window.define = undefined;
  script.src = URL.createObjectURL(new Blob([model.get("source")], { type: "text/javascript" }));
  script.onload = () => { window.define = define; box.resolve(window.Plotly); };
  script.onerror = () => { window.define = define; box.reject(new Error("no plotly.js")); };
  document.head.append(script);
}
export default { initialize };
"""
)
_CANVAS = (
    _PROMISE
    + """
async function render({ model, el }) {
  const place = document.createElement("div");
  place.setAttribute("role", "img");
  el.append(place);
  el.style.width = "100%";
  try {
    const Plotly = await shared().promise;
    const draw = () => {
      const { data, layout } = model.get("figure");
      place.setAttribute("aria-label", model.get("words"));
      place.style.height = `${layout.height}px`;
      return Plotly.react(place, data, layout, { responsive: true, displaylogo: false });
    };
    await draw();
    model.on("change:figure", draw);
    const watch = new ResizeObserver(() => place.offsetWidth && Plotly.Plots.resize(place));
    watch.observe(el);
    return () => { model.off("change:figure", draw); watch.disconnect(); Plotly.purge(place); };
  } catch (error) {
    place.textContent = `The figure could not be drawn: ${error.message}`;
  }
}
export default { render };
"""
)


class Canvas(Protocol):
    """What an explorer asks of the place for its figure."""

    widget: widgets.Widget

    def draw(self, figure: go.Figure, said: str) -> None:
        """Show `figure` in place of what is shown; `said` is its alternative text."""


class LiveCanvas:
    """Updates in place through ``Plotly.react``. ImportError where anywidget is missing."""

    _library: Any = None  # one for the kernel; kept, or the page would lose it

    def __init__(self, figure: go.Figure, said: str) -> None:
        import anywidget
        import traitlets
        from plotly.offline import get_plotlyjs

        if LiveCanvas._library is None:

            class Library(anywidget.AnyWidget):
                _esm = _LIBRARY
                source = traitlets.Bytes().tag(sync=True)

            LiveCanvas._library = Library(source=get_plotlyjs().encode())

        class Drawing(anywidget.AnyWidget):
            _esm = _CANVAS
            figure = traitlets.Dict().tag(sync=True)
            words = traitlets.Unicode().tag(sync=True)

        self.widget = Drawing(figure=_stable(figure), words=said)

    def draw(self, figure: go.Figure, said: str) -> None:
        """Send the figure; the page draws only what changed."""
        with self.widget.hold_sync():  # one message
            self.widget.words = said
            self.widget.figure = _stable(figure)


def _stable(figure: go.Figure) -> dict[str, Any]:
    sent = plain(figure)
    sent["layout"].setdefault("uirevision", "explorer")  # a reader's zoom outlives an update
    sent["layout"].setdefault("height", TEMPLATE.layout.height)
    return sent


class RedrawnCanvas:
    """An output area in which the whole figure is drawn anew each time."""

    def __init__(self, figure: go.Figure, said: str) -> None:
        self.widget = widgets.Output()
        self.draw(figure, said)

    def draw(self, figure: go.Figure, said: str) -> None:
        """Replace the output by the figure."""
        from IPython.display import clear_output, display

        with self.widget:
            clear_output(wait=True)
            if on_colab():
                figure.show(renderer="colab")
            else:
                display(mime_bundle(figure), raw=True)


def new_canvas(figure: go.Figure, said: str) -> Canvas:
    """Return the best canvas that can live here; ``ANL_EDU_REDRAW=1`` asks for the plain one."""
    if on_colab() or os.environ.get("ANL_EDU_REDRAW"):
        return RedrawnCanvas(figure, said)
    try:
        return LiveCanvas(figure, said)
    except ImportError:
        return RedrawnCanvas(figure, said)
