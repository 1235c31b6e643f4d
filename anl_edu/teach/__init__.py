"""What every lesson is made of: figures, explorers, a dashboard, exercises.

Names are imported when first used, so that a lesson's first cell need not wait for what its last
one uses. `lines` and `pictures` are modules, named as their first function: import from them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anl_edu.teach.claims_card import claims
    from anl_edu.teach.dashboard import Dashboard
    from anl_edu.teach.describe import alt_text, data_table
    from anl_edu.teach.exercise import check, forget, hint, progress, solution
    from anl_edu.teach.explorer import Explorer, choice, log_slider, slider, toggle
    from anl_edu.teach.figure import animate, mime_bundle, new_figure, show, still
    from anl_edu.teach.guess_box import guess
    from anl_edu.teach.sandbox_board import sandbox
    from anl_edu.teach.source import show_source
    from anl_edu.teach.style import label_of, style_of

_HOMES = {
    "claims_card": ("claims",),
    "dashboard": ("Dashboard",),
    "describe": ("alt_text", "data_table"),
    "exercise": ("check", "forget", "hint", "progress", "solution"),
    "explorer": ("Explorer", "choice", "log_slider", "slider", "toggle"),
    "figure": ("animate", "mime_bundle", "new_figure", "show", "still"),
    "guess_box": ("guess",),
    "sandbox_board": ("sandbox",),
    "source": ("show_source",),
    "style": ("label_of", "style_of"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Dashboard",
    "Explorer",
    "alt_text",
    "animate",
    "check",
    "choice",
    "claims",
    "data_table",
    "forget",
    "guess",
    "hint",
    "label_of",
    "log_slider",
    "mime_bundle",
    "new_figure",
    "progress",
    "sandbox",
    "show",
    "show_source",
    "slider",
    "solution",
    "still",
    "style_of",
    "toggle",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = found  # also where importing the module has put itself under this name
    return found


def __dir__() -> list[str]:
    return __all__
