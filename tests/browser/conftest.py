"""One JupyterLab for each test file, and a browser that cannot leave this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import lab
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from anl_edu import paths, playground

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "build" / "screenshots"
# Of the playground's script, what tests call.
PLAYGROUND = (
    "built, ceTable, flTable, active, normalized, normalizedNegative, lossAndGradient, LOSSES, "
    "Trainer, makeWorld, complete, fromHash, optionsOf, MOMENTS, Playground"
)


# Of a file, not of the session: while playwright runs, its thread has an event loop, and tests
# and notebooks that follow in the same process could not have their own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    executable = paths.chromium()
    if executable is None:
        pytest.skip("no Chromium found: install chromium, or name one in CHROMIUM")
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs rights that a container often lacks.
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the lessons: what the browser saves never reaches the checkout."""
    copy = tmp_path_factory.mktemp("lessons")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, copy)
    return copy


@pytest.fixture(scope="module")
def address(
    chromium: Browser, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with lab.jupyterlab(folder, tmp_path_factory.mktemp("jupyter")) as address:
        yield address


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    """A page of its own for each test; a request to anywhere else fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1300})
    context.set_default_timeout(1000 * lab.START_SECONDS)
    page = context.new_page()
    strays = lab.keep_at_home(page, address)
    yield page
    lab.shut_down(page)
    context.close()
    assert strays == []


@pytest.fixture
def screenshots() -> Path:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS


@pytest.fixture(scope="module")
def parts(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page with the playground's script alone, its parts within reach."""
    path = tmp_path_factory.mktemp("parts") / "parts.html"
    script = f"{playground.script()}\nglobalThis.parts = {{ {PLAYGROUND} }};"
    path.write_text(f"<script type='module'>{script}</script>", encoding="utf-8")
    page, faults = lab.open_file(chromium, path, 800, "light")
    page.wait_for_function("globalThis.parts")
    yield page
    assert faults == []
    page.close()
