"""README and CONTRIBUTING are true: the example prints what it says, and every file is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import nbformat
import pytest
from tabulate import tabulate

from anl_edu import gradients, losses, noise, recipes, runs
from anl_edu.lessons.l04_building_an_nnlf import ablation
from anl_edu.lessons.l07_when_noise_is_not_symmetric import recorded as balance
from anl_edu.runs import Run
from anl_edu.runs.table import mean_and_spread

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    "README.md", "CONTRIBUTING.md", "data/README.md", "docs/when-not-anl.md",
    "docs/instructors.md", "docs/in-your-own-code.md",
)  # fmt: skip


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


def recorded(dataset: str, noise_kind: str, rate: float, **changes: float) -> list[Run]:
    """Give the recorded runs of one setting, losses in the order of their names."""
    where = {"dataset": dataset, "scale": "desk", "noise": noise_kind, "rate": rate}
    return runs.find(changes=(changes,), **where)


def when_not_tables() -> dict[str, str]:
    """Make every table and number of docs/when-not-anl.md from the recorded runs."""
    clean = recorded("cifar10", "none", 0.0)
    at_5 = {
        loss: round(100 * fmean(run.records[4].test_accuracy for run in group))
        for loss, group in runs.by_loss(clean).items()
    }
    pairs = {
        (kind, lr): recorded("digit-pairs", kind, rate, lr=lr)
        for kind, rate in (("instance", 0.4), ("none", 0.0))
        for lr in (0.05, 0.5)
    }

    def last(some: list[Run], loss: str) -> str:
        return mean_and_spread([run.last.test_accuracy for run in runs.by_loss(some)[loss]])

    stopped = []
    for dataset, kind, rate in (
        ("cifar10", "symmetric", 0.6),
        ("cifar10", "asymmetric", 0.4),
        ("cifar10", "pair", 0.45),
        ("digit-pairs", "instance", 0.4),
    ):
        some = runs.by_loss(recorded(dataset, kind, rate, held_out=0.1))["ce"]
        ends = ([run.last for run in some], [run.chosen for run in some])
        reached = [mean_and_spread([epoch.test_accuracy for epoch in end]) for end in ends]
        which = ", ".join(str(run.chosen.epoch) for run in some)
        best = mean_and_spread([run.best for run in some])
        stopped.append([dataset, f"{kind} {rate:g}", reached[0], reached[1], which, best])
    pulls = [
        gradients.label_gradient(recipe.loss, 0.01, K=100, **recipe.loss_parameters).item()
        for recipe in (recipes.get("digit-pairs", loss) for loss in ("ce", "anl-ce"))
    ]
    heads = ["data", "noise", "last", "chosen", "epochs chosen", "best"]
    return {
        "asymmetric": runs.table(recorded("cifar10", "asymmetric", 0.4)),
        "asymmetric_er": balance.table("cifar10", "asymmetric", 0.4),
        "human": balance.table("cifar10", "human-worst", 0.0),
        "pair": runs.table(recorded("cifar10", "pair", 0.45)),
        "none": runs.table(clean),
        "at_5_ce": str(at_5["ce"]),
        "at_5_anl": str(at_5["anl-ce"]),
        "short": runs.table(recorded("cifar10", "none", 0.0, epochs=5)),
        "pairs_slow": runs.table(pairs["instance", 0.05]),
        "pairs_fast": runs.table(pairs["instance", 0.5]),
        "pull": f"{pulls[0] / pulls[1]:.0f} times smaller",
        "pairs_clean_ce": last(pairs["none", 0.05], "ce"),
        "pairs_clean_anl": last(pairs["none", 0.5], "anl-ce"),
        "stopped": tabulate(stopped, heads, "github", disable_numparse=True),
        "ablation_digits": ablation.table("digits"),
        "ablation_cifar10": ablation.table("cifar10"),
    }


def test_when_not_to_use_anl_shows_the_recorded_runs_as_they_are() -> None:
    page = " ".join(text("docs/when-not-anl.md").split())
    tables = {name: " ".join(said.split()) for name, said in when_not_tables().items()}
    missing = [name for name, said in tables.items() if said not in page]
    assert missing == []


def test_instructors_find_each_guess_in_its_section() -> None:
    """`02-train` (02, section 5): a cell of that section of lesson 02 asks for that guess."""
    table = text("docs/instructors.md").split("## What students believe")[1].split("\n## ")[0]
    named = re.findall(r"((?:`[\w-]+`(?: and |, )?)+) \((\d\d), section (\d+)\)", table)
    assert len(named) > 15
    for guesses, lesson, section in named:
        (path,) = (ROOT / "notebooks").glob(f"{lesson}-*.ipynb")
        cells = nbformat.read(path, as_version=4).cells
        whole = "\n".join(cell.source for cell in cells)
        part = whole.split(f"\n## {section}. ", 1)[1].split("\n## ", 1)[0]
        for name in re.findall(r"`([\w-]+)`", guesses):
            assert f'"{name}"' in part, name


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
