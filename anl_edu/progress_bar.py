"""One progress bar for long work: live in a terminal or notebook, a line now and then elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm
from tqdm.auto import tqdm as lively

_QUIET_SECONDS = 30.0  # between lines where nobody watches: a log should not drown in them


def progress_bar(**options: Any) -> tqdm:
    """Return a tqdm bar that suits where its output goes; ``options`` are tqdm's."""
    if sys.stderr.isatty() or _in_notebook():
        return lively(**options)
    return tqdm(mininterval=_QUIET_SECONDS, maxinterval=_QUIET_SECONDS, ascii=True, **options)


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules
