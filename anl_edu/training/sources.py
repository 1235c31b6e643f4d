"""Where batches come from: images in memory, on the device, or files that are read as they go."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from anl_edu.data import ImageFiles
from anl_edu.data.files import Images
from anl_edu.training.augment import Augment
from anl_edu.training.chance import mix

EVALUATION_BATCH = 500  # images; larger ones leave the CPU's cache
IGNORED = -100  # a pixel that counts for nothing: the losses' own ignore_index
FILES_AT_A_TIME = 64  # so many are decoded for an evaluation: readers hold a few of these each
_ON_DISK = ("flip", "resized-crop", "colour-jitter")


class Source(Protocol):
    """Images that batches are made of, uint8 and on the device; a slice of places says which."""

    def __len__(self) -> int: ...

    def augmented(self, shares: Sequence[Tensor], generator: torch.Generator) -> Iterator[Tensor]:
        """Yield the images (B, C, H, W) at each share's places (B,), with an epoch's draws."""

    def plain(self, rows: slice) -> Iterator[Tensor]:
        """Yield images (B, C, H, W) as they are, in order, in one batch or more of any size."""


def source(
    images: Images,
    augment: Sequence[str],
    where: torch.device,
    workers: int | None,
    masks: Tensor | None = None,
) -> Source:
    """Return the source of these images, on the device ``where``.

    Parameters
    ----------
    images
        uint8 (N, C, H, W), or files.
    augment
        Kinds of `recipes.AUGMENTATIONS`; with any, the source may be asked for ``augmented`` images
        alone.
    workers
        Processes that read files; see `Files`.
    masks
        int64 (N, H, W) of images in memory: they move with their images, which come with a channel
        more. `parted` takes it off again.

    Raises
    ------
    ValueError
        A kind that these images do not have.
    """
    if isinstance(images, ImageFiles):
        return Files(images, augment, where, workers)
    return Memory(images if masks is None else _with_masks(images, masks), augment, where)


def parted(batch: Tensor) -> tuple[Tensor, Tensor]:
    """Return the images (B, C, H, W) of a batch of `source` with masks, and the masks (B, H, W).

    Where an augmentation looked beyond the image's edge the mask says ``IGNORED``.
    """
    y = batch[:, -1].long() - 1
    return batch[:, :-1], torch.where(y < 0, IGNORED, y)


def _with_masks(images: Tensor, masks: Tensor) -> Tensor:
    """Add the masks as a channel: class + 1, for what lies outside is filled with 0."""
    if int(masks.max()) > 254:
        raise ValueError(f"masks have class {int(masks.max())}; up to 254 can be trained on")
    return torch.cat([images, (masks + 1).to(torch.uint8)[:, None]], 1)


class Memory:
    """All images on the device, once, as uint8; see `anl_edu.training.augment`."""

    def __init__(self, images: Tensor, augment: Sequence[str], where: torch.device) -> None:
        self.augment = Augment(augment)
        self.prepared = self.augment.prepare(images.to(where))  # (N, H + 2p, W + 2p, C)

    def __len__(self) -> int:
        return len(self.prepared)

    def augmented(self, shares: Sequence[Tensor], generator: torch.Generator) -> Iterator[Tensor]:
        draws = self.augment.draw(len(self), generator).to(self.prepared.device)
        for share in shares:
            yield self.augment(self.prepared, share, draws.select(share))

    def plain(self, rows: slice) -> Iterator[Tensor]:
        for part in self.prepared[rows].split(EVALUATION_BATCH):
            yield part.permute(0, 3, 1, 2)


class Files:
    """Images read from disk by worker processes, a batch at a time, through torchvision's v2.

    In training each image is cropped at random and resized (``"resized-crop"``: RandomResizedCrop),
    flipped (``"flip"``) and changed in brightness, contrast, saturation and hue by up to .4, .4, .4
    and .2 (``"colour-jitter"``); otherwise its shorter side becomes 256/224 of the size, and the
    middle is cut out. What chance decides for an image comes from the run's seed, the epoch and the
    image's place alone, so that any number of workers gives the same batches.

    Parameters
    ----------
    workers
        How many processes read; 0 reads in this one, None takes as many as there are cores to
        spare, 8 at most.
    """

    def __init__(
        self, files: ImageFiles, augment: Sequence[str], where: torch.device, workers: int | None
    ) -> None:
        for kind in augment:
            if kind not in _ON_DISK:
                raise ValueError(
                    f"augmentation {kind!r} is for images in memory; files have "
                    f"{', '.join(_ON_DISK)}"
                )
        self.files, self.where = files, where
        self.workers = spare_cores() if workers is None else workers
        self._train, self._test = _pipeline(files.size, augment), _pipeline(files.size, None)

    def __len__(self) -> int:
        return len(self.files)

    def augmented(self, shares: Sequence[Tensor], generator: torch.Generator) -> Iterator[Tensor]:
        seed = int(torch.randint(2**62, (), generator=generator))
        return self._read([share.tolist() for share in shares], self._train, seed)

    def plain(self, rows: slice) -> Iterator[Tensor]:
        places = range(*rows.indices(len(self)))
        starts = range(0, max(1, len(places)), FILES_AT_A_TIME)  # of none one batch, of none
        batches = [places[start : start + FILES_AT_A_TIME] for start in starts]
        return self._read(batches, self._test, None)

    def _read(
        self, batches: Sequence[Sequence[int]], pipeline: Any, seed: int | None
    ) -> Iterator[Tensor]:
        cuda = self.where.type == "cuda"
        loader = DataLoader(
            _Batches(self.files, batches, pipeline, seed),
            batch_size=None,  # each item is a batch already
            num_workers=min(self.workers, len(batches)) if len(batches) > 1 else 0,
            pin_memory=cuda,
            generator=torch.Generator(),  # it would draw a seed from the caller's
        )
        for images in loader:
            if isinstance(images, str):
                raise ValueError(images)
            yield images.to(self.where, non_blocking=cuda).contiguous(
                memory_format=torch.channels_last
            )


def rows_of(batches: Iterable[tuple[Tensor, ...]], total: int) -> list[Tensor]:
    """Return the rows of batches in one tensor a column; each batch is let go at once.

    A batch is a tuple of tensors (B, ...), of each of which ``total`` rows come together.

    A list of them would leave small blocks between the large ones that a batch frees, which
    glibc then does not use again: memory would grow by every batch's images.
    """
    columns: list[Tensor] = []
    at = 0
    for batch in batches:
        if not columns:
            columns = [part.new_empty((total, *part.shape[1:])) for part in batch]
        for rows, part in zip(columns, batch, strict=True):
            rows[at : at + len(part)] = part
        at += len(batch[0])
    assert columns, "a source gives at least one batch"
    return columns


def spare_cores(trainers: int | None = None) -> int:
    """Return how many processes may read beside each that trains on this machine: 0 to 8.

    Left out, ``trainers`` are those that torchrun started here, or this process alone.
    """
    if multiprocessing.current_process().daemon:  # a Dask worker may be: it can have no children
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if trainers is None:
        trainers = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(0, min(8, (cores or 1) // trainers - 1))


class _Batches(Dataset[Tensor | str]):
    """Batch by batch, the decoded images (B, 3, size, size), or what is wrong with one of them.

    Words and no exception: on its way out of a worker one is buried under two tracebacks.
    """

    def __init__(
        self,
        files: ImageFiles,
        batches: Sequence[Sequence[int]],
        pipeline: Any,
        seed: int | None,
    ) -> None:
        self.files, self.batches, self.pipeline, self.seed = files, batches, pipeline, seed

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> Tensor | str:
        images = torch.empty((len(self.batches[number]), *self.files.shape[1:]), dtype=torch.uint8)
        before = torch.get_rng_state()
        try:
            for row, place in zip(images, self.batches[number], strict=True):
                if self.seed is not None:  # v2 draws from the framework's own generator
                    torch.default_generator.manual_seed(mix(self.seed, place))
                row.copy_(self.pipeline(self.files.read(place)))
        except ValueError as error:
            return str(error)
        finally:
            torch.set_rng_state(before)
        return images


def _pipeline(size: int, augment: Sequence[str] | None) -> Any:
    """From a picture of any size to uint8 (3, size, size); None is how test images are read."""
    from torchvision.transforms import v2

    steps: list[Any] = [v2.Resize(round(size * 256 / 224)), v2.CenterCrop(size)]
    if augment is not None and "resized-crop" in augment:
        steps = [v2.RandomResizedCrop(size)]
    if augment is not None and "flip" in augment:
        steps.append(v2.RandomHorizontalFlip())
    if augment is not None and "colour-jitter" in augment:
        steps.append(v2.ColorJitter(0.4, 0.4, 0.4, 0.2))
    return v2.Compose([*steps, v2.PILToTensor()])
