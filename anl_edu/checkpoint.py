"""One file that holds a training run at the end of an epoch, written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from anl_edu import atomic

FORMAT = 1


def save(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write ``state`` so that a crash leaves either the old file or the new one, complete."""
    with atomic.writing(path) as file:
        torch.save({"format": FORMAT, **state}, file)


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `save` wrote.

    Raises
    ------
    ValueError
        When the file is damaged or is no checkpoint of this package. It is left as it is.
    """
    path = Path(path)
    try:
        # the checksums inside are checked before anything is used: torch's reader need not
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"damaged in {damaged}")
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict) or state.get("format") != FORMAT:
            raise ValueError(f"not written in format {FORMAT}")
    except (
        ValueError,
        RuntimeError,
        EOFError,
        KeyError,
        NotImplementedError,
        zipfile.BadZipFile,
        pickle.UnpicklingError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"checkpoint {path} cannot be used ({reason}); delete it or name another to start anew"
        ) from None
    return state


def require_same(path: str | os.PathLike[str], here: dict[str, str], there: dict[str, str]) -> None:
    """Raise unless the run that wrote a checkpoint is the run that wants to resume it."""
    different = [
        f"{key} {there.get(key, 'not given')} (here {here.get(key, 'not given')})"
        for key in sorted(here.keys() | there.keys())
        if here.get(key) != there.get(key)
    ]
    if different:
        raise ValueError(
            f"checkpoint {path} belongs to another run, with {', '.join(different)}; "
            "name another checkpoint, or delete this one to start anew"
        )


def digest(*tensors: Tensor | None) -> str:
    """Short content hash of tensors, the same on every device and memory format."""
    sha = hashlib.sha256()
    for t in tensors:
        if t is None:
            sha.update(b"none")
            continue
        sha.update(f"{tuple(t.shape)}{t.dtype}".encode())
        sha.update(t.detach().cpu().contiguous().numpy().data)
    return sha.hexdigest()[:16]
