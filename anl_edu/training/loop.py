"""The machinery behind `anl_edu.training.fit`: batches, steps, records and what a resume needs."""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from anl_edu import atomic, gradients, losses
from anl_edu.data import ImageData
from anl_edu.recipes import Recipe
from anl_edu.training import checkpoint as checkpoints
from anl_edu.training import devices
from anl_edu.training.augment import Normalise
from anl_edu.training.chance import may_draw, mix
from anl_edu.training.checks import check_data
from anl_edu.training.identity import digest, identify
from anl_edu.training.processes import Processes
from anl_edu.training.record import EpochRecord
from anl_edu.training.sources import Source, parted, rows_of, source
from anl_edu.training.spread import over_processes

Objective = Callable[[Tensor, Tensor], Tensor]


class Trainer:
    """The state of one run. See `anl_edu.training.fit`, whose arguments it takes."""

    def __init__(
        self,
        model: nn.Module,
        data: ImageData,
        loss: Objective,
        recipe: Recipe,
        seed: int = 0,
        device: str | torch.device | None = None,
        compile: bool = False,
        checkpoint: str | PathLike[str] | None = None,
        track_gradients: bool = False,
        workers: int | None = None,
    ) -> None:
        check_data(data)
        if track_gradients and not isinstance(loss, losses.Loss):
            raise TypeError(f"track_gradients needs a loss of anl_edu.losses; got {loss!r}")
        self.recipe, self.seed, self.loss = recipe, seed, loss
        whole, held_out = data, None
        if recipe.held_out:
            data, held_out = data.hold_out(recipe.held_out, seed)
        self.where = devices.device(device)
        self.dtype = devices.precision(recipe.precision, self.where)
        self.track_gradients = track_gradients
        self.model = model.to(self.where)
        _channels_last(self.model)
        self.processes = Processes.here()
        if self.processes.size > 1:
            self.processes.require_same(self._settings(whole))
        # what is trained: the model, or a twin of it that is fed this process's part of each batch
        self.learner = model if self.processes.size == 1 else over_processes(model, self.where)
        compiled: nn.Module = (
            torch.compile(self.learner) if compile else self.learner  # type: ignore[assignment]
        )
        self.forward = forward_in(compiled, self.dtype, self.where)
        self.evaluate = forward_in(model, self.dtype, self.where)
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.of_loss = list(loss.to(self.where).parameters()) if isinstance(loss, nn.Module) else []
        # float16's gradients underflow unless the loss is scaled up; bfloat16's do not
        scaled = self.dtype == torch.float16
        self.scaler = torch.amp.GradScaler(self.where.type, enabled=scaled)
        groups: list[dict[str, Any]] = [{"params": self.parameters}]
        if self.of_loss:  # T-Loss learns its degrees of freedom: no penalty pulls at them
            groups.append({"params": self.of_loss, "weight_decay": 0.0})
        self.optimizer = torch.optim.SGD(
            groups,
            lr=recipe.lr,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov,
            weight_decay=recipe.weight_decay,
            foreach=not scaled,
            fused=scaled,  # it skips an overflow on the device; the others would ask every step
        )
        if scaled and recipe.momentum:  # its first step may be one that is skipped
            for p in self.parameters:
                self.optimizer.state[p]["momentum_buffer"] = torch.zeros_like(p)
        self.normalise = Normalise(data.mean, data.std, self.where)
        self.masks = data.masks
        masks = data.y_train if data.masks else None
        self.train = source(data.x_train, recipe.augment, self.where, workers, masks)
        self.y_train = data.y_train.to(self.where)  # (N,)
        self.test = source(data.x_test, (), self.where, workers)
        self.y_test = data.y_test.to(self.where)
        self.held_out: Source | None = None
        self.y_held_out = self.y_test[:0]
        if held_out is not None:
            self.held_out = source(held_out.x_train, (), self.where, workers)
            self.y_held_out = held_out.y_train.to(self.where)
        chosen = self._choose_probe(data)
        x_probe = data.x_train if chosen is None else data.x_train[chosen]
        self.probe = source(x_probe, (), self.where, workers)
        y_clean = self.y_train if data.y_clean is None else data.y_clean.to(self.where)
        self.y_probe, self.y_probe_clean = self.y_train, y_clean
        if chosen is not None:
            chosen = chosen.to(self.where)
            self.y_probe, self.y_probe_clean = self.y_train[chosen], y_clean[chosen]
        self.records: list[EpochRecord] = []
        self.classes = data.num_classes
        self._check_model(data.num_classes)
        self.draws = may_draw(model)
        self.path = None if checkpoint is None else Path(checkpoint)
        self.identity: dict[str, str] = {}
        self._held = contextlib.ExitStack()
        if self.path is not None:
            self.identity = {
                **self._settings(whole),
                "loss": identify(self.loss),
                "model": identify(self.model),
            }
            try:
                self._resume(self.path)
            except BaseException:
                self._held.close()
                raise

    def epochs(self) -> Generator[EpochRecord, None, None]:
        with self._held:  # the checkpoint is this run's until it ends or is closed
            for epoch in range(len(self.records) + 1, self.recipe.epochs + 1):
                before = self._state()
                try:
                    record = self._epoch(epoch)
                    self.records.append(record)
                    if self.path is not None:
                        self._save(self.path)
                except BaseException:
                    del self.records[epoch - 1 :]
                    self._restore(before)
                    raise
                if self.processes.main and not math.isfinite(record.train_loss):
                    warnings.warn(
                        f"the training loss of epoch {epoch} is {record.train_loss}: the run has "
                        "diverged, and what follows means nothing (a lower rate, or clipping?)",
                        RuntimeWarning,
                        stacklevel=2,
                    )
                yield record

    # --- one epoch ---------------------------------------------------------------------

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield normalised images ``(B, C, H, W)`` and labels ``(B,)`` of one epoch.

        Of several processes each gets its share of the images of a batch, and all of its labels.
        """
        n = len(self.y_train)
        generator = torch.Generator().manual_seed(mix(self.seed, epoch))
        order = torch.randperm(n, generator=generator).to(self.where)
        batches = list(order.split(self.recipe.batch_size))
        if len(batches[-1]) == 1 < self.recipe.batch_size and n > 1:
            batches.pop()  # batch norm has no variance of one image; it comes next epoch
        shares = [self.processes.share(batch) for batch in batches]
        for x, batch in zip(self.train.augmented(shares, generator), batches, strict=True):
            if self.masks:
                images, y = parted(x)
                yield self.normalise(images), self.processes.gather(y, len(batch))
            else:
                yield self.normalise(x), self.y_train[batch]

    def _epoch(self, epoch: int) -> EpochRecord:
        start = time.perf_counter()
        lr = self.recipe.lr_at(epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        total = torch.zeros((), device=self.where)
        seen: Tensor | int = 0
        # the framework's own generators too, for a model with dropout, and given back afterwards;
        # for other models they are not touched: a reader may be drawing in another cell meanwhile
        cuda = [self.where] if self.where.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda, enabled=self.draws):
            if self.draws:
                torch.manual_seed(mix(self.seed, epoch) + self.processes.rank)
            self.learner.train()
            for x, y in self.batches(epoch):
                loss, size = self.step(x, y), len(y)
                if self.scaler.is_enabled():
                    seen = seen + size * loss.isfinite()
                    loss = loss.nan_to_num(0.0, 0.0, 0.0)
                else:
                    seen += size
                total += loss * size
            self.learner.eval()
            record = self._record(epoch, lr, total / seen, start)
            return self.processes.by_main(lambda: record)

    def step(self, x: Tensor, y: Tensor) -> Tensor:
        """Update on one batch; give the loss, detached and still on the device."""
        recipe = self.recipe
        logits = self.processes.gather(self.forward(x), len(y))  # (B, K) float32
        loss = objective = self.loss(logits, y)
        if recipe.entropy:
            objective = loss + recipe.entropy * losses.entropy_regularizer(logits)
        # gradients are averaged over the processes, and each has that of its own images alone
        self.scaler.scale(objective * self.processes.size).backward()
        for p in self.of_loss:  # of all images, in every process
            if p.grad is not None:
                p.grad /= self.processes.size
        self.scaler.unscale_(self.optimizer)
        apply_l1_and_clip(self.parameters, recipe.l1, recipe.clip_norm, self.of_loss)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    @torch.no_grad()
    def _record(self, epoch: int, lr: float, loss: Tensor, start: float) -> EpochRecord:
        test = self._look(self.test, self.y_test)
        train = self._look(self.probe, self.y_probe, self.track_gradients)
        held = self._look(self.held_out, self.y_held_out)
        K, wrong = self.classes, self.y_probe != self.y_probe_clean
        parts = (
            (train.said == self.y_probe)[~wrong],
            (train.said == self.y_probe_clean)[wrong],
            (train.said == self.y_probe)[wrong],
            held.said == self.y_held_out,
        )
        pairs = (self.y_test * K + test.said).flatten()
        counts = (
            torch.bincount(pairs, minlength=K * K).view(K, K).float()
        )  # true class, class named
        # float32, as MPS has no float64: counts are exact in it up to 2**24. Read back once.
        read = [loss[None], counts.diagonal(), counts.sum(1), counts.sum(0), train.mean.mean(0)]
        read.extend(part.float().sum()[None] for part in parts)
        values = torch.cat(read).tolist()
        train_loss, sums = values[0], values[1 + 4 * K :]
        hits, sizes, named, mean = (tuple(values[1 + k * K : 1 + (k + 1) * K]) for k in range(4))
        accuracy = _share(sum(hits), sum(sizes))
        clean, true, memorised, held_out = (
            _share(count, part.numel()) for count, part in zip(sums, parts, strict=True)
        )
        recalls = tuple(map(_share, hits, sizes))
        dice = None
        if self.masks:
            both = (n + m for n, m in zip(sizes, named, strict=True))
            dice = tuple(map(_share, (2 * h for h in hits), both))
        share = None
        if train.norms is not None:
            share = float(gradients.shares(train.norms.flatten(), wrong.flatten()).wrong)
        best = max([accuracy, *(r.best_accuracy for r in self.records[-1:])])
        seconds = time.perf_counter() - start
        return EpochRecord(
            epoch, self.recipe.epochs, train_loss, lr, accuracy, best, clean, true, memorised,
            share, seconds, held_out if self.recipe.held_out else None, recalls, mean, dice,
        )  # fmt: skip

    def _look(self, images: Source | None, y: Tensor, norms: bool = False) -> _Look:
        """Predict images; they keep no logits, which for masks would be gigabytes."""
        if images is None or not len(y):
            return _Look(y, y.new_zeros(0, self.classes).float(), None)
        mine = self.processes.rows(len(images))
        labels = y[mine]

        def looked() -> Iterator[tuple[Tensor, ...]]:
            at = 0
            for x in images.plain(mine):
                logits = self.evaluate(self.normalise(x))  # (B, K, ...)
                p = logits.softmax(1)
                mean = p.flatten(2).mean(2) if self.masks else p  # (B, K)
                part = labels[at : at + len(x)]
                at += len(x)
                length = (self._norms(logits, part),) if norms else ()
                yield logits.argmax(1), mean, *length

        total = len(labels)
        found = [self.processes.gather(rows, len(images)) for rows in rows_of(looked(), total)]
        return _Look(found[0], found[1], found[2] if norms else None)

    def _norms(self, logits: Tensor, y: Tensor) -> Tensor:
        """Length of each label's gradient at its logits, of the shape of ``y``."""
        rows = logits.movedim(1, -1).flatten(0, -2)  # (labels, K)
        return gradients.per_sample_logit_norms(self.loss, rows, y.flatten()).view(y.shape)

    # --- checks, checkpoints -----------------------------------------------------------

    def _choose_probe(self, data: ImageData) -> Tensor | None:
        """Which training images are predicted at each epoch's end; None for all of them."""
        wanted, n = self.recipe.train_eval, len(data.y_train)
        if wanted is None or wanted >= n:
            return None
        generator = torch.Generator().manual_seed(0)  # the same images for every loss and seed
        return torch.randperm(n, generator=generator)[:wanted].sort().values

    @torch.no_grad()
    def _check_model(self, num_classes: int) -> None:
        self.model.eval()
        got = self.evaluate(self.normalise(next(self.probe.plain(slice(1))))).shape
        wanted = (1, num_classes, *(self.y_train.shape[1:]))
        if tuple(got) != wanted:
            raise ValueError(
                f"the data has {num_classes} classes{' for each pixel' * self.masks}: the model "
                f"must give logits {wanted} for one image; got {tuple(got)}"
            )

    def _settings(self, data: ImageData) -> dict[str, str]:
        """Give a text for each setting that makes a run this one, without loss and model."""
        # the recipe's name of the precision may stand for another arithmetic on another device
        recipe = {k: v for k, v in vars(self.recipe).items() if k != "precision"}
        return {
            **{f"recipe's {name}": repr(value) for name, value in recipe.items()},
            "seed": str(self.seed),
            "training data": digest(data.x_train, data.y_train, data.y_clean),
            "test data": digest(data.x_test, data.y_test),
            "precision": str(self.dtype),
        }

    def _state(self) -> dict[str, Any]:
        """Everything an epoch changes, copied."""
        return _copy(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(),
                "loss": [p.data for p in self.of_loss],
            }
        )

    def _restore(self, state: dict[str, Any]) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        for p, kept in zip(self.of_loss, state.get("loss", []), strict=True):
            p.data.copy_(kept)
        self.model.eval()
        self.learner.eval()

    def _save(self, path: Path) -> None:
        def save() -> None:
            records = [record.as_dict() for record in self.records]
            state = {**self._state(), "records": records, "identity": self.identity}
            checkpoints.save(path, state)

        self.processes.by_main(save)

    def _resume(self, path: Path) -> None:
        """Take the checkpoint for this run, and go on from it if it is there."""
        state = self.processes.by_main(lambda: self._own(path))
        if state is not None:
            self._restore(state)
            self.records = [EpochRecord.from_dict(record) for record in state["records"]]

    def _own(self, path: Path) -> dict[str, Any] | None:
        self._held.enter_context(atomic.owning(path, "checkpoint"))
        if not path.exists():
            return None
        state = checkpoints.load(path)
        checkpoints.require_same(path, self.identity, state["identity"])
        return state


