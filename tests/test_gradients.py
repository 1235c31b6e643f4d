"""Closed forms against autograd, per-sample norms against one sample at a time."""

import math

import pytest
import torch

from anl_edu import gradients, losses


@pytest.mark.parametrize("K", [2, 3, 10, 100])
@pytest.mark.parametrize("spread", [1.0, 8.0, 40.0])
@pytest.mark.parametrize("name", ["ce", "mae", "nce", "nnce"])
def test_closed_forms_agree_with_autograd(name, spread, K):
    torch.manual_seed(0)
    z = (spread * torch.randn(200, K, dtype=torch.float64)).requires_grad_()
    y = torch.randint(K, (200,))
    (wanted,) = torch.autograd.grad(losses.build(name, reduction="sum")(z, y), z)
    assert (gradients.logit_gradient(name, z, y) - wanted).abs().max() < 1e-10


def test_closed_form_per_pixel_and_with_its_own_p_min():
    torch.manual_seed(1)
    z = (3 * torch.randn(2, 5, 3, 4, dtype=torch.float64)).requires_grad_()
    y = torch.randint(5, (2, 3, 4))
    loss = losses.build("nnce", reduction="sum", p_min=0.01)
    (wanted,) = torch.autograd.grad(loss(z, y), z)
    found = gradients.logit_gradient("nnce", z, y, p_min=0.01)
    assert (found - wanted).abs().max() < 1e-10


def test_closed_form_refuses_other_names_and_parameters():
    z, y = torch.zeros(1, 3), torch.tensor([0])
    with pytest.raises(ValueError, match="ce, mae, nce and nnce, got 'gce'"):
        gradients.logit_gradient("gce", z, y)
    with pytest.raises(TypeError, match="'mae' has no parameter 'p_min'"):
        gradients.logit_gradient("mae", z, y, p_min=1e-3)


# |d loss / d z_y|, the other nine classes sharing the rest equally.
TABLE = {
    0.001: (0.999, 0.0010, 0.0278, 0.0069),
    0.10: (0.900, 0.0900, 0.0391, 0.0065),
    0.50: (0.500, 0.2500, 0.0226, 0.0071),
    0.90: (0.100, 0.0900, 0.0030, 0.0096),
    0.99: (0.010, 0.0099, 0.0002, 0.0145),
    0.999: (0.001, 0.0010, 0.00001, 0.0231),
}


@pytest.mark.parametrize("column", range(4))
def test_the_gradient_table(column):
    name = ("ce", "mae", "nce", "nnce")[column]
    found = gradients.label_gradient(name, torch.tensor(list(TABLE), dtype=torch.float64))
    wanted = torch.tensor([row[column] for row in TABLE.values()], dtype=torch.float64)
    # As printed: half a unit of the last digit shown.
    digits = [3 if name == "ce" else 5 if v < 1e-4 else 4 for v in wanted.tolist()]
    for f, w, d in zip(found.tolist(), wanted.tolist(), digits, strict=True):
        assert abs(f - w) <= 0.51 * 10**-d


def test_nnce_concentrates_on_what_is_learned_and_the_others_let_go():
    p = torch.tensor([0.5, 0.9, 0.99, 0.999], dtype=torch.float64)
    assert (gradients.label_gradient("nnce", p).diff() > 0).all()
    for name in ("ce", "mae", "nce"):
        assert (gradients.label_gradient(name, p).diff() < 0).all()
    # With the others below p_min nothing is left to gain.
    assert gradients.label_gradient("nnce", 1 - 1e-9).item() < 1e-9


@pytest.mark.parametrize("name", losses.names())
def test_label_gradient_keeps_shape_and_is_finite_to_the_ends(name):
    p = torch.tensor([[0.0, 1e-9, 0.2], [0.8, 1 - 1e-9, 1.0]])
    found = gradients.label_gradient(name, p, K=7, p_min=1e-5, gamma=2.0)
    assert found.shape == p.shape
    assert found.dtype == torch.float64
    assert found.isfinite().all()
    assert gradients.label_gradient(name, 0.3).shape == ()


def test_label_gradient_takes_parameters_and_refuses_nonsense():
    # d/dz_y of (1 - p_y^q)/q is p_y^q (p_y - 1)
    found = gradients.label_gradient("gce", 0.3, q=0.5).item()
    assert found == pytest.approx(0.3**0.5 * 0.7, rel=1e-12)
    with pytest.raises(ValueError, match=r"p_y must be between 0 and 1, got 1\.5"):
        gradients.label_gradient("ce", 1.5)
    with pytest.raises(ValueError, match="K must be at least 2, got 1"):
        gradients.label_gradient("ce", 0.5, K=1)


def _mlp(*extra):
    torch.manual_seed(2)
    return torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(6, 8), *extra, torch.nn.ReLU(), torch.nn.Linear(8, 4)
    )


