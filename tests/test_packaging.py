"""How the project is set up, built and shipped: files that agree, and packages that are whole."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
TARGETS = {
    "help", "demo", "lab", "labs", "site", "check", "test", "lowest", "parity", "release", "lint",
    "bench", "record", "notebooks", "clean", "distclean",
}  # fmt: skip
OWN = canonicalize_name(PROJECT["name"])
# Asked for when they are used, so that the package runs without them: the live canvas of
# JupyterLab, still pictures of figures, and kernels for grading.
OPTIONAL = {"anywidget", "ipykernel", "jupyter-client", "kaleido"}


def declared(*extras: str) -> dict[str, Requirement]:
    """Requirements of the base and these extras, with the extras that those name, by name."""
    found: dict[str, Requirement] = {}
    for line in (*PROJECT["dependencies"], *(line for e in extras for line in EXTRAS[e])):
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        found |= declared(*requirement.extras) if name == OWN else {name: requirement}
    return found


def tracked(*below: str) -> list[Path]:
    """Paths relative to the root, of what git tracks there or would if it were added now."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *below],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listing.returncode:
        pytest.skip("not a git checkout")
    names = sorted({Path(name) for name in listing.stdout.split("\0") if name})
    return [name for name in names if (ROOT / name).is_file()]


# --- What is imported is declared ---------------------------------------------------------------


@cache
def modules_and_homes() -> dict[str, list[str]]:
    """Each installed top-level module, and the distributions that it comes from."""
    return dict(importlib.metadata.packages_distributions())


def imported(source: str) -> set[str]:
    """Names of the top-level modules that a piece of Python imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def imported_below(*folders: str) -> set[str]:
    """Distributions that Python files and notebooks below these folders import."""
    modules: set[str] = set()
    for path in tracked(*folders):
        text = (ROOT / path).read_text(encoding="utf-8") if path.suffix in (".py", ".ipynb") else ""
        if path.suffix == ".py":
            modules |= imported(text)
        elif path.suffix == ".ipynb":
            for cell in json.loads(text)["cells"]:
                if cell["cell_type"] == "code":  # whose magics are no Python
                    code = re.sub(r"^(\s*)[%!].*$", r"\1pass", "".join(cell["source"]), flags=re.M)
                    modules |= imported(code)
    ours = {path.stem for path in tracked("tests", "tools", "benchmarks", "site")} | {"anl_edu"}
    homes = modules_and_homes()
    found = set()
    for module in modules - ours - set(sys.stdlib_module_names):
        found |= {canonicalize_name(home) for home in homes.get(module, [module])[:1]}
    return found


@pytest.mark.parametrize(
    ("folders", "allowed"),
    [
        (["anl_edu/losses"], declared()),
        (["anl_edu"], {*declared("lessons"), *OPTIONAL}),
        (["notebooks"], declared("lessons")),
        (["site"], declared("site")),
        (["benchmarks", "tests", "tools"], declared("test")),
    ],
    ids=lambda v: "+".join(v) if isinstance(v, list) else "",
)
def test_what_is_imported_is_declared(folders: list[str], allowed: Iterable[str]) -> None:
    assert imported_below(*folders) - set(allowed) == set()


def test_each_requirement_of_the_lessons_is_imported() -> None:
    assert set(declared("lessons")) - imported_below("anl_edu", "notebooks") == set()


def test_what_is_optional_comes_with_some_extra() -> None:
    assert set(declared("test")) >= OPTIONAL


def test_each_requirement_stands_once_and_has_a_lower_bound() -> None:
    lines = PROJECT["dependencies"] + [line for extra in EXTRAS.values() for line in extra]
    own = [r for r in map(Requirement, lines) if canonicalize_name(r.name) != OWN]
    names = [canonicalize_name(r.name) for r in own]
    assert sorted(set(names)) == sorted(names)
    bounded = [r.name for r in own if re.fullmatch(r">=[\d.]+", str(r.specifier))]
    stubs = [r.name for r in own if r.name.startswith("types-")]
    assert sorted(bounded + stubs) == sorted(r.name for r in own)


@pytest.mark.skipif(Path(sys.prefix).name != "lowest", reason="asked by `make lowest`")
def test_the_lowest_version_of_each_requirement_is_the_one_tested() -> None:
    """Otherwise another requirement asks for a later one, and the bound is a guess."""
    lowest = {n: r for n, r in declared("most").items() if r.specifier}
    here = {name: importlib.metadata.version(name) for name in lowest}
    higher = {
        name: f"{here[name]} for {requirement}"
        for name, requirement in lowest.items()
        if not Requirement(f"{name}=={str(requirement.specifier)[2:]}").specifier.contains(
            here[name].split("+")[0]
        )
    }
    assert higher == {}


LIGHT = """
import importlib.abc, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
import torch
from anl_edu import losses
logits, y = torch.randn(4, 3, requires_grad=True), torch.tensor([0, 1, 2, 0])
for name in losses.names():
    losses.build(name)(logits, y).backward()
