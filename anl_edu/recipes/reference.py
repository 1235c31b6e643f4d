"""What the authors' own code does, per data set and loss: facts, with where they were read.

Two tables. `PROTOCOLS` says how a data set is trained, whatever the loss. `LOSSES` says what each
loss has of its own there: its parameters, an L1 penalty, another weight decay or batch size. A loss
that is not listed keeps its default parameters and the protocol's weight decay.

Sources, where nothing else is said: the configurations of ANL's authors
(Virusdoll/Active-Negative-Loss, commit 0c50009), which also hold those of the losses they compare
with. Others: APL (HanxunH/Active-Passive-Losses, 2d18de6), eps-softmax (cswjl/eps-softmax,
b23b43e), JAL (cswjl/joint-asymmetric-loss, 0f9eb7b). Where they differ, ANL's is taken:

- NCE+MAE and NCE+RCE are 1, 10 on MNIST and 10, 0.1 on CIFAR-100 in ANL's and eps-softmax's code;
  asymmetric losses' code (hitcszx/ALFs, 61245e9) has 1, 100 and 10, 1.
- WebVision is trained in batches of 512 in ANL's code, of 256 in eps-softmax's and JAL's: those
  two methods keep their own.
- JAL's rerun of ANL clamps probabilities at 1e-8, ANL's own code at 1e-7.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anl_edu import losses
from anl_edu.noise import kind

Fields = dict[str, Any]  # fields of a Recipe


@dataclass(frozen=True)
class ByNoise:
    """Fields that the authors choose by the noise.

    Attributes
    ----------
    otherwise
        What holds for other kinds, and where the noise or a rate that matters is not told.
    by_kind
        Kind of noise to fields, whatever the rate.
    by_rate
        Kind of noise to rate to fields. Clean labels are symmetric noise of rate 0.
    """

    otherwise: Fields
    by_kind: Mapping[str, Fields] = field(default_factory=dict)
    by_rate: Mapping[str, Mapping[float, Fields]] = field(default_factory=dict)


def settings(
    dataset: str, loss: str, noise: str | None = None, rate: float | None = None
) -> Fields:
    """Return what a loss has of its own on a data set, as published: fields of a `Recipe`.

    Parameters
    ----------
    dataset
        ``"mnist"``, ``"cifar10"``, ``"cifar100"``, ``"webvision"`` or ``"clothing1m"``.
    loss
        A name of `losses.names`.
    noise
        A name of `noise.KINDS`: some authors choose parameters by it. Kinds that they did not
        use, and None, get what the table gives for no particular noise.
    rate
        Nominal noise rate, likewise. Between the published rates the nearest counts, of two
        equally near the lower.

    Returns
    -------
    dict
        ``loss_parameters`` and, where the method has its own, ``l1``, ``weight_decay``,
        ``batch_size``. Empty where nothing is published: defaults hold.

    Raises
    ------
    ValueError
        For an unknown data set, loss or noise, or a rate outside [0, 1].
    """
    if dataset not in LOSSES:
        raise ValueError(f"nothing published for {dataset!r}; known: {', '.join(LOSSES)}")
    known = (*losses.names(), *losses.mask_names())
    if loss not in known:
        raise ValueError(f"unknown loss {loss!r}; known: {', '.join(known)}")
    if rate is not None and not 0 <= rate <= 1:
        raise ValueError(f"noise rate must be between 0 and 1, got {rate!r}")
    if noise is not None and not kind(noise).rated:
        rate = 0.0
    found = LOSSES[dataset].get(loss, {})
    return copy.deepcopy(_chosen(found, noise, rate) if isinstance(found, ByNoise) else found)


def entropy_weight(dataset: str) -> float:
    """Lambda of the entropy regulariser in the configurations of ANL's authors.

    Public for CIFAR-10 and CIFAR-100 alone, one value each, for ANL-CE and ANL-FL: none per kind or
    rate of noise. For other data choose one on noisy labels held out: see `runs.choose`.
    """
    if dataset not in _ENTROPY:
        raise ValueError(
            f"no published lambda for {dataset!r}; known: {', '.join(_ENTROPY)}. Choose one on "
            "held-out noisy labels: anl_edu.runs.choose"
        )
    return _ENTROPY[dataset]


def _chosen(table: ByNoise, noise: str | None, rate: float | None) -> Fields:
    published = _published_kind(noise)
    if published in table.by_rate and rate is not None:
        rates, wanted = table.by_rate[published], rate
        return rates[min(rates, key=lambda known: (round(abs(known - wanted), 9), known))]
    return table.by_kind.get(published, table.otherwise)


def _published_kind(noise: str | None) -> str:
    if noise is None:
        return ""
    if noise.startswith("human-"):
        return "human"
    # flips in the true superclass are what the papers describe, consecutive ones what they ran
    return {"none": "symmetric", "asymmetric-superclass": "asymmetric"}.get(noise, noise)


def _use(**parameters: float) -> Fields:
    return {"loss_parameters": parameters}


def _with_l1(delta: float, **parameters: float) -> Fields:
    # delta sum |theta| stands in the place of weight decay
    return {"loss_parameters": parameters, "l1": delta, "weight_decay": 0.0}


PROTOCOLS: Mapping[str, Fields] = {
    "mnist": {"model": "cnn4", "epochs": 50, "batch_size": 128, "lr": 0.01, "weight_decay": 1e-3},
    "cifar10": {
        "model": "cnn8",
        "epochs": 120,
        "batch_size": 128,
        "lr": 0.01,
        "weight_decay": 1e-4,
        "augment": ("crop", "flip"),
    },
    "cifar100": {
        "model": "resnet34",
        "epochs": 200,
        "batch_size": 128,
        "lr": 0.1,
        "weight_decay": 1e-5,
        "augment": ("crop", "flip", "rotate"),
    },
    # The 50 classes of mini WebVision. RandomResizedCrop(224) and ColorJitter(.4, .4, .4, .2).
    "webvision": {
        "model": "resnet50",
        "epochs": 250,
        "batch_size": 512,
        "lr": 0.4,
        "nesterov": True,
        "weight_decay": 3e-5,
        "schedule": "exponential",
        "decay": 0.97,
        "augment": ("resized-crop", "flip", "colour-jitter"),
    },
}

_ENTROPY = {"cifar10": 2.0, "cifar100": 0.01}

_CLOTHING: Fields = {"weight_decay": 1e-3, "batch_size": 256}
_GCE_CIFAR100 = {
    0.0: _use(q=0.5),
    0.2: _use(q=0.5),
    0.4: _use(q=0.7),
    0.6: _use(q=0.7),
    0.8: _use(q=0.9),
}
_EPS_CIFAR100 = {
    0.0: _use(alpha=0.1, beta=1, m=1e4),
    0.2: _use(alpha=0.05, beta=1, m=1e4),
    0.4: _use(alpha=0.03, beta=1, m=1e4),
    0.6: _use(alpha=0.0125, beta=1, m=1e4),  # .00125 in the code: taken for a slip
    0.8: _use(alpha=0.0075, beta=1, m=1e4),
}

# In "ece" beta weighs 2 (1 - p_y), as in its authors' code. JAL's CE and FL forms share their rows.
LOSSES: Mapping[str, Mapping[str, Fields | ByNoise]] = {
    "mnist": {
        "sce": _use(alpha=0.01, beta=1),
        "agce": _use(a=4, q=0.2),
        "aul": _use(a=3, q=0.1),
        "ael": _use(a=3.5),
        "nce+mae": _use(alpha=1, beta=10),
        "nce+rce": _use(alpha=1, beta=10),
        "nfl+mae": _use(alpha=1, beta=10),  # APL's
        "nfl+rce": _use(alpha=1, beta=10),
        "nce+agce": _use(alpha=0, beta=1, a=4, q=0.2),
        "nce+aul": _use(alpha=0, beta=1, a=3, q=0.1),
        "nce+ael": _use(alpha=0, beta=1, a=3.5),
        "anl-ce": _with_l1(1e-6, alpha=1, beta=1),
        "anl-fl": _with_l1(1e-6, alpha=1, beta=1),
    },
    # gce, agce, aul and ael: the defaults of the losses are CIFAR-10's
    "cifar10": {
        "sce": _use(alpha=0.1, beta=1),
        "ece": ByNoise(
            otherwise=_use(alpha=0.01, beta=5, m=1e5),  # symmetric noise's
            by_kind={
                "symmetric": _use(alpha=0.01, beta=5, m=1e5),
                "asymmetric": _use(alpha=0.02, beta=5, m=1e3),
                "instance": _use(alpha=0.045, beta=10, m=1e5),
                "human": _use(alpha=0.5, beta=1, m=1e4),
            },
        ),
        "nce+mae": _use(alpha=1, beta=1),
        "nce+rce": _use(alpha=1, beta=1),
        "nfl+mae": _use(alpha=1, beta=1),  # APL's
        "nfl+rce": _use(alpha=1, beta=1),
        "nce+agce": _use(alpha=1, beta=4, a=6, q=1.5),
        "nce+aul": _use(alpha=1, beta=4, a=6.3, q=1.5),
        "nce+ael": _use(alpha=1, beta=4, a=5),
        "anl-ce": _with_l1(5e-5, alpha=5, beta=5),
        "anl-fl": _with_l1(5e-5, alpha=5, beta=5),
        "jal-ce": _with_l1(5e-5, alpha=1, beta=1, a=30),
        "jal-fl": _with_l1(5e-5, alpha=1, beta=1, a=30),
    },
    "cifar100": {
        # ANL's configuration has .7 for all noise; by rate: eps-softmax's table of what it ran
        "gce": ByNoise(otherwise=_use(q=0.7), by_rate={"symmetric": _GCE_CIFAR100}),
        "sce": _use(alpha=6, beta=0.1),
        "ece": ByNoise(
            otherwise=_use(alpha=0.03, beta=1, m=1e4),  # symmetric noise's, in the middle
            by_kind={"human": _use(alpha=0.5, beta=1, m=1e4)},
            by_rate={
                "symmetric": _EPS_CIFAR100,
                "instance": _EPS_CIFAR100,
                "asymmetric": {
                    0.1: _use(alpha=0.015, beta=1, m=1e2),
                    0.2: _use(alpha=0.007, beta=1, m=1e2),
                    0.3: _use(alpha=0.005, beta=1, m=1e2),
                    0.4: _use(alpha=0.004, beta=1, m=1e2),
                },
            },
        ),
        "nce+mae": _use(alpha=10, beta=0.1),
        "nce+rce": _use(alpha=10, beta=0.1),
        "nfl+mae": _use(alpha=10, beta=1),  # APL's
        "nfl+rce": _use(alpha=10, beta=0.1),
        "nce+agce": _use(alpha=10, beta=0.1, a=1.8, q=3),
        "nce+aul": _use(alpha=10, beta=0.015, a=6, q=3),
        "nce+ael": _use(alpha=10, beta=0.1, a=1.5),
        "anl-ce": _with_l1(5e-7, alpha=10, beta=1),
        "anl-fl": _with_l1(5e-7, alpha=10, beta=1),
        "jal-ce": _with_l1(5e-6, alpha=5, beta=1, a=20),
        "jal-fl": _with_l1(5e-6, alpha=5, beta=1, a=20),
    },
    "webvision": {
        "sce": _use(alpha=10, beta=1),
        "agce": _use(a=1e-5, q=0.5),  # in eps-softmax's code
        "ece": {**_use(alpha=0.015, beta=0.3, m=1e3), "batch_size": 256},
        "nce+rce": _use(alpha=50, beta=0.1),
        "nfl+mae": _use(alpha=50, beta=1),  # APL's
        "nce+agce": _use(alpha=50, beta=0.1, a=2.5, q=3),
        "anl-ce": _with_l1(5e-6, alpha=20, beta=1),
        "anl-fl": _with_l1(5e-6, alpha=20, beta=1),
        "jal-ce": {**_use(alpha=50, beta=1, a=30), "batch_size": 256},
        "jal-fl": {**_use(alpha=50, beta=1, a=30), "batch_size": 256},
    },
    # ANL's authors published no protocol of it. Weight decay and batch are eps-softmax's and JAL's.
    "clothing1m": {
        "gce": {**_use(q=0.6), **_CLOTHING},
        "ece": {**_use(alpha=0.012, beta=0.1, m=1e3), **_CLOTHING},
        "jal-ce": {**_use(alpha=5, beta=0.1, a=5), **_CLOTHING},
        "jal-fl": {**_use(alpha=5, beta=0.1, a=5), **_CLOTHING},
    },
}
