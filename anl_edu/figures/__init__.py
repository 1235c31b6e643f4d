"""Figures: pure functions from data to a plotly figure, one file a lesson over one core."""

from .core import animate, mime_bundle, new_figure, show, still
from .describe import alt_text, data_table
from .style import DIVERGING, PALETTE, SEQUENTIAL, Style, label_of, style_of

__all__ = [
    "DIVERGING",
    "PALETTE",
    "SEQUENTIAL",
    "Style",
    "alt_text",
    "animate",
    "data_table",
    "label_of",
    "mime_bundle",
    "new_figure",
    "show",
    "still",
    "style_of",
]
