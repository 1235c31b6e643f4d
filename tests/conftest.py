"""What every test relies on: one device, no network, no progress file, repeatable examples."""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from slow_tests import SLOW

if TYPE_CHECKING:
    import torch

# Results are the same on a machine with a GPU, and whatever its owner has set for the lessons.
# Only where real images lie is the owner's to say. Kernels and commands that tests start inherit
# all of this.
for name in [n for n in os.environ if n.startswith("ANL_EDU_") and n != "ANL_EDU_DATA"]:
    del os.environ[name]
os.environ |= {
    "ANL_EDU_DEVICE": "cpu",
    "ANL_EDU_OFFLINE": "1",
    "ANL_EDU_PROGRESS": "off",
    "ANL_EDU_STRICT": "1",
}

# A shared machine has slow moments, so no deadline; a failure in CI can be repeated anywhere.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where slow tests are left out, read none of their files, nor what those import."""
    slow = collection_path.name in SLOW or collection_path.name == "browser"
    return True if slow and "not slow" in config.option.markexpr else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what stands in SLOW, or lies in the browser's room."""
    for item in items:
        names = {item.path.name, getattr(item, "originalname", None) or item.name}
        if names & SLOW or item.path.parent.name == "browser":
            item.add_marker("slow")


@pytest.fixture(autouse=True)
def _bars_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tests see progress bars, which `make test` turns off for the notebooks beside them."""
    monkeypatch.delenv("TQDM_DISABLE", raising=False)


@pytest.fixture(params=["cpu", "cuda", "mps"])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Each kind of device in turn; a test on one that this machine lacks is skipped by name.

    For what must hold wherever a reader trains: give it to `fit`, `predict` or `evaluate`.
    """
    import torch  # here: most of the tests of the frame need none

    kind = request.param
    here = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not here[kind]:
        pytest.skip(f"no {kind.upper()} device here")
    return torch.device(kind)


@pytest.fixture
def colab(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Stand in for Google Colab; give its `google.colab.output`.

    ``output.asked`` counts the times that its manager of custom widgets was switched on.
    """
    names = "google", "google.colab", "google.colab.output"
    made = [module_from_spec(ModuleSpec(name, None, is_package=True)) for name in names]
    for name, module in zip(names, made, strict=True):
        monkeypatch.setitem(sys.modules, name, module)
    google, package, output = made
    google.colab, package.output = package, output  # type: ignore[attr-defined]
    output.asked = 0  # type: ignore[attr-defined]

    def enable() -> None:
        output.asked += 1  # type: ignore[attr-defined]

    output.enable_custom_widget_manager = enable  # type: ignore[attr-defined]
    output._widgets = SimpleNamespace(_installed_url=None)  # type: ignore[attr-defined]  # anywidget's
    return output
