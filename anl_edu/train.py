"""Train a model on noisy labels: `fit` yields one record an epoch.

The fast path keeps the method's meaning (no label smoothing, no other optimiser, no sample
selection): the data set lives on the device as uint8, batches are cropped, flipped and normalised
there, tensors are channels-last, the forward pass runs in the precision that the hardware likes
and the loss in float32, L1 and clipping are fused over all parameters, and nothing is read back
from the device inside an epoch.

All chance comes from ``(seed, epoch)``, so an epoch can be repeated without the ones before it:
that is what makes resuming exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from os import PathLike

import torch
from torch import Tensor, nn

from anl_edu import checkpoint as checkpoints
from anl_edu import device as devices
from anl_edu.augment import Normalise
from anl_edu.data import ImageData
from anl_edu.device import device
from anl_edu.recipes import Recipe
from anl_edu.trainer import EVALUATION_BATCH, EpochRecord, Objective, Trainer, forward_in

__all__ = ["EpochRecord", "device", "evaluate", "fit", "load_records", "predict"]


def fit(
    model: nn.Module,
    data: ImageData,
    loss: Objective,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: str | torch.device | None = None,
    precision: str = "auto",
    compile: bool = False,
    checkpoint: str | PathLike[str] | None = None,
    track_gradients: bool = False,
) -> Iterator[EpochRecord]:
    """Train ``model`` and yield an `EpochRecord` after each epoch.

    Stop early by leaving the loop (or ``close()`` on the iterator): the model then holds the
    weights of the last epoch yielded. An exception or a keyboard interrupt inside an epoch
    undoes that epoch, so model, records and checkpoint always agree.

    Parameters
    ----------
    model
        Takes normalised images ``(B, C, H, W)``, gives logits ``(B, K)``. Moved to the device.
        State that is not in its ``state_dict`` is not restored after an interrupt or a resume.
    data
        Images as uint8, with the (perhaps wrong) labels to learn from.
    loss
        Mean loss of float32 logits ``(B, K)`` and labels ``(B,)``, e.g. ``recipe.build_loss()``.
    recipe
        Optimiser, schedule, penalties and augmentation.
    seed
        Decides order and augmentation, and whatever the model itself draws. The initial
        weights are the caller's: ``recipe.build_model(data, seed=seed)``.
    device
        See `anl_edu.device.device`.
    precision
        ``"auto"``, ``"float32"``, ``"bfloat16"`` or ``"float16"`` (with gradient scaling) for
        the forward pass; parameters, loss and updates stay in float32.
    compile
        Compile the training step's model. Costs a minute at the start: for long runs on a GPU.
    checkpoint
        A file written at every epoch's end. If it exists, the run resumes after its last epoch
        and yields only the epochs still to come (`load_records` gives the earlier ones); on a
        CPU the weights end up bit for bit those of an uninterrupted run.
    track_gradients
        Fill ``wrong_share``, from the per-sample gradients at the logits; the loss must be one
        of `anl_edu.losses`.

    Raises
    ------
    ValueError
        At the call, before any training: labels outside 0..K-1, an empty training set, a model
        with another number of logits, an unknown precision or device, or a checkpoint that is
        damaged or belongs to another recipe, seed or data set.
    """
    return Trainer(
        model, data, loss, recipe, seed, device, precision, compile, checkpoint, track_gradients
    ).epochs()


def load_records(checkpoint: str | PathLike[str]) -> list[EpochRecord]:
    """Read the records of the epochs that a checkpoint has behind it."""
    return [EpochRecord(**record) for record in checkpoints.load(checkpoint)["records"]]


@torch.no_grad()
def predict(
    model: nn.Module,
    x: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    *,
    device: str | torch.device | None = None,
    precision: str = "auto",
) -> Tensor:
    """Logits ``(N, K)``, float32 on the CPU, of uint8 images ``(N, C, H, W)``, in eval mode."""
    where = devices.device(device)
    model.to(where)
    was_training = model.training
    model.eval()
    forward = forward_in(model, devices.precision(precision, where), where)
    normalise = Normalise(mean, std, where)
    try:
        parts = [forward(normalise(part.to(where))).cpu() for part in x.split(EVALUATION_BATCH)]
    finally:
        model.train(was_training)
    return torch.cat(parts)


def evaluate(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    *,
    device: str | torch.device | None = None,
    precision: str = "auto",
) -> float:
    """Accuracy (0..1) on uint8 images ``(N, C, H, W)`` with labels ``(N,)``; NaN when empty."""
    if len(x) != len(y):
        raise ValueError(f"{len(x)} images but {len(y)} labels")
    if len(y) == 0:
        return math.nan
    logits = predict(model, x, mean, std, device=device, precision=precision)
    return (logits.argmax(1) == y.cpu()).double().mean().item()
