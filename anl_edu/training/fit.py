"""Train a model on noisy labels: `fit` yields one record an epoch.

The fast path keeps the method's meaning (no label smoothing, no other optimiser, no sample
selection): the data set lives on the device as uint8, batches are cropped, flipped and normalised
there, tensors are channels-last, the forward pass runs in the recipe's precision and the loss in
float32, L1 and clipping are fused over all parameters, and nothing is read back
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

from anl_edu.data import ImageData, ImageFiles
from anl_edu.data.files import Images
from anl_edu.recipes import Recipe
from anl_edu.training import checkpoint as checkpoints
from anl_edu.training import devices
from anl_edu.training.augment import Normalise
from anl_edu.training.loop import Objective, Trainer, forward_in
from anl_edu.training.record import EpochRecord
from anl_edu.training.sources import EVALUATION_BATCH, rows_of, source


def fit(
    model: nn.Module,
    data: ImageData,
    loss: Objective,
    recipe: Recipe,
    *,
    seed: int = 0,
    device: str | torch.device | None = None,
    compile: bool = False,
    checkpoint: str | PathLike[str] | None = None,
    track_gradients: bool = False,
    workers: int | None = None,
) -> Iterator[EpochRecord]:
    """Train ``model`` and yield an `EpochRecord` after each epoch.

    Stop early by leaving the loop (or ``close()`` on the iterator): the model then holds the
    weights of the last epoch yielded. An exception or a keyboard interrupt inside an epoch
    undoes that epoch, so model, records and checkpoint always agree.

    In the processes of a ``torch.distributed`` group (`joined`, or the caller's own) all call this
    with the same arguments and train one run together. The recipe's batch is divided among them,
    and loss, entropy and batch norm are those of the whole batch, so that the run is that of one
    process, to rounding; a model with dropout draws other numbers in each. All get the same
    records; the first one's weights are begun with, and it alone reads and writes the checkpoint,
    from which any number of processes can go on.

    Parameters
    ----------
    model
        Takes normalised images ``(B, C, H, W)``, gives logits ``(B, K)``, or ``(B, K, H, W)`` for
        masks. Moved to the device.
        State that is not in its ``state_dict`` is not restored after an interrupt or a resume.
    data
        Images as uint8 or as files, or float32 features (N, D, 1, 1), with the (perhaps wrong)
        labels to learn from.
    loss
        Mean loss of float32 logits ``(B, K)`` and labels ``(B,)``, or of ``(B, K, H, W)`` and masks
        ``(B, H, W)`` in which -100 is to be ignored, e.g. ``recipe.build_loss()``. What a module
        has to learn itself is learned with the model, without penalties.
    recipe
        Optimiser, schedule, penalties, augmentation and precision.
    seed
        Decides order and augmentation, and whatever the model itself draws. The initial
        weights are the caller's: ``recipe.build_model(data, seed=seed)``.
    device
        See `anl_edu.training.device`.
    compile
        Compile the training step's model. Costs a minute at the start: for long runs on a GPU.
    checkpoint
        A file written at every epoch's end. If it exists, the run resumes after its last epoch
        and yields only the epochs still to come (`load_records` gives the earlier ones); on a
        CPU the weights end up bit for bit those of an uninterrupted run. The file belongs to this
        run alone until it has ended or the iterator is closed.
    track_gradients
        Fill ``wrong_share``, from the per-sample gradients at the logits; the loss must be one
        of `anl_edu.losses`.
    workers
        How many processes read image files: 0 for none but this one, None for as many as there are
        cores to spare (8 at most). The batches are the same whatever it is.

    Raises
    ------
    ValueError
        At the call, before any training: labels of another shape or outside 0..K-1, an empty
        training set, a model with another number of logits, an unknown device, an augmentation
        that images in memory, or files, do not have, or a checkpoint that is damaged or belongs to
        another recipe, loss, model, seed or data set. Later, an image file that cannot be decoded.
    TypeError
        Images that are not uint8 and no features, or, with a checkpoint, a loss that cannot be told
        from others.
    BlockingIOError
        Another run owns the checkpoint.

    Warns
    -----
    RuntimeWarning
        The training loss of an epoch is NaN or infinite.
    """
    return Trainer(
        model, data, loss, recipe, seed, device, compile, checkpoint, track_gradients, workers
    ).epochs()


def load_records(checkpoint: str | PathLike[str]) -> list[EpochRecord]:
    """Read the records of the epochs that a checkpoint has behind it."""
    return [EpochRecord.from_dict(record) for record in checkpoints.load(checkpoint)["records"]]


@torch.no_grad()
def predict(
    model: nn.Module,
    x: Images,
    mean: Sequence[float],
    std: Sequence[float],
    *,
    device: str | torch.device | None = None,
    precision: str = "float32",
    workers: int | None = None,
) -> Tensor:
    """Logits ``(N, K, ...)``, float32 on the CPU, of uint8 images ``(N, C, H, W)``, in eval mode.

    Files are read as test images are, a few at a time, by ``workers`` processes as in `fit`.

    Computed where the model lies, unless a ``device`` is named: the model then moves there.
    """
    if device is None:
        where = next((p.device for p in model.parameters()), torch.device("cpu"))
    else:
        where = devices.device(device)
        model.to(where)
    was_training = model.training
    model.eval()
    forward = forward_in(model, devices.precision(precision, where), where)
    normalise = Normalise(mean, std, where)
    try:
        parts = ((forward(normalise(part)).cpu(),) for part in _streamed(x, where, workers))
        return rows_of(parts, len(x))[0]
    finally:
        model.train(was_training)


def _streamed(x: Images, where: torch.device, workers: int | None) -> Iterator[Tensor]:
    if isinstance(x, ImageFiles):
        return source(x, (), where, workers).plain(slice(None))
    return (part.to(where) for part in x.split(EVALUATION_BATCH))  # they may not fit on the device


def evaluate(
    model: nn.Module,
    x: Images,
    y: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    *,
    device: str | torch.device | None = None,
    precision: str = "float32",
    workers: int | None = None,
) -> float:
    """Accuracy (0..1) on uint8 images ``(N, C, H, W)`` with labels ``(N,)``; NaN when empty.

    With masks ``(N, H, W)`` it is the share of their pixels.
    """
    if tuple(y.shape) not in ((len(x),), (len(x), *x.shape[2:])):
        raise ValueError(f"y must be ({len(x)},) for {len(x)} images, got {tuple(y.shape)}")
    if len(y) == 0:
        return math.nan
    logits = predict(model, x, mean, std, device=device, precision=precision, workers=workers)
    return (logits.argmax(1) == y.cpu()).double().mean().item()
