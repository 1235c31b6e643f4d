"""Processes that begin with their imports done: torch alone takes a new interpreter seconds."""

from __future__ import annotations

import multiprocessing
import sys

import dask
from distributed.utils import get_mp_context

# For Dask's `distributed.worker.multiprocessing-method`, and for torch's `start_method`.
METHOD = "forkserver" if sys.platform == "linux" else "spawn"
IMPORTED = ["anl_edu.runs.worker", "anl_edu.data", "anl_edu.training", "torch._dynamo"]


def prepare() -> dict[str, str]:
    """Say what is imported once for all, before the first process; give Dask's configuration."""
    configuration = {"distributed.worker.multiprocessing-method": METHOD}
    with dask.config.set(configuration):
        get_mp_context()  # says once what Dask would have imported
    if METHOD == "forkserver":
        multiprocessing.set_forkserver_preload(IMPORTED)
    return configuration
