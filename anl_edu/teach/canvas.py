"""Where an explorer's figure lives on the page.

:class:`LiveCanvas` sends the whole figure and lets ``Plotly.react`` draw what changed, so the
figure never flickers and a reader's zoom stays. It brings plotly.js from the installed plotly, once
a kernel, so nothing is fetched from a network. (A plotly ``FigureWidget`` sends its 5 MB of script
with every single widget, and in JupyterLab some of several then stayed empty.)
:class:`RedrawnCanvas` is for places without anywidget and for Colab: a plain output area.
"""

from __future__ import annotations

import json
import os
from typing import Any, Protocol

import ipywidgets as widgets
import plotly.graph_objects as go

from anl_edu.paths import on_colab
from anl_edu.teach.figure import colab_bundle, mime_bundle, plain
from anl_edu.teach.style import HEIGHT

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
# ipywidgets leaves a slider's handle without a name, and where it is even in the logarithm it
# announces the exponent: take both from the label and the number that stand beside it.
_CANVAS = (
    _PROMISE
    + """
function nameSliders(el) {
  const explorer = el.closest(".anl-explorer");
  const name = () => explorer?.querySelectorAll(".noUi-handle").forEach((handle) => {
    const box = handle.closest(".widget-inline-hbox");
    const said = {
      "aria-label": box?.querySelector(".widget-label")?.textContent.trim(),
      "aria-valuetext": box?.querySelector(".widget-readout")?.textContent.trim(),
    };
    for (const [key, value] of Object.entries(said)) {
      if (value && handle.getAttribute(key) !== value) handle.setAttribute(key, value);
    }
  });
  if (!explorer) return () => {};
  const watch = new MutationObserver(name);
  const what = { subtree: true, childList: true, characterData: true, attributes: true,
                 attributeFilter: ["aria-valuetext"] };
  explorer.querySelectorAll(".anl-controls").forEach((controls) => watch.observe(controls, what));
  name();
  return () => watch.disconnect();
}
async function render({ model, el }) {
  const place = document.createElement("div");
  place.setAttribute("role", "img");
  el.append(place);
  el.style.width = "100%";
  try {
    const Plotly = await shared().promise;
    const id = model.get("sheet").slice("IPY_MODEL_".length);
    const sheet = await model.widget_manager.get_model(id);
    const draw = () => {
      const { data, layout, words } = JSON.parse(sheet.get("value"));
      place.setAttribute("aria-label", words);
      place.style.height = `${layout.height}px`;
      return Plotly.react(place, data, layout, { responsive: true, displaylogo: false });
    };
    sheet.on("change:value", draw);   // before the first drawing ends: no move may be lost
    await draw();
    const unname = nameSliders(el);
    const watch = new ResizeObserver(() => place.offsetWidth && Plotly.Plots.resize(place));
    watch.observe(el);
    return () => {
      sheet.off("change:value", draw); watch.disconnect(); unname(); Plotly.purge(place);
    };
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
            sheet = traitlets.Instance(widgets.Widget).tag(
                sync=True, **widgets.widget_serialization
            )

        # anywidget drops every update of a model that took the page over 2 s to make, and beside
        # plotly.js on a busy machine that happens; so a plain widget, unseen, carries the figure.
        self.sheet = widgets.HTML(value=_sent(figure, said))
        self.widget = Drawing(sheet=self.sheet)

    def draw(self, figure: go.Figure, said: str) -> None:
        """Send the figure; the page draws only what changed."""
        self.sheet.value = _sent(figure, said)


def _sent(figure: go.Figure, said: str) -> str:
    return json.dumps(_stable(figure) | {"words": said}, allow_nan=False)


def _stable(figure: go.Figure) -> dict[str, Any]:
    sent = plain(figure)
    sent["layout"].setdefault("uirevision", "explorer")  # a reader's zoom outlives an update
    sent["layout"].setdefault("height", HEIGHT)
    return sent


class RedrawnCanvas:
    """An output area in which the whole figure is drawn anew each time."""

    def __init__(self, figure: go.Figure, said: str) -> None:
        self.widget = widgets.Output()
        self.draw(figure, said)

    def draw(self, figure: go.Figure, said: str) -> None:
        """Replace the output by the figure, from any thread."""
        # What is displayed `with` an Output belongs to the message being handled, which a training
        # thread has none of; the trait reaches the page from any thread.
        data = colab_bundle(figure) if on_colab() else mime_bundle(figure)
        shown = {"output_type": "display_data", "data": data, "metadata": {}}
        self.widget.outputs = (shown,)


def new_canvas(figure: go.Figure, said: str) -> Canvas:
    """Return the best canvas that can live here; ``ANL_EDU_REDRAW=1`` asks for the plain one."""
    if on_colab() or os.environ.get("ANL_EDU_REDRAW"):
        return RedrawnCanvas(figure, said)
    try:
        return LiveCanvas(figure, said)
    except ImportError:
        return RedrawnCanvas(figure, said)
