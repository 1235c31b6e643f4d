"""Figures: the palette under simulated colour blindness, the four forms, every registered figure.

A module that draws, in `anl_edu.teach` or in a lesson's folder, is found by its ``FIGURES``.
"""

from __future__ import annotations

import base64
import html.parser
import importlib
import importlib.util
import inspect
import io
import itertools
import json
import pkgutil
import re
import shutil
from pathlib import Path
from typing import Any

import IPython.display
import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from PIL import Image

from anl_edu import lessons, losses
from anl_edu import teach as figures
from anl_edu.teach import curves, describe, lines, style
from anl_edu.teach import figure as core
from anl_edu.teach.mask_pictures import mask_pictures
from anl_edu.teach.overview import overview

SHARED = (
    importlib.import_module(f"{figures.__name__}.{m.name}")
    for m in pkgutil.iter_modules(figures.__path__)
)
MODULES = [
    *(m for m in SHARED if hasattr(m, "FIGURES")),
    *(m for m in lessons.modules() if not m.__name__.endswith(("explorers", "exercises"))),
]
REGISTERED = [
    pytest.param(make, id=f"{m.__name__.removeprefix('anl_edu.')}-{name}")
    for m in MODULES
    for name, make in getattr(m, "FIGURES", {}).items()
]
# Losses that share a figure in some lesson.
TOGETHER = (
    ("ce", "mae", "nce+rce", "anl-ce", "gce", "anl-fl"),
    ("ce", "mae", "gce", "nce", "nnce", "nce+rce", "anl-ce"),
    ("ce", "fl", "nce", "nfl", "nnce", "nnfl", "anl-ce", "anl-fl"),
    ("ce", "fl", "mae", "rce", "gce", "sce", "nce", "agce", "anl-ce"),
    ("clean", "wrong"),
)

# Machado, Oliveira and Fernandes 2009, table 1, severity 1.0; they act on linear RGB.
VISION = {
    "full": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def lab(color: str, vision: str) -> np.ndarray:
    """CIE L*a*b* (D65) of an sRGB colour as an eye of that kind sees it."""
    srgb = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(VISION[vision] @ linear, 0, 1)
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    t = (to_xyz @ seen) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def difference(a: str, b: str) -> float:
    """The smallest CIE76 colour difference over the four kinds of eye."""
    return min(float(np.linalg.norm(lab(a, v) - lab(b, v))) for v in VISION)


def test_the_simulation_itself() -> None:
    def distance(vision: str) -> float:
        red, olive = lab("#D04C4C", vision), lab("#848400", vision)  # of much the same lightness
        return float(np.linalg.norm(red - olive))

    assert distance("deuteranopia") < distance("full") / 3
    assert distance("tritanopia") > distance("full") / 2
    for matrix in VISION.values():
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-5)  # white stays white
    np.testing.assert_allclose(lab("#FFFFFF", "full"), [100, 0, 0], atol=0.02)
    np.testing.assert_allclose(lab("#0000FF", "full"), [32.30, 79.19, -107.86], atol=0.05)


@pytest.mark.parametrize("group", TOGETHER, ids="-".join)
def test_losses_drawn_together_differ_to_every_eye(group: tuple[str, ...]) -> None:
    for a, b in itertools.combinations(group, 2):
        one, other = style.style_of(a), style.style_of(b)
        if one.color != other.color:
            assert difference(one.color, other.color) >= 15, (a, b)
        assert one.dash != other.dash, (a, b)
        assert one.symbol != other.symbol, (a, b)


def test_every_palette_colour_differs_from_every_other() -> None:
    worst = min(difference(a, b) for a, b in itertools.combinations(style.PALETTE, 2))
    assert worst >= 15
    assert all(difference(c, "#FFFFFF") >= 25 for c in style.PALETTE)


def test_every_loss_differs_from_every_other_without_colour() -> None:
    codes = [(s.dash, s.symbol) for s in map(style.style_of, losses.names())]
    assert len(set(codes)) == len(codes)


def test_a_loss_without_a_style_gets_one_that_no_other_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(style.STYLES, "anl-ce")
    own = style.style_of("anl-ce")
    assert style.style_of("ANL-CE (recorded)") == own
    assert own.symbol not in {s.symbol for s in style.STYLES.values()}
    assert own.dash != "solid"
    fig = lines.lines(
        [0, 1], {"anl-ce": [0, 1], "ce": [1, 0]}, title="t", x_title="x", y_title="y", alt="a",
        style_of=style.style_of,
    )  # fmt: skip
    assert [t.name for t in fig.data] == ["ANL-CE", "CE"]
    assert fig.data[0].marker.symbol == own.symbol


