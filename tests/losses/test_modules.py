"""`build` and its modules: reductions, ignored labels, and what is refused in which words."""

import copy
import pickle
from fractions import Fraction

import numpy as np
import pytest
import torch

from anl_edu import losses

Z = torch.zeros(2, 3)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("ignore_index", [-100, -1, 255, 2])
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_ce_is_cross_entropy_loss(reduction, ignore_index, share):
    torch.manual_seed(0)
    z = torch.randn(4, 6, 3, dtype=torch.float64, requires_grad=True)
    y = torch.randint(6, (4, 3))
    y[torch.rand(4, 3) < share] = ignore_index
    ours = losses.build("ce", reduction=reduction, ignore_index=ignore_index)
    theirs = torch.nn.CrossEntropyLoss(reduction=reduction, ignore_index=ignore_index)
    results = []
    for loss in (ours, theirs):
        value = loss(z, y)
        results.append((value, torch.autograd.grad(value.sum(), z)[0]))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", losses.names())
def test_ignored_labels_count_for_nothing(name):
    torch.manual_seed(1)
    z = torch.randn(8, 5, dtype=torch.float64, requires_grad=True)
    y = torch.randint(5, (8,))
    keep = torch.tensor([True, False] * 4)
    masked = torch.where(keep, y, -100)
    loss = losses.build(name)
    (gradient,) = torch.autograd.grad(loss(z, masked), z)
    torch.testing.assert_close(loss(z, masked), loss(z[keep], y[keep]))
    assert torch.equal(gradient[~keep], torch.zeros(4, 5, dtype=torch.float64))
    assert gradient[keep].abs().max() > 0


@pytest.mark.parametrize("name", losses.names())
def test_repr_defaults_copy_and_pickle(name):
    loss = losses.build(name)
    assert loss.parameters_ == losses.defaults(name)
    assert not list(loss.parameters())
    for key, value in losses.defaults(name).items():
        assert f"{key}={value!r}" in repr(loss)
    assert name in repr(loss)
    z, y = torch.randn(3, 4), torch.tensor([0, 1, 2])
    for other in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert torch.equal(other(z, y), loss(z, y))


def test_published_defaults():
    assert losses.defaults("anl-ce") == {"alpha": 5.0, "beta": 5.0, "p_min": 1e-7}
    assert losses.defaults("gce") == {"q": 0.7}
    assert losses.defaults("nnfl")["gamma"] == 0.5
    assert losses.defaults("anl-fl")["detach_focal"] is True


