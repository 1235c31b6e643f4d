"""What a few seeds can tell: differences, first places and how often they are luck."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy import stats


def power(difference: float, sd: float, seeds: int, correlation: float = 0.0) -> float:
    """Return how often a paired t-test at 5 % finds the better of two methods better.

    Parameters
    ----------
    difference
        Of the two true means, in points; at least 0.
    sd
        Of one method's accuracy over seeds, in points; above 0.
    seeds
        Runs a method, at least 2.
    correlation
        Of the two methods' accuracies over seeds, in [0, 1): 0 for seeds that have nothing in
        common, more where both train on the same noise with the same first weights.

    Returns
    -------
    float
        The share of such experiments with a difference above 0 that is significant: by the
        noncentral t distribution, no simulation.
    """
    spread = sd * math.sqrt(2 * (1 - correlation) / seeds)  # of the mean difference
    critical = stats.t.ppf(0.975, seeds - 1)
    return float(stats.nct.sf(critical, seeds - 1, difference / spread))


def experiments(
    difference: float, sd: float, seeds: int, correlation: float = 0.0, times: int = 400
) -> np.ndarray:
    """Return differences of means (times,) that experiments of two methods would find, in points.

    Accuracies are drawn from normal distributions; the same numbers for the same arguments.
    """
    draw = np.random.default_rng(0)
    shared = draw.standard_normal((times, seeds)) * math.sqrt(correlation)
    a, b = (
        shared + draw.standard_normal((times, seeds)) * math.sqrt(1 - correlation) for _ in range(2)
    )
    return difference + sd * (a - b).mean(1)


def seeds_needed(difference: float, sd: float, correlation: float = 0.0, often: float = 0.8) -> int:
    """Return the fewest seeds with which `power` is at least ``often``; at most 10,000."""
    low, high = 2, 4
    while power(difference, sd, high, correlation) < often:
        if high >= 10_000:
            raise ValueError(f"a difference of {difference} needs more than 10,000 seeds")
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if power(difference, sd, middle, correlation) < often:
            low = middle
        else:
            high = middle
    return low if power(difference, sd, low, correlation) >= often else high


def first_places(seeds: Mapping[str, np.ndarray], times: int = 4000) -> dict[str, float]:
    """Return how often each method has the best mean if the seeds are drawn anew.

    Parameters
    ----------
    seeds
        Method to its accuracies (R,), one a seed, of the same seeds in the same order.

    Returns
    -------
    dict
        Shares, which add to 1: of ``times`` tables, each made of R seeds drawn with replacement,
        the same for all methods (a bootstrap).
    """
    values = np.array(list(seeds.values()))  # (M, R)
    M, R = values.shape
    drawn = np.random.default_rng(0).integers(0, R, (times, R))
    winners = values[:, drawn].mean(2).argmax(0)  # (times,)
    return dict(zip(seeds, np.bincount(winners, minlength=M) / times, strict=True))


def luck_of_the_best(methods: int, sd: float, seeds: int, times: int = 4000) -> float:
    """Return by how much the best of equally good methods seems better than it is, in points."""
    means = np.random.default_rng(0).standard_normal((times, methods)) * sd / math.sqrt(seeds)
    return float(means.max(1).mean())


def shared_by_seeds(seeds: Mapping[str, np.ndarray]) -> float:
    """Return the mean correlation over seeds of all pairs of methods, (R,) each.

    A method whose accuracy is the same with every seed has none, and is left out.
    """
    values = np.array([v for v in seeds.values() if v.std() > 0])
    table = np.corrcoef(values)
    return float(table[np.triu_indices(len(values), 1)].mean())
