"""Interactive explorers, one file a topic, each with a registry ``EXPLORERS`` of name to maker."""

from .core import Explorer, choice, log_slider, slider, toggle

__all__ = ["Explorer", "choice", "log_slider", "slider", "toggle"]
