"""Write what depends on where the project is published: two cells of every notebook.

    python tools/published.py [--check] [notebooks/*.ipynb ...]

Where that is says one setting, `repository` in pyproject.toml's [tool.anl-edu], and `revision`
beside it. The cell "badge", under the title, opens the notebook in Colab and on Binder; the first
code cell installs the package where it is missing. While the project is not published, the badge
leads to Colab's start page and says what to bring along, and the cell installs the checkout that
the notebook lies in, or a wheel that lies beside it. Without names all notebooks are taken;
`--check` writes nothing and fails where a cell would change.
"""

from __future__ import annotations

import argparse
import base64
import copy
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from anl_edu import atomic

ROOT = Path(__file__).resolve().parent.parent
BADGES = ROOT / "tools" / "badges"
BADGE = "badge"  # the id of the cell
COLAB, BINDER = "https://colab.research.google.com/", "https://mybinder.org/v2/gh"
UPLOAD = (
    "To run this {kind} there, upload it (File > Upload notebook), and to the files at its left "
    "the package's wheel, which `pip wheel --no-deps .` makes in the project's folder."
)
UPLOAD_LAB = "To run this lab there, upload it (File > Upload notebook)."

FROM_PUBLISHED = """\
import importlib.util

if importlib.util.find_spec("anl_edu") is None:  # elsewhere nothing is installed
    %pip install --quiet "{requirement}"

from anl_edu import colab

colab.ready()
"""

FROM_HERE = """\
import importlib.util
import re
from pathlib import Path

if importlib.util.find_spec("anl_edu") is None:  # elsewhere nothing is installed
    folders = (Path.cwd(), *Path.cwd().parents)
    found = [f for f in folders if (f / "pyproject.toml").is_file() and (f / "anl_edu").is_dir()]
    found += sorted(  # the newest first
        Path.cwd().glob("anl_edu-*.whl"),
        key=lambda wheel: [int(n) for n in re.findall(r"\\d+", wheel.name)],
        reverse=True,
    )
    if not found:
        raise ModuleNotFoundError(
            "anl_edu is missing: open this notebook inside the project's folder, or lay the "
            "package's wheel, anl_edu-....whl, beside it, and run this cell again"
        )
    %pip install --quiet "{found[0]}[lessons]"

from anl_edu import colab

colab.ready()
"""


@dataclass(frozen=True)
class Published:
    """Where the project is published.

    Attributes
    ----------
    repository
        ``https://github.com/OWNER/NAME``; no other place has all that a badge needs.
    revision
        The branch or the tag that badges open and pip installs.

    Raises
    ------
    ValueError
        One of the two is something else.
    """

    repository: str
    revision: str = "main"

    def __post_init__(self) -> None:
        place = re.fullmatch(r"https://github\.com/[A-Za-z0-9-]+/[A-Za-z0-9._-]+", self.repository)
        if place is None or self.repository.endswith((".git", ".")):
            raise ValueError(
                f"repository must be https://github.com/OWNER/NAME, not {self.repository!r}"
            )
        if not re.fullmatch(r"\w[\w.+-]*(/\w[\w.+-]*)*", self.revision, re.ASCII):
            raise ValueError(f"revision must name a branch or a tag, not {self.revision!r}")

    @property
    def requirement(self) -> str:
        """What pip installs, lessons included."""
        return f"anl-edu[lessons] @ git+{self.repository}@{self.revision}"

    @property
    def _place(self) -> str:
        return self.repository.removeprefix("https://github.com/")

    def colab(self, notebook: str) -> str:
        """Return the address that opens a notebook of notebooks/ in Colab."""
        return f"{COLAB}github/{self._place}/blob/{quote(self.revision)}/notebooks/{notebook}"

    def binder(self, notebook: str) -> str:
        """Return the address that opens a notebook of notebooks/ on Binder, in JupyterLab."""
        revision = quote(self.revision, safe="")
        return f"{BINDER}/{self._place}/{revision}?urlpath=lab/tree/notebooks/{notebook}"

    def source(self, path: str) -> str:
        """Return the address at which a file of the repository, named from its root, is read."""
        return f"{self.repository}/blob/{quote(self.revision)}/{path}"


def published(pyproject: Path = ROOT / "pyproject.toml") -> Published | None:
    """Read the setting; None where there is none yet."""
    settings = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    place = settings.get("tool", {}).get("anl-edu", {})
    if not place.get("repository"):
        return None
    return Published(place["repository"], place.get("revision", "main"))


def install_cell(where: Published | None) -> str:
    """Return the text of the first code cell."""
    cell = FROM_HERE if where is None else FROM_PUBLISHED.format(requirement=where.requirement)
    return cell.removesuffix("\n")


def badge_cell(where: Published | None, notebook: str) -> tuple[str, dict[str, dict[str, str]]]:
    """Return the text of the cell under the title of a notebook, and the pictures it shows.

    They are attached to the cell, since a picture that lies elsewhere would be asked for from
    there whenever a lesson is opened. PNG, because JupyterLab shows no attached SVG. A lab's badge
    leads to no notebook: where the project is published lies the one with the solutions.
    """
    of_lab = notebook.startswith("labs/")
    if where is None:
        links, words = {"colab": COLAB}, [UPLOAD.format(kind="lab" if of_lab else "lesson")]
    elif of_lab:
        links, words = {"colab": COLAB}, [UPLOAD_LAB]
    else:
        links, words = {"colab": where.colab(notebook), "binder": where.binder(notebook)}, []
    badges = (
        f"[![Open in {name.capitalize()}](attachment:{name}.png)]({link})"
        for name, link in links.items()
    )
    pictures = {
        f"{name}.png": {"image/png": base64.b64encode(picture(name)).decode()} for name in links
    }
    return "\n\n".join([" ".join(badges), *words]), pictures


def picture(name: str) -> bytes:
    """Return a badge as PNG; its drawing lies beside it."""
    return (BADGES / f"{name}.png").read_bytes()


def rewritten(text: str, where: Published | None, notebook: str) -> str:
    """Return a notebook's text with its two cells as they should be, all else as it was."""
    import nbformat  # late: a site needs the addresses alone

    book = nbformat.reads(text, as_version=4)
    before = copy.deepcopy(book)
    next(cell for cell in book.cells if cell.cell_type == "code").source = install_cell(where)
    words, pictures = badge_cell(where, notebook)
    badge = nbformat.v4.new_markdown_cell(words, id=BADGE, attachments=pictures)
    title, *others = (cell for cell in book.cells if cell.get("id") != BADGE)
    book.cells = [title, badge, *others]
    return text if book == before else nbformat.writes(book) + "\n"


def main() -> int:
    """Run the command line; with `--check` the exit status is 1 where a cell would change."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    every = [path for at in ("*", "labs/*") for path in sorted(ROOT.glob(f"notebooks/{at}.ipynb"))]
    parser.add_argument("notebooks", nargs="*", type=Path, default=every)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a change")
    options = parser.parse_args()
    try:
        where = published()
    except ValueError as error:
        parser.error(f"pyproject.toml: {error}")
    changed = False
    for path in options.notebooks:
        in_labs = path.resolve().parent.name == "labs"
        before = path.read_text(encoding="utf-8")
        after = rewritten(before, where, f"labs/{path.name}" if in_labs else path.name)
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
