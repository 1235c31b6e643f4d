"""The doctor: what this machine has, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from anl_edu import data, paths, runs
from anl_edu.data.cache import find
from anl_edu.training import devices

_PACKAGES = ("torch", "torchvision", "numpy", "plotly", "ipywidgets", "anywidget", "jupyterlab")
_LOCAL_ONLY = ("anywidget", "jupyterlab")  # Colab is a place of its own, and does without


@dataclass(frozen=True)
class Finding:
    """One thing looked at: is it fine, what was found, and what to do when it is not."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at versions, device, data and recorded runs; nothing is downloaded or written."""
    return [*_versions(), _device(), _precision(), *_data(), _recorded()]


def _versions() -> list[Finding]:
    python = platform.python_version()
    findings = [Finding("python", True, python)]
    for name in _PACKAGES:
        try:
            findings.append(Finding(name, True, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            if name in _LOCAL_ONLY and paths.on_colab():
                findings.append(Finding(name, True, "not installed", "not needed in Colab"))
                continue
            remedy = f"pip install {name}: the lessons need it"
            findings.append(Finding(name, False, "not installed", remedy))
    return findings


def _device() -> Finding:
    try:
        device = devices.device()
    except ValueError as error:
        return Finding("device", False, str(error), "unset ANL_EDU_DEVICE, or name another")
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory / 2**30
        return Finding("device", True, f"{torch.cuda.get_device_name(device)}, {memory:.0f} GiB")
    if device.type == "mps":
        return Finding("device", True, "Apple GPU (MPS)")
    chosen = " (chosen by ANL_EDU_DEVICE)" if os.environ.get("ANL_EDU_DEVICE") else ""
    found = f"CPU, {torch.get_num_threads()} threads{chosen}"
    return Finding("device", True, found, "the lessons run at desk size; no GPU is needed")


def _precision() -> Finding:
    found = "float32 at desk size, as the recorded runs"
    if not devices.cpu_has_bfloat16():
        return Finding("precision", True, found)
    offer = "bfloat16 is native here: --precision bfloat16 takes about 2/3 of the time on CIFAR"
    return Finding("precision", True, found, offer)


def _data() -> list[Finding]:
    findings = []
    for name, known in data.SETS.items():
        fetch = f"anl-edu data fetch {name}"
        for what, files, remedy in (
            (f"{known.title} images", known.images, fetch),
            (f"{known.title}N human labels", known.human, f"{fetch} --human"),
        ):
            if not files:  # embedded
                continue
            path = next(filter(None, map(find, files)), None)
            if path is None and not known.fetched:
                continue  # large, no lesson asks for it, and nothing here could bring it
            remedy = "" if path else f"{remedy}; the lessons run without"
            findings.append(Finding(what, path is not None, str(path or "not present"), remedy))
    given = os.environ.get("ANL_EDU_DATA")
    if given and not Path(given).expanduser().is_dir():
        found = f"ANL_EDU_DATA={given} is no folder"
        findings.append(Finding("data folder", False, found, "name one that exists, or unset it"))
    return findings


def _recorded() -> Finding:
    folder = paths.recorded_runs()
    count = len(runs.names(folder)) if folder.is_dir() else 0
    remedy = "" if count else "they come with the repository, in data/runs"
    return Finding("recorded runs", count > 0, f"{count} runs", remedy)
