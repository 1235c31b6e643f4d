"""CIFAR-10N in numbers: what three people wrote under each of CIFAR-10's 50,000 training images.

The labels themselves may not be passed on (CC BY-NC 4.0), numbers counted from them may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import plotly.graph_objects as go
import torch

from anl_edu import noise
from anl_edu.data import cifar
from anl_edu.data.cifar_files import read_human
from anl_edu.teach.lines import bars

# Which is labelled as which, in "worst": the pairs that the lesson draws.
PAIRS = (("truck", "automobile"), ("cat", "dog"), ("deer", "horse"), ("airplane", "ship"))


@dataclass(frozen=True)
class People:
    """What is known of the human labels of a data set.

    Attributes
    ----------
    rates
        Set of labels to its share of wrong ones: three single annotators, ``aggregate`` (their
        majority; where all three differ, one of them drawn) and ``worst`` (a wrong label wherever
        one was given).
    wrong_of_three
        Share of the images on which 0, 1, 2 and 3 of the three labels are wrong.
    no_majority, drawn_wrong
        Share of the images on which all three differ; share of those whose drawn label is wrong.
    pairs
        (true class, label) to the share of the class that carries it, in ``worst``.
    """

    rates: Mapping[str, float]
    wrong_of_three: tuple[float, ...]
    no_majority: float
    drawn_wrong: float
    pairs: Mapping[tuple[str, str], float]

    @property
    def single(self) -> float:
        """The mean rate of a single annotator."""
        return sum(self.rates[f"random{k}"] for k in (1, 2, 3)) / 3

    @property
    def independent(self) -> tuple[float, ...]:
        """What `wrong_of_three` would be, did the three err independently of each other."""
        p = self.single
        return (1 - p) ** 3, 3 * p * (1 - p) ** 2, 3 * p**2 * (1 - p), p**3


# Rates: Wei et al., ICLR 2022, table 1. The rest we counted from the label file they published;
# `count` does it again, and a test compares.
PUBLISHED = People(
    rates={
        "random1": 0.1723,
        "random2": 0.1812,
        "random3": 0.1764,
        "aggregate": 0.0901,
        "worst": 0.4021,
    },
    wrong_of_three=(0.5979, 0.2955, 0.0852, 0.0213),
    no_majority=0.0608,
    drawn_wrong=0.7297,
    pairs={
        ("truck", "automobile"): 0.2820,
        ("automobile", "truck"): 0.2474,
        ("cat", "dog"): 0.2056,
        ("dog", "cat"): 0.1830,
        ("deer", "horse"): 0.1516,
        ("horse", "deer"): 0.0512,
        ("airplane", "ship"): 0.0846,
        ("ship", "airplane"): 0.0818,
    },
)


def count(path: str | Path) -> People:
    """Count the same in the published label file, ``CIFAR-10_human.pt``."""
    spec = cifar.SETS["cifar10"]
    read = {which: read_human(Path(path), spec, which) for which in PUBLISHED.rates}
    true = read["worst"][1]  # (N,)
    wrong = {which: given != true for which, (given, _) in read.items()}
    three = torch.stack([read[f"random{k}"][0] for k in (1, 2, 3)])  # (3, N)
    a, b, c = three
    differ = (a != b) & (b != c) & (a != c)
    erring = (three != true).sum(0)
    matrix = noise.realised(true, read["worst"][0], 10).matrix
    at = {name: k for k, name in enumerate(spec.classes)}
    return People(
        rates={which: _share(hit) for which, hit in wrong.items()},
        wrong_of_three=tuple(_share(erring == k) for k in range(4)),
        no_majority=_share(differ),
        drawn_wrong=_share(wrong["aggregate"][differ]),
        pairs={(i, j): float(matrix[at[i], at[j]]) for i, j in PUBLISHED.pairs},
    )


def _share(mask: torch.Tensor) -> float:
    return mask.double().mean().item()


def wrong_of_three(people: People) -> go.Figure:
    """Draw on how many images 0 to 3 people err, and how many it would be by chance alone."""
    fig = bars(
        ["none wrong", "one wrong", "two wrong", "all three wrong"],
        {
            "found (%)": [100 * share for share in people.wrong_of_three],
            "did they err independently (%)": [100 * share for share in people.independent],
        },
        title="Three people, one image: how many labels are wrong?",
        y_title="share of the images (%)",
        question="Do different people stumble over the same images?",
        alt="All three people are wrong more often than independent people would be",
    )
    return _legend_below(fig)


def confused(people: People) -> go.Figure:
    """Draw how often the classes of four pairs are taken for each other."""
    fig = bars(
        [f"{i}, {j}" for i, j in PAIRS],
        {
            "first class labelled as second (%)": [100 * people.pairs[i, j] for i, j in PAIRS],
            "second class labelled as first (%)": [100 * people.pairs[j, i] for i, j in PAIRS],
        },
        title="CIFAR-10N, worst: who is taken for whom",
        y_title="share of the true class (%)",
        question="Which pair goes both ways, which only one?",
        alt="Trucks and automobiles, cats and dogs are confused both ways, deer and horses one way",
    )
    return _legend_below(fig)


def _legend_below(fig: go.Figure) -> go.Figure:
    return fig.update_layout(
        height=460, margin={"b": 90}, legend={"orientation": "h", "x": 0, "y": -0.15}
    )


FIGURES = {
    "wrong_of_three": lambda: wrong_of_three(PUBLISHED),
    "confused": lambda: confused(PUBLISHED),
}