def test_places_in_a_figure_differ_in_colour_dash_and_marker() -> None:
    some = [style.nth_style(n) for n in range(len(style.DASHES))]
    assert len({s.color for s in some}) == len({s.dash for s in some}) == len(some)
    assert len({s.symbol for s in map(style.nth_style, range(11))}) == 11


def test_names_and_styles_of_other_series() -> None:
    assert figures.label_of("anl-ce") == "ANL-CE"
    assert figures.label_of("anl-ce (recorded)") == "ANL-CE (recorded)"
    assert figures.label_of("clean") == "correct labels"
    assert figures.label_of("my own loss") == "my own loss"
    assert figures.style_of("anl-ce (recorded)") == figures.style_of("ANL-CE")
    assert figures.style_of("mine").color not in {s.color for s in map(style.style_of, ["ce"])}
    assert figures.style_of("mine") == figures.style_of("mine")


def example() -> go.Figure:
    """Two lines with a known highest and lowest point."""
    fig = figures.new_figure(
        "A <i>small</i> one", "p<sub>y</sub>", "loss", question="Which rises?", alt="One rises"
    )
    x = np.arange(31)
    fig.add_scatter(x=x, y=(x - 10.0) ** 2, name="bowl & co", line=figures.style_of("ce").line)
    lines.add_line(fig, x, np.where(x == 4, np.nan, x / 3), "line", figures.style_of("mae"))
    return fig


def test_alt_text_says_what_is_in_the_data() -> None:
    text = figures.alt_text(example())
    assert text.startswith("One rises. Line chart: A small one. Which rises?")
    assert "Horizontal axis: p_y." in text
    assert "Vertical axis: loss." in text
    assert "bowl & co: from 100 at 0 to 400 at 30, lowest 0 at 10." in text
    assert "line: from 0 at 0 to 10 at 30." in text


def test_alt_text_of_other_charts() -> None:
    bars = go.Figure(go.Bar(x=["CE", "MAE"], y=[0.5, 0.25], name="last"))
    assert "Bar chart: untitled. last: 0.5 at CE, 0.25 at MAE." in figures.alt_text(bars)
    flat = go.Figure(go.Bar(y=["CE", "MAE"], x=[0.5, 0.25], orientation="h", name="last"))
    assert "last: 0.5 at CE, 0.25 at MAE." in figures.alt_text(flat)
    grid = go.Figure(go.Heatmap(z=[[1, 2], [3, 0.5]], x=["a", "b"], y=["c", "d"]))
    text = figures.alt_text(grid)
    assert "Grid of 2 by 2: lowest 0.5 at (b, d), highest 3 at (a, d)." in text
    box = figures.alt_text(go.Figure(go.Box(y=[1, 2, 9], name="norms")))
    assert "norms: 3 values from 1 to 9, median 2." in box
    drawn = figures.alt_text(go.Figure(go.Histogram(x=[1, 2, 9], name="norms")))
    assert "norms: 3 values from 1 to 9, median 2." in drawn
    assert "to come: no values." in figures.alt_text(go.Figure(go.Scatter(y=[], name="to come")))
    empty = figures.alt_text(go.Figure(go.Scatter(x=[1], y=[np.nan], name="nothing")))
    assert "nothing: no values." in empty


