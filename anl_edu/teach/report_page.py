"""A page that is one file: text, and figures that draw themselves without a server or a network.

plotly.js, 4.8 MB, travels compressed with all figures. What cannot unpack it still shows words and
numbers. A figure inside a closed details element is drawn when that is opened.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Mapping

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from anl_edu.teach.describe import alt_text, data_table
from anl_edu.teach.page import STYLE

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1b; --paper: #fff; --faint: #444; --rule: #ccc; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --paper: #16181b; --faint: #b5b5b5; --rule: #4a4a4a; }
}
body { font: 17px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; } a { color: inherit; }
table { border-collapse: collapse; } th, td { padding: .3rem .9rem .3rem 0; text-align: right;
       border-bottom: 1px solid var(--rule); vertical-align: top; }
th:first-child, td:first-child, .words :is(th, td) { text-align: left; }
.wide { overflow-x: auto; } .note { color: var(--faint); font-size: 15px; }
.chart { min-height: 440px; } .panels { min-width: 640px; }
.results { font-size: 15px; } .results :is(th, td) { white-space: nowrap; }
.results tbody th { font-weight: 400; }
.results :is(th, td):first-child { position: sticky; left: 0; background: var(--paper); }
@media (max-width: 40rem) {
  .results :is(th, td):first-child { white-space: normal; max-width: 8rem; }
}
details { margin: .5rem 0 1.5rem; } details table { font-size: 14px; }
details.part { margin: .4rem 0; border-top: 1px solid var(--rule); }
details.part > summary { font-weight: 600; padding: .4rem 0; cursor: pointer; }
"""

_UNPACK = """
(async () => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => { document.body.dataset.jpThemeLight = String(!dark.matches); };
  dark.addEventListener("change", theme); theme();
  const digits = "ALPHABET", packed = document.getElementById("packed").textContent;
  const value = new Uint8Array(128); [...digits].forEach((c, i) => { value[c.charCodeAt(0)] = i; });
  const bytes = new Uint8Array(packed.length / 5 * 4), view = new DataView(bytes.buffer);
  for (let i = 0, o = 0; i < packed.length; i += 5, o += 4) {
    let word = 0;
    for (let j = 0; j < 5; j++) word = word * 85 + value[packed.charCodeAt(i + j)];
    view.setUint32(o, word);
  }
  const stream = new Blob([bytes.subarray(0, LENGTH)]).stream();
  const text = await new Response(stream.pipeThrough(new DecompressionStream("gzip"))).text();
  const cut = text.indexOf("\\0"), script = document.createElement("script");
  script.textContent = text.slice(0, cut);
  document.head.append(script);
  const draw = async (id, figure) => {
    await Plotly.newPlot(id, figure.data, figure.layout, {responsive: true, displaylogo: false});
    if (figure.frames) await Plotly.addFrames(id, figure.frames);
  };
  for (const [id, figure] of Object.entries(JSON.parse(text.slice(cut + 1)))) {
    const folded = document.getElementById(id).closest("details:not([open])");
    if (folded) folded.addEventListener("toggle", () => draw(id, figure), {once: true});
    else await draw(id, figure);
  }
})();
"""
# base 85 as in RFC 1924, but for "<", which may not stand in a page as it likes
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~"


def report_page(title: str, body: str, charts: Mapping[str, go.Figure]) -> str:
    """Return a whole page.

    Parameters
    ----------
    title
        Plain text.
    body
        HTML, with a `section` for each chart.
    charts
        The names of those sections to their figures.
    """
    packed, length = _packed(charts)
    script = _UNPACK.replace("ALPHABET", _ALPHABET).replace("LENGTH", str(length))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
{STYLE}
</head>
<body>
<main>
{body}
</main>
<script type="text/plain" id="packed">{packed}</script>
<script>{script}</script>
</body>
</html>
"""


def section(name: str, heading: str, text: str, figure: go.Figure, level: int = 2) -> str:
    """Return the HTML of a chart: heading, text, its place, its words and numbers folded below.

    Parameters
    ----------
    name
        Of the chart, once on a page.
    heading, text
        Plain text.
    figure
        Where its ``meta`` has a ``width`` in pixels, it is scrolled and not made narrower.
    level
        Of the heading.
    """
    words = alt_text(figure)
    role = "group" if figure.layout.sliders else "img"  # an image has no controls inside
    panels = " panels" if len(list(figure.select_xaxes())) > 1 else ""
    height = figure.layout.height  # of its own: the place is kept before it is drawn
    place = f"min-height: {height}px; " if height and not figure.layout.sliders else ""
    width = figure.layout.meta.get("width") if isinstance(figure.layout.meta, dict) else None
    place += f"min-width: {width}px; " if width else ""
    place = f' style="{place.strip()}"' if place else ""
    return f"""<section>
<h{level}>{html.escape(heading)}</h{level}>
<p>{html.escape(text)}</p>
<div class="wide"><div class="chart{panels}" id="{name}"{place} role="{role}"
 aria-label="{html.escape(words, quote=True)}"></div></div>
<details><summary>In words and numbers</summary><p>{html.escape(words)}</p>
<div class="wide">{data_table(figure)}</div></details>
</section>"""


def _packed(charts: Mapping[str, go.Figure]) -> tuple[str, int]:
    """Return plotly.js and the figures, compressed and as text, and how many bytes that were."""
    drawn = ",".join(f"{json.dumps(name)}:{_bare(fig).to_json()}" for name, fig in charts.items())
    packed = gzip.compress(f"{get_plotlyjs()}\0{{{drawn}}}".encode(), 9, mtime=0)
    padded = packed + b"\0" * (-len(packed) % 4)
    return base64.b85encode(padded).decode().replace("<", ","), len(packed)


def _bare(figure: go.Figure) -> go.Figure:
    """Return the figure without the title, which its section has, and its legend below it."""
    bare = go.Figure(figure)
    for layout in (bare.layout, *(frame.layout for frame in bare.frames)):
        layout.title.text = ""
    below = {"orientation": "h", "x": 0, "y": -0.22, "yanchor": "top"}
    top = 25
    if bare.layout.sliders:  # it has the place below
        below, top = below | {"y": 1.12, "yanchor": "bottom"}, 70
    return bare.update_layout(legend=below, margin={"t": top, "l": 55, "r": 15})
