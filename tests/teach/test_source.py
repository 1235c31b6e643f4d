"""show_source shows what runs."""

from __future__ import annotations

import inspect
from typing import Any

import IPython.display
import pytest

import anl_edu
from anl_edu import losses
from anl_edu.teach.source import show_source


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is displayed during a test."""
    kept: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", lambda what, **kw: kept.append(what))
    return kept


def commented(a: int) -> int:
    """Say something.

    Over several lines.
    """
    # a comment stays

    b = "'''not a docstring'''"
    return a + len(b)


def bare() -> None:
    """Nothing but words."""


def test_source_without_its_docstring(shown: list[Any]) -> None:
    show_source(commented)
    assert shown[0]["text/plain"].splitlines() == [
        "# " + __name__.replace(".", "/") + ".py",
        "def commented(a: int) -> int:",
        "    # a comment stays",
        "",
        "    b = \"'''not a docstring'''\"",
        "    return a + len(b)",
    ]
    assert shown[0]["text/markdown"].startswith("```python\n#")


def test_source_with_its_docstring(shown: list[Any]) -> None:
    show_source(commented, docstring=True)
    assert "Over several lines." in shown[0]["text/plain"]
    show_source(bare)
    assert '"""Nothing but words."""' in shown[1]["text/plain"]


def test_source_of_the_package_names_its_file(shown: list[Any]) -> None:
    anl_edu.show_source(losses.nnce)
    text = shown[0]["text/plain"]
    assert text.startswith("# anl_edu/losses/")
    last = inspect.getsource(losses.nnce).rstrip().splitlines()[-1]
    assert text.endswith(last)
    show_source(losses.Loss)
    assert "class Loss" in shown[1]["text/plain"]
    compile(shown[1]["text/plain"], "source", "exec")


def test_the_package_has_nothing_else_to_show() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = anl_edu.nothing
