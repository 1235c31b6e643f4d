"""Grade a class: submissions of lab 1 by students of their own variants, through one nbgrader.

    python benchmarks/labs.py [--students 30]

A third of the class hands in the instructor's answers, the others one of the wrong ones of
tests/labs/bank_lab1.py, in turn; one loops for ever and one hands in a file that is no notebook. It
prints the minutes, how many were graded, and how many have other points than they should.

Measured on 2 cores of a shared AMD EPYC with other work beside it, Python 3.11, torch 2.15,
nbgrader 0.9.6: 1.7 minutes for 30 (2.5 before kernels were forked), of which one that loops takes
20 s; all had the points they should.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "labs"))

from bank_lab1 import BANK
from course import Course, expected
from submissions import Submission


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--students", type=int, default=30)
    options = parser.parse_args()
    os.environ |= {"ANL_EDU_OFFLINE": "1", "ANL_EDU_PROGRESS": "off", "OMP_NUM_THREADS": "1"}
    right = Submission("right", {})
    loop = Submission(
        "loop",
        {"answer-1-3": "def flipped_sum(table, y, A):\n    while True:\n        pass"},
        {"test-1-3": 0.0},
    )
    with tempfile.TemporaryDirectory() as folder:
        course = Course.made(Path(folder) / "course", 1)
        handed_in = {"student-00": loop}
        for n in range(1, options.students - 1):
            handed_in[f"student-{n:02d}"] = right if n % 3 == 0 else BANK[n % len(BANK)]
        for student, submission in handed_in.items():
            course.hand_in(student, submission.cells)
        broken = course.path("submitted", f"student-{options.students - 1:02d}")
        broken.parent.mkdir(parents=True)
        broken.write_text("{", encoding="utf-8")
        start = time.perf_counter()
        course.autograde("--Guarded.timeout=20")
        minutes = (time.perf_counter() - start) / 60
        points = course.points()
        graded = [path.parent.parent.name for path in course.folder.glob("autograded/*/*/*.ipynb")]
    other = [s for s, what in handed_in.items() if points.get(s) != expected(1, what)]
    print(
        f"{options.students} submissions of lab 1: {minutes:.1f} minutes, {len(graded)} graded, "
        f"{options.students - len(graded)} no notebook, {len(other)} with other points than "
        f"they should have{': ' + ', '.join(other) if other else ''}"
    )


if __name__ == "__main__":
    main()
