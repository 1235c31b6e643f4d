"""What is typed on the command line, read: FIELD=VALUE and NAME=VALUE."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_TEXTS = ("model", "schedule", "precision")
_OPTIONS = ("dataset", "loss", "scale")  # fields of a recipe that have an option of their own


def parse_changes(texts: Iterable[str], precision: str | None = None) -> dict[str, Any]:
    """Read ``["epochs=10", "loss.alpha=1"]`` into changes of a recipe.

    Raises
    ------
    ValueError
        A text that is not FIELD=VALUE, or a value that its field cannot take.
    """
    changes: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"change {text!r} is not FIELD=VALUE, for instance epochs=10")
        if name in _OPTIONS:
            raise ValueError(f"{text!r}: use --{name} {value}")
        if name.startswith("loss."):
            parameters[name.removeprefix("loss.")] = _value(value, text)
        else:
            changes[name] = _field(name, value, text)
    if parameters:
        changes["loss_parameters"] = parameters
    if precision is not None:
        changes["precision"] = precision
    return changes


def parse_settings(texts: Iterable[str]) -> dict[str, bool | float | int | str]:
    """Read ``["noise=0.6", "loss_1=mae"]`` into settings of the playground.

    Raises
    ------
    ValueError
        A text that is not NAME=VALUE.
    """
    settings: dict[str, bool | float | int | str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"setting {text!r} is not NAME=VALUE, for instance noise=0.6")
        try:
            read = _value(value, text)
        except ValueError:
            read = None
        settings[name] = value if read is None else read
    return settings


def _field(name: str, value: str, text: str) -> Any:
    if name in _TEXTS:
        return value
    if name == "augment":
        return [] if value == "none" else value.split(",")
    if name in ("loss_parameters", "model_options"):
        raise ValueError(f"{text!r}: {name} holds many values; the loss's are set by loss.NAME=...")
    return _value(value, text)


def _value(value: str, text: str) -> bool | float | int | None:
    if value in ("true", "false"):
        return value == "true"
    if value == "none":
        return None
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    raise ValueError(f"{value!r} in {text!r} is not a number, true, false or none")
