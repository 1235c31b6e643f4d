"""A grid while it is recorded: a row a run, with its epochs and its accuracy, updated in place."""

from __future__ import annotations

import html
import math
import sys
import time
from collections.abc import Sequence
from typing import Any

from anl_edu.losses import label
from anl_edu.runs import RunSpec
from anl_edu.teach.page import STYLE
from anl_edu.training import EpochRecord

SECONDS = 0.25  # between pictures; the end of a run is shown at once


class GridMonitor:
    """Shows the runs of a grid as they go on: give it to `record` as ``on_epoch``.

    Parameters
    ----------
    specs
        The runs, in the order in which they are to stand.

    Examples
    --------
    >>> monitor = GridMonitor(specs)               # shown where the cell stands
    >>> record(specs, folder, jobs=2, on_epoch=monitor)
    """

    def __init__(self, specs: Sequence[RunSpec]) -> None:
        self.specs = list(specs)
        self.records: dict[str, EpochRecord] = {}  # by digest: the last one told
        self._handle: Any = None
        self._shown = -math.inf

    def __call__(self, spec: RunSpec, record: EpochRecord) -> None:
        """Take note of an epoch, and show it."""
        self.records[spec.digest] = record
        now = time.monotonic()
        if record.epoch == record.epochs or now - self._shown >= SECONDS:
            self._shown = now
            self.show()

    def show(self) -> None:
        """Show the table, or bring the one that is shown up to date; nothing outside a notebook."""
        ipython = sys.modules.get("IPython")
        if ipython is None or ipython.get_ipython() is None:
            return
        from IPython.display import display

        bundle = {"text/plain": self.text(), "text/html": self.page()}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def text(self) -> str:
        """Return the table in words, a line a run."""
        return "\n".join(f"{name}: {said}" for name, _, said in map(self._line, self.specs))

    def page(self) -> str:
        """Return the table as HTML; no live region, for it would speak all the time."""
        rows = "".join(
            f"<tr><th scope='row'>{html.escape(name)}</th>"
            f"<td><progress max='1' value='{share:.4f}' aria-label='{html.escape(name)}'>"
            f"</progress></td><td>{html.escape(said)}</td></tr>"
            for name, share, said in map(self._line, self.specs)
        )
        ended = sum(record.epoch == record.epochs for record in self.records.values())
        heads = "".join(f"<th scope='col'>{h}</th>" for h in ("run", "epochs", "test accuracy"))
        return (
            f"{STYLE}<div class='anl-card'><div>"
            f"<strong>{ended} of {len(self.specs)} runs have ended</strong>"
            f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></div>"
        )

    def _line(self, spec: RunSpec) -> tuple[str, float, str]:
        """Name of a run, share of its epochs that are over, and what there is to say."""
        name = f"{label(spec.loss)}, seed {spec.seed}"
        record = self.records.get(spec.digest)
        if record is None:
            return name, 0.0, "not begun"
        accuracy = "–" if math.isnan(record.test_accuracy) else f"{record.test_accuracy:.1%}"
        return name, record.epoch / record.epochs, f"{accuracy}, epoch {record.epoch}"
