"""The HTML of figures, explorers and playgrounds, to be made live by figures.js."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
from pathlib import Path
from typing import Any

from bake import Baked, Control

from anl_edu.teach.describe import words
from anl_edu.teach.style import HEIGHT

FIGURE = "application/vnd.plotly.v1+json"


class Shelf:
    """Where one lesson's pictures and figures lie, and their addresses from the lesson's page.

    An address says what lies there, so that no browser shows what it has kept from before.
    """

    def __init__(self, static: Path, lesson: str) -> None:
        self._folder, self._address = static / "figures" / lesson, f"../_static/figures/{lesson}"
        self._folder.mkdir(parents=True, exist_ok=True)

    def picture(self, name: str, encoded: str) -> str:
        """Keep a PNG that is given in base64; return its address."""
        return self._keep(f"{name}.png", base64.b64decode(encoded))

    def sheet(self, name: str, value: Any) -> str:
        """Keep JSON values, compressed; return their address."""
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
        return self._keep(f"{name}.json.gz", gzip.compress(text.encode(), mtime=0))

    def _keep(self, name: str, content: bytes) -> str:
        (self._folder / name).write_bytes(content)
        return f"{self._address}/{name}?v={hashlib.sha256(content).hexdigest()[:8]}"


def figure(shelf: Shelf, name: str, bundle: dict[str, Any]) -> str:
    """Return the HTML of a figure: its still picture, until the reader comes to it.

    A figure with a slider of plotly's own, which no keyboard reaches, gets one of the browser's.
    """
    drawn = bundle[FIGURE]
    sheet = {"first": {key: drawn[key] for key in ("data", "layout", "frames") if key in drawn}}
    controls = "".join(
        _control(f"{name}-state", _moving(slider)) for slider in drawn["layout"].get("sliders", [])
    )
    before = f'<div class="anl-controls pst-js-only">{controls}</div>' if controls else ""
    said = bundle["text/plain"].partition("\n")[2] or bundle["text/plain"]
    return _figure(shelf, name, bundle, sheet, said, before)


def explorer(shelf: Shelf, name: str, bundle: dict[str, Any], baked: Baked) -> str:
    """Return the HTML of an explorer: controls, and the figure that follows them."""
    begins = baked.sheets[baked.start]
    controls = "".join(_control(f"{name}-{c.name}", c) for c in baked.moving)
    before = (
        f'<p class="anl-title">{html.escape(baked.title)}</p>'
        f'<div class="anl-controls pst-js-only">{controls}'
        f'<div role="status" aria-live="polite">{begins["line"]}</div>{_kept(baked.fixed)}</div>'
    )
    height = begins["layout"]["height"]
    return _figure(shelf, name, bundle, baked.packed(), begins["words"], before, height)


def _figure(
    shelf: Shelf,
    name: str,
    bundle: dict[str, Any],
    sheet: dict[str, Any],
    said: str,
    before: str,
    height: int | None = None,
) -> str:
    height = height or bundle[FIGURE]["layout"].get("height", HEIGHT)
    still = shelf.picture(name, bundle["image/png"])
    kind = "anl-live anl-explorer" if before else "anl-live"
    return (
        f'<figure class="{kind}" data-sheet="{shelf.sheet(name, sheet)}">{before}'
        f'<div class="anl-figure" style="min-height: {height}px">'
        f'<img src="{still}" alt="{html.escape(said)}" loading="lazy"></div></figure>'
    )


def _moving(slider: dict[str, Any]) -> Control:
    """Return the control that takes the place of plotly's slider."""
    shown = [step["label"] for step in slider["steps"]]
    label = words(slider["currentvalue"]["prefix"])
    return Control("state", label, "range", shown, shown, slider.get("active", 0))


def _control(place: str, control: Control) -> str:
    """Return a native control; its value is the place of the stop.

    Firefox would keep where it stood when the page was left, with a figure that began anew.
    """
    label = f'<label for="{place}">{html.escape(control.label)}</label>'
    common = f'id="{place}" data-size="{len(control.values)}" autocomplete="off"'
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
        f'<div>{label}<output for="{place}" aria-live="off">{at}</output>'
        f'<input type="range" {common} min="0" max="{len(control.values) - 1}" step="1" '
        f'value="{control.start}" data-shown="{shown}" aria-valuetext="{at}"></div>'
    )


def _kept(fixed: list[Control]) -> str:
    """Say which controls of the notebook do not move here."""
    if not fixed:
        return ""
    names = [f"{html.escape(c.label)} ({html.escape(c.shown[c.start])})" for c in fixed]
    listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    stay, move = ("stay", "they move") if len(names) > 1 else ("stays", "it moves")
    return f'<p class="anl-kept">On this page {listed} {stay}: in the notebook {move} too.</p>'


def frame(address: str) -> str:
    """Return a frame that figures.js makes as high as what it holds, and as dark as the page."""
    address = html.escape(address.removesuffix("#"))  # an empty place would scroll the page to it
    return (
        f'<iframe class="anl-playground" src="{address}" loading="lazy" '
        f'title="The playground: two networks learn from points with wrong labels"></iframe>'
    )
