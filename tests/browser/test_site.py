"""The web site, built from the committed notebooks and served from this machine: every page."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlparse

import lab
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from anl_edu.lessons.l04_building_an_nnlf.explorers import table
from anl_edu.teach import alt_text
from anl_edu.teach.figure import plain

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
LESSONS = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]

MOST_BYTES = 3_000_000  # of a page, before a figure is asked for
# MathJax says its formulas to screen readers by itself, and axe takes half a minute over them. Code
# has the same colours on every page: it is looked at on one. Sheets are on the page already: axe
# would ask for those they import, at wrong addresses.
FORMULAS, CODE, WITH_CODE = ["mjx-container"], [".highlight"], "package.html"
HOW: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}

lesson = pytest.mark.parametrize("name", LESSONS)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if "BUILT_SITE" in os.environ:  # names one that stands, while its tests are worked on
        return Path(os.environ["BUILT_SITE"]).resolve()
    out = tmp_path_factory.mktemp("built") / "site"
    command = [sys.executable, ROOT / "site" / "make.py", "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    # Below a path, as GitHub's pages lie: no address may begin at the root.
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site.parent))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{site.name}"
    server.shutdown()


class Visit:
    """A page of the site in a window of its own; what went wrong, and what was fetched."""

    def __init__(self, chromium: Browser, address: str, **window: Any) -> None:
        self.context = chromium.new_context(**window)
        self.context.set_default_timeout(60_000)
        self.page = self.context.new_page()
        self.fetched: dict[str, int] = {}
        self.address = address
        self.faults = lab.keep_at_home(self.page, address)
        self.page.on("console", lambda m: m.type == "error" and self.faults.append(m.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("response", self._count)

    def _count(self, response: Any) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.url}: {response.status}")
        if response.url.startswith(self.address):
            length = int(response.headers.get("content-length", 0))
            self.fetched[response.url] = max(length, self.fetched.get(response.url, 0))

    def open(self, name: str) -> Page:
        self.page.goto(f"{self.address}/{name}", wait_until="load")
        self.page.evaluate("globalThis.MathJax?.startup?.promise")
        return self.page


@pytest.fixture
def visit(chromium: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    window = getattr(request, "param", {"viewport": {"width": 1280, "height": 900}})
    visited = Visit(chromium, address, **window)
    yield visited
    visited.context.close()
    assert visited.faults == []


WIDE_LIGHT = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}
NARROW_DARK = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}


def serious(page: Page, where: dict[str, list[list[str]]]) -> list[str]:
    """What axe finds serious or critical in parts of a page as it stands."""
    return [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in Axe().run(page, where, HOW).response["violations"]
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("visit", [WIDE_LIGHT, NARROW_DARK], indirect=True, ids=["wide", "narrow"])
def test_every_page_is_sound(visit: Visit, site: Path) -> None:
    """No error, nothing from outside, nothing serious for axe, no sideways scrolling."""
    width = visit.page.viewport_size["width"]  # type: ignore[index]
    pages = sorted(str(path.relative_to(site)) for path in site.rglob("*.html"))
    assert len(pages) > 60
    if width < 400:  # the package's own files are alike, and all of code
        pages = [name for name in pages if not name.startswith("_modules/")]
    found: list[str] = []
    for name in pages:
        page = visit.open(name)
        leave_out = [FORMULAS] if name == WITH_CODE else [FORMULAS, CODE]
        found += [f"{name}: {fault}" for fault in serious(page, {"exclude": leave_out})]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{name}: wider than the window")
        found += [f"{name}: {fault}" for fault in visit.faults]
        visit.faults.clear()
    assert found == []


class _Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for key, value in attrs:
            if key in ("href", "src", "data-sheet") and value:
                self.links.add(value)
            if key in ("id", "name") and value:
                self.places.add(value)


def test_every_link_inside_leads_somewhere(site: Path) -> None:
    pages = {path: _Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    dead, count = [], 0
    for path, page in pages.items():
        for link in page.links:
            if urlparse(link).scheme or link.startswith("//"):
                continue
            whole, place = urldefrag(urljoin(path.as_uri(), link))
            target = Path(unquote(urlparse(whole).path))
            count += 1
            there = target.is_file()
            if there and place and target in pages and target.parent.name != "_static":
                there = unquote(place) in pages[target].places
            if not there:
                dead.append(f"{path.relative_to(site)}: {link}")
    assert count > 5000
    assert dead == []


@lesson
def test_a_lesson_can_be_read_before_any_script_runs(
    chromium: Browser, address: str, name: str
) -> None:
    page = chromium.new_page(java_script_enabled=False)
    page.goto(f"{address}/notebooks/{name}.html")
    expect(page.locator("article h1").first).to_be_visible()
    assert len(page.locator("article p:visible").all_inner_texts()) > 40
    for still in page.locator("figure.anl-live img").all():
        assert len(still.get_attribute("alt") or "") > 40
    page.close()


@lesson
def test_figures_wait_for_the_reader(visit: Visit, name: str) -> None:
    page = visit.open(f"notebooks/{name}.html")
    page.wait_for_timeout(500)
    assert sum(visit.fetched.values()) < MOST_BYTES, visit.fetched
    asked = [url for url in visit.fetched if "plotly" in url or ".json" in url]
    assert asked == []

    page.mouse.move(640, 400)
    unfold(page)
    figures = page.locator("figure.anl-live")
    for place in range(figures.count()):
        figures.nth(place).scroll_into_view_if_needed()
        expect(figures.nth(place)).to_have_attribute("data-live", "", timeout=30_000)
    assert figures.locator(".js-plotly-plot").count() == figures.count()
    assert [url for url in visit.fetched if "plotly" in url] == [
        f"{visit.address}/_static/plotly.min.js"
    ]
    assert page.locator("[role=alert]:not(.anl-card)").count() == 0
    parts = {"include": [["figure.anl-live"], ["details"]], "exclude": [FORMULAS, CODE]}
    assert serious(page, parts) == []


def unfold(page: Page) -> None:
    """Open all that is folded, as a reader would one by one."""
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")


def drawn(figure: Locator) -> str:
    """What plotly has drawn: its data and its title."""
    return figure.evaluate(
        "f => { const p = f.querySelector('.js-plotly-plot');"
        " return p ? JSON.stringify([p.data, p.layout.title, p.layout.annotations]) : '' }"
    )


def moves(figure: Locator, act: Any) -> bool:
    """Act; tell whether the figure is another before long."""
    before = drawn(figure)
    act()
    for _ in range(60):
        if drawn(figure) != before:
            return True
        figure.page.wait_for_timeout(50)
    return False


@lesson
def test_every_control_moves_its_figure_by_key_and_by_mouse(visit: Visit, name: str) -> None:
    page = visit.open(f"notebooks/{name}.html")
    unfold(page)
    explorers = page.locator("figure.anl-explorer")
    assert explorers.count() > 0
    for explorer in explorers.all():
        explorer.scroll_into_view_if_needed()
        page.mouse.move(640, 400)
        page.mouse.move(650, 400)
        expect(explorer).to_have_attribute("data-live", "", timeout=30_000)
        controls = explorer.locator("[data-size]").all()
        assert controls
        still = []
        for control in controls:
            began = control.evaluate("c => c.type === 'checkbox' ? Number(c.checked) : c.value")
            if not any(moves(explorer, lambda c=control: by_key(c)) for _ in range(4)):
                still.append(f"{control.get_attribute('id')}, by key")
            if not any(moves(explorer, lambda c=control, n=n: by_mouse(c, n)) for n in range(4)):
                still.append(f"{control.get_attribute('id')}, by mouse")
            put(control, began)  # beside another's last stop it might do nothing
        assert still == []


@pytest.mark.parametrize("state", [(0, 0, 0), (2, 3, 20), (3, 1, 11), (1, 2, 5)], ids=str)
def test_a_stop_shows_what_the_package_draws(visit: Visit, state: tuple[int, ...]) -> None:
    page = visit.open("notebooks/04-building-an-nnlf.html")
    explorer = page.locator("figure.anl-explorer[data-sheet*=flip-explorer]")
    explorer.scroll_into_view_if_needed()
    controls = explorer.locator("[data-size]").all()
    values: list[Any] = []
    package = table("flip")
    for control, place, name in zip(controls, state, ("stage", "y", "z0"), strict=True):
        put(control, place)
        if name == "z0":
            values.append(float(explorer.locator("output").inner_text()))
        else:
            values.append(package.controls[name].options[place][1])
    package.set(**dict(zip(("stage", "y", "z0"), values, strict=True)))
    picture = explorer.locator("[role=figure]")
    expect(picture).to_have_attribute("aria-label", alt_text(package.figure))
    assert picture.evaluate("p => p.data.map(t => t.y ?? null)") == [
        trace.get("y") for trace in plain(package.figure)["data"]
    ]
    expect(explorer.locator("[role=status]")).to_have_text(
        re.sub("<[^>]+>", "", package.line(package.state))
    )


def put(control: Locator, place: int | str) -> None:
    """Set a control to one of its stops."""
    control.evaluate(
        "(c, place) => { c.checked = Boolean(Number(place)); if (c.type !== 'checkbox')"
        " c.value = place; c.dispatchEvent(new Event('input')); }",
        place,
    )


@pytest.mark.parametrize("lost", ["plotly.min.js", "flip-explorer-0.json.gz"])
def test_what_could_not_be_fetched_is_asked_for_again(visit: Visit, lost: str) -> None:
    page = visit.open("notebooks/04-building-an-nnlf.html")
    page.route(f"**/{lost}*", lambda route: route.abort())
    explorer = page.locator("figure.anl-explorer[data-sheet*=flip-explorer]")
    by_key(explorer.locator("input[type=range]").first)
    expect(explorer.get_by_role("alert")).to_contain_text("could not be made live")
    assert not explorer.locator(".js-plotly-plot").count()
    page.wait_for_timeout(500)  # coming into view it asks once more
    page.unroute(f"**/{lost}*")
    explorer.get_by_role("button", name="Try again").click()
    expect(explorer).to_have_attribute("data-live", "", timeout=30_000)
    expect(explorer.get_by_role("alert")).to_have_count(0)
    assert visit.faults
    visit.faults.clear()  # the console's word on the lost file


def by_key(control: Locator) -> None:
    """Move a control one stop by the keyboard alone: forwards or, at its end, backwards."""
    control.focus()
    if control.get_attribute("type") == "checkbox":
        control.press("Space")
        return
    back, on = (
        ("ArrowUp", "ArrowDown") if tag_of(control) == "select" else ("ArrowLeft", "ArrowRight")
    )
    at_end = int(control.input_value()) == int(control.get_attribute("data-size") or 0) - 1
    control.press(back if at_end else on)


def by_mouse(control: Locator, turn: int) -> None:
    """Click on a box, or on a slider's track; a list's entries open outside the page."""
    box = control.bounding_box()
    assert box is not None
    if control.get_attribute("type") == "checkbox":
        control.click()
    elif tag_of(control) == "select":
        size = int(control.get_attribute("data-size") or 0)
        control.select_option(str((int(control.input_value()) + 1) % size))
    else:
        share = (0.85, 0.15, 0.5, 0.95)[turn]
        control.click(position={"x": share * box["width"], "y": box["height"] / 2})


def tag_of(control: Locator) -> str:
    return control.evaluate("c => c.tagName.toLowerCase()")


def test_the_way_through_the_site(visit: Visit) -> None:
    """Next and previous, search, download, and the theme, which figures and frames follow."""
    page = visit.open("notebooks/00-start-here.html")
    page.locator("a.right-next").click()
    expect(page.locator("article h1").first).to_contain_text("01 · How labels go wrong")
    page.locator("a.left-prev").click()
    expect(page.locator("article h1").first).to_contain_text("00 · Start here")

    frame = page.frame_locator("iframe.anl-playground").first
    expect(frame.get_by_role("button", name="Play")).to_be_visible()
    page.locator(".theme-switch-button:visible").click()
    page.locator(".theme-change-button[data-mode=dark]:visible").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("document.body.dataset.jpThemeLight") == "false"
    expect(frame.locator("#playground.dark")).to_be_attached()

    visit.open("search.html?q=entropy+regulariser")
    expect(page.locator("ul.search li").first).to_be_visible()
    assert "07" in " ".join(page.locator("ul.search li").all_inner_texts())


@lesson
def test_a_lesson_is_downloaded_as_it_stands_in_the_repository(site: Path, name: str) -> None:
    page = (site / "notebooks" / f"{name}.html").read_text(encoding="utf-8")
    assert f"../_sources/notebooks/{name}.ipynb" in page
    given = site / "_sources" / "notebooks" / f"{name}.ipynb"
    assert given.read_bytes() == (ROOT / "notebooks" / f"{name}.ipynb").read_bytes()


def test_the_front_page_trains_two_networks(visit: Visit) -> None:
    page = visit.open("index.html")
    frame = page.frame_locator("iframe.anl-playground")
    frame.get_by_role("button", name="Play").click()
    expect(frame.get_by_role("button", name="Pause")).to_be_visible()
    expect(frame.get_by_text("epoch 0", exact=True)).to_have_count(0)
    hidden = page.locator("iframe.anl-playground").evaluate(
        "f => f.contentDocument.documentElement.scrollHeight - f.clientHeight"
    )
    assert hidden <= 0
