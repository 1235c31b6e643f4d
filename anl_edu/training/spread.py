"""A model whose batches are spread over several processes, as if each batch were in one place."""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel


def over_processes(model: nn.Module, where: torch.device) -> nn.Module:
    """Return a twin of ``model`` for this process's part of each batch.

    The twin's parameters and buffers are the model's own tensors, so that what one learns the other
    has learned; the model itself keeps its modules, and the names in its ``state_dict``. In the
    twin batch norm takes its statistics over the whole batch, and gradients are averaged over the
    processes. All begin with the weights of the first process.
    """
    if where.type not in ("cpu", "cuda"):
        raise ValueError(f"several processes train on CUDA or on the CPU, not on {where.type!r}")
    tensors: list[Tensor] = [*model.parameters(), *model.buffers()]
    twin: nn.Module = copy.deepcopy(model, {id(t): t for t in tensors})
    if where.type == "cuda":
        twin = nn.SyncBatchNorm.convert_sync_batchnorm(twin)
    else:
        twin = _with_whole_batch_norm(twin)
    return DistributedDataParallel(twin)


class WholeBatchNorm(_BatchNorm):
    """Batch norm over the batch of all processes, on the CPU, which torch's own does not know.

    Mean first, then the variance about it, in float32: the sum of squares alone would lose what the
    difference is made of. A process may have no image of a batch.
    """

    def _check_input_dim(self, x: Tensor) -> None:
        if x.ndim < 2:
            raise ValueError(f"expected (N, C, ...), got {x.ndim} dimensions")

    def forward(self, x: Tensor) -> Tensor:
        """Normalise this process's images ``(N, C, ...)``."""
        if not self.training:
            return super().forward(x)
        self._check_input_dim(x)
        kept = [d for d in range(x.ndim) if d != 1]
        along = (1, -1, *[1] * (x.ndim - 2))  # shape of what there is one of for each channel
        z = x.float()
        here = z.new_full((1,), x.numel() // x.shape[1])
        sums: Tensor = _Sum.apply(torch.cat([z.sum(kept), here]))  # (C + 1,)
        count = sums[-1].detach()
        n = int(count)
        if n < 2:
            raise ValueError(f"batch norm needs more than {n} value for each channel in training")
        mean = sums[:-1] / count  # (C,)
        centred = z - mean.view(along)
        variance: Tensor = _Sum.apply(centred.square().sum(kept)) / count  # (C,)
        self._remember(mean.detach(), variance.detach() * (n / (n - 1)))
        scale = torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        y = centred * scale.view(along)
        return (y if self.bias is None else y + self.bias.view(along)).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        share = self.momentum
        if share is None:  # torch's word for the mean over all batches
            share = 1 / float(self.num_batches_tracked or 1)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


class _Sum(torch.autograd.Function):
    """The sum over the processes, with its gradient: what each contributes counts in all sums."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        total = grad.contiguous().clone()
        dist.all_reduce(total)
        return total


def _with_whole_batch_norm(module: nn.Module) -> nn.Module:
    """Put `WholeBatchNorm` in the place of every batch norm, over the same tensors."""
    if isinstance(module, _BatchNorm):
        new = WholeBatchNorm(0, affine=False, track_running_stats=False)
        new.__dict__.update(module.__dict__)
        return new
    for name, child in module.named_children():
        setattr(module, name, _with_whole_batch_norm(child))
    return module
