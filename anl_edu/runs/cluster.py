"""Where grids are computed: a Dask cluster of this machine's own, or any that is there."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dask
from distributed import Client, LocalCluster

from anl_edu.runs.worker import Trains

if TYPE_CHECKING:
    from distributed.deploy import Cluster

_OURS = {
    # a run is tried twice, then once more alone: see `record`
    "distributed.scheduler.allowed-failures": 1,
    # a worker has no run but the one it is making: if it dies, no other is under suspicion
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.daemon": False,  # loading images may take processes of its own
}


@contextmanager
def connected(scheduler: str | Client | Cluster | None, jobs: int) -> Iterator[Client]:
    """Give a client of a scheduler; None starts ``jobs`` processes here, which end with the block.

    Raises
    ------
    OSError
        Nobody answers at the address.
    """
    if isinstance(scheduler, Client):
        yield scheduler
        return
    if scheduler is not None:
        with Client(scheduler) as client:
            yield client
        return
    with (
        dask.config.set(_OURS),
        LocalCluster(
            n_workers=jobs,
            threads_per_worker=1,
            memory_limit=None,  # a run takes what it takes; swapping one out would end it
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.register_plugin(Trains())
        yield client
