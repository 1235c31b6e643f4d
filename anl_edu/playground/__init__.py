"""The playground: memorising, seen. Plain JavaScript, as a page of its own and as a widget.

The modules lie in ``page/``. Whatever shows the page joins them into one script, so that it needs
neither a server nor a network.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

from anl_edu.colab import shows_custom_widgets
from anl_edu.playground.state import complete, link

__all__ = ["complete", "link", "page", "playground"]

MIME = "application/vnd.anl-edu.playground+json"
# In the order in which they use each other.
_MODULES = (
    "random", "losses", "world", "network", "trainer", "state", "controls", "draw", "words",
    "point", "clock", "layout", "app", "mount",
)  # fmt: skip


def _read(name: str) -> str:
    return files(__package__).joinpath("page", name).read_text(encoding="utf-8")


def script() -> str:
    """Return all modules as one, without their imports, exporting nothing.

    A browser refuses the script if two modules give one name to different things.
    """
    joined = "\n".join(_read(f"{name}.js") for name in _MODULES)
    joined = re.sub(r"(?m)^(import|export \{)[^;]*;\n", "", joined)
    joined = re.sub(r"(?m)^export ", "", joined)
    return f"const SETTINGS = {json.dumps(json.loads(_read('settings.json')))};\n{joined}"


def style() -> str:
    """Return the page's style sheet."""
    return _read("page.css")


def page(**state: Any) -> str:
    """Return the playground as one HTML page that begins in this state; see `playground`.

    The page's address may carry another: ``link(...)`` gives what to append.
    """
    start = json.dumps(complete(state)).replace("<", "\\u003c")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A playground for wrong labels</title>
<link rel="icon" href="data:,">
<style>
html {{ color-scheme: light dark; background: light-dark(#ffffff, #181818); }}
body {{ margin: 0 auto; max-width: 1800px; }}
{style()}</style>
</head>
<body>
<main id="playground"></main>
<script type="module">
{script()}
globalThis.playground = mountPage(document.getElementById("playground"), {start});
</script>
</body>
</html>
"""


def bundle(state: dict[str, Any]) -> dict[str, Any]:
    """Return what every playground in a notebook displays besides itself.

    The words for a terminal, and the state for whoever draws the notebook without a kernel.
    """
    return {"text/plain": "The playground; a notebook shows it.", MIME: {"link": link(state)}}


def playground(**state: Any) -> Any:
    """Show the playground in a notebook.

    Parameters
    ----------
    state
        Settings that differ from where the page begins: ``noise=0.6``, ``kind="pair"``,
        ``classes=6``, ``loss="mae"``, ``alpha=0`` and so on. The last few belong to one network
        each: ``loss_1="ce", loss_2="anl-ce"``; without the number they count for both.
        ``epoch=300`` trains that far as soon as it is shown. ``complete({})`` has them all.

    Returns
    -------
    Playground or Frame
        A widget: its ``state``, the whole of it, can be read and set, its ``measured`` be read.
        Where anywidget is missing, or cannot be shown, the page in a frame: its ``state`` is
        where it began.

    Raises
    ------
    ValueError
        A name that is none, or a value that its setting cannot take.
    """
    complete(state)  # say now what is wrong with it
    from anl_edu.playground.frame import Frame

    if not shows_custom_widgets():
        return Frame(state)
    try:
        from anl_edu.playground.widget import Playground
    except ImportError:
        return Frame(state)
    return Playground(state)
