"""Tables written down: the same numbers in each format, marked, escaped and captioned."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from statistics import fmean, stdev

import pytest
from made import run, spec

from anl_edu import recipes
from anl_edu.runs import Run, RunSpec, formats
from anl_edu.runs.summary import MEASURES, tables


@pytest.fixture
def made() -> list[Run]:
    ends = {"ce": (0.5, 0.55, 0.63), "anl-ce": (0.9, 0.91, 0.92)}
    found = [run([0.95, a], spec(loss, seed=s)) for loss, three in ends.items()
             for s, a in enumerate(three)]  # fmt: skip
    found += [run([0.97], spec("ce", "none", 0, seed=s)) for s in (0, 1)]
    return [*found, run([0.4], spec("ce", changes={"l1": 1e-4, "loss_parameters": {}}))]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_markdown_has_the_numbers_of_the_runs_and_the_best_in_bold(made) -> None:
    told = formats.write(tables(made), "markdown")
    head, _, ce, changed, anl = [cells(line) for line in told.splitlines() if line[:1] == "|"]
    assert head == ["loss", "none", "symmetric 0.6"]
    percent = [50, 55, 63]
    assert ce == ["CE", "97.0 ± 0.0 (2)", f"{fmean(percent):.1f} ± {stdev(percent):.1f}"]
    assert changed == ["CE (L1 0.0001)", "–", "40.0 ± – (1)"]
    assert anl == ["ANL-CE", "–", "**91.0 ± 1.0**"]
    assert "over 3 seeds, or as many as stand in brackets" in told
    assert "(a single seed beside several is not)" in told


def test_seeds_are_counted_once_where_every_cell_has_as_many(made) -> None:
    told = formats.write(tables(made[:6]), "markdown")
    assert "over 3 seeds; the highest mean of a column is bold." in told
    assert "(3)" not in told


def test_text_marks_with_a_star_and_fits_its_caption(made) -> None:
    told = formats.write(tables(made), "text")
    assert re.search(r"^ANL-CE +– +\*91\.0 ± 1\.0$", told, re.M)
    assert "60 epochs, computed in float32" in " ".join(told.split())
    assert max(map(len, told.splitlines())) <= 100


def test_a_measure_that_less_is_better_marks_the_lowest() -> None:
    made = [run([0.5], spec("ce"), memorised=0.9), run([0.5], spec("mae"), memorised=0.1)]
    told = formats.write(tables(made), "markdown", "memorised")
    assert "**10.0 ± –**" in told
    assert "the lowest mean of a column is bold" in told


def body(told: str) -> list[list[str]]:
    inside = told.split(r"\midrule")[1].split(r"\bottomrule")[0]
    return [line.removesuffix(r" \\").split(" & ") for line in inside.strip().splitlines()]


def test_latex_is_a_booktabs_tabular_with_its_signs_escaped(made) -> None:
    told = formats.write(tables(made), "latex")
    (spec_,) = re.findall(r"\\begin\{tabular\}\{(\w+)\}", told)
    assert spec_ == "lrr"
    assert all(len(row) == 3 for row in body(told))
    assert body(told)[2] == ["ANL-CE", "--", r"\textbf{91.0 $\pm$ 1.0}"]
    assert told.index(r"\toprule") < told.index(r"\midrule") < told.index(r"\bottomrule")
    assert told.isascii()
    plain = re.sub(r"\\[%_&#$]|\$\\pm\$", "", told.split("\n", 1)[1])  # the first line a comment
    assert not set("%#$_~^") & set(plain)
    assert plain.count("{") == plain.count("}")
    for name in re.findall(r"\\begin\{(\w+)\}", told):
        assert told.count(rf"\end{{{name}}}") == 1


def test_every_sign_that_means_something_to_latex_is_escaped() -> None:
    made = [run([0.5], spec(), data=r"50 % of a_b & c#d $5 {x} ~ ^ \z")]
    told = formats.write(tables(made), "latex")
    assert (r"50 \% of a\_b \& c\#d \$5 \{x\} \textasciitilde{} \textasciicircum{} "
            r"\textbackslash{}z") in told  # fmt: skip


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_latex_compiles(made, tmp_path: Path) -> None:
    told = formats.write(tables(made), "latex")
    page = (
        rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{told}\end{{document}}"
    )
    (tmp_path / "t.tex").write_text(page, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]


def test_csv_is_long_and_holds_numbers(made) -> None:
    told = formats.write(tables(made), "csv")
    rows = list(csv.DictReader(io.StringIO(told)))
    assert tuple(rows[0]) == formats.CSV_FIELDS
    (ce,) = [r for r in rows if (r["loss"], r["noise"], r["measure"], r["changes"])
             == ("ce", "symmetric", "last", "{}")]  # fmt: skip
    percent = [50, 55, 63]
    assert (ce["seeds"], float(ce["rate"]), ce["images"]) == ("3", 0.6, "aaaa")
    assert float(ce["mean_percent"]) == pytest.approx(fmean(percent))
    assert float(ce["deviation_percent"]) == pytest.approx(stdev(percent), rel=1e-6)
    (one,) = [r for r in rows if r["changes"] != "{}" and r["measure"] == "last"]
    assert (json.loads(one["changes"]), one["deviation_percent"]) == ({"l1": 1e-4}, "")
    # nothing to memorise without noise, and no worst class was recorded
    assert {r["measure"] for r in rows if r["noise"] == "none"} == {"last", "best"}
    assert "worst-class" not in {r["measure"] for r in rows}


def test_csv_of_one_measure_has_that_alone(made) -> None:
    told = formats.write(tables(made), "csv", "best")
    assert {r["measure"] for r in csv.DictReader(io.StringIO(told))} == {"best"}


def test_changes_inside_changes_are_json_too() -> None:
    changed = spec("anl-ce", changes={"loss_parameters": {"alpha": 1}, "augment": ["flip"]})
    (row, *_) = csv.DictReader(io.StringIO(formats.write(tables([run([0.5], changed)]), "csv")))
    assert json.loads(row["changes"]) == {"loss_parameters": {"alpha": 1}, "augment": ["flip"]}


def test_html_names_rows_and_columns(made) -> None:
    (table,) = tables(made)
    told = formats.html(table, "last")
    assert told.count("<th scope='col'>") == 3
    assert told.count("<th scope='row'>") == 3
    assert "<td><strong>91.0 ± 1.0</strong></td>" in told


# --- published numbers ------------------------------------------------------------------


@pytest.fixture
def cifar() -> list[Run]:
    return [run([0.3], RunSpec("cifar10", loss, "symmetric", 0.6)) for loss in ("ce", "anl-ce")]


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_published_rows_name_their_source_and_are_never_the_best(cifar, form) -> None:
    told = formats.write(tables(cifar), form, published=True)
    flat = " ".join(told.split())
    (row,) = recipes.published("cifar10", "CE", "symmetric", 0.6)
    assert f"{row['accuracy_percent']:.2f} ± {row['std']:.2f}" in flat
    marks = re.findall(r"\*+\d\d\.\d", told)
    assert {mark.strip("*") for mark in marks} == {"30.0"}
    assert " ".join(formats.WARNING.split()) in flat
    if form == "markdown":
        assert f"CE, published: {row['source']}" in told


def test_nothing_published_stands_in_a_table_unasked(cifar) -> None:
    assert "ublished" not in formats.write(tables(cifar), "markdown")


def test_where_nothing_was_published_it_is_said(made) -> None:
    assert "Nothing published" in formats.write(tables(made), "text", published=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"form": "csv", "published": True}, "not into csv"),
        ({"form": "latex", "published": True}, "not into latex"),
        ({"measure": "memorised", "published": True}, "none of 'memorised'"),
        ({"form": "pdf"}, "unknown format 'pdf'"),
        ({"measure": "first"}, f"unknown measure 'first'; known: {', '.join(MEASURES)}"),
    ],
)
def test_wrong_options_are_named(cifar, options, said) -> None:
    with pytest.raises(ValueError, match=said):
        formats.write(tables(cifar), **options)
