"""How soon a lesson's page can be read, and what it weighs, in headless Chromium from this machine.

    make site && python benchmarks/site.py [--site build/site]

Each page is opened three times with an empty cache, 1440 x 900 pixels; times are medians from the
request on. *Text* is the first contentful paint: the lesson's words stand there. *Formulas* is when
MathJax has set them all. *kB* is all that was fetched before a figure is asked for, uncompressed.
Wanted: text within 1,000 ms, at most 3,000 kB.
"""

import argparse
import functools
import platform
import statistics
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from tabulate import tabulate

from anl_edu import paths

OPENED, TEXT, KB = 3, 1000, 3000
ROOT = Path(__file__).resolve().parent.parent
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
# The page's own files: what lies in frames is counted by them.
FETCHED = """["resource", "navigation"].flatMap((kind) => performance.getEntriesByType(kind))
    .reduce((sum, entry) => sum + entry.decodedBodySize, 0)"""


def opened(browser: Browser, address: str) -> tuple[float, float, float]:
    """Return milliseconds until the text and until the formulas, and kB."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(address, wait_until="load")
    page.wait_for_function(PAINT)
    formulas = page.evaluate(
        "Promise.resolve(globalThis.MathJax?.startup?.promise).then(() => performance.now())"
    )
    page.wait_for_load_state("networkidle")
    found = page.evaluate(PAINT), formulas, page.evaluate(FETCHED) / 1000
    page.close()
    return found


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and keeps no log."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--site", type=Path, default=ROOT / "build" / "site")
    site = parser.parse_known_args()[0].site  # others are for other benchmarks
    if not (site / "index.html").is_file():
        print(f"no site in {site}: build it with `make site`")
        return
    handler = functools.partial(Quiet, directory=str(site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    names = ["index.html", *sorted(f"notebooks/{p.name}" for p in site.glob("notebooks/*.html"))]
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=paths.chromium(), args=["--no-sandbox"]
        )
        for name in names:
            address = f"http://127.0.0.1:{server.server_port}/{name}"
            times = zip(*(opened(browser, address) for _ in range(OPENED)), strict=True)
            rows.append([name, *(round(statistics.median(some)) for some in times)])
        version = browser.version
        browser.close()
    server.shutdown()
    print(f"Chromium {version}, {platform.machine()}, {OPENED} visits a page")
    print(tabulate(rows, ["page", "text, ms", "formulas, ms", "kB"], "github"))
    late = [row[0] for row in rows if row[1] > TEXT or row[3] > KB]
    print(f"beyond what is wanted: {', '.join(late) or 'none'}")


if __name__ == "__main__":
    main()
