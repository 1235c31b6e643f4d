"""Where to compute, and in which precision: decided by what the hardware has."""

from __future__ import annotations

import ctypes
import os
import sys

import torch

PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def device(name: str | torch.device | None = None) -> torch.device:
    """Pick the device: the one named, else ``ANL_EDU_DEVICE``, else CUDA, MPS, CPU.

    Raises
    ------
    ValueError
        When the device named does not exist here.
    """
    source = "device"
    if name is None and os.environ.get("ANL_EDU_DEVICE"):
        name, source = os.environ["ANL_EDU_DEVICE"], "ANL_EDU_DEVICE"
    if name is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(name)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ValueError(
            f"{source} {str(name)!r} is not available here; try 'cpu', or leave it unset"
        ) from None
    return chosen


def precision(name: str, where: torch.device) -> torch.dtype:
    """Turn a name of `PRECISIONS` into the dtype of the forward pass.

    ``auto`` takes bfloat16 where the hardware multiplies it natively (CUDA from Ampere on, CPUs
    with AVX512-BF16 or AMX), float16 on a CUDA card that has only that (a T4), float32
    elsewhere: a CPU that emulates bfloat16 is more than ten times slower than in float32.
    """
    if name not in PRECISIONS:
        raise ValueError(f"unknown precision {name!r}; known: {', '.join(PRECISIONS)}")
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[
            name
        ]
    if where.type == "cuda":
        major = torch.cuda.get_device_capability(where)[0]
        if major >= 8:
            return torch.bfloat16
        return torch.float16 if major == 7 else torch.float32
    if where.type == "cpu" and _cpu_has_bfloat16():
        return torch.bfloat16
    return torch.float32


def keep_memory() -> None:
    """Let the C library keep freed blocks for the next step, on Linux with glibc.

    Activations of a batch are larger than the size from which glibc asks the kernel for each
    block anew and hands it back; the kernel then clears every page again, each step. That took a
    sixth of the time of a CNN-8 step on a CPU. The process's memory stays at its peak instead.
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


def _cpu_has_bfloat16() -> bool:
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, probe, bool)() for probe in probes)
