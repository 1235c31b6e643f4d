"""Re-execute notebooks and bring them into the form in which they are committed.

    python tools/notebooks.py [--check] [--data FOLDER] notebooks/*.ipynb

Each notebook runs from top to bottom in its own folder, offline, on the embedded data (`--data`
lends it real images). Its outputs then lose whatever differs from one machine or run to the next,
and each figure and playground gets a still picture for readers whose viewer draws neither. Under
each exercise comes its solution, folded; under each guess the saved outputs are folded up to the
cell that compares. A second run changes nothing. `--check` writes nothing and fails where a
notebook would change. Notebooks under labs/ are left for the student to run, so their outputs are
removed.
"""

from __future__ import annotations

import argparse
import base64
import copy
import hashlib
import io
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from anl_edu import atomic, paths, playground
from anl_edu.teach.exercise import find

ROOT = Path(__file__).resolve().parent.parent
FIGURE = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
WIDTH, HEIGHT = 760, 420  # pixels of a still picture whose figure does not say
COLOURS = 256
MAX_BYTES = 2_000_000
CELL_SECONDS = 600
LANGUAGE = {"name": "python"}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
KEPT = ("tags", "jupyter", "nbgrader")  # of a cell's metadata
SOLUTION = "solution-"  # begins the id of a cell that this file writes
CHECKED = re.compile(r'(?m)^check\("([\w-]+)"')
GUESSED = re.compile(r"(?m)^(\w+) = guess\(")
# Ids that JupyterLab and nbformat draw at random; any other was given by an author and stays.
RANDOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{8}")
REPLACED = [
    (re.compile(re.escape(f"{ROOT}/")), ""),
    (re.compile(re.escape(f"{sys.prefix}/")), ".venv/"),
    (re.compile(re.escape(f"{Path.home()}/")), "~/"),
    (re.compile(r"\S*/ipykernel_\d+/\d+\.py"), "<cell>"),
    (re.compile(r" at 0x[0-9a-fA-F]{6,}"), " at 0x..."),
]
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|tmp|root|home|Users|content)/[a-z]")


def main() -> int:
    """Run the command line; the exit status is 1 where a notebook failed or would change."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a change")
    parser.add_argument("--data", type=Path, help="a folder that ANL_EDU_DATA will name")
    options = parser.parse_args()
    failed = False
    for path in options.notebooks:
        before = path.read_text(encoding="utf-8")
        try:
            after = remade(path, options.data)
        except CellExecutionError as error:
            print(f"{path}: a cell failed\n{error}", file=sys.stderr)
            return 1
        complaints = problems(after)
        if options.check and after != before:
            complaints.append("would change; run `make notebooks`")
        elif after != before:
            with atomic.writing(path) as file:
                file.write(after.encode())
        state = "unchanged" if after == before else "changed" if options.check else "written"
        print(f"{path}: {state}, {len(after) / 1000:.0f} kB", flush=True)
        for complaint in complaints:
            print(f"{path}: {complaint}", file=sys.stderr)
        failed |= bool(complaints)
    return int(failed)


def remade(path: Path, data: Path | None = None) -> str:
    """Give the notebook's text after running and normalising it."""
    book = nbformat.read(path, as_version=4)
    add_solutions(book)
    old = copy.deepcopy(book)
    if path.resolve().parent.name == "labs":
        for cell in book.cells:
            if cell.cell_type == "code":
                cell.update(outputs=[], execution_count=None)
    else:
        execute(book, path.resolve().parent, data)
    normalise(book, stills_of(old))
    nbformat.validate(book)
    return nbformat.writes(book) + "\n"


def add_solutions(book: nbformat.NotebookNode) -> None:
    """Put a folded solution under each cell that checks an exercise, in the place of an old one."""
    cells = []
    for cell in book.cells:
        if cell.get("id", "").startswith(SOLUTION):
            continue
        cells.append(cell)
        for name in CHECKED.findall(cell.source) if cell.cell_type == "code" else ():
            cells.append(nbformat.v4.new_markdown_cell(solution(name), id=f"{SOLUTION}{name}"))
    book.cells = cells


def solution(name: str) -> str:
    """Give an exercise's solution as a details element, to be read without a kernel."""
    exercise = find(name)
    because = f"\n\n{exercise.because}" if exercise.because else ""
    return (
        f"<details><summary>Solution of {name}</summary>\n\n"
        f"```python\n{exercise.solution.strip()}\n```{because}\n\n</details>"
    )


def fold_answers(book: nbformat.NotebookNode) -> None:
    """Fold the saved outputs of the cells after a guess, the cell that compares included.

    Running a cell unfolds it. Other cells' outputs are left as they are, folded or not.
    """
    open_guess = ""
    for cell in book.cells:
        if cell.cell_type != "code":
            continue
        if open_guess and "check(" not in cell.source:  # an exercise stays in view
            cell.metadata["jupyter"] = {**cell.metadata.get("jupyter", {}), "outputs_hidden": True}
        if open_guess and f"{open_guess}.compare(" in cell.source:
            open_guess = ""
        found = GUESSED.search(cell.source)
        if found:
            open_guess = found[1]


def execute(book: nbformat.NotebookNode, folder: Path, data: Path | None) -> None:
    """Run every cell in `folder`, in an environment of our own making."""
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    with tempfile.TemporaryDirectory() as empty:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("ANL_EDU_", "PLOTLY_"))}
        env |= {
            "ANL_EDU_OFFLINE": "1",
            "ANL_EDU_PROGRESS": "off",
            "ANL_EDU_DEVICE": "cpu",
            "ANL_EDU_DATA": str(data.resolve()) if data else empty,
            "IPYTHONDIR": empty,
            "OMP_NUM_THREADS": "1",  # sums in one order, on any machine
            "PLOTLY_RENDERER": "plotly_mimetype",
            "PYTHONHASHSEED": "0",
            "TQDM_DISABLE": "1",  # no progress bars in saved outputs
        }
        client = NotebookClient(
            book,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
        )
        client.execute(env=env)