@torch.no_grad()
def apply_l1_and_clip(
    parameters: Sequence[Tensor],
    l1: float,
    clip_norm: float | None,
    others: Sequence[Tensor] = (),
) -> None:
    """Add the gradient of ``l1 * sum|theta|`` to ``.grad``, then clip the joint norm.

    ``others`` are clipped with them, without a penalty.

    The same as adding the penalty to the loss before ``backward`` (its gradient is the sign,
    0 at 0), without building a graph over every parameter. In the authors' code, too, the norm is
    clipped after the penalty has joined.
    """
    given = [p for p in parameters if p.grad is not None]
    if not given:
        return
    if l1:
        grads = [p.grad for p in given if p.grad is not None]
        torch._foreach_add_(grads, torch._foreach_sign(given), alpha=l1)
    if clip_norm is not None:
        nn.utils.clip_grad_norm_([*given, *others], clip_norm)


def forward_in(
    model: nn.Module, dtype: torch.dtype, where: torch.device
) -> Callable[[Tensor], Tensor]:
    """Put the model under autocast, with logits in float32 whatever the precision."""

    def forward(x: Tensor) -> Tensor:
        if dtype == torch.float32:
            return model(x)
        with torch.autocast(where.type, dtype):
            logits = model(x)
        return logits.float()

    return forward


class _Look(NamedTuple):
    """What a model says of images."""

    said: Tensor  # (N, ...) int64, the largest logit
    mean: Tensor  # (N, K) softmax, its mean over an image's pixels
    norms: Tensor | None  # (N, ...) lengths of the gradients at the logits


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _channels_last(model: nn.Module) -> None:
    for p in model.parameters():
        if p.ndim == 4:
            p.data = p.data.contiguous(memory_format=torch.channels_last)


def _copy(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return value
