"""Where grids are computed: a Dask cluster of this machine's own, or any that is there."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
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
        with _quiet(), Client(scheduler) as client:
            yield client
        return
    with dask.config.set(_OURS), _local() as cluster, Client(cluster) as client:
        client.register_plugin(Trains())
        cluster.scale(jobs)
        yield client


def _local() -> LocalCluster:
    """Start a cluster without workers yet."""
    resource_tracker.ensure_running()  # first, since to start it ends what is held
    with _interrupts_held():  # its thread inherits it, and so do all workers: Ctrl-C is for us
        return LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            memory_limit=None,  # a run takes what it takes: no worker is ended for it
            dashboard_address="127.0.0.1:0",  # whatever is free
            silence_logs=logging.CRITICAL,
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the client's log of a connection that breaks to itself: `record` says it in words."""
    logger = logging.getLogger("distributed.client")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while the block runs; one that comes meanwhile is heard after it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
