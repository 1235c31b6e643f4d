"""The identity of a run: a hash of what was trained on what, in which arithmetic.

What is hashed is what differs from the frozen defaults below. A field that is added to `Recipe`, or
a parameter that is added to a loss, so changes no old run; a default that changes its value does
change the runs that rely on it, and they are named anew. A new protocol gets a new number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from anl_edu import losses
from anl_edu.recipes import Recipe

PROTOCOL = 1
_RECIPE: Mapping[str, Any] = {
    "model": "mlp",
    "model_options": {},
    "epochs": 60,
    "batch_size": 128,
    "lr": 0.01,
    "momentum": 0.9,
    "nesterov": False,
    "weight_decay": 0.0,
    "l1": 0.0,
    "entropy": 0.0,
    "clip_norm": 5.0,
    "schedule": "cosine",
    "decay": 1.0,
    "augment": [],
    "precision": "float32",
    "train_images": None,
    "test_images": None,
    "train_eval": None,
}
_ALWAYS = ("dataset", "loss", "scale")  # said by the description of the run itself
_LOSSES: Mapping[str, Mapping[str, Any]] = {
    "ce": {},
    "fl": {"gamma": 0.5, "detach_focal": True},
    "mae": {},
    "rce": {},
    "gce": {"q": 0.7},
    "sce": {"alpha": 0.1, "beta": 1.0},
    "nce": {},
    "nfl": {"gamma": 0.5, "detach_focal": True},
    "nnce": {"p_min": 1e-7},
    "nnfl": {"gamma": 0.5, "p_min": 1e-7, "detach_focal": True},
    "nce+mae": {"alpha": 1.0, "beta": 1.0},
    "nce+rce": {"alpha": 1.0, "beta": 1.0},
    "anl-ce": {"alpha": 5.0, "beta": 5.0, "p_min": 1e-7},
    "anl-fl": {"alpha": 5.0, "beta": 5.0, "gamma": 0.5, "p_min": 1e-7, "detach_focal": True},
}


def identity(description: Mapping[str, Any], recipe: Recipe) -> str:
    """Hash a run's description and all of its recipe that differs from the protocol's defaults.

    Parameters
    ----------
    description
        Data set, loss, noise, rate, seed, scale: hashed whole.
    recipe
        The recipe behind it, with the loss's parameters.

    Returns
    -------
    str
        Ten hexadecimal digits. Numbers count by value: 1 and 1.0 are the same.
    """
    return digest(
        {
            "protocol": PROTOCOL,
            "run": description,
            "recipe": _unusual_fields(recipe),
            "loss": _unusual_parameters(recipe),
        }
    )[:10]


def digest(body: Any) -> str:
    """Hash plain values (SHA-256, 64 hexadecimal digits); numbers count by value."""
    return hashlib.sha256(json.dumps(_normal(body), sort_keys=True).encode()).hexdigest()


def _unusual_fields(recipe: Recipe) -> dict[str, Any]:
    unusual = {}
    for field in fields(recipe):
        if field.name in (*_ALWAYS, "loss_parameters"):
            continue
        value = _normal(getattr(recipe, field.name))
        if value != _normal(_RECIPE.get(field.name, field.default)):
            unusual[field.name] = value
    return unusual


def _unusual_parameters(recipe: Recipe) -> dict[str, Any]:
    values = losses.defaults(recipe.loss) | dict(recipe.loss_parameters)
    if recipe.loss not in _LOSSES:  # younger than the protocol: whatever its defaults become
        return _normal(values)
    usual = losses.defaults(recipe.loss) | dict(_LOSSES[recipe.loss])
    return {k: _normal(v) for k, v in values.items() if _normal(v) != _normal(usual[k])}


def _normal(value: Any) -> Any:
    """Plain values in one form: whole numbers as integers, lists for sequences."""
    if type(value) is float:  # nearly all there is, so it comes first
        return int(value) if value.is_integer() else value
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, list | tuple):
        return [_normal(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _normal(v) for k, v in value.items()}
    return _normal(float(value))