@pytest.mark.parametrize(
    ("name", "parameters", "error", "message"),
    [
        ("anl", {}, ValueError, "unknown loss 'anl'; known: ce, fl, "),
        ("anl-ce", {"gama": 1}, TypeError, "no parameter 'gama'; it takes alpha, beta, p_min"),
        ("mae", {"q": 1}, TypeError, "no parameter 'q'; it takes no parameters"),
        ("gce", {"q": 0}, ValueError, "q of 'gce' must be above 0 and at most 1, got 0"),
        ("gce", {"q": 1.5}, ValueError, "got 1.5"),
        ("fl", {"gamma": -1}, ValueError, "gamma of 'fl' must be at least 0, got -1"),
        ("fl", {"gamma": "2"}, TypeError, "gamma of 'fl' must be a number, got '2'"),
        ("anl-ce", {"alpha": True}, TypeError, "must be a number, got True"),
        ("anl-ce", {"beta": float("nan")}, ValueError, "beta of 'anl-ce' must be .* got nan"),
        ("nnce", {"p_min": 0}, ValueError, "of 'nnce' must be above 0 and below 1, got 0"),
        ("anl-ce", {"beta": float("inf")}, ValueError, "finite and at least 0, got inf"),
        ("anl-ce", {"alpha": 10**400}, ValueError, "got a number too large for a float"),
        ("anl-ce", {"alpha": None}, TypeError, "alpha of 'anl-ce' must be a number, got None"),
        ("anl-ce", {"alpha": torch.ones(2)}, TypeError, "must be a number, got tensor"),
        ("anl-ce", {"alpha": torch.tensor(True)}, TypeError, r"a number, got tensor\(True\)"),
        ("anl-ce", {"alpha": np.float32("nan")}, ValueError, "must be finite and at least 0"),
        ("aul", {"a": 1}, ValueError, "a of 'aul' must be above 1, got 1"),
        ("amse", {"a": 0.5}, ValueError, "a of 'amse' must be at least 1, got 0.5"),
        ("jal-ce", {"a": 0.5}, ValueError, "a of 'jal-ce' must be at least 1, got 0.5"),
        ("jal-fl", {"a": 0.5}, ValueError, "a of 'jal-fl' must be at least 1, got 0.5"),
        ("ece", {"eps": 1}, ValueError, "eps of 'ece' must be at least 0 and below 1, got 1"),
        ("nfl", {"detach_focal": 1}, TypeError, "of 'nfl' must be True or False, got 1"),
        ("ce", {"ignore_index": 1.5}, TypeError, "ignore_index must be an integer, got 1.5"),
        ("ce", {"ignore_index": float("nan")}, TypeError, "must be an integer, got nan"),
        ("ce", {"ignore_index": True}, TypeError, "must be an integer, got True"),
        ("ce", {"ignore_index": 2**63}, ValueError, "ignore_index must be an int64"),
        (["ce"], {}, ValueError, r"unknown loss \['ce'\]; known: ce, fl, "),
        ("ce", {"reduction": "avg"}, ValueError, "'none', 'mean' or 'sum', got 'avg'"),
    ],
)
def test_wrong_names_and_parameters(name, parameters, error, message):
    with pytest.raises(error, match=message) as caught:
        losses.build(name, **parameters)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "number",
    [np.float32(0.5), np.float64(0.5), np.array(0.5), torch.tensor(0.5), Fraction(1, 2)],
    ids=lambda v: type(v).__name__,
)
def test_numbers_of_any_kind_are_parameters(number):
    for loss in (
        losses.build("anl-ce", alpha=number, beta=np.int64(2)),
        losses.anl(losses.ce_table, losses.ce_maximum(), alpha=number, beta=torch.tensor(2)),
    ):
        assert (loss.parameters_["alpha"], loss.parameters_["beta"]) == (0.5, 2.0)
        assert all(type(v) is float for v in loss.parameters_.values())
        assert loss(Z, torch.tensor([0, 1])) == losses.build("anl-ce", alpha=0.5, beta=2)(
            Z, torch.tensor([0, 1])
        )


def test_an_ignore_index_of_numpy_or_a_tensor():
    for index in (np.int64(1), torch.tensor(1)):
        loss = losses.build("ce", ignore_index=index, reduction="none")
        assert type(loss.ignore_index) is int
        assert loss(Z, torch.tensor([0, 1])).tolist() == pytest.approx([1.0986, 0], abs=1e-4)


@pytest.mark.parametrize("wrong", [[[0.0, 1.0]], np.zeros((2, 3)), None, 1.0])
def test_what_is_no_tensor_is_named(wrong):
    loss, kind = losses.build("anl-ce"), type(wrong).__name__
    with pytest.raises(TypeError, match=f"logits must be a tensor, got {kind}"):
        loss(wrong, torch.tensor([0, 1]))
    with pytest.raises(TypeError, match=f"targets must be a tensor, got {kind}"):
        loss(Z, wrong)
    with pytest.raises(TypeError, match=f"targets must be a tensor, got {kind}"):
        losses.check_labels(wrong, 3)
    with pytest.raises(TypeError, match=f"logits must be a tensor, got {kind}"):
        losses.entropy_regularizer(wrong)


