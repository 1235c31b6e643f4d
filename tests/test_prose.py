"""README and CONTRIBUTING are true: the example prints what it says, and every file is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import nbformat
import pytest

from anl_edu import losses, noise, runs
from anl_edu.lessons.l04_building_an_nnlf import ablation

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "CONTRIBUTING.md", "data/README.md", "docs/when-not-anl.md")


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def results(line: str) -> dict[str, float]:
    """``"ce 0.67, anl-ce 0.93"`` as a dictionary."""
    return {name: float(value) for name, value in re.findall(r"([a-z][a-z+-]*) (\d\.\d+)", line)}


@pytest.mark.slow
def test_the_example_prints_what_the_readme_says() -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", text("README.md"), re.M | re.S)
    assert examples
    for code in examples:
        (said,) = re.findall(r"print\(.*\)  # (.+)", code)
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stderr
        # Another processor adds in another order: after 40 epochs a few of 360 images differ.
        assert results(run.stdout) == pytest.approx(results(said), abs=0.04)
        assert len(results(said)) == 2


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", text(page))
    here = [link for link in links if "://" not in link]
    assert [link for link in here if not ((ROOT / page).parent / link).exists()] == []


def test_every_path_that_contributing_names_is_there() -> None:
    named = re.findall(r"`([\w./-]+/[\w./-]*|\w+\.(?:md|py|toml))`", text("CONTRIBUTING.md"))
    invented = {p for p in named if "07" in p}
    of_a_lesson = {"figures.py", "explorers.py", "exercises.py", "__init__.py"}
    beside = {"combinations.py"}
    missing = [p for p in {*named} - invented - of_a_lesson - beside if not (ROOT / p).exists()]
    assert missing == []
    assert len(named) > 10


def test_every_lesson_has_its_row() -> None:
    rows = re.findall(r"^\| \[(\d\d)\]\((notebooks/\S+)\) \|", text("README.md"), re.M)
    lessons = sorted(path.name for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
    assert [(name[:2], f"notebooks/{name}") for name in lessons] == rows


def test_contributing_is_one_page() -> None:
    assert len(text("CONTRIBUTING.md").splitlines()) <= 110


def test_every_loss_has_its_row_with_its_parameters() -> None:
    readme = text("README.md")
    table = readme[readme.index("| name | loss of one sample |") :].split("\n\n", 1)[0]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[2:]]
    listed = {
        name: [p for p in parameters.split(", ") if p]
        for names, _, parameters in rows
        for name in re.findall(r"`([^`]+)`", names)
    }
    assert listed == {name: list(losses.defaults(name)) for name in losses.names()}


def test_every_kind_of_noise_is_named() -> None:
    sentence = text("README.md").split("Label noise (`noise.KINDS`): ")[1].split("\n\n")[0]
    assert re.findall(r"`([^`]+)`", sentence) == list(noise.KINDS)


def test_when_not_to_use_anl_shows_the_recorded_runs_as_they_are() -> None:
    page = text("docs/when-not-anl.md")
    six = ("ce", "gce", "mae", "nce+rce", "anl-ce", "anl-fl")
    for noise_kind, rate in (("asymmetric", 0.4), ("none", 0.0)):
        where = {"dataset": "cifar10", "scale": "desk", "noise": noise_kind, "rate": rate}
        found = runs.find(loss=six, changes=({},), **where)
        assert runs.table(found) in page
    at_5 = {
        loss: round(100 * fmean(run.records[4].test_accuracy for run in group))
        for loss, group in runs.by_loss(found).items()
    }
    assert f"CE is at {at_5['ce']} % and ANL-CE at {at_5['anl-ce']} %" in page
    assert ablation.table("digits") in page


MATHS = re.compile(r"\$\$.+?\$\$|\$[^$]+\$", re.S)


def formulas_by_lesson() -> dict[str, list[str]]:
    """Give every formula of each lesson's text, but for the table of letters itself."""
    found = {}
    for path in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        said = [c.source for c in cells if c.cell_type == "markdown" and c.id != "letters"]
        found[path.name[:2]] = [formula for text in said for formula in MATHS.findall(text)]
    return found


def test_letters_are_first_used_where_their_table_says() -> None:
    (path,) = (ROOT / "notebooks").glob("00-*.ipynb")
    (table,) = (c for c in nbformat.read(path, as_version=4).cells if c.id == "letters")
    rows = re.findall(r"^\| (\$.+?) \| .+? \| (\d\d) \|$", table.source, re.M)
    assert len(rows) > 20
    formulas = formulas_by_lesson()
    for letters, first in rows:
        names = [re.escape(name) for name in re.findall(r"\$(.+?)\$", letters)]
        used = re.compile(rf"(?<![A-Za-z\\])(?:{'|'.join(names)})(?![A-Za-z])")
        lessons = [lesson for lesson, some in formulas.items() if any(map(used.search, some))]
        assert lessons[:1] == [first], letters
