"""The doctor: what this machine has, what is missing, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from dataclasses import dataclass

import torch

from anl_edu import cifar, data, runs
from anl_edu import device as devices

_PACKAGES = ("torch", "torchvision", "numpy", "plotly", "ipywidgets", "anywidget", "jupyterlab")
_LESSONS_ONLY = ("anywidget", "jupyterlab")


@dataclass(frozen=True)
class Finding:
    """One thing looked at: is it fine, what was found, and what to do when it is not."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at versions, device, data and recorded runs; nothing is downloaded or written."""
    return [*_versions(), _device(), *_data(), _recorded()]


def _versions() -> list[Finding]:
    python = platform.python_version()
    findings = [Finding("python", True, python)]
    for name in _PACKAGES:
        try:
            findings.append(Finding(name, True, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            why = "the lessons need it" if name in _LESSONS_ONLY else "the package needs it"
            findings.append(Finding(name, False, "not installed", f"pip install {name}: {why}"))
    return findings


def _device() -> Finding:
    device = devices.device()
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory / 2**30
        return Finding("device", True, f"{torch.cuda.get_device_name(device)}, {memory:.0f} GiB")
    threads = f"{torch.get_num_threads()} threads"
    if device.type == "mps":
        return Finding("device", True, "Apple GPU (MPS)")
    chosen = " (chosen by ANL_EDU_DEVICE)" if "ANL_EDU_DEVICE" in os.environ else ""
    return Finding(
        "device", True, f"CPU, {threads}{chosen}", "the lessons run at desk size; no GPU is needed"
    )


def _data() -> list[Finding]:
    files = data.where()
    findings = []
    for name, spec in cifar.SETS.items():
        images = files[spec.npz] or files[spec.archive]
        fetch = f"anl-edu data fetch {name}"
        for what, path, remedy in (
            (f"{spec.title} images", images, fetch),
            (f"{spec.title}N human labels", files[spec.human], f"{fetch} --human"),
        ):
            remedy = "" if path else f"{remedy}; the lessons run without"
            findings.append(Finding(what, path is not None, str(path or "not present"), remedy))
    return findings


def _recorded() -> Finding:
    folder = runs.recorded()
    count = len(list(folder.glob("*.json"))) if folder.is_dir() else 0
    remedy = "" if count else "they come with the repository, in data/runs"
    return Finding("recorded runs", count > 0, f"{count} runs", remedy)
