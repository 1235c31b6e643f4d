"""Environments such as the lessons' readers have: what is in each, and how it is made.

An environment is made once, in build/parity/NAME, and gets the package's wheel at each call. How
like it is to the real place is bounded by what this machine can have; `make parity` prints what
each came to hold.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "parity"
COLAB = ROOT / "tools" / "colab.txt"
GIB = 2**30
# What a lesson's first cell brings to Colab: lesson 10 finds label errors by cleanlab.
COLAB_LACKS = {"cleanlab", "termcolor"}
# Colab's kernel has loaded google.colab.output before a reader's first cell: so does a .pth file.
GOOGLE_COLAB = {
    "google-colab-stand-in.pth": "import google.colab.output\n",
    "google/colab/__init__.py": "",
    "google/colab/output.py": '''\
"""Stands in for Colab's: remembers that widgets of others were asked for, and shows nothing."""

import pathlib
import types

_widgets = types.SimpleNamespace(_installed_url=None)


def enable_custom_widget_manager(*args, **kwargs):
    _widgets._installed_url = "about:blank"
    pathlib.Path.home().joinpath("custom-widget-manager").touch()
''',
}


@dataclass(frozen=True)
class Environment:
    """A place in which lessons are read."""

    name: str
    python: str
    extra: str  # of pyproject.toml
    lessons: tuple[str, ...] = ()  # numbers of those that run there; all of them where empty
    limit: int | None = None  # bytes of addresses that each process may have

    @property
    def home(self) -> Path:
        """Folder of the virtual environment."""
        return BUILD / self.name

    @property
    def interpreter(self) -> str:
        """Python in it."""
        return str(self.home / "bin" / "python")


ENVIRONMENTS = {
    each.name: each
    for each in (
        Environment("colab", "3.12", "lessons"),
        Environment("newest", "3.13", "lab"),
        Environment("binder", "3.12", "lab", lessons=("00", "04"), limit=2 * GIB),
    )
}


def frozen(text: str) -> dict[str, str]:
    """Return the versions in a list of requirements, by normal name."""
    rows = re.findall(r"^([\w.-]+)==(\S+)", text, re.M)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in rows}


def moved(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return what an installation of the package did to others, in words; some may come."""
    here = {*before, *after} - {"anl-edu"} - (COLAB_LACKS - {*before})
    return [
        f"{name} {before.get(name, 'absent')} → {after.get(name, 'absent')}"
        for name in sorted(here)
        if before.get(name) != after.get(name)
    ]


def called(*command: str | Path, **settings: str) -> str:
    """Run a command and return what it prints.

    Raises
    ------
    RuntimeError
        It failed, with the end of what it said.
    """
    ended = subprocess.run(
        [str(part) for part in command], env=os.environ | settings,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ended.returncode:
        said = "\n".join((ended.stderr + ended.stdout).strip().splitlines()[-20:])
        raise RuntimeError(f"{' '.join(map(str, command[:4]))} ... failed\n{said}")
    return ended.stdout


def build_wheel() -> Path:
    """Build the checkout's wheel through a source distribution, so that nothing stale gets in."""
    folder = BUILD / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    called("uv", "build", "--out-dir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def new_venv(home: Path, version: str) -> None:
    """Make an empty environment with this Python: one that pyenv keeps, or one that uv finds."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    kept = sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
    called("uv", "venv", "--clear", "--python", kept[-1] if kept else version, home)


def install_cpu_torch(place: Environment) -> None:
    """Install PyTorch without CUDA, as conda-forge has it: PyTorch's own wheel, or one at hand.

    Pip may be told of a folder of wheels. A wheel there decides which Python runs;
    torchvision, which PyPI has for CUDA only, is then installed but cannot be imported.

    Raises
    ------
    RuntimeError
        There is neither.
    """
    install = "uv", "pip", "install", "--python", place.interpreter
    try:
        called(*install, "--torch-backend", "cpu", "torch", "torchvision")
    except RuntimeError as error:
        told = called(sys.executable, "-m", "pip", "config", "list")
        folders = re.findall(r"find.links='([^']+)'", told)
        wheels = [w for f in folders for w in Path(f).glob("torch-*+cpu-cp3*-*_x86_64.whl")]
        if not wheels:
            raise RuntimeError(f"no PyTorch without CUDA can be had here\n{error}") from error
        wheel = max(wheels)
        new_venv(place.home, "3." + wheel.name.split("-cp3")[1].split("-")[0])
        called(*install, wheel, "torchvision")


def fingerprint() -> str:
    """Return what changes when every environment has to be made anew."""
    files = ROOT / "pyproject.toml", COLAB, Path(__file__)
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def prepare(place: Environment, wheel: Path, *, fresh: bool) -> tuple[dict[str, str], list[str]]:
    """Make an environment unless it is there, and install the wheel.

    Returns
    -------
    installed
        Versions by name, at the end.
    others
        What the installation moved, in words, where everything else was there before it.

    Raises
    ------
    RuntimeError
        A step failed, with the end of what it said.
    """
    ready = place.home / ".ready"  # written last: what was half made is made anew
    if fresh or not ready.is_file() or ready.read_text(encoding="utf-8") != fingerprint():
        shutil.rmtree(place.home, ignore_errors=True)
        new_venv(place.home, place.python)
        if place.name == "colab":
            called("uv", "pip", "install", "--python", place.interpreter, "-r", COLAB)
        elif place.name == "binder":
            install_cpu_torch(place)
    ready.unlink(missing_ok=True)
    freeze = "uv", "pip", "list", "--format", "freeze", "--python", place.interpreter
    called("uv", "pip", "uninstall", "--python", place.interpreter, "anl-edu")
    before = frozen(called(*freeze))
    requirement = f"anl-edu[{place.extra}] @ {wheel.as_uri()}"
    if (
        place.name == "colab"
    ):  # as a lesson's first cell; what this machine tells pip is not Colab's
        told = {"CONFIG_FILE": os.devnull, "FIND_LINKS": "", "EXTRA_INDEX_URL": ""}
        own = {f"PIP_{name}": value for name, value in told.items()}
        called(place.interpreter, "-m", "pip", "install", "--quiet", requirement, **own)
        (site,) = (place.home / "lib").glob("python*/site-packages")
        for name, text in GOOGLE_COLAB.items():
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text(text, encoding="utf-8")
    else:
        called("uv", "pip", "install", "--python", place.interpreter, requirement)
    kernel = place.home / "jupyter" / "kernels" / "parity"
    kernel.mkdir(parents=True, exist_ok=True)
    start = [place.interpreter, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": start, "display_name": place.name, "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    after = frozen(called(*freeze))
    others = moved(before, after) if place.name == "colab" else []
    if not others:
        ready.write_text(fingerprint(), encoding="utf-8")
    return after, others
