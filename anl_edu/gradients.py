"""Which samples a loss listens to: closed forms, per-sample gradients, clean and wrong shares.

A sample's gradient at the logits says how hard it pulls; whether its label is right decides which
way. Ye et al. 2023 (NeurIPS) explain ANL by these sizes; lesson 05 derives the closed forms.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from anl_edu import losses
from anl_edu.losses import Loss


class Shares(NamedTuple):
    """Parts of a total gradient norm, adding to 1; both NaN where the total is 0."""

    clean: float
    wrong: float


def logit_gradient(name: str, logits: Tensor, targets: Tensor, **parameters: Any) -> Tensor:
    """Gradient of one sample's loss at its logits, in closed form.

    With e the one-hot label, l_k = -log p_k and S = sum_k l_k:
    CE p - e; MAE p_y (p - e); NCE [(p - e) S - l_y (K p - 1)] / S^2. For NNCE let F_k = A - l_k and
    F = sum_k F_k; where p_k < p_min the clamp makes F_k = 0 and passes no gradient, so with c_k = 1
    for the other classes and C = sum_k c_k: [c_y (p - e) F - F_y (C p - c)] / F^2.

    Parameters
    ----------
    name : {"ce", "mae", "nce", "nnce"}
        The loss.
    logits : Tensor
        (N, K, ...), floating point.
    targets : Tensor
        (N, ...), int64.
    **parameters
        ``p_min`` for "nnce".

    Returns
    -------
    Tensor
        (N, K, ...), float32 or better, without graph.

    Raises
    ------
    ValueError
        There is no closed form under this name.
    """
    if name not in ("ce", "mae", "nce", "nnce"):
        raise ValueError(f"closed forms exist for ce, mae, nce and nnce, got {name!r}")
    settings = losses.build(name, **parameters).parameters_
    l = losses.ce_table(logits.detach())  # (N, K, ...)
    p = torch.exp(-l)
    y = targets.unsqueeze(1)  # (N, 1, ...)
    difference = p.scatter_add(1, y, p.new_tensor(-1.0).expand(y.shape))  # p - e
    if name == "ce":
        return difference
    if name == "mae":
        return p.gather(1, y) * difference
    if name == "nce":
        S = l.sum(1, keepdim=True)
        return (difference * S - l.gather(1, y) * (l.shape[1] * p - 1)) / S**2
    A = losses.ce_maximum(**settings)
    c = (l <= A).to(l.dtype)
    F_k = A - l.clamp(max=A)
    F = F_k.sum(1, keepdim=True)
    C = c.sum(1, keepdim=True)
    return (c.gather(1, y) * difference * F - F_k.gather(1, y) * (C * p - c)) / F**2


def entropy_pull(p: Tensor, p_bar: Tensor) -> Tensor:
    """N times the gradient of the entropy regulariser at each sample's logits, in closed form.

    p_j (log p_bar_j - sum_k p_k log p_bar_k): 0 for a sample that is sure, and for every sample
    where p_bar is uniform. Derived in lesson 07 from `losses.entropy_regularizer`.

    Parameters
    ----------
    p : Tensor
        (..., K) predictions.
    p_bar : Tensor
        (K,) mean prediction of their batch of N, all above 0.

    Returns
    -------
    Tensor
        (..., K), adding to 0 over the classes.
    """
    log = p_bar.log()
    return p * (log - (p * log).sum(-1, keepdim=True))


def label_gradient(
    name: str,
    p_y: float | Tensor,
    K: int = 10,
    p_min: float = losses.P_MIN,
    gamma: float = 0.5,
    **parameters: Any,
) -> Tensor:
    """Size of d loss / d z_y when the other K - 1 classes share 1 - p_y equally.

    Parameters
    ----------
    name : str
        Any of ``losses.names()``.
    p_y : float or Tensor
        Probability of the label, 0..1, any shape.
    K : int
        Number of classes, at least 2.
    p_min, gamma
        Given to the losses that have them.
    **parameters
        Any other parameter of the loss.

    Returns
    -------
    Tensor
        Shape of ``p_y``, float64, >= 0. At K = 10 it is the table of lesson 05.
    """
    p = torch.as_tensor(p_y, dtype=torch.float64).detach().cpu()
    if p.numel() and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(f"p_y must be between 0 and 1, got {p_y!r}")
    if K < 2:
        raise ValueError(f"K must be at least 2, got {K!r}")
    common: dict[str, Any] = {"p_min": p_min, "gamma": gamma}
    known = losses.defaults(name)
    settings = {k: v for k, v in common.items() if k in known} | parameters
    q = p.reshape(-1, 1)
    probabilities = torch.cat([q, ((1 - q) / (K - 1)).expand(-1, K - 1)], 1)  # (n, K), label first
    logits = probabilities.clamp(min=torch.finfo(p.dtype).tiny).log().requires_grad_()
    label = torch.zeros(len(q), dtype=torch.int64)
    loss = losses.build(name, reduction="sum", **settings)
    (g,) = torch.autograd.grad(loss(logits, label), logits)
    return g[:, 0].abs().reshape(p.shape)


def per_sample_logit_norms(
    loss: Callable[[Tensor, Tensor], Tensor], logits: Tensor, targets: Tensor
) -> Tensor:
    """Euclidean norm of each sample's loss gradient at its own logits.

    Parameters
    ----------
    loss : Loss or callable
        A `Loss` (its reduction does not matter), or a callable giving one value per target, such
        as ``torch.nn.CrossEntropyLoss(reduction="none")``.
    logits : Tensor
        (N, K, ...).
    targets : Tensor
        (N, ...), int64.

    Returns
    -------
    Tensor
        (N,), float32 or better. Of a loss per pixel, the norm is that of the sample's sum.
    """
    dtype = torch.promote_types(logits.dtype, torch.float32)
    z = logits.detach().to(dtype).requires_grad_()
    with torch.enable_grad():
        # A sample's loss sees only its own logits, so one backward pass of the sum parts them.
        (g,) = torch.autograd.grad(_values(loss, z, targets).sum(), z)
    return torch.linalg.vector_norm(g.flatten(1), dim=1)


def per_sample_parameter_norms(
    model: nn.Module,
    loss: Callable[[Tensor, Tensor], Tensor],
    images: Tensor,
    targets: Tensor,
    chunk_size: int | None = 64,
) -> Tensor:
    """Euclidean norm of each sample's loss gradient at all the model's trainable parameters.

    The model is run in evaluation mode, and put back as it was: batch normalisation then uses its
    running statistics and dropout is off. In training mode a batch's samples share statistics, and
    the gradient of one sample alone has no meaning.

    Parameters
    ----------
    model : Module
        Gives logits (N, K, ...) for images (N, ...).
    loss
        As in `per_sample_logit_norms`.
    images : Tensor
        (N, ...), as the model takes them (normalised, floating point).
    targets : Tensor
        (N, ...), int64.
    chunk_size : int, optional
        Samples at a time: memory is this many copies of the parameters. None: all at once.

    Returns
    -------
    Tensor
        (N,).

    Raises
    ------
    ValueError
        The model has no trainable parameter.
    """
    trained = {k: v.detach() for k, v in model.named_parameters() if v.requires_grad}
    if not trained:
        raise ValueError(f"{type(model).__name__} has no trainable parameter")
    if len(images) == 0:
        return images.new_zeros(0)
    fixed = {k: v.detach() for k, v in model.named_parameters() if not v.requires_grad}
    fixed |= dict(model.named_buffers())

    def sample_loss(parameters: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        logits = functional_call(model, parameters | fixed, (x.unsqueeze(0),))  # (1, K, ...)
        return _values(loss, logits, y.unsqueeze(0)).sum()

    def norm(x: Tensor, y: Tensor) -> Tensor:
        gradients = grad(sample_loss)(trained, x, y)
        squares = [g.square().sum() for g in gradients.values()]
        return torch.stack(squares).sum().sqrt()

    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        return vmap(norm, chunk_size=chunk_size)(images, targets).detach()
    finally:
        for module, training in modes.items():
            module.training = training


def shares(norms: Tensor, wrong: Tensor) -> Shares:
    """Split the sum of gradient norms between rightly and wrongly labelled samples.

    Parameters
    ----------
    norms : Tensor
        (N,) gradient norms.
    wrong : Tensor
        (N,) bool, True where the label is wrong.

    Returns
    -------
    Shares
        ``clean`` and ``wrong``, fractions 0..1.
    """
    if wrong.dtype != torch.bool or wrong.shape != norms.shape:
        raise ValueError(
            f"wrong must be a bool mask of shape {tuple(norms.shape)}, "
            f"got {wrong.dtype} of shape {tuple(wrong.shape)}"
        )
    norms, wrong = norms.detach().cpu().double(), wrong.cpu()  # MPS has no float64
    total = norms.sum().item()
    if total == 0:
        return Shares(float("nan"), float("nan"))
    part = norms[wrong].sum().item() / total
    return Shares(1 - part, part)


def _values(loss: Any, logits: Tensor, targets: Tensor) -> Tensor:
    if isinstance(loss, Loss):
        return loss.unreduced(logits, targets)
    values = loss(logits, targets)
    if values.shape != targets.shape:
        raise ValueError(
            f"loss must give one value per target, {tuple(targets.shape)} "
            f"(reduction='none'), got {tuple(values.shape)}"
        )
    return values
