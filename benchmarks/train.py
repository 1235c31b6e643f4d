"""Time the training step beside a textbook loop: images a second, memory, and where time goes.

    ANL_EDU_DATA=... python benchmarks/train.py [--steps N] [--rounds 3] [--compile]

The same model (cnn8, 1,639,794 parameters), the same images (CIFAR-10 if found, else the digits)
and the same loss (ANL-CE with L1 and clipping), batch 128, in one run. The textbook loop is what
such repositories publish: a data set of PIL images with torchvision's transforms, a DataLoader
with four workers, float32 in NCHW, one-hot losses, the penalty through autograd, ``.item()``
every step. Ours is what `anl_edu.training.fit` runs, in
float32 (what the lessons and the recorded runs are) and in bfloat16, which is a gain only where the
hardware multiplies it natively.

Each loop has a process of its own, so that neither gains from the other's settings. Both are
warmed up (loader start-up is not counted), then timed in turn, round after round, so that a busy
machine slows both; the table shows medians. CPU seconds and memory are those of the loop's main
process, without its loader's. On a CPU a last row says how fast any float32 loop could be: the
arithmetic of a step at the rate of this CPU's fastest convolution of the same network. On a GPU
the script says what 120 epochs of 50,000 images would take.
"""

from __future__ import annotations

import argparse
import itertools
import math
import multiprocessing
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import torch
from tabulate import tabulate
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode
from torchvision import transforms
from torchvision.transforms.functional import to_pil_image

from anl_edu import data as data_module
from anl_edu import losses, noise, recipes, training
from anl_edu.data import ImageData
from anl_edu.recipes import Recipe
from anl_edu.training import devices
from anl_edu.training.loop import Trainer, apply_l1_and_clip
from anl_edu.training.sources import Memory

BATCH, P_MIN = 128, 1e-7
TEXTBOOK, OURS = "textbook loop", "training.fit, "
A = losses.ce_maximum(P_MIN)
RECIPE = partial(recipes.get, "cifar10", "anl-ce", "paper", train_eval=500)


