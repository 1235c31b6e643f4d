"""The tests mean the same on every machine, whatever its owner has set and whatever it has."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import torch
from slow_tests import SLOW

HERE = Path(__file__).resolve().parent


def test_no_setting_of_the_machine_reaches_a_test() -> None:
    set_ = {"DEVICE": "cuda", "PROGRESS": "/x", "REDRAW": "1", "MIRROR": "https://x", "DATA": "/x"}
    code = (
        "import os, conftest\n"
        "print(*(f'{k}={v}' for k, v in sorted(os.environ.items()) if k.startswith('ANL_EDU_')))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True, check=True,
        env=os.environ | {f"ANL_EDU_{name}": value for name, value in set_.items()},
    )  # fmt: skip
    assert run.stdout.split() == [
        "ANL_EDU_DATA=/x",
        "ANL_EDU_DEVICE=cpu",
        "ANL_EDU_OFFLINE=1",
        "ANL_EDU_PROGRESS=off",
        "ANL_EDU_STRICT=1",
    ]


def test_what_is_called_slow_is_there() -> None:
    files = list(HERE.rglob("test_*.py"))
    there = {path.name for path in files}
    for path in files:
        there |= set(re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.M))
    assert SLOW - there == set()


def test_the_device_fixture_gives_only_devices_that_compute(device: torch.device) -> None:
    assert torch.ones(2, device=device).sum().item() == 2
