"""In what a run's recipe differs from the usual one of its loss, as values and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from anl_edu import losses
from anl_edu.recipes.recipe import Frozen
from anl_edu.runs.spec import RunSpec


def changed(spec: RunSpec) -> Frozen:
    """Return the fields of a run's recipe that are not as the usual recipe has them.

    A change that says what the recipe says anyway is none; of the loss's parameters and the
    model's options only those that differ are named.
    """
    here, usual = spec.recipe, replace(spec, changes={}).recipe
    found: dict[str, Any] = {}
    for name in (field.name for field in fields(here)):
        new, old = getattr(here, name), getattr(usual, name)
        if isinstance(new, Mapping):
            known = losses.defaults(spec.loss) if name == "loss_parameters" else {}
            old = {**known, **old}
            if differing := {k: v for k, v in new.items() if k not in old or old[k] != v}:
                found[name] = Frozen(differing)
        elif new != old:
            found[name] = new
    return Frozen(found)


def in_words(changes: Mapping[str, Any]) -> str:
    """Write changes as the name of a row has them: ``"L1 0, alpha 1"``."""
    parts = []
    for name, value in changes.items():
        if isinstance(value, Mapping):
            parts.append(in_words(value))
        else:
            words = "L1" if name == "l1" else name if name == "p_min" else name.replace("_", " ")
            parts.append(f"{words} {_plain(value)}")
    return ", ".join(parts)


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return "+".join(map(str, value)) or "none"
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
