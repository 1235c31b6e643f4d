"""`build` and its modules: reductions, ignored labels, and what is refused in which words."""

import copy
import pickle

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


def test_every_documented_name_builds():
    wanted = (
        "ce fl mae rce gce sce nce nfl nnce nnfl agce aul ael amse ece nce+mae nce+rce nfl+mae "
        "nfl+rce nce+agce nce+aul nce+ael anl-ce anl-fl jal-ce jal-fl"
    )
    assert set(losses.names()) == set(wanted.split())


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
        ("nnce", {"p_min": 0}, ValueError, "between 0 and 1, both excluded, got 0"),
        ("aul", {"a": 1}, ValueError, "a of 'aul' must be above 1, got 1"),
        ("nfl", {"detach_focal": 1}, TypeError, "detach_focal must be True or False, got 1"),
        ("ce", {"reduction": "avg"}, ValueError, "'none', 'mean' or 'sum', got 'avg'"),
    ],
)
def test_wrong_names_and_parameters(name, parameters, error, message):
    with pytest.raises(error, match=message) as caught:
        losses.build(name, **parameters)
    assert "\n" not in str(caught.value)


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


@pytest.mark.parametrize("maximum", [0, float("inf"), "1", None])
def test_anl_needs_a_finite_maximum(maximum):
    with pytest.raises(ValueError, match="maximum must be a finite number above 0"):
        losses.anl(losses.ce_table, maximum)


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
