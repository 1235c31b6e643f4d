"""One progress bar for long work: live in a terminal or notebook, a line now and then elsewhere."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import Any

from tqdm import tqdm

QUIET_SECONDS = 30.0  # between lines where nobody watches: a log should not drown in them


def progress_bar(**options: Any) -> tqdm:
    """Return a tqdm bar that suits where its output goes; ``options`` are tqdm's."""
    # tqdm reads its own variable once, when it is imported, and its notebook bar never does
    off = os.environ.get("TQDM_DISABLE", "").lower() not in ("", "0", "false")
    if off or sys.stderr is None:  # closed: there is nowhere to draw
        return tqdm(**{**options, "disable": True})
    options.setdefault("disable", False)
    if sys.stderr.isatty() or _in_a_notebook():
        from tqdm.auto import tqdm as lively

        return lively(**options)
    return _Log(**options)


class _Log(tqdm):
    """A bar for a log: whole lines, one every half minute and one at the end."""

    def __init__(self, **options: Any) -> None:
        self._due = time.monotonic() + QUIET_SECONDS
        super().__init__(**{"ascii": True, **options, "leave": False})

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Write a line if the last one is long ago; tqdm calls this for every change."""
        if time.monotonic() >= self._due:
            self._write_line()

    def close(self) -> None:
        if not getattr(self, "disable", True):  # also of a bar that could not be made
            self._write_line()
        super().close()

    def _write_line(self) -> None:
        self._due = time.monotonic() + QUIET_SECONDS
        with suppress(OSError):  # a reader that has gone is no reason to stop the work
            print(str(self), file=sys.stderr, flush=True)


def _in_a_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")
