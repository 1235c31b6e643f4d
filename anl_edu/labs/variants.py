"""Each student's own numbers: drawn from a hash of the lab and the student's id, on any machine."""

from __future__ import annotations

import hashlib
import math
import random
import re
import unicodedata
from dataclasses import dataclass

import torch

from anl_edu.data import ImageData, load

LABS = (1, 2, 3)
NOISES = {"symmetric": (0.3, 0.35, 0.4, 0.45, 0.5), "pair": (0.2, 0.25, 0.3, 0.35, 0.4)}
TEST_SHARE = 0.25
_ID = re.compile(r"\w[\w.@-]*")
_STARTS = ("br", "d", "f", "gl", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z")
_MIDDLES = ("a", "e", "i", "o", "u", "ai", "eo")
_ENDS = ("bix", "dor", "fen", "gol", "lim", "mur", "nak", "pel", "rin", "sot", "tam", "vek")


@dataclass(frozen=True)
class Variant:
    """What one student works with in one lab.

    Attributes
    ----------
    lab, student
        The lab's number, and the student's id as normalised: case and blanks round it do not count.
    seed
        For whatever else is drawn in the lab, 0 to 2**31 - 1.
    K
        Number of classes, 4 to 7.
    classes
        K of the ten digits; label k of `data` is digit ``classes[k]``.
    names
        What these classes are called here: K invented words.
    kind, rate
        A noise of `anl_edu.noise.KINDS` and its rate, within what a robust loss can bear.
    """

    lab: int
    student: str
    seed: int
    K: int
    classes: tuple[int, ...]
    names: tuple[str, ...]
    kind: str
    rate: float

    @property
    def p_min(self) -> float:
        """Smallest probability that a loss tells from 0: 1e-8 to 1e-4."""
        return 10.0 ** -(4 + self.seed % 5)

    @property
    def A(self) -> float:  # noqa: N802 - the paper's letter
        """Largest value of cross entropy for probabilities from `p_min`: -log p_min."""
        return -math.log(self.p_min)

    def __str__(self) -> str:
        named = zip(self.names, self.classes, strict=True)
        lines = [f"  {k} {name}: digit {digit}" for k, (name, digit) in enumerate(named)]
        return "\n".join(
            [
                f"lab {self.lab} of {self.student}: K = {self.K} classes, seed {self.seed}",
                f"{self.kind} noise of rate {self.rate:g}, p_min = {self.p_min:g}",
                *lines,
            ]
        )

    def data(self) -> ImageData:
        """Return the embedded digits of these classes under labels 0..K-1, in a split of their own.

        A quarter of each class is for testing. Images (N, 1, 8, 8) uint8, labels (N,) int64.
        """
        whole = load("digits")
        x = torch.cat([whole.pixels("a lab's split"), whole.x_test])  # (N, 1, 8, 8)
        y = torch.cat([whole.y_train, whole.y_test])  # (N,)
        g = torch.Generator().manual_seed(self.seed)
        train, test = [], []
        for digit in self.classes:
            places = (y == digit).nonzero().flatten()
            places = places[torch.randperm(len(places), generator=g)]
            cut = round(len(places) * TEST_SHARE)
            test.append(places[:cut])
            train.append(places[cut:])
        mixed = torch.cat(train)
        mixed = mixed[torch.randperm(len(mixed), generator=g)]
        held = torch.cat(test)
        label = torch.full((10,), -1)
        label[list(self.classes)] = torch.arange(self.K)
        scaled = x[mixed].double() / 255
        return ImageData(
            name="lab-digits",
            source=f"{len(mixed)} train + {len(held)} test images of the digits "
            f"{', '.join(map(str, self.classes))}, called {', '.join(self.names)}",
            x_train=x[mixed],
            y_train=label[y[mixed]],
            x_test=x[held],
            y_test=label[y[held]],
            classes=self.names,
            mean=(round(scaled.mean().item(), 4),),
            std=(round(scaled.std().item(), 4),),
            train_index=mixed,
        )


def variant(lab: int, student: str) -> Variant:
    """Return a student's variant of a lab, the same on every machine and in every year.

    Raises
    ------
    ValueError
        There is no such lab, or the id is empty or holds what no id holds; it is named.
    """
    if lab not in LABS:
        raise ValueError(f"there is no lab {lab!r}; there are {', '.join(map(str, LABS))}")
    who = normalised(student)
    digest = hashlib.sha256(f"anl-edu lab {lab}: {who}".encode()).digest()
    draw = random.Random(int.from_bytes(digest, "big"))
    K = draw.randint(4, 7)
    classes = draw.sample(range(10), K)
    stems = zip(draw.sample(_STARTS, K), draw.sample(_ENDS, K), strict=True)
    names = [f"{start}{draw.choice(_MIDDLES)}{end}" for start, end in stems]
    kind = draw.choice(sorted(NOISES))
    rate = draw.choice(NOISES[kind])
    seed = draw.randrange(2**31)
    return Variant(lab, who, seed, K, tuple(classes), tuple(names), kind, rate)


def normalised(student: str) -> str:
    """Return a student's id without the blanks round it, in lower case."""
    if not isinstance(student, str):
        raise ValueError(f"STUDENT must be your id in quotes, not {student!r}")
    who = unicodedata.normalize("NFKC", student).strip().casefold()
    if not who:
        raise ValueError(f"STUDENT is empty ({student!r}): write the id under which you hand in")
    if not _ID.fullmatch(who):
        raise ValueError(
            f"{student!r} is no id: letters, digits and . _ @ - are allowed, no blanks between them"
        )
    return who
