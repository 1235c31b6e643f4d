"""From a saved notebook to its page: the same cells, with figures and explorers that move."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import figures
import nbformat
from bake import Baked, bake
from explorer_cells import explorer_of
from figures import FIGURE

from anl_edu import playground

WAITS = "run this cell to move the controls"  # what a saved explorer says of itself
STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)


def page(path: Path, target: Path, static: Path) -> dict[str, int]:
    """Write a notebook's page to `target`; return how many figures and explorers it holds."""
    book = nbformat.read(path, as_version=4)
    shelf = figures.Shelf(static, path.stem[:2])
    counts = {"figures": 0, "explorers": 0, "states": 0}
    sources: list[str] = []
    for cell in book.cells:
        if cell.cell_type != "code":
            continue
        sources.append(cell.source)
        for place, output in enumerate(cell.outputs):
            bundle = output.get("data", {})
            name = f"{cell.id}-{place}"
            if FIGURE in bundle and WAITS in json.dumps(bundle[FIGURE]["layout"].get("title")):
                baked = bake(explorer_of(sources))
                require_same(baked, bundle[FIGURE], f"{path.name}, cell {cell.id}")
                counts["explorers"] += 1
                counts["states"] += len(baked.sheets)
                _show(output, figures.explorer(shelf, name, bundle, baked))
            elif FIGURE in bundle:
                counts["figures"] += 1
                _show(output, figures.figure(shelf, name, bundle))
            elif playground.MIME in bundle:
                link = bundle[playground.MIME]["link"]
                _show(output, figures.frame(f"../_static/playground.html{link}"))
            elif "text/html" in bundle:
                bundle["text/html"] = STYLE.sub("", bundle["text/html"])
        if cell.metadata.get("jupyter", {}).get("outputs_hidden"):
            cell.metadata.setdefault("tags", []).append("hide-output")
    without_installing(book)
    keep_attached(book, shelf)
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, target)
    return counts


def without_installing(book: nbformat.NotebookNode) -> None:
    """Remove the first code cell, which installs the package, and the words for it."""
    place = next(i for i, cell in enumerate(book.cells) if cell.cell_type == "code")
    del book.cells[place - 1 : place + 1]


def keep_attached(book: nbformat.NotebookNode, shelf: figures.Shelf) -> None:
    """Make files of the pictures that are attached to cells."""
    for cell in book.cells:
        for name, bundle in cell.pop("attachments", {}).items():
            address = shelf.picture(f"{cell.id}-{Path(name).stem}", bundle["image/png"])
            address = address.partition("?")[0]  # Sphinx looks for the file
            cell.source = cell.source.replace(f"attachment:{name}", address)


def _show(output: nbformat.NotebookNode, page: str) -> None:
    output.output_type, output.metadata = "display_data", nbformat.from_dict({})
    output.data = nbformat.from_dict({"text/html": page})
    output.pop("execution_count", None)


def require_same(baked: Baked, saved: dict[str, Any], where: str) -> None:
    """Raise unless the explorer begins with the figure that the notebook has saved.

    It was made without running the notebook: this holds the two together.
    """
    if not alike(baked.sheets[baked.start]["data"], saved["data"]):
        raise ValueError(f"{where}: the explorer does not begin with the figure that is saved")


def alike(one: Any, other: Any) -> bool:
    """Compare JSON values, numbers to three digits: machines differ in the last."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, float) or isinstance(other, float):
        numbers = isinstance(one, int | float) and isinstance(other, int | float)
        return numbers and math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-6)
    return one == other