def _one_by_one(model, loss, x, y):
    norms = []
    for i in range(len(x)):
        model.zero_grad()
        loss(model(x[i : i + 1]), y[i : i + 1]).backward()
        squares = [(p.grad**2).sum().item() for p in model.parameters() if p.grad is not None]
        norms.append(math.sqrt(sum(squares)))
    return norms


@pytest.mark.parametrize("name", ["ce", "anl-ce", "anl-fl", "nce+rce", "ece"])
@pytest.mark.parametrize("chunk_size", [None, 4])
def test_parameter_norms_are_those_of_single_samples(name, chunk_size):
    model = _mlp()
    x, y = torch.randn(10, 2, 3), torch.randint(4, (10,))
    loss = losses.build(name)
    found = gradients.per_sample_parameter_norms(model, loss, x, y, chunk_size)
    assert found.tolist() == pytest.approx(_one_by_one(model, loss, x, y), rel=1e-5)
    assert not found.requires_grad


def test_batch_norm_and_frozen_parameters():
    model = _mlp(torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5))
    model[1].bias.requires_grad_(False)
    model.train()
    model[2].eval()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    x, y = torch.randn(10, 6), torch.randint(4, (10,))
    loss = torch.nn.CrossEntropyLoss(reduction="none")
    found = gradients.per_sample_parameter_norms(model, loss, x, y)
    assert model.training
    assert model[3].training
    assert not model[2].training
    for k, v in model.state_dict().items():
        assert torch.equal(v, before[k])
    model.eval()
    wanted = _one_by_one(model, torch.nn.CrossEntropyLoss(), x, y)
    assert found.tolist() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("name", losses.names())
def test_logit_norms(name):
    torch.manual_seed(3)
    z = torch.randn(6, 5, dtype=torch.float64)
    y = torch.randint(5, (6,))
    y[2] = -100
    loss = losses.build(name, reduction="mean")
    found = gradients.per_sample_logit_norms(loss, z, y)
    for i in range(6):
        v = z[i : i + 1].clone().requires_grad_()
        (g,) = torch.autograd.grad(loss(v, y[i : i + 1]), v)
        assert found[i].item() == pytest.approx(g.norm().item(), rel=1e-9)
    assert found[2] == 0


def test_logit_norms_per_pixel_half_precision_and_without_grad_mode():
    torch.manual_seed(4)
    z, y = torch.randn(3, 5, 2, 2), torch.randint(5, (3, 2, 2))
    with torch.no_grad():
        found = gradients.per_sample_logit_norms(losses.build("mae"), z, y)
    p = z.softmax(1)
    e = torch.nn.functional.one_hot(y, 5).movedim(-1, 1)
    p_y = (p * e).sum(1, keepdim=True)
    torch.testing.assert_close(found, (p_y * (p - e)).flatten(1).norm(dim=1))
    half = gradients.per_sample_logit_norms(losses.build("mae"), z.half(), y)
    assert half.dtype == torch.float32


def test_a_reduced_loss_is_refused():
    with pytest.raises(ValueError, match=r"one value per target, \(3,\) .* got \(\)"):
        gradients.per_sample_logit_norms(
            torch.nn.CrossEntropyLoss(), torch.zeros(3, 2), torch.tensor([0, 1, 0])
        )


def test_shares():
    norms = torch.tensor([1.0, 3.0, 4.0])
    found = gradients.shares(norms, torch.tensor([True, False, True]))
    assert (found.clean, found.wrong) == (0.375, 0.625)
    assert gradients.shares(norms, torch.zeros(3, dtype=torch.bool)) == (1.0, 0.0)
    nothing = gradients.shares(torch.zeros(2), torch.tensor([True, False]))
    assert math.isnan(nothing.clean)
    assert math.isnan(nothing.wrong)
    with pytest.raises(ValueError, match=r"bool mask of shape \(3,\), got torch\.int64"):
        gradients.shares(norms, torch.tensor([1, 0, 1]))


def test_parameter_norms_of_nothing() -> None:
    model, loss = torch.nn.Linear(3, 2), losses.build("ce")
    none = gradients.per_sample_parameter_norms(
        model, loss, torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)
    )
    assert none.shape == (0,)
    with pytest.raises(ValueError, match="Linear has no trainable parameter"):
        gradients.per_sample_parameter_norms(
            model.requires_grad_(False), loss, torch.zeros(1, 3), torch.tensor([0])
        )


@pytest.mark.parametrize("size", [1, 16, 1024])
def test_entropy_pull_is_the_regulariser_s_gradient(size):
    g = torch.Generator().manual_seed(size)
    z = (3 * torch.randn(size, 10, dtype=torch.float64, generator=g)).requires_grad_()
    (wanted,) = torch.autograd.grad(losses.entropy_regularizer(z), z)
    p = z.detach().softmax(1)
    pull = gradients.entropy_pull(p, p.mean(0))
    assert (pull / size - wanted).abs().max() < 1e-12
    assert pull.sum(1).abs().max() < 1e-12
