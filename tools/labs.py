"""Make an nbgrader course of the labs, from the instructor's versions in notebooks/labs/.

    python tools/labs.py [--course build/labs] [notebooks/labs/*.ipynb ...]

The folder then holds source/, with the instructor's versions; release/, those for the students,
without solutions and hidden tests; gradebook.db, which knows the tests; and nbgrader_config.py,
which says how submissions are run. What an earlier run made is made anew. Submissions and marks
stay; without any, the gradebook is made anew too. A folder that holds something else is refused.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "tools" / "nbgrader_config.py"
LABS = sorted((ROOT / "notebooks" / "labs").glob("*.ipynb"))
MADE = ("source", "release")
STUDENTS = ("submitted", "autograded", "feedback")


def make(course: Path, notebooks: list[Path]) -> list[str]:
    """Make the course; return a line for each lab.

    Raises
    ------
    ValueError
        The folder holds something and is no course of this file's making.
    RuntimeError
        nbgrader refused a notebook; the message is what it said.
    """
    config = course / CONFIG.name
    if course.exists() and any(course.iterdir()) and not config.exists():
        raise ValueError(f"{course} is neither empty nor a course made by this command")
    for name in MADE:
        shutil.rmtree(course / name, ignore_errors=True)
    if not any((course / name).exists() for name in STUDENTS):
        (course / "gradebook.db").unlink(missing_ok=True)
    course.mkdir(parents=True, exist_ok=True)
    shutil.copy(CONFIG, config)
    lines = []
    for notebook in notebooks:
        lab = lab_of(notebook)
        (course / "source" / lab).mkdir(parents=True)
        shutil.copy(notebook, course / "source" / lab)
        nbgrader(course, "generate_assignment", lab, "--force")
        lines.append(f"{lab}: {told(notebook)}: {course / 'release' / lab / notebook.name}")
    return lines


def lab_of(notebook: Path) -> str:
    """Return the name of a lab in the course: ``lab-1``."""
    return "-".join(notebook.stem.split("-")[:2])


def nbgrader(course: Path, *command: str) -> str:
    """Run nbgrader in a course; return what it said. RuntimeError has it where it failed."""
    ran = subprocess.run(
        [sys.executable, "-m", "nbgrader", *command],
        cwd=course, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ran.returncode:
        raise RuntimeError(f"nbgrader {' '.join(command)} failed\n{ran.stdout}{ran.stderr}")
    return ran.stdout + ran.stderr


def told(notebook: Path) -> str:
    """Say how many points a lab has: ``60 points, 40 of them by hand``."""
    marks = [
        (cell.metadata["nbgrader"]["points"], cell.metadata["nbgrader"]["solution"])
        for cell in nbformat.read(notebook, as_version=4).cells
        if cell.metadata.get("nbgrader", {}).get("grade")
    ]
    by_hand = sum(points for points, manual in marks if manual)
    return f"{sum(points for points, _ in marks):g} points, {by_hand:g} of them by hand"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, default=LABS)
    parser.add_argument("--course", type=Path, default=ROOT / "build" / "labs")
    options = parser.parse_args()
    try:
        print("\n".join(make(options.course, options.notebooks)))
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Grade in {options.course}: see docs/instructors.md, Grading with nbgrader.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
