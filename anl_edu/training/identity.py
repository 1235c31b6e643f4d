"""What a checkpoint belongs to: names for losses and models that no two different ones share."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Mapping
from types import CodeType, FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, nn

from anl_edu.data import ImageFiles
from anl_edu.data.files import Images

_SIMPLE = (bool, int, float, str, bytes, type(None), torch.dtype, torch.device)


def identify(thing: Any) -> str:
    """Return a text that is the same for the same loss or model, and for it alone.

    A module is its class, the code of its methods, its settings and its submodules, without the
    values of its parameters (a checkpoint holds those); a function is its code with its defaults
    and whatever it closes over; a partial is its function and arguments.

    Raises
    ------
    TypeError
        It holds something that cannot be told from another of its kind, such as an object without
        a form of its own.
    """
    if isinstance(thing, nn.Module):
        return _module(thing)
    if isinstance(thing, _SIMPLE):
        return repr(thing)
    if isinstance(thing, Tensor):
        return f"tensor {digest(thing)}"
    if isinstance(thing, functools.partial):
        inner = (thing.func, thing.args, dict(thing.keywords))
        return "partial(" + ", ".join(map(identify, inner)) + ")"
    if isinstance(thing, MethodType):
        return f"{identify(thing.__func__)} of {identify(thing.__self__)}"
    if isinstance(thing, FunctionType):
        return _function(thing)
    if isinstance(thing, Mapping):
        return "{" + ", ".join(f"{k!r}: {identify(v)}" for k, v in sorted(thing.items())) + "}"
    if isinstance(thing, list | tuple | set | frozenset):
        return "(" + ", ".join(map(identify, thing)) + ")"
    if isinstance(thing, type) or inspect.isbuiltin(thing) or inspect.isroutine(thing):
        return f"{thing.__module__}.{getattr(thing, '__qualname__', repr(thing))}"
    raise TypeError(
        f"{type(thing).__name__} cannot be told from another of its kind, so no checkpoint can be "
        "kept for it: give a function, a torch module or a loss of anl_edu.losses"
    )


def differences(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """Name what is not the same in two runs, each given by texts that tell it from others."""
    return [
        _difference(key, here.get(key), there.get(key))
        for key in sorted(here.keys() | there.keys())
        if here.get(key) != there.get(key)
    ]


def digest(*tensors: Images | None) -> str:
    """Short content hash of tensors, the same on every device and memory format; also of files."""
    sha = hashlib.sha256()
    for t in tensors:
        if t is None:
            sha.update(b"none")
            continue
        if isinstance(t, ImageFiles):
            sha.update(t.identity())
            continue
        sha.update(f"{tuple(t.shape)}{t.dtype}".encode())
        sha.update(t.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()[:16]


def _difference(key: str, here: str | None, there: str | None) -> str:
    short = [v if v is None or len(v) <= 60 else f"{v[:57]}..." for v in (there, here)]
    if short[0] == short[1]:  # two long texts that begin alike
        return f"another {key}"
    return f"{key} {short[0] or 'not given'} (here {short[1] or 'not given'})"


def _module(module: nn.Module) -> str:
    kind = type(module)
    said = f"{kind.__module__}.{kind.__qualname__}"
    if not kind.__module__.startswith("torch.") and isinstance(kind.forward, FunctionType):
        said += f" {_function(kind.forward)}"
    settings = {
        k: v
        for k, v in vars(module).items()
        if not k.startswith("_") and k not in ("training", "T_destination", "dump_patches")
    }
    parts = {name: identify(child) for name, child in module.named_children()}
    shapes = {k: tuple(v.shape) for k, v in module._parameters.items() if v is not None}
    constants = {k: digest(v) for k, v in module._buffers.items() if v is not None}
    if kind.__module__.startswith("torch.nn.modules.batchnorm"):
        constants = {}  # running statistics: the checkpoint holds them
    return f"{said}({identify(settings)}, {shapes}, {constants}, {parts})"


def _function(function: FunctionType) -> str:
    closed = [cell.cell_contents for cell in function.__closure__ or ()]
    inside = (function.__defaults__, function.__kwdefaults__, closed)
    name = f"{function.__module__}.{function.__qualname__}"
    if function.__module__.partition(".")[0] in ("torch", "anl_edu") and not closed:
        return f"{name}{identify(inside[:2])}"  # ours to keep the same under its name
    return f"{name} {_code(function.__code__)} {identify(inside)}"


def _code(code: CodeType) -> str:
    sha = hashlib.sha256(code.co_code)
    for constant in code.co_consts:
        sha.update((_code(constant) if isinstance(constant, CodeType) else repr(constant)).encode())
    sha.update(repr((code.co_names, code.co_varnames)).encode())
    return sha.hexdigest()[:12]
