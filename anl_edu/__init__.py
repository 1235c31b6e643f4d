"""Robust losses for noisy labels, and the lessons that teach them."""

from typing import Any

__version__ = "0.2.0"
__all__ = ["__version__", "show_source"]


def __getattr__(name: str) -> Any:
    # Read only when asked for: importing anl_edu alone stays light.
    if name == "show_source":
        from anl_edu.teach.source import show_source

        return show_source
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
