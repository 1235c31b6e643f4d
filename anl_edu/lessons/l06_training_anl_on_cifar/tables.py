"""Tables of lesson 06: replayed runs, one paper's numbers, settings tried live."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from statistics import fmean
from typing import Any

from IPython.display import Markdown
from tabulate import tabulate
from torch import nn

from anl_edu import losses, recipes, runs
from anl_edu.lessons.l06_training_anl_on_cifar.figures import SMALL, flat
from anl_edu.runs import Run
from anl_edu.runs.table import mean_and_spread

JAL = "Joint Asymmetric Loss"


def replayed_table(words: str, by_loss: Mapping[str, Sequence[Run]]) -> Markdown:
    """Table recorded runs: last, best and memorised by loss, mean ± deviation over seeds."""
    some = list(chain(*by_loss.values()))
    seeds = sorted({run.spec.seed for run in some})
    meta = some[0].meta
    where = f"recorded on {meta['device']} ({meta['processor']}), seeds {seeds}"
    return Markdown(f"**Replayed**, {words}; {where}. Percent:\n\n{runs.table(some)}")


def one_paper(
    source: str, methods: Iterable[str], columns: Sequence[tuple[str, float]]
) -> Markdown:
    """Table CIFAR-10 accuracies as one paper prints them, so that no two papers are compared.

    Parameters
    ----------
    source
        Words that the paper's rows have in their ``source``; see `recipes.published`.
    methods
        Losses, one a row.
    columns
        Pairs of noise and rate.
    """
    said: set[str] = set()

    def printed(method: str, noise: str, rate: float) -> str:
        found = [
            row
            for row in recipes.published("cifar10", method, noise, rate)
            if source in row["source"]
        ]
        said.update(row["source"].partition(" (")[0] for row in found)
        if len(found) > 1:
            raise ValueError(f"{source!r} gives {len(found)} numbers for {method}, {noise} {rate}")
        return f"{found[0]['accuracy_percent']:.2f}" if found else "–"

    rows = [[losses.label(m), *(printed(m, *column) for column in columns)] for m in methods]
    if len(said) != 1:
        raise ValueError(f"{source!r} names {len(said)} papers, not one")
    heads = ["CIFAR-10", *(f"{noise} {rate:g}" for noise, rate in columns)]
    words = f"**Published**, {said.pop()}; percent, last epoch:"
    return Markdown(f"{words}\n\n{_github(rows, heads)}")


def settings_table(tried: Mapping[str, tuple[nn.Module, Sequence[Any]]], *names: str) -> Markdown:
    """Table live runs of section 4: accuracy, memorised, and how many weights are near zero."""

    def row(name: str) -> list[str]:
        model, records = tried[name]
        last, near_zero = records[-1], (flat(model) < SMALL).double().mean().item()
        shown = (last.test_accuracy, last.best_accuracy, last.memorised, near_zero)
        return [name, *(f"{100 * v:.1f}" for v in shown)]

    heads = ["live, digits", "last", "best", "memorised", "weights near zero"]
    words = f"**Live**, one seed. Percent; near zero: below {SMALL:g} in size.\n\n"
    return Markdown(words + _github([row(name) for name in names or tried], heads))


def stopping_table(watched: Mapping[str, Sequence[Run]]) -> Markdown:
    """Table the last epoch beside the one chosen on held-out noisy labels, over seeds."""
    rows = [
        [
            losses.label(loss),
            mean_and_spread([run.last.test_accuracy for run in some]),
            mean_and_spread([run.chosen.test_accuracy for run in some]),
            ", ".join(str(run.chosen.epoch) for run in some),
        ]
        for loss, some in watched.items()
    ]
    heads = ["live, digits", "last epoch", "chosen epoch", "which epochs"]
    words = "**Live**, mean ± sample deviation over seeds. Test accuracy, percent:\n\n"
    return Markdown(words + _github(rows, heads))


def mean_at(some: Sequence[Run], field: str, epoch: int = 0) -> float:
    """Mean over runs of a field of the records at an epoch; 0 is the last."""
    return fmean(getattr(run.records[epoch - 1], field) for run in some)


def in_order(by_loss: Mapping[str, Sequence[Run]], epoch: int = 0) -> str:
    """Say losses and their mean test accuracy at an epoch, the highest first; 0 is the last."""
    found = {loss: mean_at(some, "test_accuracy", epoch) for loss, some in by_loss.items()}
    ranked = sorted(found.items(), key=lambda pair: -pair[1])
    return ", ".join(f"{losses.label(loss)} {100 * value:.1f} %" for loss, value in ranked)


def _github(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> str:
    align = ("left", *["right"] * (len(heads) - 1))
    return tabulate(rows, heads, "github", colalign=align, disable_numparse=True)
