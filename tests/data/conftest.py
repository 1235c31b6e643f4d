"""A place of its own for each test that reads or downloads data."""

import pytest

from anl_edu.data import cache


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give an empty, writable ANL_EDU_DATA, no other place to look, and no network."""
    monkeypatch.setenv("ANL_EDU_DATA", str(tmp_path))
    monkeypatch.setenv("ANL_EDU_OFFLINE", "1")
    monkeypatch.delenv("ANL_EDU_MIRROR", raising=False)
    monkeypatch.setattr(cache, "default_cache", lambda: tmp_path / "nowhere")
    return tmp_path
