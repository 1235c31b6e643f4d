"""Time and peak memory of losses per pixel, beside cross entropy and a textbook ANL-CE.

    OMP_NUM_THREADS=1 python benchmarks/pixels.py

A batch of segmentation: logits (8, 21, 256, 256), 42 MiB of them in float32. Each loss is called
forward and backward as a user calls it, checks included. CPU seconds on one thread, medians of
rounds in which all take turns. Memory is what the pass allocates at its highest, above logits and
labels, as PyTorch's profiler counts it. Wanted: ANL-CE with at most twice the memory of
`torch.nn.functional.cross_entropy` and at most 0.8 of the textbook version's time.
"""

import platform
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from losses import ALPHA, BETA, P_MIN, Textbook
from tabulate import tabulate
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from anl_edu import losses

N, K, SIDE = 8, 21, 256
ROUNDS = 7
MEMORY, TIME = 2.0, 0.8
NAMES = ("ce", "gce", "nce+rce", "anl-ce", "anl-fl", "dice", "t-loss")
Loss = Callable[[Tensor, Tensor], Tensor]


def textbook(logits: Tensor, targets: Tensor) -> Tensor:
    """Give the textbook's loss, which takes one sample a row, the pixels as rows."""
    return _BY_ROWS(logits.movedim(1, -1).reshape(-1, K), targets.flatten())


_BY_ROWS = Textbook()


def seconds(loss: Loss, z: Tensor, y: Tensor) -> float:
    """CPU seconds of one forward and backward pass."""
    z.grad = None
    start = time.process_time()
    loss(z, y).backward()
    return time.process_time() - start


def peak(loss: Loss, z: Tensor, y: Tensor) -> int:
    """Bytes that the pass holds at its highest, the gradient at the logits included."""
    z.grad = None
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        loss(z, y).backward()
    events = [e for e in found.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = highest = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes()
        highest = max(highest, held)
    return highest


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}")
    z = (3 * torch.randn(N, K, SIDE, SIDE)).requires_grad_()
    y = torch.randint(K, (N, SIDE, SIDE))
    anl = losses.build("anl-ce", alpha=ALPHA, beta=BETA, p_min=P_MIN)
    contenders: dict[str, Loss] = {"torch's cross_entropy": F.cross_entropy, "textbook": textbook}
    contenders |= {losses.label(n): losses.build(n) for n in NAMES} | {"ANL-CE": anl}
    gradients = [torch.autograd.grad(f(z, y), z)[0] for f in (textbook, anl)]
    torch.testing.assert_close(gradients[0], gradients[1])
    del gradients
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for i in range(ROUNDS + 1):
        for name, loss in contenders.items():
            t = seconds(loss, z, y)
            if i:  # the first warms up
                times[name].append(t)
    t = {name: statistics.median(some) for name, some in times.items()}
    m = {name: peak(loss, z, y) for name, loss in contenders.items()}
    rows = [
        (name, 1e3 * t[name], m[name] / 2**20, m[name] / m["torch's cross_entropy"])
        for name in contenders
    ]
    print(
        tabulate(
            rows, ("loss", "ms", "MiB", "of cross_entropy"), floatfmt=("", ".0f", ".0f", ".2f")
        )
    )
    memory, share = m["ANL-CE"] / m["torch's cross_entropy"], t["ANL-CE"] / t["textbook"]
    print(f"ANL-CE: {memory:.2f} of cross_entropy's memory (at most {MEMORY}): {memory <= MEMORY}")
    print(f"ANL-CE: {share:.2f} of the textbook's time (at most {TIME}): {share <= TIME}")


if __name__ == "__main__":
    main()
