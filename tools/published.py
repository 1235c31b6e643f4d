"""Write the cell that installs the package: the first code cell of every notebook.

    python tools/install_cell.py [--check] [notebooks/*.ipynb ...]

Where the package is published is one setting, `published` in pyproject.toml's [tool.anl-edu]:
something that pip understands, for instance "anl-edu[lessons] @ git+https://host/owner/anl-edu@v1".
While it is empty the cell installs the checkout that the notebook lies in. Without names all
notebooks are taken; `--check` writes nothing and fails where a cell would change.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path

import nbformat

from anl_edu import atomic

ROOT = Path(__file__).resolve().parent.parent

FROM_PUBLISHED = """\
import importlib.util

if importlib.util.find_spec("anl_edu") is None:  # on Colab, say; elsewhere this cell does nothing
    %pip install --quiet "{published}"
"""

FROM_CHECKOUT = """\
import importlib.util
from pathlib import Path

if importlib.util.find_spec("anl_edu") is None:  # elsewhere this cell does nothing
    for project in (Path.cwd(), *Path.cwd().parents):
        if (project / "pyproject.toml").is_file() and (project / "anl_edu").is_dir():
            %pip install --quiet "{project}[lessons]"
            break
    else:
        print("anl_edu is missing: open this notebook inside the project's folder and run it again")
"""


def published(pyproject: Path = ROOT / "pyproject.toml") -> str:
    """Return what pip installs the published package from; nothing where it is not published."""
    settings = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("tool", {})
    return settings.get("anl-edu", {}).get("published", "")


def render(requirement: str) -> str:
    """Return the text of the cell.

    Raises
    ------
    ValueError
        The requirement holds a character that would end the quotes round it or mean something to
        IPython.
    """
    for character in '"{}$\\\n':
        if character in requirement:
            raise ValueError(f"published must not hold {character!r}: {requirement!r}")
    if not requirement:
        return FROM_CHECKOUT.removesuffix("\n")
    return FROM_PUBLISHED.format(published=requirement).removesuffix("\n")


def rewritten(text: str, cell: str) -> str:
    """Return a notebook's text with its first code cell replaced."""
    book = nbformat.reads(text, as_version=4)
    first = next(c for c in book.cells if c.cell_type == "code")
    if first.source == cell:
        return text
    first.source = cell
    return nbformat.writes(book) + "\n"


def main() -> int:
    """Run the command line; with `--check` the exit status is 1 where a cell would change."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    folders = ROOT / "notebooks", ROOT / "notebooks" / "labs"
    every = [path for folder in folders for path in sorted(folder.glob("*.ipynb"))]
    parser.add_argument("notebooks", nargs="*", type=Path, default=every)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a change")
    options = parser.parse_args()
    cell = render(published())
    changed = False
    for path in options.notebooks:
        before = path.read_text(encoding="utf-8")
        after = rewritten(before, cell)
        if after == before:
            continue
        changed = True
        print(f"{path}: {'would change' if options.check else 'written'}")
        if not options.check:
            with atomic.writing(path) as file:
                file.write(after.encode())
    return int(changed and options.check)


if __name__ == "__main__":
    sys.exit(main())
