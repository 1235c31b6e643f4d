"""What can be set in the playground, and the whole state that some settings make."""

from __future__ import annotations

import json
from difflib import get_close_matches
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

# Names, words, ranges and beginnings, for this file and for the page alike.
SETTINGS: dict[str, Any] = json.loads(
    files(__package__).joinpath("page/settings.json").read_text(encoding="utf-8")
)
SIDES = ("_1", "_2")


def complete(some: dict[str, Any]) -> dict[str, Any]:
    """Return a whole state from some settings.

    A side's setting without its number counts for both networks. What is not given begins where
    the page begins, a loss's parameters where that loss has them.

    Raises
    ------
    ValueError
        A name that is none, or a value that its setting cannot take.
    """
    given: dict[str, Any] = {}
    for name, value in some.items():
        if name in SETTINGS["side"]:
            given |= {name + side: some.get(name + side, value) for side in SIDES}
        elif name in SETTINGS["shared"] or (name[:-2] in SETTINGS["side"] and name.endswith(SIDES)):
            given[name] = value
        else:
            near = get_close_matches(name, [*SETTINGS["shared"], *SETTINGS["side"]], 1)
            meant = f"; do you mean {near[0]}?" if near else ""
            raise ValueError(f"no setting is called {name!r}{meant}")
    state = {
        name: _checked(name, setting, given.get(name, setting["start"]))
        for name, setting in SETTINGS["shared"].items()
    }
    losses = {"options": {name: loss["label"] for name, loss in SETTINGS["losses"].items()}}
    for side in SIDES:
        loss = _checked(
            f"loss{side}",
            losses,
            given.get(f"loss{side}", SETTINGS["side"]["loss"]["start"][side[1]]),
        )
        begin = SETTINGS["losses"][loss]["parameters"]
        for name, setting in SETTINGS["side"].items():
            start = loss if name == "loss" else begin.get(name, setting["start"])
            own = losses if name == "loss" else setting
            state[name + side] = _checked(name + side, own, given.get(name + side, start))
    if state["point"] >= state["points"]:
        state["point"] = -1
    return state


def link(some: dict[str, Any]) -> str:
    """Return what follows the page's address so that it opens in this state: ``#noise=0.6``."""
    complete(some)
    words = {name: str(v).lower() if isinstance(v, bool) else v for name, v in some.items()}
    return f"#{urlencode(words)}"


def _checked(name: str, setting: dict[str, Any], value: Any) -> Any:
    if "options" in setting:
        if not isinstance(value, str) or value not in setting["options"]:
            raise ValueError(f"{name} is one of {', '.join(setting['options'])}, not {value!r}")
        return value
    if isinstance(setting["start"], bool):
        if not isinstance(value, bool):
            raise ValueError(f"{name} is True or False, not {value!r}")
        return value
    low, high = setting["low"], setting["high"]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is a number from {low} to {high}, not {value!r}")
    if not (low <= value <= high or (setting.get("zero") and value == 0)):
        raise ValueError(f"{name} is {low} to {high}, not {value!r}")
    if isinstance(setting.get("step"), int) and value != int(value):
        raise ValueError(f"{name} is a whole number, not {value!r}")
    return value
