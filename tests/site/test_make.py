"""How documents come onto the site: sections of the README, and links to what is no page there."""

from __future__ import annotations

from typing import Any

import make
import nbformat
import pytest
from lessons import without_installing

HERE = make.ROOT / "docs" / "page.md"


class Somewhere:
    """Stands for a project that is published."""

    def source(self, path: str) -> str:
        return f"https://host/owner/name/blob/main/{path}"


@pytest.fixture(params=[None, Somewhere()], ids=["nowhere", "somewhere"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(make, "published", lambda: request.param)
    return request.param


def relinked(text: str) -> str:
    return make.LINK.sub(lambda link: make.relinked(HERE, link), text)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("[a](formulas.md)", "[a](formulas.md)"),
        ("[a](../docs/formulas.md#x)", "[a](formulas.md#x)"),
        ("[a](../README.md#train-and-record)", "[a](../package.md#train-and-record)"),
        ("[a](../notebooks/00-start-here.ipynb)", "[a](../notebooks/00-start-here.ipynb)"),
        ("[a](https://host/x.md) [b](#c) ![d](demo.png)",) * 2,
    ],
)
def test_links_to_pages_stay(place: Any, text: str, there: str) -> None:
    assert relinked(text) == there


@pytest.mark.parametrize(
    ("text", "file", "words"),
    [
        ("[runs](../data/runs)", "data/runs", "runs"),
        ("[data/runs](../data/runs)", "data/runs", "`data/runs`"),
        ("[`x.py`](../anl_edu/losses/tables.py)", "anl_edu/losses/tables.py", "`x.py`"),
    ],
)
def test_links_to_other_files_lead_to_the_repository(
    place: Any, text: str, file: str, words: str
) -> None:
    link = f"[{text[1 : text.index(']')]}](https://host/owner/name/blob/main/{file})"
    assert relinked(text) == (link if place else words)


def test_a_section_ends_where_the_next_begins() -> None:
    text = "# T\n\n## One\n\nfirst\n\n### Part\n\nx\n\n## Two\n\nsecond\n"
    assert make.section(text, "One") == "first\n\n## Part\n\nx"
    assert make.section(text, "Two") == "second"
    with pytest.raises(ValueError, match="no section 'Three'"):
        make.section(text, "Three")


def test_a_page_is_without_the_cell_that_installs() -> None:
    words, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    cells = [words("# T"), words("badge"), words("The next cell"), code("install"), code("1 + 1")]
    book = nbformat.v4.new_notebook(cells=cells)
    without_installing(book)
    assert [cell.source for cell in book.cells] == ["# T", "badge", "1 + 1"]
