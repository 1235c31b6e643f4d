"""The HTML of figures, explorers and playgrounds, to be made live by figures.js."""

from __future__ import annotations

import base64
import gzip
import html
import json
from pathlib import Path
from typing import Any

from bake import Baked, Control

from anl_edu.teach.style import HEIGHT


class Shelf:
    """Where one lesson's pictures and figures lie, and their addresses from the lesson's page."""

    def __init__(self, static: Path, lesson: str) -> None:
        self._folder, self._address = static / "figures" / lesson, f"../_static/figures/{lesson}"
        self._folder.mkdir(parents=True, exist_ok=True)

    def picture(self, name: str, encoded: str) -> str:
        """Keep a PNG that is given in base64; return its address."""
        (self._folder / f"{name}.png").write_bytes(base64.b64decode(encoded))
        return f"{self._address}/{name}.png"

    def sheet(self, name: str, value: Any) -> str:
        """Keep JSON values, compressed; return their address."""
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
        (self._folder / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
        return f"{self._address}/{name}.json.gz"


def figure(shelf: Shelf, name: str, bundle: dict[str, Any]) -> str:
    """Return the HTML of a figure: its still picture, until the reader comes to it."""
    drawn = bundle["application/vnd.plotly.v1+json"]
    sheet = {"first": {key: drawn[key] for key in ("data", "layout", "frames") if key in drawn}}
    return _figure(shelf, name, bundle, sheet)


def explorer(shelf: Shelf, name: str, bundle: dict[str, Any], baked: Baked) -> str:
    """Return the HTML of an explorer: controls, and the figure that follows them."""
    begins = baked.sheets[baked.start]
    controls = "".join(_control(f"{name}-{c.name}", c) for c in baked.moving)
    before = (
        f'<p class="anl-title">{html.escape(baked.title)}</p><div class="anl-parts">'
        f'<div class="anl-controls">{controls}'
        f'<div role="status" aria-live="polite">{begins["line"]}</div>{_kept(baked.fixed)}</div>'
    )
    return _figure(shelf, name, bundle, baked.packed(), before, begins["layout"]["height"])


def _figure(
    shelf: Shelf,
    name: str,
    bundle: dict[str, Any],
    sheet: dict[str, Any],
    before: str = "",
    height: int | None = None,
) -> str:
    layout = bundle["application/vnd.plotly.v1+json"]["layout"]
    height = height or layout.get("height", HEIGHT)
    still = shelf.picture(name, bundle["image/png"])
    said = html.escape(bundle["text/plain"].partition("\n")[2] or bundle["text/plain"])
    kind = "anl-live anl-explorer" if before else "anl-live"
    return (
        f'<figure class="{kind}" data-sheet="{shelf.sheet(name, sheet)}">{before}'
        f'<div class="anl-figure" style="min-height: {height}px">'
        f'<img src="{still}" alt="{said}" loading="lazy"></div>{"</div>" * bool(before)}</figure>'
    )


def _control(place: str, control: Control) -> str:
    """Return a native control; its value is the place of the stop."""
    label = f'<label for="{place}">{html.escape(control.label)}</label>'
    common = f'id="{place}" data-size="{len(control.values)}"'
    if control.kind == "choice":
        options = "".join(
            f'<option value="{i}"{" selected" * (i == control.start)}>{html.escape(shown)}</option>'
            for i, shown in enumerate(control.shown)
        )
        return f"<div>{label}<select {common}>{options}</select></div>"
    if control.kind == "toggle":
        checked = " checked" * control.start
        return f'<div><input type="checkbox" {common}{checked}> {label}</div>'
    shown = html.escape(json.dumps(control.shown), quote=True)
    at = html.escape(control.shown[control.start])
    return (
        f'<div>{label}<output for="{place}">{at}</output>'
        f'<input type="range" {common} min="0" max="{len(control.values) - 1}" step="1" '
        f'value="{control.start}" data-shown="{shown}" aria-valuetext="{at}"></div>'
    )


def _kept(fixed: list[Control]) -> str:
    """Say which controls of the notebook do not move here."""
    if not fixed:
        return ""
    names = [f"{html.escape(c.label)} ({html.escape(c.shown[c.start])})" for c in fixed]
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    stay = "stay" if len(names) > 1 else "stays"
    return f'<p class="anl-kept">On this page {listed} {stay}: in the notebook they move too.</p>'


def frame(address: str) -> str:
    """Return a frame that figures.js makes as high as what it holds, and as dark as the page."""
    address = html.escape(address.removesuffix("#"))  # an empty place would scroll the page to it
    return (
        f'<iframe class="anl-playground" src="{address}" loading="lazy" '
        f'title="The playground: two networks learn from points with wrong labels"></iframe>'
    )
