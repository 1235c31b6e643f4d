"""A real JupyterLab on this machine, and what a reader does in it: open, run, move by keyboard."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Locator, Page, Route

WIDGET = "application/vnd.jupyter.widget-view+json"
FIGURE = "application/vnd.plotly.v1+json"
START_SECONDS, RUN_SECONDS, CHANGE_SECONDS = 120, 420, 90
SERVER = """
from jupyterlab.galata import configure_jupyter_server
configure_jupyter_server(c)
c.ServerApp.allow_root = True
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = {port}
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
c.LabApp.user_settings_dir = "{settings}"
"""
# The notebook in front, as its own model sees it; `expose_app_in_browser` makes `jupyterapp`.
STATE = """() => {
    const panel = window.jupyterapp?.shell.currentWidget;
    if (!panel?.sessionContext?.isReady) return null;
    const cells = panel.content.widgets.filter(w => w.model.type === "code")
        .filter(w => w.model.sharedModel.getSource().trim());
    const outputs = cells.flatMap(w => w.model.sharedModel.getOutputs());
    return {
        kernel: panel.sessionContext.session?.kernel?.status ?? "none",
        waiting: cells.filter(w => w.model.executionState !== "idle").length,
        unrun: cells.filter(w => !w.model.executionCount).length,
        errors: outputs.filter(o => o.output_type === "error").map(o => `${o.ename}: ${o.evalue}`),
    };
}"""
# Cells that show a widget with a figure in it; a box for a guess has none.
EXPLORERS = """([widget, figure]) => window.jupyterapp.shell.currentWidget.content.widgets.flatMap(
    (w, i) => w.model.type === "code" && w.model.sharedModel.getOutputs()
        .some(o => o.data?.[widget] && o.data[figure]) ? [i] : [])"""

# What a figure shows. Plotly numbers its definitions anew at each drawing; they are not seen.
SEEN = """svgs => svgs.map(svg => {
    const seen = svg.cloneNode(true);
    seen.querySelectorAll("defs, .hoverlayer").forEach(e => e.remove());
    return seen.innerHTML.replace(/url\\([^)]*\\)/g, "");
}).join("")"""
# What a control is called on the page.
NAME = "e => e.closest('.widget-inline-hbox')?.querySelector('label')?.innerText ?? e.outerHTML"


@contextmanager
def jupyterlab(folder: Path, scratch: Path) -> Iterator[str]:
    """Serve `folder` on a free port, every setting of its own in `scratch`; give the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = scratch / "server.py"
    config.write_text(SERVER.format(port=port, settings=scratch / "settings"), encoding="utf-8")
    quiet = scratch / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false"}', encoding="utf-8")  # else it asks, over the page
    own = {
        name: str(scratch)
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "TMPDIR")
    }
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "JUPYTER_"))}
    env |= own | {
        "ANL_EDU_OFFLINE": "1",
        "ANL_EDU_PROGRESS": "off",
        "IPYTHONDIR": str(scratch),
        "JUPYTERLAB_GALATA_ROOT_DIR": str(folder),
        "OMP_NUM_THREADS": "1",
    }
    env.pop("ANL_EDU_STRICT", None)  # here an error in a callback must show as its panel
    command = [sys.executable, "-m", "jupyterlab", f"--config={config}"]
    with (scratch / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log)
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for_server(address, server, scratch / "server.log")
            yield address
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait_for_server(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server answers; say what it wrote if it never does."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/api", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
        else:
            return
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


def keep_at_home(page: Page, address: str) -> list[str]:
    """Stop every request that would leave this machine; give the list they are written into."""
    strays: list[str] = []

    def judge(route: Route) -> None:
        url = route.request.url
        if url.startswith((f"{address}/", "data:", "blob:")):
            route.continue_()
        else:
            strays.append(url)
            route.abort()

    page.route("**/*", judge)
    return strays


def open_file(
    chromium: Browser, file: Path, width: int, scheme: Literal["light", "dark"]
) -> tuple[Page, list[str]]:
    """Open an HTML file in a window of that width; give the page and the list of its faults.

    Faults are what the console is told, and requests for anything that is not in the file.
    """
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    faults: list[str] = []

    def asked(url: str) -> None:
        if not url.startswith(("file:", "blob:", "data:")):
            faults.append(url)

    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: asked(request.url))
    page.goto(file.as_uri())
    return page, faults


def open_notebook(page: Page, address: str, name: str) -> None:
    """Open a notebook in JupyterLab and wait for its kernel."""
    page.goto(f"{address}/lab/tree/{name}?reset")
    page.wait_for_function(
        f"() => (({STATE})() ?? {{}}).kernel === 'idle'", timeout=START_SECONDS * 1000
    )