class Table(html.parser.HTMLParser):
    """Collect the cells of each row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_data_table_holds_the_numbers() -> None:
    rows = Table(figures.data_table(example())).rows
    assert rows[0] == ["p_y", "bowl & co", "line"]
    assert len(rows) == 1 + 12
    assert rows[1] == ["0", "100", "0"]
    assert rows[-1] == ["30", "400", "10"]
    assert "12 of 31 rows" in figures.data_table(example())
    assert "<i>" not in figures.data_table(go.Figure(go.Bar(x=["<i>a</i>"], y=[1], name="<x")))


def test_data_table_of_a_grid_and_of_samples() -> None:
    grid = go.Figure(go.Heatmap(z=np.arange(6.0).reshape(2, 3), x=["a", "b", "c"], y=["d", "e"]))
    assert Table(figures.data_table(grid)).rows == [
        ["", "a", "b", "c"],
        ["d", "0", "1", "2"],
        ["e", "3", "4", "5"],
    ]
    box = go.Figure(go.Box(y=np.arange(101.0), name="norms"))
    assert Table(figures.data_table(box)).rows[1] == ["norms", "101", "0", "25", "50", "75", "100"]


def test_words_name_the_panel() -> None:
    fig = figures.new_figure("Two").set_subplots(1, 2, subplot_titles=["left", "right"])
    for column in (1, 2):
        fig.add_scatter(x=[0, 1, 2], y=[column, column, 5], name="CE", row=1, col=column)
    fig.update_xaxes(title_text="epoch")
    assert "Horizontal axis: epoch. left: CE: 1 at 0" in figures.alt_text(fig)
    assert "right: CE: 2 at 0" in figures.alt_text(fig)
    assert Table(figures.data_table(fig)).rows[0] == ["epoch", "left: CE", "right: CE"]


def test_plain_is_json_that_any_plotly_reads() -> None:
    fig = figures.new_figure("t").add_scatter(
        x=np.array([1 / 3, np.inf]), y=np.array([1, 2], dtype=np.int64)
    )
    fig.add_heatmap(z=np.array([[-0.0, 123456.789]], dtype=np.float32))
    sent = core.plain(fig)
    text = json.dumps(sent, allow_nan=False)
    assert "bdata" not in text
    assert sent["data"][0]["x"] == [0.33333, None]
    assert sent["data"][0]["y"] == [1, 2]
    assert sent["data"][1]["z"] == [[0.0, 123460.0]]
    assert str(sent["data"][1]["z"][0][0]) == "0.0"
    go.Figure(sent)  # validates


def bend(power: float, extra: int = 0) -> go.Figure:
    """A curve for every state; ``extra`` traces would break an animation."""
    fig = figures.new_figure(f"power {power}", "x", "y")
    x = np.linspace(0, 1, 5)
    for _ in range(1 + extra):
        fig.add_scatter(x=x, y=(1 + power) * x)
    return fig


def test_animate_has_a_frame_for_every_state() -> None:
    fig = figures.animate(bend, [0, 1, 3], "power = ")
    assert [f.name for f in fig.frames] == ["0", "1", "3"]
    for power, frame in zip([0, 1, 3], fig.frames, strict=True):
        np.testing.assert_allclose(frame.data[0].y, bend(power).data[0].y)
        assert f"power {power}" in frame.layout.title.text
        assert frame.layout.height == fig.layout.height  # without it the figure collapses
    steps = fig.layout.sliders[0].steps
    assert [list(s.args[0]) for s in steps] == [["0"], ["1"], ["3"]]
    low, high = fig.layout.yaxis.range
    assert low <= 0
    assert high >= 4  # every state fits in the range that stands still
    assert "A slider with 3 steps: power = 0 to 3; described here at 0." in figures.alt_text(fig)


def test_animate_takes_named_states_and_log_axes() -> None:
    def draw(power: float) -> go.Figure:
        return bend(power).update_yaxes(type="log")

    fig = figures.animate(draw, {"low": {"power": 0.0}, "high": {"power": 99.0}}, "p: ")
    assert [s.label for s in fig.layout.sliders[0].steps] == ["low", "high"]
    low, high = fig.layout.yaxis.range
    assert low < np.log10(0.25)
    assert high > 2


def test_animate_refuses_what_would_not_move() -> None:
    with pytest.raises(ValueError, match="at least 2 different states, not 1"):
        figures.animate(bend, [1, 1], "")
    with pytest.raises(ValueError, match=r"same number of traces, not \[1, 3\]"):
        figures.animate(lambda n: bend(1, n), [0, 2], "")


def test_show_displays_the_figure_then_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", lambda what, **kw: shown.append((what, kw)))
    figures.show(example())
    (bundle, kw), (folded, _) = shown
    assert kw == {"raw": True}
    assert set(bundle) == {core.PLOTLY_MIME, "text/plain"}  # no page with a script to fetch
    assert "http" not in json.dumps(bundle)
    assert folded.data.startswith("<details><summary>")
    assert "One rises" in folded.data
    assert "<table>" in folded.data


@pytest.mark.usefixtures("colab")
def test_show_on_colab_is_a_page_with_its_script(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", lambda what, **kw: shown.append(what))
    figures.show(example())
    page, folded = shown
    assert set(page) == {"text/html", "text/plain"}  # Colab does not know plotly's own type
    assert re.search(r"<script[^>]* src=\S*plotly", page["text/html"])
    assert "Which rises?" in page["text/html"]
    assert "<table>" in folded.data


def test_still_without_kaleido_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="pip install kaleido"):
        figures.still(example(), tmp_path / "a.png")


@pytest.mark.skipif(
    importlib.util.find_spec("kaleido") is None
    or not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    reason="a still picture needs kaleido and a Chromium",
)
def test_still_writes_a_png(tmp_path: Path) -> None:
    path = figures.still(example(), tmp_path / "a.png", width=500)
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(data[16:20], "big") == 500
    assert int.from_bytes(data[20:24], "big") == 420


def test_spread_over_seeds_is_the_sample_deviation() -> None:
    def run(*accuracies: float) -> list[dict[str, float]]:
        return [{"epoch": e, "test_accuracy": a} for e, a in enumerate(accuracies, start=1)]

    fig = curves.last_against_best({"ce": [run(0.5), run(0.6), run(0.7)], "mae": [run(0.5)]})
    bars = [t for t in fig.data if t.type == "bar"]
    assert len(bars) == 2
    for bar in bars:
        three, one = bar.error_y.array
        assert three == pytest.approx(10)  # sqrt((10^2 + 0 + 10^2) / (3 - 1)), in percent
        assert one is None  # one seed has no spread
    heights = [t.y for t in fig.data if t.type == "scatter"]
    assert heights[0] == pytest.approx([70, 50])


def test_training_figures_draw_means_over_seeds() -> None:
    runs = {
        "ce": [
            [{"epoch": 1, "test_accuracy": 0.5}, {"epoch": 2, "test_accuracy": 0.4}],
            [{"epoch": 1, "test_accuracy": 0.7}, {"epoch": 2, "test_accuracy": 0.2}],
        ],
        "mae": [{"epoch": 1, "test_accuracy": 0.1}, {"epoch": 2, "test_accuracy": 0.3}],
    }
    fig = curves.accuracy_curves(runs)
    named = {t.name: t for t in fig.data if t.name}
    np.testing.assert_allclose(named["CE"].y, [60, 30])
    np.testing.assert_allclose(named["MAE"].y, [10, 30])  # one run may stand for a list
    assert [list(t.y) for t in fig.data if not t.name] == [[50, 40], [70, 20]]
    bars = {t.name: t for t in curves.last_against_best(runs).data}
    np.testing.assert_allclose(bars["last epoch"].y, [30, 30])
    np.testing.assert_allclose(bars["best epoch"].y, [60, 30])


def test_training_figures_take_a_run_that_has_only_begun() -> None:
    assert len(curves.accuracy_curves({"ce": []}).data[0].x) == 0
    partial = {"ce": [[{"epoch": 1, "wrong_share": None}], []]}
    assert len(curves.gradient_shares(partial, noise=0.6).data[-2].x) == 0  # the last is the level


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__.rpartition(".")[2])
def test_every_figure_function_is_registered(module: Any) -> None:
    public = {
        name
        for name, fn in inspect.getmembers(module, inspect.isfunction)
        if fn.__module__ == module.__name__
        and not name.startswith("_")
        and fn.__annotations__.get("return") in ("go.Figure", go.Figure)
    }
    registered = tuple(getattr(module, "FIGURES", {}))  # a name may go on: steps_table, steps_flip
    assert [name for name in public if not any(r.startswith(name) for r in registered)] == []


# Trace types that plotly 5.24 and 7 both have.
BOTH = {
    *("scatter", "scattergl", "bar", "heatmap", "contour", "histogram", "box", "violin", "image"),
    *("scatterternary", "scatter3d", "surface", "mesh3d", "cone", "table", "indicator", "sankey"),
}


@pytest.mark.parametrize("make", REGISTERED)
def test_every_figure_has_its_four_forms(make: Any) -> None:
    fig = make()
    assert isinstance(fig, go.Figure)
    assert fig.layout.meta["gist"], "alt= says the gist"
    assert {t.type for t in fig.data} <= BOTH
    sent = core.plain(fig)
    text = json.dumps(sent, allow_nan=False)
    go.Figure(sent)
    assert len(text) < 500_000, "too many points for a notebook"
    assert fig.layout.width is None, "figures take the width there is"

    said = figures.alt_text(fig)
    assert len(said) > 60
    assert "untitled" not in said
    assert not re.search(r"<\w+>|nan\b|Series \d", said), said
    pictures = all(t.type == "image" for t in fig.data) or bool(fig.layout.images)
    rows = Table(figures.data_table(fig)).rows
    assert pictures or (len(rows) >= 2 and any(c.isdigit() for row in rows for c in "".join(row)))
    titles = [a.title.text or "" for a in [*fig.select_xaxes(), *fig.select_yaxes()]]
    assert not any("$" in t for t in [*titles, fig.layout.title.text]), "LaTeX needs a network"


@pytest.mark.parametrize("make", REGISTERED)
def test_colour_is_never_the_only_code(make: Any) -> None:
    """Named lines and points of one panel differ in dash, marker or hatching too."""
    fig = make()
    seen: dict[tuple[Any, ...], tuple[Any, str]] = {}
    for t in fig.data:
        if t.type not in ("scatter", "scattergl", "scatterternary") or not t.name:
            continue
        if t.showlegend is False or t.visible not in (None, True):
            continue
        mode = t.mode or "lines"
        dash = (t.line.dash or "solid") if "lines" in mode else None
        symbol = t.marker.symbol if "markers" in mode else None
        symbol = symbol if isinstance(symbol, str | None) else tuple(symbol)
        hatching = t.fillpattern.shape if "fillpattern" in t else None
        key = (t.xaxis if "xaxis" in t else None, dash, symbol, t.fill, hatching)
        before = seen.setdefault(key, (t.line.color or t.marker.color, t.name))
        assert before[1] == t.name, f"{before[1]} and {t.name} differ in colour alone"


def test_describe_numbers() -> None:
    assert describe.number(0.123456) == "0.123"
    assert describe.number(3.0) == "3"
    assert describe.number(np.nan) == "–"
    assert describe.number("a<sub>b</sub>") == "a_b"


@pytest.mark.parametrize(
    ("lowest", "written", "said"),
    [(False, {"91.0 ★", "50.0 ★", "3.0 ★"}, "a: MAE, b: CE, c: MAE"),
     (True, {"90.0 ★", "40.0 ★", "3.0 ★"}, "a: CE, b: MAE, c: MAE")],
)  # fmt: skip
def test_a_star_stands_by_the_best_of_each_column(
    lowest: bool, written: set[str], said: str
) -> None:
    values = [[90.0, 50.0, np.nan, np.nan], [91.0, 40.0, 3.0, np.nan]]
    fig = overview(
        values, ["CE", "MAE"], "abcd", title="t", alt="Two", lowest_is_best=lowest, stars=True
    )
    words = [word for trace in fig.data[1:] for word in trace.text]
    assert {word for word in words if "★" in word} == written
    assert len(words) == 5
    assert fig.layout.meta["gist"].startswith(f"Two. Best of each column: {said}")


def test_pictures_of_masks_name_objects_and_tell_wrong_pixels() -> None:
    true = torch.zeros(2, 16, 16, dtype=torch.int64)
    true[0, 4:10, 4:10], true[1, 2:14, 3:6] = 1, 2
    drawn = true.clone()
    drawn[0, 4:10, 10:12], drawn[1, 2:14, 3:6] = 1, 3
    images = torch.zeros(2, 3, 16, 16, dtype=torch.uint8)
    fig = mask_pictures(images, {"drawn": drawn}, ("ground", "a", "b", "c"), true=true, title="t")
    assert [a.text for a in fig.layout.annotations] == ["a", "c"]
    shares = [100 * 12 / 256, 100 * 36 / 256]
    assert list(fig.data[0].z[1]) == pytest.approx(shares)
    assert fig.layout.meta["gist"] == f"drawn: {sum(shares) / 2:.1f} % of the pixels wrong"
    picture = decoded(fig.layout.images[1].source)  # the first mask, four pixels for each
    colours = {name: tuple(picture[4 * 6, 4 * x]) for name, x in (("right", 5), ("wrong", 11))}
    assert colours["right"] != colours["wrong"] == (213, 94, 0)


def decoded(source: str) -> np.ndarray:
    packed = base64.b64decode(source.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(packed)).convert("RGB"))
