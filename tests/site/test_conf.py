"""The site's settings, for a project that has an address and for one that has none."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Read conf.py as Sphinx does, with the project published somewhere or nowhere."""

    def read(repository: str) -> dict[str, Any]:
        monkeypatch.setenv("ANL_EDU_ROOT", str(ROOT))
        monkeypatch.syspath_prepend(ROOT / "tools")
        import published

        where = published.Published(repository) if repository else None
        stand_in = ModuleType("published")
        stand_in.published = lambda: where  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "published", stand_in)
        return runpy.run_path(str(ROOT / "site" / "conf.py"))["html_theme_options"]

    return read


def test_launch_buttons_lead_to_where_the_project_is(settings: Any) -> None:
    options = settings("https://github.com/owner/name")
    assert options["repository_url"] == "https://github.com/owner/name"
    assert options["repository_branch"] == "main"
    assert set(options["launch_buttons"]) == {"binderhub_url", "colab_url", "notebook_interface"}


def test_without_an_address_there_are_none(settings: Any) -> None:
    options = settings("")
    assert "repository_url" not in options
    assert "launch_buttons" not in options
