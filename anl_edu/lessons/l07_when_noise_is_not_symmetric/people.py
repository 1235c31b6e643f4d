"""CIFAR-10N and CIFAR-100N in numbers: which labels people give too often, and to what.

The labels themselves may not be passed on (CC BY-NC 4.0), numbers counted from them may.
Wei et al., ICLR 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from anl_edu import noise
from anl_edu.data import ImageData, cifar
from anl_edu.data.cifar_files import read_human

# CIFAR-10N: rows true classes, columns labels given, of 50,000 images. Counted in
# the published file; a test counts again.
COUNTED: dict[str, tuple[tuple[int, ...], ...]] = {
    "aggregate": (
        (4715, 28, 73, 2, 4, 1, 2, 1, 159, 15),
        (52, 4740, 1, 2, 0, 0, 0, 1, 23, 181),
        (80, 62, 4655, 32, 42, 28, 34, 8, 44, 15),
        (99, 86, 219, 4126, 32, 287, 44, 8, 49, 50),
        (91, 82, 188, 75, 4156, 104, 24, 188, 56, 36),
        (52, 38, 107, 258, 21, 4460, 7, 20, 19, 18),
        (64, 54, 133, 100, 43, 26, 4501, 0, 54, 25),
        (31, 13, 27, 23, 50, 57, 0, 4776, 17, 6),
        (52, 40, 4, 3, 1, 0, 3, 0, 4869, 28),
        (78, 366, 0, 0, 0, 0, 1, 1, 57, 4497),
    ),
    "worst": (
        (3251, 328, 359, 96, 97, 114, 94, 83, 423, 155),
        (215, 2961, 76, 132, 87, 77, 68, 68, 79, 1237),
        (277, 183, 3160, 229, 297, 238, 249, 166, 118, 83),
        (198, 172, 396, 2436, 213, 1028, 235, 119, 106, 97),
        (197, 163, 350, 201, 2441, 532, 195, 758, 105, 58),
        (165, 141, 264, 915, 202, 2901, 137, 147, 61, 67),
        (190, 191, 420, 379, 254, 288, 2968, 143, 102, 65),
        (199, 140, 121, 110, 256, 309, 115, 3608, 87, 55),
        (409, 364, 109, 72, 105, 93, 82, 109, 3417, 240),
        (208, 1410, 87, 103, 88, 88, 60, 72, 131, 2753),
    ),
}
SINGLE = ("random1", "random2", "random3")
# Of each class of CIFAR-10, in its order: share of the images on which the three annotators gave
# one label, two labels, three labels. Counted likewise.
AGREED = (
    (0.6566, 0.2938, 0.0496),
    (0.5936, 0.3678, 0.0386),
    (0.6354, 0.3026, 0.0620),
    (0.5006, 0.3908, 0.1086),
    (0.5002, 0.3888, 0.1110),
    (0.5868, 0.3552, 0.0580),
    (0.5958, 0.3322, 0.0720),
    (0.7230, 0.2496, 0.0274),
    (0.6866, 0.2858, 0.0276),
    (0.5570, 0.3896, 0.0534),
)


@dataclass(frozen=True)
class Hundred:
    """CIFAR-100N in a few numbers, classes of one size.

    Attributes
    ----------
    rate
        Share of wrong labels.
    inside
        Share of the wrong labels that stay in the true superclass.
    lost
        Number of classes whose most frequent label is a wrong one.
    seldom, often
        The label given least often and most often, as a multiple of its class.
    pairs
        (true class, label, share of the class) of the largest entries off the diagonal.
    """

    rate: float
    inside: float
    lost: int
    seldom: tuple[str, float]
    often: tuple[str, float]
    pairs: tuple[tuple[str, str, float], ...]


HUNDRED = Hundred(
    rate=0.402,
    inside=0.343,
    lost=3,
    seldom=("porcupine", 0.398),
    often=("man", 1.73),
    pairs=(
        ("streetcar", "bus", 0.326),
        ("flatfish", "man", 0.28),
    ),
)


def matrix(which: str = "worst", path: str | Path | None = None) -> Tensor:
    """Return CIFAR-10N's matrix (10, 10): rows are true classes and add to 1.

    Counted in the published file, ``CIFAR-10_human.pt``, where `path` names it; as we counted it,
    otherwise (``"aggregate"`` or ``"worst"``).
    """
    if path is None:
        counts = torch.tensor(COUNTED[which])
    else:
        given, true = read_human(Path(path), cifar.SETS["cifar10"], which)
        counts = noise.realised(true, given, 10).counts
    return counts / counts.sum(1, keepdim=True).double()


def agreement(path: str | Path | None = None) -> Tensor:
    """Return (10, 3): of each class, the share of images with one, two and three different labels.

    Counted in ``CIFAR-10_human.pt`` where `path` names it; as we counted it, otherwise.
    """
    if path is None:
        return torch.tensor(AGREED, dtype=torch.float64)
    read = [read_human(Path(path), cifar.SETS["cifar10"], which) for which in SINGLE]
    a, b, c = (given for given, _ in read)
    true = read[0][1]
    labels = 3 - ((a == b).long() + (b == c).long() + (a == c).long()).clamp(max=2)  # 1, 2 or 3
    return torch.stack(
        [(labels[true == k] == torch.tensor([[1], [2], [3]])).double().mean(1) for k in range(10)]
    )


def hundred(path: str | Path) -> Hundred:
    """Count the numbers of `HUNDRED` in the published file, ``CIFAR-100_human.pt``."""
    spec = cifar.SETS["cifar100"]
    given, true = read_human(Path(path), spec, "noisy")
    found = noise.realised(true, given, 100)
    T, wrong = found.matrix, given != true
    group = torch.tensor(noise.CIFAR100_SUPERCLASS)
    column = T.sum(0)
    off = T.clone().fill_diagonal_(0).flatten().topk(2)
    names = spec.classes
    return Hundred(
        rate=found.rate,
        inside=(group[given[wrong]] == group[true[wrong]]).double().mean().item(),
        lost=int((T.argmax(1) != torch.arange(100)).sum()),
        seldom=(names[int(column.argmin())], column.min().item()),
        often=(names[int(column.argmax())], column.max().item()),
        pairs=tuple(
            (names[place // 100], names[place % 100], share)
            for place, share in zip(off.indices.tolist(), off.values.tolist(), strict=True)
        ),
    )


def disputed(images: ImageData) -> dict[str, Tensor]:
    """Return each annotator's labels of the images on which three give three, all wrong.

    Annotator to (N,) labels; all other images carry their true label.
    """
    said = {which: images.human_labels(which) for which in SINGLE}
    a, b, c = said.values()
    true = images.y_train
    all_differ = (a != b) & (b != c) & (a != c) & (a != true) & (b != true) & (c != true)
    return {which: torch.where(all_differ, labels, true) for which, labels in said.items()}
