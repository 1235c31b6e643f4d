"""Build the web site: `make site`, from the committed notebooks and without a network.

    python site/make.py [--out build/site]

First a folder is laid out that Sphinx reads (build/site-source): the lessons, their figures and
explorers taken out and made to move without a kernel; the documents; the playground. Then Sphinx
makes the pages. To look at them, serve them: python -m http.server --directory build/site
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import figures
import lessons
from plotly.offline import get_plotlyjs
from tqdm.auto import tqdm

from anl_edu import playground, teach

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT / "tools"))

from published import published  # noqa: E402 - the folder of tools is known from here on

LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
DOCUMENTS = [ROOT / "CHANGELOG.md", ROOT / "data" / "README.md", *(ROOT / "docs").glob("*.md")]
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")
SECTION = re.compile(r"(?m)^SECTION (.+)$")  # of the README, in a page of the site
PAGES = {*LESSONS, *DOCUMENTS, ROOT / "index.md", ROOT / "package.md"}
IMAGE = re.compile(r"!\[[^\]]*\]\(([^):]+)\)")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site")
    out = parser.parse_args().out.resolve()
    if out.exists() and any(out.iterdir()) and not (out / ".buildinfo").is_file():
        parser.error(f"--out: {out} holds something that is no site, and would be emptied")
    began = time.perf_counter()
    source = out.with_name(f"{out.name}-source")
    shutil.rmtree(source, ignore_errors=True)
    lay_out(source)
    counts = lay_out_lessons(source)
    if sphinx(source, out):
        return 1
    finish(out)
    pages = len(list(out.rglob("*.html")))
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(
        f"{out}: {pages} pages, {size / 1e6:.1f} MB, {counts['figures']} figures, "
        f"{counts['explorers']} explorers in {counts['states']} states, "
        f"{time.perf_counter() - began:.0f} s\n"
        f"To read it: python -m http.server --bind 127.0.0.1 --directory {out}"
    )
    return 0


def lay_out(source: Path) -> None:
    """Write the folder that Sphinx reads, all but the lessons."""
    static = source / "_static"
    static.mkdir(parents=True)
    shutil.copytree(HERE / "api", source / "api")
    shutil.copy(HERE / "conf.py", source)
    for name in ("figures.js", "site.css", "favicon.svg"):
        shutil.copy(HERE / name, static)
    shutil.copy(Path(teach.__file__).with_name("page.css"), static)
    unused = shutil.ignore_patterns("*-full*", "*svg*", "mml-*", "node-*")
    shutil.copytree(mathjax(), static / "mathjax", ignore=unused)
    # The theme draws its icons twice, by a font and by 1.6 MB of script: the font is enough.
    (static / "scripts").mkdir()
    (static / "scripts" / "fontawesome.js").touch()
    (static / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
    (static / "playground.html").write_text(playground.page(), encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("index.md", "package.md"):
        text = (HERE / name).read_text(encoding="utf-8")
        text = text.replace("PLAYGROUND", figures.frame("_static/playground.html"))
        text = SECTION.sub(lambda asked: section(readme, asked[1]), text)
        lay_out_text(source, ROOT / name, text)
    for path in DOCUMENTS:
        lay_out_text(source, path, path.read_text(encoding="utf-8"))


def mathjax() -> Path:
    """Return the installed MathJax: a package of files, so pages ask no network for it."""
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "static" / "mathjax"


def lay_out_text(source: Path, path: Path, text: str) -> None:
    """Write a document that stands at `path` in the repository; its pictures come along."""
    target = source / path.relative_to(ROOT)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(LINK.sub(lambda link: relinked(path, link), text), encoding="utf-8")
    for picture in IMAGE.findall(text):
        beside = (path.parent / picture).resolve().relative_to(ROOT)
        (source / beside).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / beside, source / beside)


def section(text: str, title: str) -> str:
    """Return what stands under a heading of the second level.

    Raises
    ------
    ValueError
        There is no such heading.
    """
    _, found, rest = text.partition(f"\n## {title}\n")
    if not found:
        raise ValueError(f"README.md has no section {title!r}")
    text = IMAGE.sub("", rest.partition("\n## ")[0])  # the site shows what moves itself
    return text.strip().replace("\n### ", "\n## ")  # the page has the title


def relinked(path: Path, link: re.Match[str]) -> str:
    """Lead a link to a file that is no page of the site to the repository, if it has an address."""
    words, target, place = link[1], (path.parent / link[2]).resolve(), link[3] or ""
    if target == ROOT / "README.md":  # whose sections stand on two pages
        target = ROOT / ("index.md" if place == "#the-lessons" else "package.md")
    if target in PAGES:
        return f"[{words}]({os.path.relpath(target, path.parent)}{place})"
    address = published()
    named = words if words.startswith("`") else f"`{words}`" if "/" in words else words
    return f"[{words}]({address.source(target.relative_to(ROOT).as_posix())})" if address else named


def lay_out_lessons(source: Path) -> Counter[str]:
    """Write the lessons' pages, one a core; return how much moves in them."""
    counts: Counter[str] = Counter()
    heavy_first = sorted(LESSONS, key=lambda path: -path.stat().st_size)
    context = multiprocessing.get_context("spawn")  # threads of torch outlive no fork
    with context.Pool(min(len(LESSONS), os.cpu_count() or 1)) as pool:
        for found in tqdm(
            pool.imap_unordered(partial(lay_out_lesson, source), heavy_first), total=len(LESSONS)
        ):
            counts.update(found)
    return counts


def lay_out_lesson(source: Path, path: Path) -> dict[str, int]:
    """Write one lesson's page."""
    return lessons.page(path, source / "notebooks" / path.name, source / "_static")


def sphinx(source: Path, out: Path) -> int:
    """Make the pages; a warning is an error."""
    shutil.rmtree(out, ignore_errors=True)
    trees = source.with_name(f"{out.name}-doctrees")
    options = ["-b", "html", "-W", "--keep-going", "-q", "-j", "auto", "-d", trees]
    command = [sys.executable, "-m", "sphinx", *options, source, out]
    environment = os.environ | {"ANL_EDU_ROOT": str(ROOT)}
    return subprocess.run(command, env=environment, check=False).returncode


def finish(out: Path) -> None:
    """Put the notebooks there to be downloaded, as in the repository; remove what is no page."""
    for path in LESSONS:
        shutil.copy(path, out / "_sources" / "notebooks")
    # templates of the theme, and an index that nothing leads to
    for path in [*out.glob("_static/*-macros.html"), out / "_modules" / "index.html"]:
        path.unlink()


if __name__ == "__main__":
    sys.exit(main())
