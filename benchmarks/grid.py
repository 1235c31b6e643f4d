"""Runs a minute of a grid on one and on two workers, a thread each.

    python benchmarks/grid.py [REPETITIONS]

Each repetition records the same runs of the digits twice, on one worker and on two, in turn; the
workers are there and warm before the clock starts, and each run goes to a fresh folder. What two
workers gain over one is a ratio of times in one script, so that another machine can be told from
this one by its first column alone. Two workers can only be twice as fast where two cores are free.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from statistics import median

from distributed import Client, LocalCluster

from anl_edu.runs import RunSpec
from anl_edu.runs.grid import grid
from anl_edu.runs.recording import record

RUNS = grid("digits", ["ce", "anl-ce"], [("symmetric", 0.6)], range(6))
WARM = grid("digits", ["ce", "anl-ce"], [("symmetric", 0.6)], range(2), epochs=2)


def seconds(specs: Sequence[RunSpec], client: Client) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        outcome = record(specs, folder, scheduler=client, threads=1, device="cpu")
        assert outcome.written == len(specs), outcome
        return time.perf_counter() - start


def main(repetitions: int) -> None:
    gains = []
    for repetition in range(repetitions):
        took = {}
        for workers in (1, 2):
            with (
                LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
                ) as cluster,
                Client(cluster) as client,
            ):
                client.wait_for_workers(workers)
                seconds(WARM, client)
                took[workers] = seconds(RUNS, client)
        gains.append(took[1] / took[2])
        one, two = (60 * len(RUNS) / took[workers] for workers in (1, 2))
        print(
            f"repetition {repetition}: one worker {one:.1f} runs a minute, two {two:.1f}: "
            f"{gains[-1]:.2f} times as many",
            flush=True,
        )
    print(f"median of {repetitions}: {median(gains):.2f} times")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
