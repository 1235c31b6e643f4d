"""The look of every figure: one palette, one style per loss, one template.

The seven Okabe-Ito colours that show on white, and brown and plum. Colour never carries meaning
alone: losses that share a figure differ in dash and in marker too, so that lines without markers
and markers without lines can both be told apart in black and white. A loss of the focal family has
its cross-entropy sibling's colour (ANL-FL is the exception: it is drawn beside ANL-CE often enough
to deserve one).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache

import plotly.graph_objects as go

from anl_edu import losses

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
BROWN, PLUM = "#7A4419", "#5B2A86"
PALETTE: tuple[str, ...] = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK, BROWN, PLUM)

SEQUENTIAL = "Cividis"  # for heat maps: even in lightness, the same to every kind of eye
DIVERGING = ((0.0, BLUE), (0.5, "#F7F7F7"), (1.0, VERMILION))  # signed values, 0 in the middle


@dataclass(frozen=True)
class Style:
    """How one series is drawn: a colour, and two codes that do not need it."""

    color: str
    dash: str
    symbol: str

    @property
    def line(self) -> dict[str, object]:
        """Line properties for a plotly trace."""
        return {"color": self.color, "dash": self.dash, "width": 2.5}

    @property
    def marker(self) -> dict[str, object]:
        """Marker properties for a plotly trace."""
        return {"color": self.color, "symbol": self.symbol, "size": 8}


STYLES: dict[str, Style] = {
    "ce": Style(VERMILION, "solid", "circle"),
    "fl": Style(VERMILION, "10px,4px", "circle-open"),
    "mae": Style(BLACK, "dash", "square"),
    "rce": Style(BLACK, "2px,7px", "square-open"),
    "gce": Style(BROWN, "longdash", "triangle-up"),
    "sce": Style(BROWN, "dashdot", "triangle-up-open"),
    "nce": Style(ORANGE, "dot", "diamond"),
    "nfl": Style(ORANGE, "5px,5px", "diamond-open"),
    "nnce": Style(GREEN, "dashdot", "star"),
    "nnfl": Style(GREEN, "longdashdot", "star-open"),
    "agce": Style(PLUM, "longdashdot", "triangle-left"),
    "aul": Style(PLUM, "dash", "triangle-left-open"),
    "ael": Style(PLUM, "dot", "triangle-right"),
    "amse": Style(SKY, "longdash", "pentagon"),
    "ece": Style(VERMILION, "dot", "circle-x"),
    "nce+mae": Style(PURPLE, "dash", "hexagon-open"),
    "nce+rce": Style(PURPLE, "9px,3px,2px,3px,2px,3px", "hexagon"),
    "nfl+mae": Style(PURPLE, "dot", "hexagram-open"),
    "nfl+rce": Style(PURPLE, "longdash", "hexagram"),
    "nce+agce": Style(PLUM, "dashdot", "triangle-down"),
    "nce+aul": Style(PLUM, "longdash", "triangle-down-open"),
    "nce+ael": Style(PLUM, "longdashdot", "triangle-right-open"),
    "anl-ce": Style(BLUE, "18px,4px", "cross"),
    "anl-fl": Style(SKY, "18px,4px,5px,4px", "x"),
    "anl-ce + er": Style(GREEN, "6px,3px", "star-diamond"),  # with the entropy regulariser
    "jal-ce": Style(BROWN, "dash", "bowtie"),
    "jal-fl": Style(BROWN, "dashdot", "bowtie-open"),
    "dice": Style(SKY, "dot", "square-cross"),
    "t-loss": Style(BLACK, "12px,4px,2px,4px", "circle-dot"),
    # The two halves of a training set with wrong labels.
    "clean": Style(BLUE, "solid", "circle"),
    "wrong": Style(VERMILION, "dash", "x"),
}
# For series that have no style of their own, by their place in a figure: see `nth_style`.
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star", "x", "hexagon", "bowtie",
           "triangle-down", "pentagon")  # fmt: skip
_OWN_SYMBOLS = ("circle-cross", "square-x", "diamond-tall", "star-square")  # no loss above has one

_LABELS = {"clean": "correct labels", "wrong": "wrong labels"}


def style_of(name: str) -> Style:
    """Return the fixed style of a loss (or of the halves ``"clean"`` and ``"wrong"``).

    Words after a space do not change it: ``"anl-ce (recorded)"`` is drawn as ANL-CE. A name that
    has no style, such as a reader's own loss or one just registered, gets plum with a dash and a
    marker that depend on the name alone.
    """
    key = name.lower()
    key = key if key in STYLES else key.split(" ")[0]
    if key in STYLES:
        return STYLES[key]
    code = zlib.crc32(key.encode())
    return Style(PLUM, DASHES[1 + code % 4], _OWN_SYMBOLS[code // 4 % 4])


def nth_style(place: int) -> Style:
    """Return the style of the series at that place (0, 1, ...) of a figure."""
    color = PALETTE[place % len(PALETTE)]
    return Style(color, DASHES[place % len(DASHES)], SYMBOLS[place % len(SYMBOLS)])


def label_of(name: str) -> str:
    """Return the name as the papers print it: ``"anl-ce"`` gives ``"ANL-CE"``."""
    if name in _LABELS:
        return _LABELS[name]
    loss, space, rest = name.partition(" ")
    return losses.label(loss) + space + rest


_AXIS = {
    "showline": True,
    "linecolor": "#444444",
    "gridcolor": "#E5E5E5",
    "zeroline": False,
    "ticks": "outside",
    "automargin": True,
    "title": {"font": {"size": 15}},
}
HEIGHT, MARGIN_TOP = 420, 80  # pixels, where a figure says nothing else


@cache
def template() -> go.layout.Template:
    """Return the template of every figure; made when first used, as plotly takes long over it."""
    return go.layout.Template(
        layout={
            "font": {"family": "Helvetica, Arial, sans-serif", "size": 14, "color": "#222222"},
            "paper_bgcolor": "white",
            "plot_bgcolor": "white",
            "colorway": list(PALETTE),
            "height": HEIGHT,
            "autosize": True,
            "margin": {"l": 70, "r": 30, "t": MARGIN_TOP, "b": 60},
            "title": {"x": 0.0, "xref": "paper", "xanchor": "left", "font": {"size": 17}},
            "legend": {
                "x": 1.02,
                "xanchor": "left",
                "y": 1,
                "yanchor": "top",
                "font": {"size": 13},
            },
            "xaxis": _AXIS,
            "yaxis": _AXIS,
            "hoverlabel": {"font": {"size": 13}},
            "colorscale": {"sequential": SEQUENTIAL},
        }
    )
