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
    assert figures.parts(name, p).sum().item() == pytest.approx(whole)


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
    [("mae", 1), ("rce", -math.log(1e-4)), ("nmae", 1 / 9), ("nrce", 1 / 9)],
)
def test_passive_losses_are_mae_in_disguise(name: str, factor: float) -> None:
    z, y = figures.predictions()
    p_y = z.softmax(1).gather(1, y[:, None]).squeeze(1)
    assert torch.allclose(figures.twin(name, z, y), factor * (1 - p_y))
    assert f"{factor:.4g} × MAE" in figures.disguise_figure(name).layout.meta["gist"]


@pytest.mark.parametrize("name", sorted(set(losses.names()) - {"mae", "rce"}))
def test_no_other_loss_is(name: str) -> None:
    assert "no multiple" in figures.disguise_figure(name).layout.meta["gist"]


def test_slopes_are_the_derivatives_along_the_path() -> None:
    names = ("ce", "nce", "mae")
    fig = figures.slopes(names)
    p = torch.tensor(np.asarray(fig.data[0].x), dtype=torch.float64).requires_grad_()
    z = torch.stack([p, *[(1 - p) / 9] * 9], 1).log()
    fixed = z.detach().requires_grad_()
    y = torch.zeros(len(p), dtype=torch.int64)
    for place, name in enumerate(names):
        loss = getattr(losses, name)
        (in_p,) = torch.autograd.grad(loss(z, y).sum(), p, retain_graph=True)
        (in_z,) = torch.autograd.grad(loss(fixed, y).sum(), fixed)
        assert np.allclose(fig.data[2 * place].y, -in_p.numpy())
        assert np.allclose(fig.data[2 * place + 1].y, -in_z[:, 0].numpy())


def test_the_mean_over_seeds_is_drawn() -> None:
    runs = {name: some for name, some in figures.example_runs().items() if name == "ce"}
    drawn = figures.training_accuracy(runs).data[0].y
    assert drawn[0] == pytest.approx(100 * (1 - 0.7))
    up = figures.turned_up({"nce": runs["ce"], "10 NCE": runs["ce"]})
    named = [trace for trace in up.data if trace.mode == "lines+markers"]
    assert len(named) == 4
    assert named[0].line.dash != named[2].line.dash
