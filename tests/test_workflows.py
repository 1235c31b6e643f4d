"""What GitHub runs: files of its form, and of this project as it is now."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")

workflow = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Name of each job of each file, and what it is."""
    for path in FILES:
        for name, job in read(path)["jobs"].items():
            yield f"{path.stem}: {name}", job


job = pytest.mark.parametrize("job", [what for _, what in jobs()], ids=[name for name, _ in jobs()])


def scripts(text: str) -> list[str]:
    """Each shell script in a workflow; what GitHub fills in is a word."""
    steps = [step for each in yaml.safe_load(text)["jobs"].values() for step in each["steps"]]
    return [EXPRESSION.sub("filled", step["run"]) for step in steps if "run" in step]


def complaints(*paths: Path) -> str:
    """What the form of a workflow, as GitHub publishes it, and shellcheck have against files."""
    said = command("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *paths)
    for path in paths:
        for script in scripts(path.read_text(encoding="utf-8")):
            said += command("shellcheck", "--shell=bash", "-", given=script)
    return said


def command(name: str, *arguments: str | Path, given: str = "") -> str:
    """Run a program of this environment; what it said if it found a fault."""
    program = Path(sys.executable).with_name(name)
    run = subprocess.run(
        [program, *arguments], input=given, capture_output=True, text=True, check=False
    )
    assert run.returncode in (0, 1), run.stderr
    return (run.stdout or run.stderr) if run.returncode else ""


def test_they_have_the_form_of_workflows_and_sound_scripts() -> None:
    assert len(FILES) >= 3
    assert complaints(*FILES) == ""


def test_planted_faults_are_found(tmp_path: Path) -> None:
    text = (ROOT / ".github" / "workflows" / "tests.yml").read_text(encoding="utf-8")
    paths = []
    for right, wrong in (
        ("runs-on: ubuntu-latest", "run-on: ubuntu-latest"),
        ("timeout-minutes: 60", "timeout-minutes: [61]"),
        ("contents: read", "contents: raed"),
        ("make lowest", "make $lowest"),
    ):
        assert right in text
        paths.append(tmp_path / f"{len(paths)}.yml")
        paths[-1].write_text(text.replace(right, wrong, 1), encoding="utf-8")
    said = complaints(*paths)
    assert [word for word in ("run-on", "[61]", "raed", "SC2086") if word not in said] == []


@workflow
def test_what_it_fills_in_is_there(path: Path) -> None:
    """A misspelt ``matrix.x`` or ``steps.x`` would be filled in with nothing."""
    known = {"github.workflow", "github.ref", "cancelled()"}
    for each in read(path)["jobs"].values():
        matrix = {f"matrix.{name}" for name in each.get("strategy", {}).get("matrix", {})}
        steps = {f"steps.{step['id']}" for step in each["steps"] if "id" in step}
        used = {name.strip() for name in EXPRESSION.findall(str(each))}
        assert {re.sub(r"\.outputs\.\w+$", "", name).lstrip("!") for name in used} <= (
            known | matrix | steps
        )
    rest = {key: value for key, value in read(path).items() if key != "jobs"}
    assert {name.strip() for name in EXPRESSION.findall(str(rest))} <= known


def test_each_python_that_the_package_names_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = re.findall(r"Python :: (\d\.\d+)", " ".join(project["classifiers"]))
    assert dict(jobs())["tests: everything"]["strategy"]["matrix"]["python"] == named
    lowest = dict(jobs())["tests: lowest"]["env"]["PYTHON"]
    assert project["requires-python"] == f">={lowest.removeprefix('python')}"


@job
def test_what_it_runs_is_there(job: dict[str, Any]) -> None:
    """A target of the Makefile, an extra of set-up, a place in tests/."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    setup = (ROOT / "tools" / "setup.sh").read_text(encoding="utf-8")
    runs = " ".join(step["run"] for step in job["steps"] if "run" in step)
    assert set(re.findall(r"\bmake (\S+)", runs)) <= set(re.findall(r"^([a-z]+):", makefile, re.M))
    extras = set(re.findall(r"tools/setup\.sh (\S+)", runs))
    assert extras <= set(re.findall(r"^([a-z]+)\)", setup, re.M))
    assert [p for p in re.findall(r"\btests/\S+", runs) if not (ROOT / p).exists()] == []


@job
def test_it_cannot_run_for_ever_and_uses_the_python_that_it_sets_up(job: dict[str, Any]) -> None:
    assert job["timeout-minutes"] <= 120
    for step in job["steps"]:
        python = f"python{step.get('with', {}).get('python-version', '')}"
        assert python in ("python", job.get("env", {}).get("PYTHON", python))


@workflow
def test_it_may_do_no_more_than_it_must(path: Path) -> None:
    assert read(path)["permissions"] == {"contents": "read"}
    assert "cancel-in-progress" in read(path)["concurrency"]
    for name, each in read(path)["jobs"].items():
        assert ("permissions" in each) == (name == "deploy")
        for action in (step["uses"] for step in each["steps"] if "uses" in step):
            assert re.fullmatch(r"(actions|astral-sh)/[\w-]+@v\d+", action), action
