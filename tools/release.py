"""Build what a release consists of, and use it as its readers will, outside the checkout.

    python tools/release.py [--fresh]

The wheel and the source distribution go to dist/, twine judges what an index would say of them, and
the wheel is installed in an environment of its own (tools/environments.py), where the demo, the
doctor, the playground and lesson 04 run from an empty folder. Ends in a table; what each step said
stands in build/parity/release/STEP.log. Nothing is uploaded: `twine upload dist/*` would.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from environments import ROOT, Environment, build_wheel, called, prepare
from parity import Result, chosen, run, start, table

PLACE = Environment("release", "3.12", "lab")
# What is run there, and the file that it leaves.
STEPS = {
    "doctor": (("anl-edu", "doctor"), None),
    "playground": (("anl-edu", "playground", "--no-open"), "build/playground.html"),
    "demo": (("anl-edu", "demo"), "build/demo.html"),
}


def build(dist: Path) -> Path:
    """Build the wheel and the source distribution into an empty `dist`; give the wheel.

    Raises
    ------
    RuntimeError
        One cannot be built, or twine finds a fault, also one that is only a warning.
    """
    wheel = build_wheel()
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    for built in wheel.parent.glob("anl_edu-*"):
        shutil.copy(built, dist)
    called(sys.executable, "-m", "twine", "check", "--strict", *sorted(dist.iterdir()))
    return dist / wheel.name


def step(name: str, folder: Path) -> Result:
    """Run one command of the package in an empty folder, and look for the file that it leaves."""
    command, left = STEPS[name]
    home, log = folder / name, PLACE.home / f"{name}.log"
    home.mkdir()
    began = time.monotonic()
    code = start(PLACE, command, home, log).wait()
    failure = f"exit status {code}" if code else ""
    if not failure and left is not None and not (home / left).is_file():
        failure = f"no {left}"
    where = f"{failure}, {log.relative_to(ROOT)}" if failure else ""
    return Result(name, failure=where, seconds=time.monotonic() - began)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 1 where anything failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--fresh", action="store_true", help="make the environment anew")
    options = parser.parse_args(arguments)
    try:
        wheel = build(ROOT / "dist")
        print(*sorted(path.name for path in wheel.parent.iterdir()), sep="\n", flush=True)
        there, _ = prepare(PLACE, wheel, fresh=options.fresh)
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"installed anl-edu {there['anl-edu']} with torch {there['torch']}", flush=True)
    with tempfile.TemporaryDirectory(prefix="anl-edu-release-") as name:
        folder = Path(name)
        results = [step(each, folder) for each in STEPS]
        results += [run(PLACE, book, folder / book.name[:2]) for book in chosen(["04"])]
    print(f"\ntwine {importlib.metadata.version('twine')}: no fault\n\n{table(results)}")
    return int(any(result.failure for result in results))


if __name__ == "__main__":
    sys.exit(main())
