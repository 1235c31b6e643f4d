"""Where to compute, and in which arithmetic."""

from __future__ import annotations

import ctypes
import os
import sys

import torch

from anl_edu.recipes import PRECISIONS

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def device(name: str | torch.device | None = None) -> torch.device:
    """Pick the device: the one named, else ``ANL_EDU_DEVICE``, else CUDA, MPS, CPU.

    Of the processes that ``torchrun`` starts, each gets a card of its own: ``cuda`` is
    ``cuda:LOCAL_RANK`` in them.

    Raises
    ------
    ValueError
        When the device named does not exist here, or cannot hold numbers.
    """
    source = "device"
    if name is None and os.environ.get("ANL_EDU_DEVICE"):
        name, source = os.environ["ANL_EDU_DEVICE"], "ANL_EDU_DEVICE"
    local = os.environ.get("LOCAL_RANK")
    if name is None:
        if not torch.cuda.is_available():
            # Apple's GPU is one, and no library lets processes talk over it
            mps = local is None and torch.backends.mps.is_available()
            return torch.device("mps" if mps else "cpu")
        name = "cuda"
        if local is None:
            return torch.device(name)
    if local is not None and str(name) == "cuda":
        name = f"cuda:{local}"
    try:
        chosen = torch.device(name)
        torch.zeros(1, device=chosen).item()
    except (RuntimeError, AssertionError, NotImplementedError, ImportError):
        raise ValueError(
            f"{source} {str(name)!r} is not available here; try 'cpu', or leave it unset"
        ) from None
    return chosen


def precision(name: str, where: torch.device) -> torch.dtype:
    """Turn a recipe's precision into the dtype of the forward pass.

    ``auto`` (of paper-size recipes) is float32 on every CPU and on MPS. On CUDA it is bfloat16
    from Ampere on, float16 on a card that has only that (a T4), and float32 on older ones.
    """
    if name in _DTYPES:
        return _DTYPES[name]
    if name != "auto":
        raise ValueError(f"unknown precision {name!r}; known: {', '.join(PRECISIONS)}")
    if where.type != "cuda":
        return torch.float32
    major = torch.cuda.get_device_capability(where)[0]
    if major >= 8:
        return torch.bfloat16
    return torch.float16 if major == 7 else torch.float32


def cpu_has_bfloat16() -> bool:
    """Tell whether this CPU multiplies bfloat16 natively (AVX512-BF16 or AMX)."""
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, bool)() for probe in probes)


def keep_memory() -> None:
    """Let the C library keep freed blocks for the next step, on Linux with glibc.

    Activations of a batch are larger than the size from which glibc asks the kernel for each
    block anew and hands it back; the kernel then clears every page again, each step. That took a
    sixth of the time of a CNN-8 step on a CPU. The whole process's memory stays at its peak
    instead, so this is for a process that does nothing but train: the command line's.
    """
    if not sys.platform.startswith("linux"):
        return
    m_trim_threshold, m_mmap_threshold = -1, -3  # malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return
    mallopt(m_mmap_threshold, 1 << 30)
    mallopt(m_trim_threshold, (1 << 31) - 1)
