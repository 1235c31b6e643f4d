"""What the lessons display besides figures: cards, in words for a terminal and in HTML for a page.

`STYLE` is the sheet behind them, explorers and figures (``page.css``). It goes out with each of
them, for a page may show any one alone.
"""

from __future__ import annotations

import html
from importlib.resources import files
from typing import Literal

STYLE = f"<style>{files(__package__).joinpath('page.css').read_text(encoding='utf-8')}</style>"

Kind = Literal["open", "right", "wrong", "hint", "failed"]
_ICONS: dict[Kind, str] = {"open": "○", "right": "✓", "wrong": "✗", "hint": "?", "failed": "!"}


def card(kind: Kind, title: str, body: str = "") -> str:
    """Return the HTML of a card: an icon, a line in bold, and what is said below it.

    Parameters
    ----------
    kind
        Gives colour and icon; the title says the same in words.
    title
        Plain text.
    body
        HTML.
    """
    role = "alert" if kind == "failed" else "status"
    return (
        f"{STYLE}<div class='anl-card anl-{kind}' role='{role}'>"
        f"<span class='anl-icon' aria-hidden='true'>{_ICONS[kind]}</span>"
        f"<div><strong>{html.escape(title)}</strong>{body}</div></div>"
    )


def paragraph(text: str) -> str:
    """Return plain text as a paragraph; what stands between backquotes is set as code."""
    parts = html.escape(text).split("`")
    marked = [f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts)]
    return f"<p>{''.join(marked)}</p>" if text else ""


def say(text: str, page: str) -> None:
    """Show `page`, which is HTML, in a notebook, and print `text` elsewhere."""
    import sys

    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(text)
        return
    from IPython.display import display

    # the first line of a folded output stands in its place in JupyterLab: let it be empty
    display({"text/plain": text, "text/html": f" \n{page}"}, raw=True)
