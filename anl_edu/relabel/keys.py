"""A key for each class."""

from __future__ import annotations

import string
from collections.abc import Sequence

TAKEN = "u"  # takes back
KEYS = string.digits + string.ascii_lowercase


def keys_of(classes: Sequence[str]) -> list[str]:
    """Return a key for each class: a digit or a letter, or nothing where all are given away.

    A name of one character is its own key. Of other names, up to ten get the digit that they end
    in, where no other ends in it, or are numbered from 0 by digits that no name ends in; of more,
    each gets a letter of its own, or any that is free.
    """
    keys = [name.lower() if len(name) == 1 and _free(name.lower(), ()) else "" for name in classes]
    keys = ["" if key in keys[:i] else key for i, key in enumerate(keys)]
    few = len(classes) <= 10
    ends = [name[-1:] if few and name[-1:] in {*string.digits} else "" for name in classes]
    for i, end in enumerate(ends):
        if end and not keys[i] and ends.count(end) == 1 and _free(end, keys):
            keys[i] = end
    for i, name in enumerate(classes):
        if not keys[i]:
            wanted = KEYS[i : i + 1] if few else name.lower()
            clear = (key for key in (*wanted, *KEYS) if key not in ends)
            keys[i] = next((key for key in clear if _free(key, keys)), "")
    return keys


def _free(key: str, given: Sequence[str]) -> bool:
    return key in KEYS and key not in TAKEN and key not in given
