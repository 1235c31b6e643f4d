"""What a lesson's first cell does on Colab, and that it does nothing elsewhere."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest
import torch

from anl_edu.colab import ready

GPU = "Colab lends this notebook a GPU: Tesla T4.\n"


@pytest.fixture(params=[True, False], ids=["gpu", "cpu"])
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: request.param)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    return bool(request.param)


def test_on_colab_widgets_are_switched_on_and_one_line_tells_of_the_gpu(
    colab: ModuleType, gpu: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    ready()
    assert colab.asked == 1
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert (said == GPU) == gpu
    assert ("Runtime > Change runtime type" in said) != gpu


def test_a_colab_that_has_no_manager_is_ready_too(
    colab: ModuleType,
    gpu: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delattr(colab, "enable_custom_widget_manager")
    ready()
    assert (capsys.readouterr().out == GPU) == gpu


def test_elsewhere_nothing_happens_and_torch_is_not_imported() -> None:
    code = "import sys; from anl_edu import colab; colab.ready(); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("False\n", "")
