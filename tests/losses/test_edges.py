"""Where naive code overflows, divides by zero or loses its gradient (every loss, every edge)."""

import math

import pytest
import torch

from anl_edu import losses

ALL = list(losses.names())
WHOLE = [(n, {"detach_focal": False}) for n in ALL if "detach_focal" in losses.defaults(n)]
EVERY = [(n, {}) for n in ALL] + WHOLE


def _value_and_gradient(loss, logits, targets):
    z = logits.clone().requires_grad_()
    value = loss(z, targets)
    (gradient,) = torch.autograd.grad(value, z)
    return value.detach(), gradient


def _one_hot_logits(K, size, dtype):
    """Each class once as the winner by ``size``, judged with a right and with a wrong label."""
    z = torch.full((2 * K, K), -size, dtype=dtype)
    winners = torch.arange(K).repeat(2)
    z[torch.arange(2 * K), winners] = size
    return z, torch.cat([winners[:K], (winners[:K] + 1) % K])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("K", [2, 10, 1000])
@pytest.mark.parametrize(("name", "parameters"), EVERY, ids=str)
def test_finite_on_extreme_logits(name, parameters, K, dtype):
    loss = losses.build(name, **parameters)
    for size in (0.0, 20.0, 1e4):
        z, y = _one_hot_logits(min(K, 10), size, dtype)
        z = torch.nn.functional.pad(z, (0, K - z.shape[1]), value=-size)
        value, gradient = _value_and_gradient(loss, z, y)
        assert value.isfinite()
        assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        assert gradient.isfinite().all()
        assert gradient.dtype == dtype


@pytest.mark.parametrize(("name", "parameters"), EVERY, ids=str)
def test_finite_on_the_largest_bfloat16(name, parameters):
    # Differences of such logits are infinite in float32.
    m = torch.finfo(torch.bfloat16).max
    z = torch.tensor([[m, -m, 0.0], [m, -m, -m], [m, m, m], [-m] * 3]).bfloat16().repeat(3, 1)
    y = torch.arange(3).repeat_interleave(4)
    loss = losses.build(name, reduction="none", **parameters)
    value, z = loss(z.requires_grad_(), y), z
    assert value.isfinite().all()
    assert torch.autograd.grad(value.sum(), z)[0].isfinite().all()


@pytest.mark.parametrize(("name", "parameters"), EVERY, ids=str)
def test_half_precision_equals_float32_of_the_same_numbers(name, parameters):
    torch.manual_seed(0)
    y = torch.randint(10, (32,))
    loss = losses.build(name, **parameters)
    for dtype in (torch.float16, torch.bfloat16):
        z = (6 * torch.randn(32, 10)).to(dtype)
        assert torch.equal(loss(z, y), loss(z.float(), y))


@pytest.mark.parametrize("name", ALL)
def test_autocast_changes_nothing(name):
    torch.manual_seed(0)
    z, y = 6 * torch.randn(32, 10), torch.randint(10, (32,))
    loss = losses.build(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(z, y)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, loss(z, y))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_empty_and_wholly_ignored_batches(name, reduction):
    loss = losses.build(name, reduction=reduction)
    for n in (0, 3):
        z = torch.randn(n, 4, requires_grad=True)
        value = loss(z, torch.full((n,), -100))
        assert value.shape == ((n,) if reduction == "none" else ())
        assert value.sum().item() == 0
        (gradient,) = torch.autograd.grad(value.sum(), z)
        assert torch.equal(gradient, torch.zeros(n, 4))


