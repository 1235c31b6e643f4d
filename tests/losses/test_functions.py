"""Values and gradients of every loss against the formulas in 40-digit arithmetic."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_formulas import FORMULAS, gradient_of, value_of
from mpmath import mpf

from anl_edu import losses

# Mild, confident and right, confident and wrong (complementary classes below p_min), two classes.
LOGITS = [
    ([0.3, -1.2, 0.8, 0.1], 0),
    ([9.0, -2.0, 1.0, 0.5], 0),
    ([25.0, 3.0, -4.0, 1.0], 0),
    ([25.0, 3.0, -4.0, 1.0], 2),
    ([-0.7, 1.9], 1),
    ([1.0, 0.5, -0.2, 0.0, 2.0, -1.0, 0.3], 6),
]
FOCAL = [n for n in losses.names() if "detach_focal" in losses.defaults(n)]
CASES = [(name, {}) for name in losses.names()]
CASES += [(n, {"detach_focal": False}) for n in FOCAL]
CASES += [
    ("gce", {"q": 0.2}),
    ("fl", {"gamma": 2.0}),
    ("nnfl", {"gamma": 2.0, "p_min": 1e-3, "detach_focal": False}),
    ("nnce", {"p_min": 1e-3}),
    ("agce", {"a": 4.0, "q": 0.2}),
    ("aul", {"a": 3.0, "q": 0.1}),
    ("ece", {"m": 1e3, "alpha": 1.0, "beta": 0.0}),
    ("ece", {"m": 0.0, "eps": 0.0}),
    ("ece", {"eps": 1e-3}),
    ("anl-ce", {"alpha": 10.0, "beta": 1.0}),
    ("jal-ce", {"alpha": 1.0, "beta": 0.5, "a": 10.0}),
]


def test_every_loss_has_its_formula():
    assert set(FORMULAS) == set(losses.names())


@pytest.mark.parametrize(("name", "given_parameters"), CASES, ids=str)
def test_value_and_gradient_agree_with_the_formula(name, given_parameters):
    s = losses.defaults(name) | given_parameters
    loss = losses.build(name, reduction="none", **given_parameters)
    for z, y in LOGITS:
        logits = torch.tensor([z], dtype=torch.float64, requires_grad=True)
        value = loss(logits, torch.tensor([y]))
        (gradient,) = torch.autograd.grad(value.sum(), logits)
        exact = [mpf(v) for v in z]
        wanted = value_of(name, exact, y, s)
        assert value.item() == pytest.approx(float(wanted), rel=1e-6, abs=1e-12)
        assert gradient[0].tolist() == pytest.approx(
            gradient_of(name, exact, y, s), rel=1e-6, abs=1e-12
        )


@pytest.mark.parametrize("name", losses.names())
def test_gradcheck(name):
    torch.manual_seed(1)
    parameters = {"detach_focal": False} if "detach_focal" in losses.defaults(name) else {}
    loss = losses.build(name, reduction="none", **parameters)
    y = torch.randint(4, (3, 2))
    z = (2 * torch.randn(3, 4, 2, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: loss(v, y), z)


@pytest.mark.parametrize("name", losses.names())
def test_float32_agrees_with_float64(name):
    torch.manual_seed(2)
    z = 4 * torch.randn(64, 10)
    y = torch.randint(10, (64,))
    loss = losses.build(name, reduction="none")
    results = []
    for dtype in (torch.float32, torch.float64):
        v = z.to(dtype).requires_grad_()
        value = loss(v, y)
        results.append((value.double(), torch.autograd.grad(value.sum(), v)[0].double()))
    for single, double in zip(*results, strict=True):
        scale = double.abs().max()
        assert (single - double).abs().max() <= 2e-6 * scale


def test_detached_focal_gradient_by_hand():
    # d FL / d z_j = (1 - p_y)^gamma (p_j - delta_jy) when the factor is held; the whole derivative
    # has gamma p_y (1 - p_y)^(gamma - 1) log p_y (delta_jy - p_j) besides.
    z = torch.tensor([[1.0, -0.5, 0.2]], dtype=torch.float64, requires_grad=True)
    p = z.detach().softmax(1)[0]
    e = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    held = (1 - p[0]) ** 0.5 * (p - e)
    rest = 0.5 * p[0] * (1 - p[0]) ** -0.5 * p[0].log() * (e - p)
    y = torch.tensor([0])
    (detached,) = torch.autograd.grad(losses.fl(z, y).sum(), z)
    (whole,) = torch.autograd.grad(losses.fl(z, y, detach_focal=False).sum(), z)
    torch.testing.assert_close(detached[0], held, rtol=1e-12, atol=0)
    torch.testing.assert_close(whole[0], held + rest, rtol=1e-12, atol=0)


# Identities. Logits are small enough that nothing is clamped unless a test says otherwise.

logit_rows = st.integers(2, 12).flatmap(
    lambda k: st.lists(st.floats(-6, 6, allow_nan=False), min_size=k, max_size=k)
)


def _under_every_label(name, row, **parameters):
    K = len(row)
    z = torch.tensor(row, dtype=torch.float64).expand(K, K)
    return losses.build(name, reduction="none", **parameters)(z, torch.arange(K))


@settings(max_examples=50, deadline=None)
@given(logit_rows)
def test_symmetric_losses_sum_to_a_constant_over_labels(row):
    K = len(row)
    wanted = {
        "nce": 1.0,
        "nfl": 1.0,
        "nnce": K - 1.0,
        "nnfl": K - 1.0,
        "mae": K - 1.0,
        "rce": -math.log(1e-4) * (K - 1),
        "nce+mae": 1.0 + (K - 1),
    }
    for name, total in wanted.items():
        assert _under_every_label(name, row).sum().item() == pytest.approx(total, rel=1e-9)
    for name in ("anl-ce", "anl-fl"):
        total = _under_every_label(name, row, alpha=2.0, beta=3.0).sum().item()
        assert total == pytest.approx(2 + 3 * (K - 1), rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-50, 50, allow_nan=False), min_size=3, max_size=8))
def test_clamping_keeps_the_symmetry(row):
    K = len(row)
    total = _under_every_label("anl-ce", row, alpha=1.0, beta=1.0).sum().item()
    assert total == pytest.approx(K, rel=1e-9)


@pytest.mark.parametrize("name", ["ce", "fl", "gce", "sce"])
def test_other_losses_do_not_sum_to_a_constant(name):
    sums = [_under_every_label(name, row).sum().item() for row in ([0, 0, 0], [3, 0, 0])]
    assert abs(sums[0] - sums[1]) > 0.1


@settings(max_examples=50, deadline=None)
@given(logit_rows, st.data())
def test_normalised_passive_losses_are_mae_rescaled(row, data):
    K = len(row)
    y = data.draw(st.integers(0, K - 1))
    p = torch.tensor([row], dtype=torch.float64).softmax(1)
    targets = torch.tensor([y])
    mae = 2 * (1 - p[0, y].item())  # ||e_y - p||_1
    nmae = losses.normalized(2 * (1 - p), targets).item()
    nrce = losses.normalized(-math.log(1e-4) * (1 - p), targets).item()
    assert nmae == pytest.approx(mae / (2 * (K - 1)), rel=1e-9)
    assert nrce == pytest.approx(nmae, rel=1e-9)
    rce = losses.rce(torch.tensor([row], dtype=torch.float64), targets).item()
    assert rce == pytest.approx(abs(math.log(1e-4)) / 2 * mae, rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(logit_rows)
def test_limits_of_gce_and_focal(row):
    z = torch.tensor([row], dtype=torch.float64)
    y = torch.tensor([0])
    assert losses.gce(z, y, q=1.0).item() == pytest.approx(losses.mae(z, y).item(), rel=1e-12)
    assert losses.gce(z, y, q=1e-6).item() == pytest.approx(losses.ce(z, y).item(), rel=1e-4)
    for pair in ((losses.fl, losses.ce), (losses.nfl, losses.nce), (losses.nnfl, losses.nnce)):
        focal, plain = pair
        assert focal(z, y, gamma=0.0).item() == pytest.approx(plain(z, y).item(), rel=1e-12)


def test_maxima():
    assert losses.ce_maximum(1e-7) == pytest.approx(16.118, abs=5e-4)
    z = torch.tensor([[40.0, 0.0, 0.0]], dtype=torch.float64)
    assert losses.ce_table(z, 1e-7).max().item() == losses.ce_maximum(1e-7)
    largest = losses.fl_table(z, gamma=2.0, p_min=1e-3).max().item()
    assert largest == pytest.approx(losses.fl_maximum(2.0, 1e-3), rel=1e-12)
    with pytest.raises(ValueError, match="p_min must be between 0 and 1, got 0"):
        losses.ce_maximum(0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_anl_is_its_two_halves(dtype):
    torch.manual_seed(3)
    z = (15 * torch.randn(40, 6, dtype=dtype)).requires_grad_()
    y = torch.randint(6, (40,))
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    halves = {
        "anl-ce": 2 * losses.nce(z, y) + 3 * losses.nnce(z, y, 1e-4),
        "anl-fl": 2 * losses.nfl(z, y) + 3 * losses.nnfl(z, y, p_min=1e-4),
    }
    generic = {
        "anl-ce": losses.anl(losses.ce_table, losses.ce_maximum(1e-4), 2, 3, reduction="none"),
        "anl-fl": losses.anl(losses.fl_table, losses.fl_maximum(0.5, 1e-4), 2, 3, reduction="none"),
    }
    for name, wanted in halves.items():
        loss = losses.build(name, reduction="none", alpha=2, beta=3, p_min=1e-4)
        (g,) = torch.autograd.grad(wanted.sum(), z, retain_graph=True)
        for value in (loss(z, y), generic[name](z, y)):
            torch.testing.assert_close(value, wanted, rtol=tolerance, atol=tolerance)
            (h,) = torch.autograd.grad(value.sum(), z)
            torch.testing.assert_close(h, g, rtol=tolerance, atol=tolerance)


def test_anl_of_a_loss_of_ones_own():
    def square(logits):
        return (1 - logits.softmax(1)) ** 2

    z = torch.tensor([[1.0, 0.0, -1.0]], dtype=torch.float64).expand(3, 3)
    loss = losses.anl(square, maximum=1.0, alpha=2.0, beta=3.0, reduction="none")
    p = [math.exp(v) / (math.exp(1) + 1 + math.exp(-1)) for v in (1, 0, -1)]
    L = [(1 - v) ** 2 for v in p]
    wanted = [2 * v / sum(L) + 3 * (1 - (1 - v) / (3 - sum(L))) for v in L]
    assert loss(z, torch.arange(3)).tolist() == pytest.approx(wanted, rel=1e-12)
    assert sum(wanted) == pytest.approx(2 + 3 * 2)
    assert "square" in repr(loss)


def test_entropy_regulariser():
    z = torch.randn(7, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    p_bar = z.softmax(1).mean((0, 2)).tolist()
    wanted = math.log(3) + sum(v * math.log(v) for v in p_bar)
    assert losses.entropy_regularizer(z).item() == pytest.approx(wanted, rel=1e-12)
    assert losses.entropy_regularizer(torch.zeros(5, 4)).item() == pytest.approx(0, abs=1e-6)
    one_class = torch.tensor([[1e4, 0.0, 0.0]], requires_grad=True)
    term = losses.entropy_regularizer(one_class)
    assert term.item() == pytest.approx(math.log(3), rel=1e-6)
    assert torch.autograd.grad(term, one_class)[0].isfinite().all()
    assert losses.entropy_regularizer(torch.zeros(0, 3)).item() == 0
    assert torch.autograd.gradcheck(losses.entropy_regularizer, z.requires_grad_())


@pytest.mark.parametrize("size", [16, 32, 64, 128, 256, 512, 1024])
def test_entropy_regulariser_by_finite_differences_at_every_batch_size(size):
    g = torch.Generator().manual_seed(size)
    z = (3 * torch.randn(size, 10, dtype=torch.float64, generator=g)).requires_grad_()
    (gradient,) = torch.autograd.grad(losses.entropy_regularizer(z), z)
    for _ in range(5):
        step = torch.randn(size, 10, dtype=torch.float64, generator=g)
        h = 1e-5
        ahead, behind = (losses.entropy_regularizer(z + sign * h * step) for sign in (1, -1))
        slope = ((ahead - behind) / (2 * h)).item()
        assert slope == pytest.approx((gradient * step).sum().item(), rel=1e-6, abs=1e-9)


def test_l1_penalty():
    parameters = [torch.tensor([[1.0, -2.0], [0.0, 4.0]]), torch.tensor([-0.5])]
    for p in parameters:
        p.requires_grad_()
    total = losses.l1_penalty(iter(parameters))
    total.backward()
    assert total.item() == 7.5
    assert parameters[0].grad.tolist() == [[1, -1], [0, 1]]
    assert parameters[1].grad.tolist() == [-1]
    with pytest.raises(ValueError, match="at least one parameter"):
        losses.l1_penalty([])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_l1_penalty_of_half_precision_is_summed_in_float32(dtype):
    weights = [torch.full((2000,), 60.0, dtype=dtype, requires_grad=True), torch.ones(3)]
    total = losses.l1_penalty(weights)
    assert total.dtype == torch.float32
    assert total.item() == 120_003
    total.backward()
    assert weights[0].grad.tolist() == [1.0] * 2000
    assert losses.l1_penalty([torch.ones(2), torch.ones(2).double()]).dtype == torch.float64
