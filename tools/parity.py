"""Run every lesson in environments such as its readers have, and end in a table.

    python tools/parity.py [colab newest binder] [--notebooks 00 04 ...] [--fresh]

Each notebook lies alone in a folder elsewhere, where neither the checkout nor its data is found.
nbval judges from .venv; only the kernels run in the environment (tools/environments.py), which so
holds what its readers have and no more. The table goes to build/parity/table.md, too, and what
nbval said to build/parity/NAME/NN.log.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import psutil
from environments import BUILD, ENVIRONMENTS, ROOT, Environment, build_wheel, called, prepare

BOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
MB = 1e6
LOOK = 0.5  # seconds from one look at the memory to the next
STOP = threading.Event()  # set by Ctrl-C: each lesson then ends what it has started
# As in the Makefile: no network, no GPU, one thread each, an error in a callback is one.
SETTINGS = {
    "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "ANL_EDU_OFFLINE": "1",
    "ANL_EDU_PROGRESS": "off", "ANL_EDU_STRICT": "1", "ANL_EDU_DEVICE": "cpu", "TQDM_DISABLE": "1",
}  # fmt: skip
NBVAL = (
    "--nbval-lax", "--nbval-kernel-name", "parity", "--nbval-cell-timeout", "300",
    "--nbval-sanitize-with", str(ROOT / "tests" / "nbval.cfg"), "-p", "no:cacheprovider",
)  # fmt: skip
TOLD = ("torch", "numpy", "plotly", "ipywidgets", "anywidget", "ipykernel", "ipython")


@dataclass
class Memory:
    """The most that a family of processes has held, and its kernel alone, in bytes.

    Of what processes share (libraries), each counts its part in `all`: less beside another lesson.
    """

    all: int = 0
    kernel: int = 0
    addresses: int = 0
    seen: set[psutil.Process] = field(default_factory=set)

    def look(self, root: int, *beside: int) -> None:
        """Look at a process and all that came of it; those `beside` count, but are not `seen`."""
        now = 0
        for each in (root, *beside):
            with suppress(psutil.Error):
                first = psutil.Process(each)
                for process in (first, *first.children(recursive=True)):
                    with suppress(psutil.Error, OSError):
                        self.seen |= {process} if each == root else set()
                        held = process.memory_full_info()
                        now += getattr(held, "pss", held.uss)  # pss: what is shared counts once
                        if "ipykernel_launcher" in process.cmdline():
                            self._look_at_kernel(process.pid, held.rss, held.vms)
        self.all = max(self.all, now)

    def _look_at_kernel(self, pid: int, rss: int, vms: int) -> None:
        with suppress(OSError, KeyError):  # Linux knows what was between two looks, too
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
            kib = dict(re.findall(r"^(VmHWM|VmPeak):\s+(\d+) kB", status, re.M))
            rss, vms = 1024 * int(kib["VmHWM"]), 1024 * int(kib["VmPeak"])
        self.kernel, self.addresses = max(self.kernel, rss), max(self.addresses, vms)


@dataclass(frozen=True)
class Result:
    """What came of one lesson, or of a step on the way to it."""

    lesson: str
    cells: int = 0
    failure: str = ""  # nothing where all went well
    seconds: float = 0.0
    memory: Memory = field(default_factory=Memory)


def environment(name: str) -> Environment:
    """Return the environment of this name; for argparse, which says what is wrong with another."""
    if name not in ENVIRONMENTS:
        known = ", ".join(ENVIRONMENTS)
        raise argparse.ArgumentTypeError(f"no environment {name!r}; there are {known}")
    return ENVIRONMENTS[name]


def chosen(numbers: Sequence[str], books: Sequence[Path] = BOOKS) -> list[Path]:
    """Return the notebooks of these numbers, in their order on disk; all of them for none.

    Raises
    ------
    ValueError
        A number is no notebook's.
    """
    known = {book.name[:2]: book for book in books}
    if unknown := [number for number in numbers if number not in known]:
        raise ValueError(
            f"no notebook {', '.join(map(repr, unknown))}; there are {' '.join(known)}"
        )
    return [book for number, book in known.items() if not numbers or number in numbers]


def table(results: Sequence[Result]) -> str:
    """Return the results as a Markdown table."""
    lines = [
        "| lesson | cells | result | s | MB in all | kernel, MB | its addresses, MB |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    for r in results:
        sizes = (r.memory.all, r.memory.kernel, r.memory.addresses)
        numbers = (r.cells, r.seconds, *(size / MB for size in sizes))
        cells, *rest = (f"{number:.0f}" if number else "" for number in numbers)
        result = f"**failed**: {r.failure.replace('|', '/')}" if r.failure else "passed"
        lines.append(f"| {' | '.join((r.lesson, cells, result, *rest))} |")
    return "\n".join(lines)


def surroundings(place: Environment, home: Path) -> dict[str, str]:
    """Return a lesson's variables: this machine's, but for those that could lend it something."""
    foreign = ("ANL_EDU_", "PYTHON", "JUPYTER", "IPYTHON", "VIRTUAL_ENV", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    path = os.pathsep.join((str(place.home / "bin"), os.environ["PATH"]))
    own = {"HOME": str(home), "PATH": path, "JUPYTER_PATH": str(place.home / "jupyter")}
    return kept | SETTINGS | own


def start(place: Environment, command: Sequence[str], home: Path, log: Path) -> subprocess.Popen:
    """Start a command in a lesson's surroundings and folder, under the place's limit."""
    if place.limit is not None:
        limited = f'ulimit -v {place.limit // 1024} && exec "$@"'
        command = ["sh", "-c", limited, "sh", *command]
    with log.open("w", encoding="utf-8") as said:
        return subprocess.Popen(
            command, cwd=home, env=surroundings(place, home), stdin=subprocess.DEVNULL,
            stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip


def end(process: subprocess.Popen, memory: Memory) -> None:
    """End a command: ask it, so that it ends its kernels; then end whoever is left of it."""
    memory.look(process.pid)
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
    for each in memory.seen:
        with suppress(psutil.Error):
            each.kill()
    process.wait()


def run(place: Environment, book: Path, home: Path, *beside: int) -> Result:
    """Run one notebook under nbval, alone in a folder; the memory of those `beside` counts too."""
    report, log = home / "report.xml", place.home / f"{book.name[:2]}.log"
    home.mkdir()
    shutil.copy(book, home)
    own = ("--rootdir", str(home), f"--junitxml={report}", book.name)
    began, memory = time.monotonic(), Memory()
    process = start(place, (sys.executable, "-m", "pytest", *NBVAL, *own), home, log)
    try:
        while process.poll() is None and not STOP.is_set():
            memory.look(process.pid, *beside)
            STOP.wait(LOOK)
    finally:
        end(process, memory)
    seconds, failure = time.monotonic() - began, ""
    suites = list(ElementTree.parse(report).iter("testsuite")) if report.is_file() else []
    cells, wrong, broken = (
        sum(int(suite.attrib[what]) for suite in suites) for what in ("tests", "failures", "errors")
    )
    if process.returncode or not cells:
        how = f"{wrong + broken} of {cells} cells" if cells else f"nbval's end {process.returncode}"
        failure = f"{how}, {log.relative_to(ROOT)}"
    return Result(book.stem, cells, failure, seconds, memory)


@contextmanager
def server(place: Environment, home: Path) -> Iterator[tuple[int, Result]]:
    """Keep JupyterLab open, as on Binder; give its process, and what its start took."""
    home.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token="]
    command = [place.interpreter, "-m", "jupyter", "lab", "--no-browser", "--allow-root", *own]
    began, memory, log = time.monotonic(), Memory(), place.home / "server.log"
    process = start(place, command, home, log)
    try:
        while True:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/lab"):
                break
            if process.poll() is not None or time.monotonic() > began + 60:
                raise RuntimeError(f"JupyterLab did not start, {log.relative_to(ROOT)}")
            time.sleep(LOOK / 5)
        seconds = time.monotonic() - began
        memory.look(process.pid)
        yield process.pid, Result("(JupyterLab)", seconds=seconds, memory=memory)
    finally:
        end(process, memory)


def run_all(place: Environment, books: Sequence[Path], folder: Path, jobs: int) -> list[Result]:
    """Run notebooks side by side; where memory is short, one by one beside JupyterLab."""
    with ExitStack() as stack:
        beside, results = [], []
        if place.limit is not None:
            pid, opened = stack.enter_context(server(place, folder / "server"))
            beside, results, jobs = [pid], [opened], 1
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        runs = [pool.submit(run, place, book, folder / book.name[:2], *beside) for book in books]
        try:
            for each in as_completed(runs):
                got = each.result()
                how = f"FAILED, {got.failure}" if got.failure else "passed"
                print(f"{place.name} {got.lesson}: {how}, {got.seconds:.0f} s", flush=True)
        except BaseException:
            STOP.set()
            pool.shutdown(cancel_futures=True)
            raise
        return results + [each.result() for each in runs]


def examine(
    place: Environment, books: Sequence[Path], wheel: Path, *, jobs: int, fresh: bool
) -> tuple[str, list[Result]]:
    """Run notebooks in one place; return what it holds, in a line, and the results."""
    print(f"{place.name}: making build/parity/{place.name} ready", flush=True)
    about, results = "", []
    with tempfile.TemporaryDirectory(prefix="anl-edu-parity-") as name:
        folder = Path(name)
        try:
            there, others = prepare(place, wheel, fresh=fresh)
            python = called(place.interpreter, "--version").strip()
            about = ", ".join((python, *(f"{n} {there[n]}" for n in TOLD if n in there)))
            if others:
                results = [Result("(installation)", failure=f"moved {', '.join(others)}")]
            results += run_all(place, books, folder, jobs)
        except RuntimeError as error:
            print(error, flush=True)
            results += [Result("(environment)", failure=str(error).splitlines()[0])]
        asked = sorted(mark.parent.name for mark in folder.glob("*/custom-widget-manager"))
    if asked:
        about += f"; Colab's manager of widgets was asked for in {', '.join(asked)}"
    return about, results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 1 where anything failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add("environments", nargs="*", type=environment, default=list(ENVIRONMENTS.values()),
        metavar="NAME", help=f"{', '.join(ENVIRONMENTS)}; without a name all of them")  # fmt: skip
    add("--notebooks", nargs="+", default=[], metavar="NN", help="such as 00 04")
    add("--jobs", type=int, default=2, metavar="N", help="notebooks at a time (2; in binder 1)")
    add("--fresh", action="store_true", help="make the environments anew, of the newest there is")
    options = parser.parse_args(arguments)
    try:
        chosen(options.notebooks)
    except ValueError as error:
        parser.error(str(error))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    wheel, parts, failed = build_wheel(), [], False
    for place in options.environments:
        books = chosen(options.notebooks or place.lessons)
        about, results = examine(place, books, wheel, jobs=options.jobs, fresh=options.fresh)
        parts.append(f"## {place.name}\n\n{about}\n\n{table(results)}\n")
        (BUILD / "table.md").write_text("\n".join(parts), encoding="utf-8")
        failed |= any(result.failure for result in results)
    print("\n" + "\n".join(parts), end="")
    return int(failed)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