print(len(losses.names()), "losses")
"""


def torch_and_what_it_needs() -> set[str]:
    found: set[str] = set()
    waiting = ["torch"]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:  # for another system
            continue
        found.add(name)
        needed = map(Requirement, needs)
        waiting += [r.name for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found


def test_the_losses_need_torch_alone() -> None:
    needed = torch_and_what_it_needs()
    homes = modules_and_homes()
    refused = {
        module
        for module, names in homes.items()
        if not {canonicalize_name(name) for name in names} & (needed | {OWN})
    }
    assert {"numpy", "click", "plotly", "sklearn", "torchvision"} <= refused
    run = subprocess.run(
        [sys.executable, "-c", LIGHT.format(refused=refused)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(r"\d\d losses\n", run.stdout)


# --- Set-up files agree --------------------------------------------------------------------------


def environment() -> tuple[list[Requirement], list[str]]:
    """What environment.yml takes from conda, and what from pip."""
    entries = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    conda = [e for e in entries if isinstance(e, str)]
    (pip,) = (e["pip"] for e in entries if isinstance(e, dict))
    return [Requirement(re.sub(r"(?<=\w)=(?=\d)", "==", e)) for e in conda], pip


def test_environment_pins_one_python_that_the_package_knows() -> None:
    # repo2docker takes "python=3.12" for a version to install, and no range.
    (python,) = (r for r in environment()[0] if r.name == "python")
    version = str(python.specifier).removeprefix("==")
    assert f"Programming Language :: Python :: {version}" in PROJECT["classifiers"]


def test_environment_takes_a_small_pytorch_from_conda_and_the_rest_from_pyproject() -> None:
    conda, pip = environment()
    bounds = {r.name.removeprefix("py").removesuffix("-cpu"): str(r.specifier) for r in conda}
    assert {r.name for r in conda} == {"python", "pip", "pytorch-cpu", "torchvision"}
    for name in "torch", "torchvision":
        assert bounds[name] == str(declared("lessons")[name].specifier)
    (line,) = pip
    extra = re.fullmatch(r"-e \.\[(\w+)\]", line)
    assert extra is not None
    assert "jupyterlab" in declared(extra[1])


def test_binder_begins_jupyter_on_one_thread() -> None:
    """Through a file of that name beside environment.yml, which repo2docker looks for."""
    assert not [name for name in ("binder", ".binder") if (ROOT / name).exists()]  # would hide it
    command = [ROOT / "start", "sh", "-c", 'echo "$OMP_NUM_THREADS $1"', "-", "two words"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == "1 two words\n"


def test_set_up_knows_each_extra() -> None:
    script = (ROOT / "tools" / "setup.sh").read_text(encoding="utf-8")
    assert set(re.findall(r'target="?\.\[(\w+)\]', script)) == set(EXTRAS)


@pytest.mark.parametrize("python", ["/no/such/python", "false"])
def test_set_up_refuses_an_interpreter_that_does_not_run(python: str, tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    script = tmp_path / "tools" / "setup.sh"
    script.write_bytes((ROOT / "tools" / "setup.sh").read_bytes())
    ended = subprocess.run(
        ["sh", script, "base"], env={"PATH": "/usr/bin:/bin", "PYTHON": python},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"PYTHON={python} does not run, or is older than Python 3.11."
    ]
    assert not (tmp_path / ".venv").exists()


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(" ".join(re.findall(r"^\.PHONY: (.*)$", makefile, re.M)).split()) == TARGETS
    command = ["make", "--no-print-directory", "help"]  # of itself called by make, it would say so
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert {line.split()[0] for line in shown.stdout.splitlines()} == TARGETS


def hooks() -> list[dict[str, str]]:
    """Checks before a commit, but for ruff's, which `make lint` runs too."""
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    found = [hook for repo in yaml.safe_load(text)["repos"] for hook in repo["hooks"]]
    return [hook for hook in found if not hook["id"].startswith("ruff")]


@pytest.mark.parametrize("hook", hooks(), ids=lambda hook: hook["id"])
def test_each_check_before_a_commit_runs_and_passes(hook: dict[str, str], tmp_path: Path) -> None:
    program, *options = shlex.split(hook["entry"])
    assert program.startswith(".venv/bin/")
    command = Path(sys.executable).with_name(Path(program).name)
    files: list[Path] = []
    if hook.get("pass_filenames", True):
        files = [p for p in tracked() if p.suffix in {".md", ".py", ".sh", ".toml", ".yml"}]
        for name in files:  # copies, since some checks mend what they find
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
        subprocess.run(["git", "init", "-q", tmp_path], check=True)
    ended = subprocess.run(
        [command, *options, *files], cwd=tmp_path if files else ROOT,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr


# --- What is shipped is whole --------------------------------------------------------------------


def build(kind: str, source: Path, out: Path) -> Path:
    """Build a ``wheel`` or an ``sdist`` of a source tree with this environment's setuptools."""
    out.mkdir()
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}({str(out)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    (built,) = out.iterdir()
    return built


@pytest.mark.slow
def test_a_wheel_from_a_source_distribution_holds_all_modules_and_runs(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for name in tracked():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    sdist = build("sdist", copy, tmp_path / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    (source,) = (tmp_path / "source").iterdir()
    assert not (source / "tests").exists()  # they need the repository

    wheel = build("wheel", source, tmp_path / "wheel")
    with zipfile.ZipFile(wheel) as archive:
        packed = {Path(n) for n in archive.namelist()}
        (metadata,) = (n for n in packed if n.name == "METADATA")
        said = archive.read(str(metadata)).decode()
        (scripts,) = (n for n in packed if n.name == "entry_points.txt")
        commands = archive.read(str(scripts)).decode()
    recorded = {Path("anl_edu/recorded") / n.name for n in tracked("data/runs")}
    assert {n for n in packed if n.parts[0] == "anl_edu"} == {*tracked("anl_edu"), *recorded}
    assert recorded
    assert any(n.match("licenses/LICENSE") for n in packed)
    assert re.search(r"^License-Expression: MIT$", said, re.M)
    init = (ROOT / "anl_edu" / "__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'^__version__ = "(.+)"$', init, re.M)
    assert re.search(rf"^Version: {re.escape(version)}$", said, re.M)
    assert "anl-edu = anl_edu.__main__:main" in commands
