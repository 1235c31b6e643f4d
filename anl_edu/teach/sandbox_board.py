"""A sandbox: a dashboard on which loss, noise, alpha and beta can be chosen, and two runs race."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from anl_edu import losses, noise, recipes, runs
from anl_edu.data import ImageData
from anl_edu.runs import Live, Run
from anl_edu.teach.dashboard import Dashboard
from anl_edu.teach.explorer import choice, slider
from anl_edu.teach.style import label_of

LOSSES = ("ce", "fl", "gce", "mae", "nce", "nnce", "nce+mae", "nce+rce", "anl-ce", "anl-fl")
NOISES = ("none", "symmetric", "pair", "asymmetric", "instance")
WEIGHTS = ("alpha", "beta")


def sandbox(
    images: ImageData,
    *,
    loss: str = "anl-ce",
    kind: str = "symmetric",
    rate: float = 0.6,
    seed: int = 0,
    scale: str = "desk",
    choices: Sequence[str] = LOSSES,
    replayed: Run | None = None,
    changes: Mapping[str, Any] | None = None,
    entropy: float | None = None,
) -> Dashboard:
    """Return a dashboard with a control for loss, noise, rate, alpha and beta.

    Parameters
    ----------
    images
        Clean data.
    loss, kind, rate
        What is chosen at first: a name of `losses.names`, of `noise.KINDS`, and a nominal rate.
    seed, scale, changes
        As in `runs.RunSpec`, the same for every run: with one noise they all meet the same labels.
    choices
        The losses on offer.
    replayed
        A recorded run to race against at first.
    entropy
        Adds a control for the weight of the entropy regulariser, set to this at first.
    """
    dataset = images.name

    def published(loss: str) -> dict[str, float]:
        known = losses.defaults(loss) | dict(recipes.get(dataset, loss, scale).loss_parameters)
        return {name: float(known.get(name, 0.0)) for name in WEIGHTS}

    def begin(
        loss: str, noise: str, rate: float = 0.0, entropy: float = 0.0, **weights: float
    ) -> Live:
        more = {**(changes or {}), "entropy": entropy, "loss_parameters": weights}
        spec = runs.RunSpec(dataset, loss, noise, rate, seed, scale, more)
        if weights and not any(weights.values()):
            raise ValueError("alpha and beta are both 0: such a loss pulls at nothing")
        return runs.start(spec, images, track_gradients=True)

    controls = {
        "loss": choice("loss", {label_of(name): name for name in choices}, loss),
        "noise": choice("kind of label noise", kinds_on(dataset), kind),
        "rate": slider("noise rate", 0.0, 0.9, 0.1, rate),
        **{name: _weight(name, value) for name, value in published(loss).items()},
    }
    if entropy is not None:
        tip = "lambda: weight of the entropy regulariser"
        controls["entropy"] = slider("λ of ER", 0.0, 5.0, 0.1, entropy, tooltip=tip)

    def to_published(change: Any) -> None:
        for name, value in published(change["new"]).items():
            controls[name].value = value

    controls["loss"].observe(to_published, names="value")
    epochs = recipes.get(dataset, loss, scale).replace(**(changes or {})).epochs
    return Dashboard(
        begin,
        epochs=epochs,
        replayed=replayed,
        controls=controls,
        unused=not_used,
        called=called,
        title="Choose, start, and add a second run to the race",
    )


def kinds_on(dataset: str) -> dict[str, str]:
    """Return the kinds of noise to choose from on a data set: what they do, to their names."""
    known = {name: noise.kind(name) for name in NOISES}
    return {f"{name}: {kind.says}": name for name, kind in known.items() if kind.exists_on(dataset)}


def not_used(loss: str, noise: str, **_: Any) -> dict[str, str]:
    """Say which controls do not apply: a loss of one part has no weights, clean labels no rate."""
    reasons = {}
    for name in WEIGHTS:
        if name not in losses.defaults(loss):
            reasons[name] = (
                f"{label_of(loss)} is not a sum of two losses: it has no alpha and no beta."
            )
    if noise == "none":
        reasons["rate"] = "Clean labels have no noise rate."
    return reasons


def called(loss: str, noise: str, rate: float = 0.0, entropy: float = 0.0, **weights: float) -> str:
    """Name a run: ``"ANL-CE (5, 5) + 2 ER, symmetric 0.6"``, with alpha and beta in brackets."""
    both = f" ({', '.join(f'{value:g}' for value in weights.values())})" if weights else ""
    more = f" + {entropy:g} ER" if entropy else ""
    return f"{label_of(loss)}{both}{more}, " + (
        "clean labels" if noise == "none" else f"{noise} {rate:g}"
    )


def _weight(name: str, value: float) -> widgets.Widget:
    return slider(name, 0.0, 10.0, 0.1, value, tooltip=f"{name}: weight of one half of the loss")
