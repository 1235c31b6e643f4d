"""How fast the playground trains, and how soon it answers, in headless Chromium on this machine.

    python benchmarks/playground.py

At the settings with which it begins, both networks and all pictures included, 1280 x 900 pixels.
Epochs a second are counted over windows of 2 s after 1 s of warming up. Then a point is chosen by
an arrow key every 150 ms while training goes on: *heard* is the time from the key to the start of
what answers it, *seen* from the key to the next frame that the browser shows, as its Event Timing
has them (in steps of 8 ms; keys seen within 16 ms are left out). Wanted: 60 epochs a second, and
keys heard within 50 ms.
"""

import platform
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from tabulate import tabulate

from anl_edu import paths, playground

WINDOWS, SECONDS, KEYS = 5, 2.0, 60
EPOCHS, HEARD = 60, 50
WATCH = """window.keys = []; new PerformanceObserver(list => {
    for (const e of list.getEntries()) {
        if (e.name === "keydown") window.keys.push([e.processingStart - e.startTime, e.duration]);
    }
}).observe({ type: "event", durationThreshold: 16, buffered: true })"""


def epochs_a_second(page: Page) -> float:
    """Count over one window."""
    look = "[performance.now(), playground.epoch]"
    began, first = page.evaluate(look)
    page.wait_for_timeout(1000 * SECONDS)
    ended, last = page.evaluate(look)
    return float(1000 * (last - first) / (ended - began))


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "playground.html"
        file.write_text(playground.page(), encoding="utf-8")
        browser = playwright.chromium.launch(
            executable_path=paths.chromium(), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(file.as_uri())
        page.evaluate(WATCH)
        page.get_by_role("button", name="Play", exact=True).click()
        page.wait_for_timeout(1000)
        speeds = [epochs_a_second(page) for _ in range(WINDOWS)]
        page.locator("canvas").first.focus()
        for n in range(KEYS):
            page.keyboard.press("ArrowLeft" if n % 2 else "ArrowRight")
            page.wait_for_timeout(150)
        keys = page.evaluate("window.keys")
        version = browser.version
        browser.close()

    print(
        f"{platform.machine()}, Chromium {version}, {file.name}: {len(playground.page()):,} bytes"
    )
    rows = [
        ["epochs a second", *summary(speeds), f"at least {EPOCHS}"],
        ["key heard after, ms", *summary([heard for heard, _ in keys]), f"at most {HEARD}"],
        ["key seen after, ms", *summary([seen for _, seen in keys]), ""],
    ]
    print(f"{len(keys)} of {KEYS} keys were seen after 16 ms or later")
    print(tabulate(rows, headers=["", "lowest", "median", "highest", "wanted"], floatfmt=".0f"))


def summary(values: list[float]) -> tuple[float, float, float]:
    """Lowest, median and highest."""
    return min(values), statistics.median(values), max(values)


if __name__ == "__main__":
    main()
