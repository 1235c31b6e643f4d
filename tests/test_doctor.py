"""The doctor finds what is wrong here, and never fails of it."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from anl_edu import doctor
from anl_edu.cli import main
from anl_edu.doctor import Finding
from anl_edu.training import devices


@pytest.fixture
def finding(monkeypatch):
    monkeypatch.setenv("ANL_EDU_DEVICE", "cpu")

    def look(name: str) -> Finding | None:
        return next((f for f in doctor.examine() if f.name == name), None)

    return look


def test_a_device_that_is_not_here_is_a_row(finding, monkeypatch):
    monkeypatch.setenv("ANL_EDU_DEVICE", "tpu")
    row = finding("device")
    assert not row.ok
    assert "'tpu' is not available" in row.found
    assert "unset ANL_EDU_DEVICE" in row.remedy
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0
    assert "recorded runs" in result.output


def test_a_device_that_was_chosen_is_told_as_chosen(finding, monkeypatch):
    assert "(chosen by ANL_EDU_DEVICE)" in finding("device").found
    monkeypatch.setenv("ANL_EDU_DEVICE", "")
    assert "chosen" not in finding("device").found


def test_a_data_folder_that_is_not_there_is_a_row(finding, monkeypatch, tmp_path):
    monkeypatch.setenv("ANL_EDU_DATA", str(tmp_path))
    assert finding("data folder") is None
    monkeypatch.setenv("ANL_EDU_DATA", str(tmp_path / "gone"))
    row = finding("data folder")
    assert not row.ok
    assert str(tmp_path / "gone") in row.found


def test_a_large_set_that_no_lesson_asks_for_is_a_row_where_it_is(finding, monkeypatch, tmp_path):
    monkeypatch.setenv("ANL_EDU_DATA", str(tmp_path))
    assert finding("Clothing1M images") is None
    (tmp_path / "clothing1m").mkdir()
    (tmp_path / "clothing1m" / "noisy_label_kv.txt").touch()
    assert finding("Clothing1M images").ok


@pytest.mark.parametrize("native", [True, False])
def test_native_bfloat16_is_told_and_not_taken(finding, monkeypatch, native):
    monkeypatch.setattr(devices, "cpu_has_bfloat16", lambda: native)
    row = finding("precision")
    assert row.ok
    assert row.found.startswith("float32")
    assert ("--precision bfloat16" in row.remedy) == native


@pytest.mark.parametrize("there", [True, False])
def test_colab_is_not_asked_for_what_it_does_without(finding, monkeypatch, request, there):
    def version(name: str) -> str:
        if name in ("anywidget", "jupyterlab"):
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    if there:
        request.getfixturevalue("colab")
    for name in ("anywidget", "jupyterlab"):
        row = finding(name)
        assert row.ok == there
        assert ("pip install" in row.remedy) != there