class TextbookSet(Dataset):
    """PIL images through torchvision's transforms, one at a time."""

    def __init__(self, data: ImageData) -> None:
        self.images = [to_pil_image(x) for x in data.x_train]
        self.labels = data.y_train.tolist()
        size = data.x_train.shape[-1]
        self.transform = transforms.Compose(
            [
                transforms.RandomCrop(size, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(data.mean, data.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return self.transform(self.images[i]), self.labels[i]


def textbook_loss(z: Tensor, y: Tensor, alpha: float, beta: float) -> Tensor:
    """ANL-CE as its formula reads, with a one-hot matrix for each half."""
    log_p = F.log_softmax(z, dim=1)
    one_hot = F.one_hot(y, z.shape[1]).float()
    nce = -(one_hot * log_p).sum(1) / -log_p.sum(1)
    p = F.softmax(z, dim=1).clamp(min=P_MIN, max=1)
    negative = A + torch.log(p)
    one_hot = F.one_hot(y, z.shape[1]).float()
    nnce = 1 - (one_hot * negative).sum(1) / negative.sum(1)
    return (alpha * nce + beta * nnce).mean()


def textbook(data: ImageData, recipe: Recipe, where: torch.device) -> Iterator[float]:
    """Yield after every step."""
    model = recipe.build_model(data, seed=0).to(where)
    optimizer = torch.optim.SGD(model.parameters(), lr=recipe.lr, momentum=0.9)
    loader = DataLoader(
        TextbookSet(data), BATCH, shuffle=True, num_workers=4, drop_last=True,
        persistent_workers=True, pin_memory=where.type == "cuda",
    )  # fmt: skip
    weights = recipe.loss_parameters
    model.train()
    while True:
        for x, y in loader:
            x, y = x.to(where), y.to(where)
            optimizer.zero_grad()
            loss = textbook_loss(model(x), y, weights["alpha"], weights["beta"])
            loss = loss + recipe.l1 * sum(p.abs().sum() for p in model.parameters())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            yield loss.item()


def ours(data: ImageData, recipe: Recipe, precision: str, compile: bool) -> Iterator[Tensor]:
    """Yield after every step of the loop inside `training.fit`."""
    recipe = recipe.replace(precision=precision)
    model, loss = recipe.build_model(data, seed=0), recipe.build_loss()
    trainer = Trainer(model, data, loss, recipe, compile=compile)
    trainer.model.train()
    for epoch in itertools.count(1):
        for x, y in trainer.batches(epoch):
            yield trainer.step(x, y)


def seconds(steps: Iterator[Any], n: int, where: torch.device) -> tuple[float, float]:
    """Time n steps, the device's queue included: by the clock, and of this process's CPU."""
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(n):
        next(steps)
    if where.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start, time.process_time() - cpu


def parts(data: ImageData, recipe: Recipe, where: torch.device) -> list[tuple[str, float, float]]:
    """Milliseconds of each part of a step: the textbook's way and ours."""
    x = torch.randn(BATCH, *data.x_train.shape[1:], device=where)
    y = data.y_train[:BATCH].to(where)
    z = torch.randn(BATCH, data.num_classes, device=where, requires_grad=True)
    loss, weights = recipe.build_loss(), recipe.loss_parameters
    trainer = Trainer(recipe.build_model(data, seed=0), data, loss, recipe)
    F.cross_entropy(trainer.model(x), y).backward()
    parameters = trainer.parameters
    textbook_set = TextbookSet(data.subset(BATCH))
    index = torch.arange(BATCH, device=where)
    train = trainer.train
    assert isinstance(train, Memory)
    draws = train.augment.draw(len(data.y_train)).to(where)
    alpha, beta = weights["alpha"], weights["beta"]

    def penalty() -> None:
        torch.autograd.backward(torch.as_tensor(recipe.l1 * sum(p.abs().sum() for p in parameters)))

    rows: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
        (
            "loss, forward and backward",
            lambda: torch.autograd.backward(textbook_loss(z, y, alpha, beta)),
            lambda: torch.autograd.backward(loss(z, y)),
        ),
        ("L1", penalty, lambda: apply_l1_and_clip(parameters, recipe.l1, None)),
        (
            "clipping",
            lambda: nn.utils.clip_grad_norm_(parameters, 5.0, foreach=False),
            lambda: apply_l1_and_clip(parameters, 0, 5.0),
        ),
        (
            "crop, flip, normalise a batch (one process)",
            lambda: torch.stack([textbook_set[i][0] for i in range(BATCH)]),
            lambda: trainer.normalise(train.augment(train.prepared, index, draws.select(index))),
        ),
    ]
    return [(name, _milliseconds(a, where), _milliseconds(b, where)) for name, a, b in rows]


def _milliseconds(call: Callable[[], object], where: torch.device, n: int = 15) -> float:
    times = []
    for _ in range(n):
        start = time.perf_counter()
        call()
        if where.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def _ceiling(data: ImageData) -> float:
    """Images per second if all multiplications of a step ran at the best rate of any convolution.

    Nothing else (batch norm, pooling, loss, optimiser, augmentation) is counted as taking time.
    """
    model = RECIPE().build_model(data, seed=0).to(memory_format=torch.channels_last)
    x = torch.randn(BATCH, *data.x_train.shape[1:]).to(memory_format=torch.channels_last)
    counter = FlopCounterMode(display=False)
    with counter:
        model(x).sum().backward()
    best = 0.0
    shapes: list[tuple[nn.Conv2d, torch.Size]] = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda m, given, _: shapes.append((m, given[0].shape)))
    with torch.no_grad():
        model(x)
        for conv, shape in shapes:
            given = torch.randn(shape).to(memory_format=torch.channels_last)
            with FlopCounterMode(display=False) as one:
                conv.forward(given)
            seconds_each = _milliseconds(partial(conv.forward, given), x.device) / 1e3
            best = max(best, one.get_total_flops() / seconds_each)
    return BATCH * best / counter.get_total_flops()


def peak_gib(where: torch.device) -> float:
    """Peak memory so far, of the device or of this process; NaN where it cannot be had."""
    if where.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    try:
        import resource
    except ImportError:  # Windows
        return math.nan
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if platform.system() == "Darwin" else 2**20)


def load() -> ImageData:
    """CIFAR-10 where it is found, else the digits, under 60 % symmetric noise."""
    try:
        clean = data_module.load("cifar10", download=False)
    except OSError:
        clean = data_module.load("digits")
    T = noise.symmetric(10, 0.6)
    return clean.with_labels(noise.corrupt(clean.y_train, T, generator=torch.Generator()))


def serve(pipe: Connection, name: str, compile: bool) -> None:
    """Run one loop in this process: a number of steps in, seconds and peak memory out."""
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    where, data = training.device(), load()
    if where.type == "cpu":
        devices.keep_memory()  # as the command line does
    recipe = RECIPE()
    steps: Iterator[Any] = (
        textbook(data, recipe, where)
        if name == TEXTBOOK
        else ours(data, recipe, name.removeprefix(OURS), compile)
    )
    while n := pipe.recv():
        pipe.send((*seconds(steps, n, where), peak_gib(where)))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Time fit beside a textbook loop.")
    parser.add_argument("--steps", type=int, help="timed steps a round; 8 on a CPU, else 200")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="compile the model on our side")
    arguments = parser.parse_args()
    where, data = training.device(), load()
    # More steps than a loader has ready (4 workers, 2 batches each), where steps are short.
    steps = arguments.steps or (8 if where.type == "cpu" else 200)
    print(
        f"{data.source}\n{platform.machine()}, {torch.get_num_threads()} threads, {where}, "
        f"torch {torch.__version__}, batch {BATCH}"
    )
    context = multiprocessing.get_context("spawn")
    pipes, workers = {}, []
    for name in (TEXTBOOK, OURS + "float32", OURS + "bfloat16"):
        pipes[name], theirs = context.Pipe()
        job = (theirs, name, arguments.compile)
        workers.append(context.Process(target=serve, args=job))
        workers[-1].start()
        theirs.close()
    times: dict[str, list[tuple[float, float, float]]] = {name: [] for name in pipes}
    warm_up = 3 if where.type == "cpu" else 50
    for n in (warm_up, *[steps] * arguments.rounds):
        for name, pipe in pipes.items():
            pipe.send(n)
            times[name].append(pipe.recv())
    for pipe in pipes.values():
        pipe.send(0)
    for worker in workers:
        worker.join()
    rows, first = [], None
    for name, measured in times.items():
        clock, cpu, peak = (statistics.median(v) for v in zip(*measured[1:], strict=True))
        rate = steps * BATCH / torch.tensor([clock, cpu])
        first = rate if first is None else first
        ratio = rate / first
        rows.append((name, *(f"{v:.0f} ({r:.2f}x)" for v, r in zip(rate, ratio, strict=True)),
                     f"{peak:.2f} GiB"))  # fmt: skip
    if where.type == "cpu":
        ceiling = _ceiling(data)
        ratio = ceiling / first[0]
        rows.insert(2, ("float32 ceiling", f"{ceiling:.0f} ({ratio:.2f}x)", "", ""))
        print("bfloat16:", "native" if devices.cpu_has_bfloat16() else "emulated by this processor")
    print(tabulate(rows, ("", "images/s", "images/CPU s", "peak memory"), disable_numparse=True))
    if where.type == "cuda":
        minutes = 120 * 50_000 / rate[0].item() / 60  # of the last row
        print(f"120 epochs of 50,000 images: {minutes:,.1f} min without evaluation")
    print(tabulate(parts(data, RECIPE(), where), ("ms", "textbook", "ours"), floatfmt=".2f"))


if __name__ == "__main__":
    main()
