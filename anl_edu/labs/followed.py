"""Lab 2's experiment: a network followed through training, sample by sample and group by group."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn

from anl_edu import losses, recipes, runs, training
from anl_edu.data import ImageData
from anl_edu.labs.variants import Variant
from anl_edu.recipes import Recipe
from anl_edu.training.augment import Normalise

IMAGES, EPOCHS = 400, 24


@dataclass(frozen=True)
class Followed:
    """What was seen before training and after each of E epochs; float64, on the CPU.

    Attributes
    ----------
    p_y
        (E + 1, N): the probability of each training image's label, right or wrong.
    gradients
        (E + 1, N, K): each training image's gradient of the loss at its own logits.
    clean, wrong
        (E + 1, P): the gradient at all P parameters, summed over the images whose label is right,
        and over those whose label is wrong; without the L1 penalty.
    """

    p_y: Tensor
    gradients: Tensor
    clean: Tensor
    wrong: Tensor


def noisy_digits(me: Variant) -> ImageData:
    """Return 400 training images of the variant's digits, their labels made wrong by its noise."""
    return runs.noisy_data(me.data().subset(IMAGES), me.kind, me.rate, me.seed)


def recipe(loss: str) -> Recipe:
    """Return how a loss is trained in this lab: the desk recipe, smaller and slower."""
    known = recipes.get("digits", loss)
    options = {"hidden": (64, 64)}
    return known.replace(model_options=options, batch_size=32, lr=0.02, epochs=EPOCHS)


def follow(me: Variant, loss: str, epochs: int = EPOCHS) -> Followed:
    """Train a network on the variant's noisy digits, and look at it before and after each epoch.

    Parameters
    ----------
    me
        Whose digits, noise and seed.
    loss
        A name of `losses.names`; trained by `recipe`.
    epochs
        After which to stop; the first epochs are those of the whole run.
    """
    data, how = noisy_digits(me), recipe(loss)
    model, criterion = how.build_model(data, seed=me.seed), how.build_loss()
    seen = [_look(model, criterion, data)]
    for _ in islice(training.fit(model, data, criterion, how, seed=me.seed, device="cpu"), epochs):
        seen.append(_look(model, criterion, data))
    return Followed(*(torch.stack(parts) for parts in zip(*seen, strict=True)))


def _look(model: nn.Module, criterion: losses.LossModule, data: ImageData) -> tuple[Tensor, ...]:
    model.eval()
    x = Normalise(data.mean, data.std, torch.device("cpu"))(data.x_train)
    y = data.y_train
    z = model(x).detach().double().requires_grad_()  # (N, K)
    (g,) = torch.autograd.grad(criterion(z, y) * len(y), z)  # the criterion takes a mean
    p_y = z.detach().softmax(1).gather(1, y[:, None])[:, 0]
    weights = list(model.parameters())
    sums = []
    for group in (~data.wrong, data.wrong):
        total = criterion(model(x[group]), y[group]) * group.sum()
        sums.append(torch.cat([w.flatten() for w in torch.autograd.grad(total, weights)]).double())
    return p_y, g, *sums
