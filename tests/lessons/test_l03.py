"""What lesson 03 draws is right: parts, squeezed predictions, disguises, slopes."""

import math

import numpy as np
import pytest
import torch

from anl_edu import losses
from anl_edu.lessons.l03_active_and_passive import figures


@pytest.mark.parametrize("name", figures.PARTED)
@pytest.mark.parametrize("p_y", [0.05, 0.5, 0.95])
def test_parts_add_to_the_loss(name: str, p_y: float) -> None:
    p = figures.shares_of_rest(p_y)
    assert p.sum().item() == pytest.approx(1)
    assert p[0].item() == pytest.approx(p_y)
    whole = getattr(losses, name)(p.log()[None], torch.tensor([0])).item()
    scale = 2 if name == "mae" else 1  # ||e - p||_1
    assert figures.parts(name, p).sum().item() == pytest.approx(scale * whole)


def test_active_losses_look_at_the_label_alone() -> None:
    p = figures.shares_of_rest(0.4)
    others = {name: figures.parts(name, p)[1:] for name in figures.PARTED}
    assert all((others[name] == 0).all() for name in ("ce", "fl"))
    assert all((others[name] > 0).all() for name in ("mae", "rce"))
    assert figures.parts("rce", p)[0] == 0
    with pytest.raises(ValueError, match="gce"):
        figures.parts("gce", p)


@pytest.mark.parametrize("count", [1, 8])
def test_squeezed_predictions_keep_p_y(count: int) -> None:
    p = figures.squeezed(0.3, torch.tensor([0.02, 1e-8], dtype=torch.float64), count)
    assert torch.allclose(p.sum(1), torch.ones(2, dtype=torch.float64))
    assert torch.allclose(p[:, 0], torch.full((2,), 0.3, dtype=torch.float64))
    assert (p[1] == 1e-8).sum() == count
    assert p[1, -1].item() == pytest.approx((1 + count) * 0.7 / 9)
    with pytest.raises(ValueError, match="9"):
        figures.squeezed(0.3, torch.tensor([0.1]), 9)


@pytest.mark.parametrize("p_y", [0.05, 0.3, 0.95])
@pytest.mark.parametrize("count", [1, 8])
def test_squeezing_lowers_nce_and_nothing_else(p_y: float, count: int) -> None:
    fig = figures.squeeze_figure(p_y, count)
    values = {trace.name: np.asarray(trace.y) for trace in fig.data}
    assert np.allclose(values["CE"], 1)
    assert np.allclose(values["MAE, slope"], 1)
    assert np.all(np.diff(values["NCE"]) < 0)
    assert values["NCE, slope"][-1] < values["NCE, slope"][0]


@pytest.mark.parametrize(
    ("name", "factor"),
    [("mae", 0.5), ("rce", -math.log(1e-4) / 2), ("nmae", 1 / 18), ("nrce", 1 / 18)],
)
def test_passive_losses_are_mae_in_disguise(name: str, factor: float) -> None:
    z, y = figures.predictions()
    p_y = z.softmax(1).gather(1, y[:, None]).squeeze(1)
    assert torch.allclose(figures.twin(name, z, y), factor * 2 * (1 - p_y))
    assert f"{factor:.4g} × MAE" in figures.disguise_figure(name).layout.meta["gist"]


@pytest.mark.parametrize("name", sorted(set(losses.names()) - {"mae", "rce"}))
def test_no_other_loss_is(name: str) -> None:
    assert "no multiple" in figures.disguise_figure(name).layout.meta["gist"]


def test_slope_in_p_is_the_derivative_along_the_path() -> None:
    fig = figures.slope_in_p(("ce", "nce", "mae"))
    p = torch.tensor(np.asarray(fig.data[0].x), dtype=torch.float64).requires_grad_()
    logits = torch.stack([p, *[(1 - p) / 9] * 9], 1).log()
    y = torch.zeros(len(p), dtype=torch.int64)
    for name, trace in zip(("ce", "nce", "mae"), fig.data, strict=True):
        (g,) = torch.autograd.grad(getattr(losses, name)(logits, y).sum(), p, retain_graph=True)
        assert np.allclose(trace.y, -g.numpy())
