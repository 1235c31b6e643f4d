"""Losses of masks: per pixel they are the flattened ones; Dice and T-Loss by independent means."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from anl_edu import losses


def case(N=3, K=4, H=6, W=5, seed=0, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    z = 2 * torch.randn(N, K, H, W, generator=g, dtype=dtype)
    return z.requires_grad_(), torch.randint(K, (N, H, W), generator=g)


@pytest.mark.parametrize("name", losses.names())
def test_a_loss_of_pixels_is_that_of_so_many_samples(name):
    z, y = case(8, 11, 64, 64, dtype=torch.float32)
    loss = losses.build(name)
    flat = z.detach().permute(0, 2, 3, 1).reshape(-1, 11).requires_grad_()
    value, flattened = loss(z, y), loss(flat, y.flatten())
    torch.testing.assert_close(value, flattened, rtol=1e-5, atol=1e-6)
    (gradient,) = torch.autograd.grad(value, z)
    (expected,) = torch.autograd.grad(flattened, flat)
    expected = expected.view(8, 64, 64, 11).permute(0, 3, 1, 2)
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-10)


# --- Dice -------------------------------------------------------------------------------------


def dice_by_hand(z, y, smooth):
    """Each class in turn, in NumPy, from a softmax of its own."""
    powers = np.exp(z - z.max(1, keepdims=True))
    p = powers / powers.sum(1, keepdims=True)
    return [
        1 - (2 * p[:, k][y == k].sum() + smooth) / (p[:, k].sum() + (y == k).sum() + smooth)
        for k in range(z.shape[1])
    ]


@pytest.mark.parametrize("smooth", [1.0, 0.1])
def test_dice_is_counted_class_by_class(smooth):
    z, y = case()
    y[y == 3] = 0  # a class that is nowhere
    expected = dice_by_hand(z.detach().numpy(), y.numpy(), smooth)
    for reduction, wanted in (
        ("none", expected),
        ("mean", np.mean(expected)),
        ("sum", np.sum(expected)),
    ):
        found = losses.build("dice", reduction=reduction, smooth=smooth)(z, y)
        assert found.tolist() == pytest.approx(wanted, rel=1e-12)


def test_dice_of_a_sure_prediction_is_one_less_the_dice_of_the_masks():
    _, y = case()
    _, said = case(seed=1)
    z = 1e3 * torch.nn.functional.one_hot(said, 4).permute(0, 3, 1, 2).double()
    found = losses.build("dice", reduction="none", smooth=1e-9)(z, y)
    for k in range(4):
        a, b = y == k, said == k
        assert 1 - found[k] == pytest.approx(float(2 * (a & b).sum() / (a.sum() + b.sum())))
    assert (
        losses.build("dice")(1e3 * torch.nn.functional.one_hot(y, 4).movedim(-1, 1).double(), y)
        < 1e-12
    )


# --- T-Loss -----------------------------------------------------------------------------------


@pytest.mark.parametrize("nu", [0.5, 1.0, 7.0])
def test_t_loss_is_the_density_of_scipys_student_t(nu):
    z, y = case()
    p = z.detach().softmax(1).flatten(2).numpy()  # (N, K, P)
    e = torch.nn.functional.one_hot(y, 4).permute(0, 3, 1, 2).flatten(2).numpy()
    away = np.sqrt(((p - e) ** 2).sum(1) / 2)  # (N, P): how far a pixel is off, in all classes
    P = away.shape[1]
    expected = [-stats.multivariate_t(df=nu, shape=np.eye(P)).logpdf(d) / P for d in away]
    loss = losses.build("t-loss", nu=nu, reduction="none")
    assert loss(z, y).tolist() == pytest.approx(expected, rel=1e-6)
    mean = losses.build("t-loss", nu=nu)(z, y)
    assert mean.item() == pytest.approx(np.mean(expected), rel=1e-6)


def test_for_two_classes_t_loss_is_the_published_one_a_pixel():
    """The paper's formula on the foreground's probability, as its equation 6 has it."""
    z, y = case(K=2)
    nu, P = 2.5, 30
    f = z.detach().softmax(1)[:, 1].flatten(1)
    squares = (f - y.flatten(1)).square().sum(1)
    paper = (
        -math.lgamma((nu + P) / 2)
        + math.lgamma(nu / 2)
        + P / 2 * math.log(math.pi * nu)
        + (nu + P) / 2 * torch.log(1 + squares / nu)
    )
    found = losses.build("t-loss", nu=nu, reduction="none")(z, y)
    torch.testing.assert_close(found, paper / P, rtol=1e-6, atol=0)


def test_the_degrees_of_freedom_learn_by_the_slope_of_the_loss():
    z, y = case()
    loss = losses.build("t-loss", nu=3.0)
    (slope,) = torch.autograd.grad(loss(z, y), loss.log_nu)
    step = 1e-4
    values = [
        losses.build("t-loss", nu=3.0 * math.exp(sign * step))(z, y).item() for sign in (1, -1)
    ]
    assert slope.item() == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-3)
    assert [p.shape for p in loss.parameters()] == [torch.Size([])]


def test_t_loss_has_a_bound_where_a_class_is_neither_there_nor_predicted():
    """A density for each class would grow for ever as its degrees of freedom fall."""
    z, y = case()
    y.clamp_(max=1)
    z = z.detach() - 50 * (torch.arange(4) > 1)[:, None, None]
    values = [losses.build("t-loss", nu=10.0**-n)(z, y).item() for n in range(12)]
    least = int(np.argmin(values))
    assert least < 8
    assert all(np.diff(values[least:]) > 0)


# --- both -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", losses.mask_names())
def test_slopes_are_those_of_the_values(name):
    z, y = case(2, 3, 3, 2)
    assert torch.autograd.gradcheck(lambda v: losses.build(name)(v, y), (z,))


@pytest.mark.parametrize("name", losses.mask_names())
def test_pixels_to_be_ignored_count_for_nothing(name):
    z, y = case(W=5)
    y[:, :, 4] = -100
    loss = losses.build(name)
    narrow = z.detach()[..., :4].clone().requires_grad_()
    value, expected = loss(z, y), loss(narrow, y[..., :4])
    torch.testing.assert_close(value, expected)
    (gradient,) = torch.autograd.grad(value, z)
    assert (gradient[..., 4] == 0).all()
    torch.testing.assert_close(gradient[..., :4], torch.autograd.grad(expected, narrow)[0])
    z, y = case()
    nothing = loss(z, torch.full_like(y, -100))
    (gradient,) = torch.autograd.grad(nothing, z)
    assert nothing.isfinite()
    assert (gradient == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("name", losses.mask_names())
def test_finite_on_extreme_logits(name, dtype):
    z, y = case(dtype=torch.float32)
    z = (5e3 * z.detach()).to(dtype).requires_grad_()
    value = losses.build(name)(z, y)
    assert value.dtype == torch.float32
    assert value.isfinite()
    assert torch.autograd.grad(value, z)[0].isfinite().all()


@pytest.mark.parametrize("name", losses.mask_names())
def test_wrong_input_is_named(name):
    loss = losses.build(name)
    z, y = case()
    with pytest.raises(ValueError, match=r"logits must be \(N, K, H, W\), got \(3, 4\)"):
        loss(z[:, :, 0, 0], y[:, 0, 0])
    with pytest.raises(ValueError, match=r"targets must be \(3, 6, 5\)"):
        loss(z, y[:, :3])
    y[0, 0, 0] = 4
    with pytest.raises(ValueError, match="class id 4 is outside"):
        loss(z, y)
    with pytest.raises(ValueError, match="reduction must be"):
        losses.build(name, reduction="all")


def test_names_of_mask_losses_are_known_and_apart():
    assert losses.mask_names() == ("dice", "t-loss")
    assert not set(losses.mask_names()) & set(losses.names())
    assert [losses.label(name) for name in losses.mask_names()] == ["Dice", "T-Loss"]
    assert losses.defaults("dice") == {"smooth": 1.0}
    with pytest.raises(ValueError, match="smooth of 'dice' must be above 0"):
        losses.build("dice", smooth=0)
    assert "t-loss" in repr(losses.build("t-loss", nu=2))
