"""A key for each class."""

from __future__ import annotations

import string
from collections.abc import Sequence

TAKEN = "u"  # takes back
KEYS = string.digits + string.ascii_lowercase


def keys_of(classes: Sequence[str]) -> list[str]:
    """Return a key for each class: a digit or a letter, or nothing where all are given away.

    A name of one character is its own key. Of other names, up to ten are numbered from 0; of more,
    each gets a letter of its own, or any that is free.
    """
    keys = [name.lower() if len(name) == 1 and _free(name.lower(), ()) else "" for name in classes]
    keys = ["" if key in keys[:i] else key for i, key in enumerate(keys)]
    for i, name in enumerate(classes):
        if not keys[i]:
            wanted = KEYS[i : i + 1] if len(classes) <= 10 else name.lower()
            keys[i] = next((key for key in (*wanted, *KEYS) if _free(key, keys)), "")
    return keys


def _free(key: str, given: Sequence[str]) -> bool:
    return key in KEYS and key not in TAKEN and key not in given
