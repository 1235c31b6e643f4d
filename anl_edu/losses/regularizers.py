"""Terms that training adds to a loss: they look at the batch or the weights, not at the labels."""

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor


def entropy_regularizer(logits: Tensor) -> Tensor:
    """How far the mean prediction is from uniform: log K + sum_k p_bar_k log p_bar_k.

    p_bar is the mean of softmax(logits) over the batch (and over pixels). 0 where the classes are
    predicted equally often on average, log K where one class takes all.

    Parameters
    ----------
    logits : Tensor
        (N, K, ...), any floating dtype.

    Returns
    -------
    Tensor
        Scalar, in nats; 0 for an empty batch. Weigh it by lambda and add it to the loss.

    Notes
    -----
    X. Ye, Y. Wu, Y. Xu, X. Li, W. Zhang, Y. Chen (arXiv 2412.02373v1, 2024; TPAMI 2025): it keeps
    classes in balance under noise that is not symmetric. Their code gives lambda for CIFAR-10 (2)
    and CIFAR-100 (0.01) alone, and clamps p and p_bar at 1e-7; here nothing is clamped.
    """
    if not isinstance(logits, Tensor):
        raise TypeError(f"logits must be a tensor, got {type(logits).__qualname__}")
    dtype = torch.promote_types(logits.dtype, torch.float32)
    if logits.numel() == 0:
        return logits.sum(dtype=dtype)
    log_p = F.log_softmax(logits, dim=1, dtype=dtype)  # (N, K, ...)
    log_p = log_p.transpose(0, 1).flatten(1)  # (K, N...)
    # In logarithms to the end: p_bar may round to 0, and 0 log 0 has no gradient.
    log_p_bar = log_p.logsumexp(1) - math.log(log_p.shape[1])  # (K,)
    return math.log(logits.shape[1]) + (log_p_bar.exp() * log_p_bar).sum()


def l1_penalty(parameters: Iterable[Tensor]) -> Tensor:
    """Sum of ``|theta|`` over every parameter given, biases and norms too: a scalar.

    In float32, or float64 if any of them is: a sum in float16 would end at 65504. Weigh it by delta
    and add it to the loss, before the gradient is clipped; it stands in ANL's training where most
    others have weight decay (Ye et al. 2023, NeurIPS).
    """
    tensors = list(parameters)
    if not tensors:
        raise ValueError("l1_penalty needs at least one parameter, got none")
    dtype = torch.float32
    for t in tensors:
        dtype = torch.promote_types(dtype, t.dtype)
    # One fused call instead of two kernels per parameter.
    return torch.stack(torch._foreach_norm(tensors, 1, dtype=dtype)).sum()