def normalise(book: nbformat.NotebookNode, stills: dict[tuple[str, str], str]) -> None:
    """Remove in place what differs between machines and runs; add the still pictures."""
    book.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE})
    book.nbformat, book.nbformat_minor = 4, 5
    taken: set[str] = set()
    fold_answers(book)
    for cell in book.cells:
        cell.id = stable_id(cell, taken)
        cell.metadata = nbformat.from_dict(
            {key: cell.metadata[key] for key in KEPT if cell.metadata.get(key)}
        )
        for output in cell.get("outputs", []):
            if "data" in output:
                tidy_bundle(output, cell.id, stills)
            if "text" in output:
                output.text = tidy_text(output.text)


def stable_id(cell: nbformat.NotebookNode, taken: set[str]) -> str:
    """Keep an id that an author gave; draw a random one anew from the cell's text."""
    name = cell.get("id", "")
    if not name or RANDOM_ID.fullmatch(name) or name in taken:
        digest = hashlib.sha256(cell.source.encode()).hexdigest()[:8]
        stem = name = f"{cell.cell_type}-{digest}"
        again = 1
        while name in taken:
            again += 1
            name = f"{stem}-{again}"
    taken.add(name)
    return name


def tidy_text(text: str) -> str:
    """Make paths relative and addresses anonymous."""
    for pattern, instead in REPLACED:
        text = pattern.sub(instead, text)
    return text


def tidy_bundle(
    output: nbformat.NotebookNode, cell_id: str, stills: dict[tuple[str, str], str]
) -> None:
    """Bring one MIME bundle into its committed form."""
    bundle, metadata = output.data, {}
    bundle.pop(WIDGET, None)  # without a kernel, a picture of its first state
    shown = ""  # what a picture is to show
    if FIGURE in bundle:
        shown = json.dumps(bundle[FIGURE], sort_keys=True)
        bundle.pop("text/html", None)  # plotly's own page form: megabytes of script
    elif playground.MIME in bundle:
        shown = bundle[playground.MIME]["link"] + playground.page()
    if shown:
        digest = hashlib.sha256(shown.encode()).hexdigest()[:16]
        picture = stills.get((cell_id, digest))
        # It is drawn again only when that changed: browsers differ by a pixel.
        bundle["image/png"] = picture or (
            still(bundle[FIGURE])
            if FIGURE in bundle
            else photograph(bundle[playground.MIME]["link"])
        )
        metadata = {"figure": digest}
    for kind in ("text/plain", "text/html", "text/markdown"):
        if kind in bundle:
            bundle[kind] = tidy_text(bundle[kind])
    output.metadata = nbformat.from_dict(metadata)


def stills_of(book: nbformat.NotebookNode) -> dict[tuple[str, str], str]:
    """Collect the pictures already committed, by cell and by their figure's digest."""
    return {
        (cell.get("id", ""), output.metadata["figure"]): output.data["image/png"]
        for cell in book.cells
        for output in cell.get("outputs", [])
        if "figure" in output.get("metadata", {}) and "image/png" in output.get("data", {})
    }


def still(figure: dict[str, Any]) -> str:
    """Draw the figure in a local Chromium; give a base64 PNG with few colours."""
    import kaleido  # authors alone have it

    kaleido.start_sync_server(n=1, mathjax=False, silence_warnings=True)
    layout = figure.get("layout", {})
    size = {"width": layout.get("width", WIDTH), "height": layout.get("height", HEIGHT)}
    shown = {key: figure[key] for key in ("data", "layout") if key in figure}
    return encoded(kaleido.calc_fig_sync(shown, opts={"format": "png", "scale": 1, **size}))


def photograph(address: str) -> str:
    """Open the playground in a local Chromium; give a base64 PNG of its two planes."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "playground.html"
        file.write_text(playground.page(), encoding="utf-8")
        browser = playwright.chromium.launch(
            executable_path=paths.chromium(), args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
        page.goto(f"{file.as_uri()}{address}")
        page.wait_for_function("globalThis.playground && !globalThis.playground.playing")
        raw = page.locator(".sides").screenshot()
        browser.close()
    return encoded(raw)


def encoded(raw: bytes) -> str:
    """Give a PNG in base64 with few colours."""
    from PIL import Image

    picture = Image.open(io.BytesIO(raw)).convert("RGB")
    # MAXCOVERAGE keeps a thin line's colour; MEDIANCUT would give two lines one colour.
    small = picture.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    small.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode() + "\n"


def problems(text: str) -> list[str]:
    """Say what keeps the notebook from being committed."""
    found = []
    if len(text.encode()) > MAX_BYTES:
        found.append(f"{len(text.encode())} bytes, more than {MAX_BYTES}")
    if '"bdata"' in text:
        found.append("a figure holds packed arrays: show it with anl_edu.teach.show")
    for where, line in _output_lines(json.loads(text)):
        if MACHINE_PATH.search(line):
            found.append(f"cell {where} shows a path of this machine: {line.strip()[:100]}")
    return found


def _output_lines(book: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for cell in book["cells"]:
        for output in cell.get("outputs", []):
            kept = {k: v for k, v in output.get("data", {}).items() if k.startswith("text/")}
            for lines in [output.get("text", []), *kept.values()]:
                for line in [lines] if isinstance(lines, str) else lines:
                    yield cell["id"], line


if __name__ == "__main__":
    sys.exit(main())
