"""One run in several processes: who they are, which part is whose, and how they agree.

The batch of a recipe is divided among the processes, never multiplied by them: whatever is computed
over a batch (the loss, the entropy regulariser, batch norm's statistics) is computed over the whole
of it, so that a run is the same run, to rounding, on one device and on eight.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from anl_edu.training import devices
from anl_edu.training.identity import differences

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """The processes that train one run together; alone, all of this does nothing.

    Attributes
    ----------
    rank
        Which of them this one is, from 0.
    size
        How many there are.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def here(cls) -> Processes:
        """Return those of ``torch.distributed``'s default group, and this one alone without it."""
        if not (dist.is_available() and dist.is_initialized()):
            return cls()
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def main(self) -> bool:
        """Whether this one writes files and speaks."""
        return self.rank == 0

    def rows(self, total: int, rank: int | None = None) -> slice:
        """Return which of ``total`` rows are this process's, or another's.

        All have total / size of them or one more; of fewer rows than processes the last get none.
        """
        rank = self.rank if rank is None else rank
        each, more = divmod(total, self.size)
        start = rank * each + min(rank, more)
        return slice(start, start + each + (rank < more))

    def share(self, items: Tensor) -> Tensor:
        """Return this process's part of ``items`` (N, ...), contiguous."""
        return items[self.rows(len(items))]

    def gather(self, part: Tensor, total: int) -> Tensor:
        """Return the ``total`` rows of which each process holds its `share`, in their order.

        The others' rows come without a graph, one's own rows (n, ...) keep theirs.
        """
        if self.size == 1:
            return part
        places = [self.rows(total, rank) for rank in range(self.size)]
        longest = places[0].stop  # the first share is
        padded = part.new_zeros((longest, *part.shape[1:]))
        padded[: len(part)] = part.detach()
        parts = [torch.empty_like(padded) for _ in places]
        dist.all_gather(parts, padded)
        rows = [p[: at.stop - at.start] for p, at in zip(parts, places, strict=True)]
        rows[self.rank] = part
        return torch.cat(rows)

    def by_main(self, work: Callable[[], T]) -> T:
        """Let the first process do some work; all get its result, or raise its error."""
        if self.size == 1:
            return work()
        said: list[Any] = [None, None]
        if self.main:
            try:
                said[0] = work()
            except Exception as error:
                said[1] = error
        dist.broadcast_object_list(said, src=0)
        if said[1] is not None:
            raise said[1]
        return said[0]

    def require_same(self, settings: Mapping[str, str]) -> None:
        """Raise in all of them a ValueError unless all were given the same settings."""
        if self.size == 1:
            return
        all_settings: list[Any] = [None] * self.size
        dist.all_gather_object(all_settings, dict(settings))
        for rank, other in enumerate(all_settings):
            different = differences(other, all_settings[0])
            if different:
                raise ValueError(
                    f"process {rank} was given another run than process 0, which has "
                    f"{', '.join(different)}"
                )


@contextmanager
def joined(device: str | torch.device | None = None) -> Iterator[Processes]:
    """Join the processes that ``torchrun`` started while the block runs, and part at its end.

    Without torchrun, and where the caller has joined them already, it changes nothing.

    Parameters
    ----------
    device
        As for `training.fit`: the processes talk by NCCL from card to card, by gloo on a CPU.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or dist.is_initialized():
        yield Processes.here()
        return
    where = devices.device(device)
    if where.type == "cuda":
        torch.cuda.set_device(where)
    dist.init_process_group("nccl" if where.type == "cuda" else "gloo")
    try:
        yield Processes.here()
    finally:
        # Before torch 2.8, leaving waits for gloo's threads while no thread may run, though one of
        # them may have to, to let go of its last tensor (pytorch#154976): that takes a moment.
        time.sleep(0.05)
        dist.destroy_process_group()