def watch_shifts(page: Page) -> None:
    """Note every shift of what was in sight, from here on; before the page is opened.

    A folded cell at the edge of the window can blink: JupyterLab draws it, finds it smaller than it
    had thought, and takes it away. That moves nothing, though Chromium counts it as a shift.
    """
    page.add_init_script(
        "window.shifts = []; const moved = e => e.sources.some(s => s.previousRect.height);"
        "new PerformanceObserver(list => window.shifts.push(...list.getEntries().filter(moved)"
        ".map(e => e.value))).observe({type: 'layout-shift', buffered: true})"
    )


def shift_while_scrolling(page: Page) -> float:
    """Scroll the notebook in front to its end; give the sum of what shifts on the way.

    JupyterLab estimates the height of cells until it first draws them, and shifts as it opens even
    a notebook without outputs: that is over before this begins, and each step waits for its cells.
    """
    wait_for_rest(page, 2.5)
    page.evaluate("window.shifts.length = 0")
    outer = page.locator(".jp-WindowedPanel-outer").first
    place = -1.0
    while (now := outer.evaluate("e => (e.scrollBy(0, 800), e.scrollTop)")) != place:
        place = now
        wait_for_rest(page, 0.15)
    outer.evaluate("e => e.scrollTo(0, 0)")
    return float(page.evaluate("window.shifts.reduce((a, b) => a + b, 0)"))


def wait_for_rest(page: Page, seconds: float) -> None:
    """Return when nothing has shifted for that long; after a minute it is as still as it gets."""
    end = time.monotonic() + 60
    seen = -1
    while time.monotonic() < end and (now := page.evaluate("window.shifts.length")) != seen:
        seen = now
        page.wait_for_timeout(seconds * 1000)


def run_all(page: Page) -> list[str]:
    """Choose Run All Cells from the menu, wait for the last cell, give the errors shown."""
    start_all(page)
    return wait_for_all(page)


def start_all(page: Page) -> None:
    """Choose Run All Cells from the menu."""
    page.locator(".lm-MenuBar-item", has_text="Run").first.click()
    page.locator(".lm-Menu-itemLabel").get_by_text("Run All Cells", exact=True).click()


def wait_for_all(page: Page) -> list[str]:
    """Wait for the last cell that runs, and give the errors shown."""
    page.wait_for_function(
        f"""() => {{
            const now = ({STATE})();
            if (!now) return false;
            const done = now.kernel === "idle" && now.waiting === 0 && now.unrun === 0;
            return done || now.errors.length > 0;
        }}""",
        timeout=RUN_SECONDS * 1000,
        polling=500,
    )
    return list(page.evaluate(STATE)["errors"])


def shut_down(page: Page) -> None:
    """End the kernel of the notebook in front, so that the next one has the machine."""
    page.evaluate("() => window.jupyterapp?.shell.currentWidget?.sessionContext?.shutdown()")


def explorers(page: Page) -> list[Locator]:
    """Give the cells that show a widget with a figure, in order."""
    return [cell(page, place) for place in page.evaluate(EXPLORERS, [WIDGET, FIGURE])]


def cell(page: Page, place: int) -> Locator:
    """Give the cell at that place in the notebook; cells of words count too."""
    return page.locator(f".jp-Notebook [data-windowed-list-index='{place}']")


def controls(cell: Locator) -> Locator:
    """Give every control in the cell's output that moves the figure."""
    return cell.locator(".jp-OutputArea-output :is([role=slider], select, input[type=checkbox])")


def picture(cell: Locator) -> str:
    """Give the drawn lines, points and words of the cell's figure."""
    drawn = cell.locator(".jp-OutputArea-output .js-plotly-plot svg.main-svg")
    return str(drawn.evaluate_all(SEEN))


def changes(page: Page, look: Callable[[], str], before: str) -> bool:
    """Wait for what is seen to differ from `before`; tell whether it did."""
    end = time.monotonic() + CHANGE_SECONDS
    while look() == before:
        if time.monotonic() > end:
            return False
        page.wait_for_timeout(100)
    return True


def move(page: Page, cell: Locator, control: Locator) -> bool:
    """Move one control by the keyboard; tell whether the figure was seen to change.

    A drop-down is opened with Enter first: JupyterLab keeps bare arrow keys for itself there.
    """
    before = picture(cell)
    control.focus()
    kind = control.evaluate("e => e.type === 'checkbox' ? 'box' : e.tagName.toLowerCase()")
    if kind == "box":
        keys = ["Space"]
    elif kind == "select":
        last = control.evaluate("e => e.selectedIndex === e.options.length - 1")
        keys = ["Enter", "ArrowUp" if last else "ArrowDown", "Enter"]
    else:
        last = control.evaluate("e => e.ariaValueNow === e.ariaValueMax")
        keys = ["ArrowLeft" if last else "ArrowRight"]
    for key in keys:
        page.keyboard.press(key)
    return changes(page, lambda: picture(cell), before)