@pytest.mark.parametrize(
    ("logits", "targets", "error", "message"),
    [
        (Z, torch.tensor([0, 3]), ValueError, r"class id 3 is outside 0\.\.2"),
        (Z, torch.tensor([-1, 0]), ValueError, r"class id -1 is outside 0\.\.2"),
        (Z, torch.tensor([-100, 7]), ValueError, "class id 7 is outside"),
        (Z, torch.tensor([0.0, 1.0]), TypeError, r"int64 class ids, got torch\.float32"),
        (Z.long(), torch.tensor([0, 1]), TypeError, r"floating point, got torch\.int64"),
        (Z, torch.tensor([0, 1, 2]), ValueError, r"targets must be \(2,\) .* got \(3,\)"),
        (Z[0], torch.tensor(0), ValueError, r"logits must be \(N, K, \.\.\.\) .* got \(3,\)"),
        (Z[:, :1], torch.tensor([0, 0]), ValueError, r"K >= 2, got \(2, 1\)"),
        (torch.zeros(2, 3, 4, 4), torch.tensor([0, 0]), ValueError, r"must be \(2, 4, 4\)"),
    ],
)
def test_wrong_input(logits, targets, error, message):
    for reduction in ("mean", "none"):
        with pytest.raises(error, match=message):
            losses.build("anl-ce", reduction=reduction)(logits, targets)


def test_an_ignored_class_id_is_still_checked_for_the_others():
    loss = losses.build("ce", ignore_index=0)
    assert loss(torch.zeros(2, 3), torch.tensor([0, 1])).item() == pytest.approx(1.0986, abs=1e-4)
    with pytest.raises(ValueError, match="class id 5 is outside"):
        loss(torch.zeros(2, 3), torch.tensor([0, 5]))


def test_an_error_inside_a_table_of_ones_own_is_not_hidden():
    def broken(logits):
        raise RuntimeError("my own mistake")

    with pytest.raises(RuntimeError, match="my own mistake"):
        losses.anl(broken, maximum=1.0)(torch.zeros(2, 3), torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("maximum", "error"),
    [(0, ValueError), (float("inf"), ValueError), ("1", TypeError), (None, TypeError)],
)
def test_anl_needs_a_finite_maximum(maximum, error):
    with pytest.raises(error, match=r"maximum must be .* got"):
        losses.anl(losses.ce_table, maximum)


def test_anl_needs_a_table_with_a_loss_under_every_label():
    y = torch.tensor([0, 1])
    for table in (lambda z: z[:, 1:] ** 2, lambda z: (z**2).sum(1), lambda z: z[:1] ** 2):
        with pytest.raises(ValueError, match=r"table\(logits\) must give \(2, 3\), .* got \("):
            losses.anl(table, 1.0)(Z, y)
    with pytest.raises(TypeError, match=r"what table\(logits\) gives must be a tensor, got float"):
        losses.anl(lambda z: 1.0, 1.0)(Z, y)
    with pytest.raises(TypeError, match="table must be a function of logits, got Tensor"):
        losses.anl(Z, 1.0)


def test_check_labels():
    losses.check_labels(torch.tensor([0, 9, -100]), 10)
    losses.check_labels(torch.tensor([], dtype=torch.int64), 10)
    with pytest.raises(ValueError, match=r"class id 10 is outside 0\.\.9"):
        losses.check_labels(torch.tensor([[0, 10]]), 10)
    with pytest.raises(ValueError, match="class id -2 is outside"):
        losses.check_labels(torch.tensor([0, -2]), 10)
    with pytest.raises(TypeError, match=r"got torch\.uint8"):
        losses.check_labels(torch.tensor([0], dtype=torch.uint8), 10)


def test_the_path_taken_on_a_gpu_gives_the_same(monkeypatch):
    torch.manual_seed(2)
    z, y = torch.randn(5, 4, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 0])
    y[1] = -100
    for reduction in ("mean", "sum", "none"):
        loss = losses.build("anl-ce", reduction=reduction)
        wanted = loss(z, y)
        with monkeypatch.context() as patch:
            patch.setattr(type(loss), "_readable", lambda *_: False)
            torch.testing.assert_close(loss(z, y), wanted)
