"""One file that holds a training run at the end of an epoch, written whole or not at all."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from anl_edu import atomic
from anl_edu.training.identity import differences

FORMAT = 1
_NEEDED = ("model", "optimizer", "scaler", "records", "identity")


def save(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write ``state`` so that a crash leaves either the old file or the new one, complete.

    Raises
    ------
    OSError
        It cannot be written; the message names the file.
    """
    try:
        with atomic.writing(path) as file:
            torch.save({"format": FORMAT, **state}, file)
    except RuntimeError as error:
        # torch's writer meets a full disk in words of its own ("unexpected pos 70016 vs 69968")
        if not isinstance(error.__context__, OSError) and "unexpected pos" not in str(error):
            raise
        raise OSError(f"checkpoint {path} could not be written: is the disk full?") from error


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
        missing = [name for name in _NEEDED if name not in state]
        if missing:
            raise ValueError(f"it holds no {missing[0]}")
    except FileNotFoundError:
        raise
    except (
        ValueError,
        RuntimeError,
        OSError,
        EOFError,
        KeyError,
        AttributeError,
        NotImplementedError,
        zipfile.BadZipFile,
        pickle.UnpicklingError,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"checkpoint {path} cannot be used ({reason}); delete it or name another to start anew"
        ) from None
    return state


def require_same(
    path: str | os.PathLike[str], here: Mapping[str, str], there: Mapping[str, str]
) -> None:
    """Raise unless the run that wrote a checkpoint is the run that wants to resume it."""
    different = differences(here, there)
    if different:
        raise ValueError(
            f"checkpoint {path} belongs to another run, with {', '.join(different)}; "
            "name another checkpoint, or delete this one to start anew"
        )
