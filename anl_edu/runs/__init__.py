"""Runs: what was trained on what, started from one description, recorded, found.

A run is a loss on a data set under a noise with a seed (`RunSpec`). `start` gives a live run, to be
iterated for its epochs; it finishes into a `Run`, which `write` keeps as a small JSON file named by
its identity and `read`, `find` and `get` give back. `anl_edu.runs.grid` describes sets of runs, and
`anl_edu.runs.recording` makes them, on this machine or on a cluster. A recorded run says where it
comes from (images, precision, commit, device, seconds) and is never presented as live.
"""

from anl_edu.runs.live import Live, code_commit, finish, get, noisy_data, prepare, start
from anl_edu.runs.run import Run, by_loss, choose
from anl_edu.runs.spec import RunSpec
from anl_edu.runs.store import find, holds, lookup, names, pack, read, require_alike, write
from anl_edu.runs.table import rows, table

__all__ = [
    "Live",
    "Run",
    "RunSpec",
    "by_loss",
    "choose",
    "code_commit",
    "find",
    "finish",
    "get",
    "holds",
    "lookup",
    "names",
    "noisy_data",
    "pack",
    "prepare",
    "read",
    "require_alike",
    "rows",
    "start",
    "table",
    "write",
]