def test_nnce_with_every_other_class_clamped():
    # Learned or confidently wrong: M is A on the winner and 0 elsewhere.
    z = torch.tensor([[50.0, 0.0, 0.0], [50.0, 0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    value = losses.nnce(z, torch.tensor([0, 1]))
    assert value.tolist() == pytest.approx([0.0, 1.0], abs=1e-12)
    (gradient,) = torch.autograd.grad(value.sum(), z)
    assert gradient.abs().max() < 1e-12


def test_clamped_classes_get_no_gradient_through_the_clamp():
    z = torch.tensor([[2.0, 1.0, -30.0]], dtype=torch.float64, requires_grad=True)
    value = losses.nnce(z, torch.tensor([0]))
    (gradient,) = torch.autograd.grad(value.sum(), z)
    assert gradient[0, 2].abs() < 1e-13
    assert gradient[0, :2].abs().min() > 1e-3


def test_gce_at_zero_probability():
    z = torch.tensor([[0.0, 2000.0]], dtype=torch.float64, requires_grad=True)
    value = losses.gce(z, torch.tensor([0]))
    assert value.item() == pytest.approx(1 / 0.7)
    assert torch.autograd.grad(value.sum(), z)[0].tolist() == [[0.0, 0.0]]


def test_eps_softmax_gives_no_pull_on_a_label_below_its_clamp():
    # m = 1e5: p'_y = p_y / (m + 1) is below 1e-8 where p_y < 1e-3 is not the largest.
    p = torch.tensor([[0.9985, 0.0005, 0.001], [0.995, 0.002, 0.003]], dtype=torch.float64)
    z = p.log().requires_grad_()
    value = losses.ece(z, torch.tensor([1, 1]), alpha=1.0, beta=0.0)
    assert value.tolist() == pytest.approx([-math.log(1e-8), math.log(1e5 + 1) - math.log(0.002)])
    (gradient,) = torch.autograd.grad(value.sum(), z, retain_graph=True)
    assert gradient[0].tolist() == [0, 0, 0]
    assert gradient[1].abs().min() > 1e-3
    unclamped = losses.ece(z, torch.tensor([1, 1]), alpha=1.0, beta=0.0, eps=0.0)
    assert torch.autograd.grad(unclamped.sum(), z)[0][0].abs().min() > 1e-3


def test_eps_softmax_without_m_at_zero_probability():
    z = torch.tensor([[0.0, 1e4]], dtype=torch.float64, requires_grad=True)
    value = losses.ece(z, torch.tensor([0]), alpha=1.0, beta=0.0, m=0.0, eps=0.0)
    assert value.item() == pytest.approx(1e4)
    assert torch.autograd.grad(value.sum(), z)[0].tolist() == [[-1.0, 1.0]]


def test_focal_at_certainty_has_slope_zero_either_way():
    for detach in (True, False):
        z = torch.tensor([[200.0, 0.0]], requires_grad=True)
        value = losses.fl(z, torch.tensor([0]), gamma=0.5, detach_focal=detach)
        assert value.item() == 0
        assert torch.autograd.grad(value.sum(), z)[0].tolist() == [[0.0, 0.0]]


def test_nce_of_an_exact_one_hot():
    value = losses.nce(torch.tensor([[1e4, -1e4, -1e4]]).repeat(2, 1), torch.tensor([0, 1]))
    assert value.tolist() == pytest.approx([0.0, 0.5])


def test_p_min_must_leave_a_uniform_prediction_unclamped():
    z, y = torch.zeros(1, 10), torch.tensor([0])
    for name in ("nnce", "nnfl", "anl-ce", "anl-fl"):
        assert losses.build(name, p_min=0.05)(z, y).isfinite()
        with pytest.raises(ValueError, match=r"p_min must be below 1/K = 1/10, got 0\.1"):
            losses.build(name, p_min=0.1)(z, y)


@pytest.mark.parametrize(("name", "parameters"), EVERY, ids=str)
def test_per_pixel_is_the_same_loss_at_every_pixel(name, parameters):
    torch.manual_seed(1)
    z = torch.randn(2, 5, 3, 4, dtype=torch.float64)
    y = torch.randint(5, (2, 3, 4))
    loss = losses.build(name, reduction="none", **parameters)
    flat = loss(z.permute(0, 2, 3, 1).reshape(-1, 5), y.reshape(-1))
    torch.testing.assert_close(loss(z, y), flat.reshape(2, 3, 4), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_per_sample_gradients_by_vmap(name):
    torch.manual_seed(2)
    z = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    y = torch.randint(5, (6,))
    loss = losses.build(name, reduction="sum")
    one = torch.func.grad(lambda v, t: loss(v.unsqueeze(0), t.unsqueeze(0)))
    (together,) = torch.autograd.grad(loss(z, y), z)
    torch.testing.assert_close(torch.func.vmap(one)(z.detach(), y), together)


def test_maximum_of_anl_reaches_but_never_passes_its_bound():
    z, y = _one_hot_logits(10, 1e4, torch.float32)
    values = losses.build("anl-ce", reduction="none")(z, y)
    assert values.min() >= 0
    assert values.max() <= 5 * 1 / 9 + 5 + 1e-5
    assert not math.isnan(values.sum().item())
