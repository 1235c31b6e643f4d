"""Explorers of lesson 07: which labels are given too often, what ER pushes, which lambda."""

from __future__ import annotations

import math
from functools import cache

import plotly.graph_objects as go
import torch
from torch import Tensor

from anl_edu import noise, runs
from anl_edu.data import cifar
from anl_edu.lessons.l07_when_noise_is_not_symmetric import figures, recorded
from anl_edu.teach.explorer import Explorer, choice, slider

KINDS = {
    "asymmetric, digits": ("asymmetric", "digits"),
    "asymmetric, CIFAR-10": ("asymmetric", "cifar10"),
    "asymmetric, CIFAR-10, flipped in place": ("in-place", "cifar10"),
    "pair flip": ("pair", "digits"),
    "symmetric": ("symmetric", "digits"),
}


def flipped_in_place(rate: float) -> Tensor:
    """Return what published codes draw for CIFAR-10's asymmetric noise: pairs, one after the other.

    (K, K): each pair is flipped in the labels that the pairs before it have left (lesson 01).
    """
    T = torch.eye(10, dtype=torch.float64)
    for source, target in noise.CIFAR10_FLIPS.items():
        moved = rate * T[:, source]
        T[:, source] -= moved
        T[:, target] += moved
    return T


def columns(kind: str = "asymmetric, digits") -> Explorer:
    """Kind of noise and its rate; how often each label is given."""
    return Explorer(
        _draw_columns,
        {
            "kind": choice("kind of noise", list(KINDS), kind),
            "rate": slider("noise rate η", 0.0, 0.9, 0.05, 0.4),
        },
        title="How often is each label given?",
        readout=_say_columns,
    )


def _matrix(kind: str, rate: float) -> tuple[Tensor, tuple[str, ...]]:
    name, dataset = KINDS[kind]
    T = flipped_in_place(rate) if name == "in-place" else noise.transition(name, rate, dataset)
    return T, _classes(dataset)


def _draw_columns(kind: str, rate: float) -> go.Figure:
    T, classes = _matrix(kind, rate)
    return figures.label_counts(T, classes, title=f"Labels given, {kind}, η = {rate:g}")


def _say_columns(kind: str, rate: float) -> str:
    T, _ = _matrix(kind, rate)
    given = T.mean(0)  # (K,) shares, classes of one size
    used = math.exp(torch.special.entr(given).sum().item())
    wrong = 1 - T.diagonal().mean().item()
    return f"{100 * wrong:.1f} % of the labels are wrong; they use {used:.2f} of {len(T)} classes."


def push() -> Explorer:
    """Set one sample and how crowded class 0 is; see what ER asks of the sample's logits."""
    return Explorer(
        figures.push,
        {
            "sure": slider("p of class 0", 0.0, 1.0, 0.01, 0.5),
            "second": slider("p of class 1", 0.0, 1.0, 0.01, 0.4),
            "crowded": slider("p̄ of class 0", 0.02, 0.98, 0.01, 0.3),
        },
        title="ER and one sample, ten classes",
        readout=_say_push,
    )


def _say_push(sure: float, second: float, crowded: float) -> str:
    step = figures.one_sample(sure, second, crowded)[2].tolist()
    most = max(step, key=abs)
    return f"The largest push is {most:+.3f}, on class {step.index(most)}."


def lambdas() -> Explorer:
    """Choose among recorded sweeps over lambda; see held-out accuracy, then the true one."""
    kinds = {
        f"{dataset}, {noise.label(kind, rate)}": (dataset, kind, rate)
        for dataset, noises in recorded.NOISES.items()
        for kind, rate in noises
    }
    first = next(iter(kinds.values()))
    return Explorer(
        _draw_lambdas,
        {
            "which": choice("data and noise", kinds, first),
            "clean": choice(
                "beside the held-out line",
                {"nothing": (), "test accuracy, worst class": ("test", "worst")},
                (),
                tooltip="the truth needs clean labels: guess first, then look",
            ),
        },
        title="Choosing λ without clean labels",
        readout=_say_lambdas,
    )


@cache
def _sweep(dataset: str, kind: str, rate: float) -> dict[float, runs.Run]:
    return recorded.sweep(dataset, kind, rate)


def _draw_lambdas(which: tuple[str, str, float], clean: tuple[str, ...]) -> go.Figure:
    found = _sweep(*which)
    shown = {
        "held-out noisy labels": [100 * (r.last.held_out_accuracy or 0) for r in found.values()]
    }
    if "test" in clean:
        shown["clean test images"] = [100 * r.last.test_accuracy for r in found.values()]
        shown["worst class"] = [100 * r.last.worst_recall for r in found.values()]
    return figures.by_lambda(
        list(found),
        shown,
        title=f"ANL-CE + ER, recorded, {which[0]}, {noise.label(*which[1:])}, seed 3",
        chosen=runs.choose({weight: [run] for weight, run in found.items()}),
    )


def _say_lambdas(which: tuple[str, str, float], clean: tuple[str, ...]) -> str:
    run = _sweep(*which)[0.0]
    held = math.ceil(run.spec.recipe.held_out * run.meta["train_images"])
    error = 100 * math.sqrt(0.25 / held)
    return f"Held out: {held} labels. One standard error is up to {error:.1f} points."


def _classes(dataset: str) -> tuple[str, ...]:
    return tuple("0123456789") if dataset == "digits" else cifar.SETS[dataset].classes


EXPLORERS = {"columns": columns, "push": push, "lambdas": lambdas}
