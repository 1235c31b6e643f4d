"""Time the training step beside a textbook loop: images a second, memory, and where time goes.

    ANL_EDU_DATA=... python benchmarks/train.py [--steps 8] [--rounds 3] [--model cnn8]

The same model (cnn8, 1,639,794 parameters), the same images (CIFAR-10 if found, else the digits)
and the same loss (ANL-CE with L1 and clipping), batch 128, in one run. The textbook loop is what
such repositories publish: a data set of PIL images with torchvision's transforms, a DataLoader
with four workers, float32 in NCHW, one-hot losses, the penalty through autograd, ``.item()``
every step. Ours is what `anl_edu.train.fit` runs.

CPU seconds are those of the main process: on a busy machine they say more than the clock, but
they leave out the textbook loop's loader processes. Both are warmed up, then timed in turn, round after round, so that a busy machine slows both;
the table shows medians. Loader start-up is not counted against the textbook loop.
On a GPU the script also prints peak memory and what 120 epochs of 50,000 images would take.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from tabulate import tabulate
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.transforms.functional import to_pil_image

from anl_edu import data as data_module
from anl_edu import losses, noise, recipes, train
from anl_edu.data import ImageData
from anl_edu.recipes import Recipe
from anl_edu.trainer import Trainer, apply_l1_and_clip

BATCH, P_MIN = 128, 1e-7
A = losses.ce_maximum(P_MIN)


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
    """Yield after every step of the loop inside `train.fit`."""
    trainer = Trainer(
        recipe.build_model(data, seed=0), data, recipe.build_loss(), recipe,
        precision=precision, compile=compile,
    )  # fmt: skip
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
    model = recipe.build_model(data, seed=0).to(where)
    F.cross_entropy(model(x), y).backward()
    parameters = list(model.parameters())
    loss, weights = recipe.build_loss(), recipe.loss_parameters
    textbook_set = TextbookSet(data.subset(BATCH))
    trainer = Trainer(model, data, loss, recipe)
    index = torch.arange(BATCH, device=where)
    draws = trainer.augment.draw(len(data.y_train)).to(where)
    alpha, beta = weights["alpha"], weights["beta"]

    def penalty() -> None:
        (recipe.l1 * sum(p.abs().sum() for p in parameters)).backward()

    rows: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
        (
            "loss, forward and backward",
            lambda: textbook_loss(z, y, alpha, beta).backward(),
            lambda: loss(z, y).backward(),
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
            lambda: trainer.normalise(trainer.augment(trainer.x_train, index, draws.select(index))),
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


def memory(where: torch.device) -> str:
    """Peak so far: of the device, or of this process."""
    if where.type == "cuda":
        return f"{torch.cuda.max_memory_allocated() / 2**30:.2f} GiB on the device"
    try:
        import resource
    except ImportError:  # not on Windows
        return "unknown"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{peak / 2**20 if platform.system() != 'Darwin' else peak / 2**30:.2f} GiB"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=8, help="timed steps a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--compile", action="store_true", help="compile the model on our side")
    arguments = parser.parse_args()
    where = train.device()
    try:
        clean = data_module.load("cifar10", download=False)
    except (FileNotFoundError, OSError):
        clean = data_module.load("digits")
    noisy = noise.corrupt(clean.y_train, noise.symmetric(10, 0.6), generator=torch.Generator())
    data = clean.with_labels(noisy)
    warnings.filterwarnings("ignore", message="This DataLoader will create")
    recipe = recipes.get("cifar10", "anl-ce", "paper", train_eval=500)
    print(f"{data.source}\n{platform.machine()}, {torch.get_num_threads()} threads, {where}, "
          f"torch {torch.__version__}, batch {BATCH}")  # fmt: skip
    plain = textbook(data, recipe, where)
    fast = ours(data, recipe, arguments.precision, arguments.compile)
    seconds(plain, 2, where)
    seconds(fast, 5 if where.type == "cpu" else 50, where)
    times: dict[str, list[tuple[float, float]]] = {"textbook loop": [], "train.fit": []}
    for _ in range(arguments.rounds):
        times["textbook loop"].append(seconds(plain, arguments.steps, where))
        times["train.fit"].append(seconds(fast, arguments.steps, where))
    images = arguments.steps * BATCH
    rates = {
        name: [images / statistics.median(clock) for clock in zip(*pairs, strict=True)]
        for name, pairs in times.items()
    }
    slow, (quick, _) = rates["textbook loop"], rates["train.fit"]
    rows = [
        (name, f"{v[0]:,.0f}", f"{v[0] / slow[0]:.2f}", f"{v[1]:,.0f}", f"{v[1] / slow[1]:.2f}")
        for name, v in rates.items()
    ]
    print(tabulate(rows, ("", "images/s", "ratio", "images/CPU s", "ratio"), disable_numparse=True))
    print(f"peak memory of this process: {memory(where)}")
    print(f"120 epochs of 50,000 images: {120 * 50_000 / quick / 60:,.1f} min without evaluation")
    plain.close()
    print(tabulate(parts(data, recipe, where), ("ms a step", "textbook", "ours"), floatfmt=".2f"))


if __name__ == "__main__":
    main()
