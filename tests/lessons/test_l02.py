"""What lesson 02 draws and counts is right: by hand, brute force and autograd."""

import math

import numpy as np
import pytest
import torch

from anl_edu import losses, noise
from anl_edu.lessons.l02_what_makes_a_loss_robust import explorers as explore
from anl_edu.lessons.l02_what_makes_a_loss_robust import figures
from anl_edu.teach import simplex
from anl_edu.teach.tables import label_sums, label_table

SYMMETRIC = (
    {"mae", "rce", "nce", "nfl", "nnce", "nnfl", "anl-ce", "anl-fl"}
    | {f"{active}+{passive}" for active in ("nce", "nfl") for passive in ("mae", "rce")}
)  # fmt: skip


def predictions(N: int, K: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(N, K, generator=generator, dtype=torch.float64)


def test_simplex_grid_holds_predictions_and_its_axes_read_them() -> None:
    x, y, p = simplex.grid(10)
    assert p.shape == (11, 21, 3)
    assert torch.allclose(p.sum(-1), torch.ones(11, 21, dtype=torch.float64))
    assert p.min() >= simplex.EDGE * (1 - 1e-9)
    row, column = 3, 12  # p_0 = 0.3, p_2 - p_1 = 0.2
    expected = torch.tensor([0.3, 0.25, 0.45], dtype=torch.float64)
    assert y[row] == pytest.approx(0.3)
    assert x[column] == pytest.approx(0.2)
    assert torch.allclose(p[row, column], simplex.EDGE + (1 - 3 * simplex.EDGE) * expected)


def test_label_table_has_the_loss_under_each_label() -> None:
    z = predictions(7, 4)
    p = z.softmax(1)
    assert torch.allclose(label_table("ce", z), -p.log())
    assert torch.allclose(label_table("mae", z), 1 - p)
    assert torch.allclose(label_table("nce", z), p.log() / p.log().sum(1, keepdim=True))
    q = 0.7
    assert torch.allclose(label_sums("gce", z), ((1 - p**q) / q).sum(1))


@pytest.mark.parametrize("name", losses.names())
def test_map_is_flat_exactly_for_symmetric_losses(name: str) -> None:
    fig = figures.label_sum_map(name, n=12)
    z = np.asarray(fig.data[0].z)
    assert (np.ptp(z) == 0) == (name in SYMMETRIC)
    assert ("not symmetric" in fig.layout.meta["gist"]) == (name not in SYMMETRIC)


def test_ce_likes_the_label_frequencies_and_mae_a_corner() -> None:
    def lowest(*state: object) -> tuple[float, float]:
        marker = figures.noisy_risk_map(*state, n=40).data[1]  # type: ignore[arg-type]
        return marker.x[0], marker.y[0]

    assert lowest("ce", "symmetric", 0.5) == pytest.approx((0, 0.5), abs=0.02)
    assert lowest("ce", "pair", 0.3) == pytest.approx((-0.3, 0.7), abs=0.02)
    assert lowest("mae", "symmetric", 0.6) == pytest.approx((0, 1), abs=0.01)
    assert lowest("mae", "symmetric", 0.7)[1] < 0.01  # past (K - 1)/K = 2/3
    assert lowest("mae", "pair", 0.2, 0.55) == pytest.approx((-1, 0), abs=0.01)
    assert figures.noisy_risk_map("mae", "symmetric", 2 / 3).data[1].x[0] is None  # level


def test_risks_are_those_of_a_brute_force_mean() -> None:
    z = predictions(3 * 20, 4).reshape(3, 20, 4)
    labels = torch.arange(20) % 4
    T = noise.pair_flip(4, 0.3)
    clean, noisy = figures.risks(figures.risk_matrix("ce", z, labels), T)
    for c in range(3):
        losses_ = -z[c].log_softmax(1)
        assert clean[c].item() == pytest.approx(losses_[range(20), labels].mean().item())
        by_hand = sum(T[y] @ losses_[n] for n, y in enumerate(labels.tolist())) / 20
        assert noisy[c].item() == pytest.approx(float(by_hand))


def test_reversals_count_pairs() -> None:
    clean = torch.tensor([0.0, 1.0, 2.0, 2.0])
    noisy = torch.tensor([1.0, 0.0, 3.0, 2.0])
    assert figures.reversals(clean, noisy) == 1  # the tie in `clean` has no order to lose
    assert figures.reversals(clean, -clean) == 5


def test_symmetric_losses_keep_the_order_of_the_classifiers_and_ce_does_not() -> None:
    logits, labels = explore.classifiers()
    T = noise.symmetric(10, 0.6)
    turned = {
        name: figures.reversals(*figures.risks(figures.risk_matrix(name, logits, labels), T))
        for name in losses.names()
    }
    assert {name for name, count in turned.items() if count == 0} == SYMMETRIC
    assert turned["ce"] > 500


@pytest.mark.parametrize("name", ["ce", "mae"])
@pytest.mark.parametrize("start", [0.01, 0.3])
def test_race_is_gradient_descent_on_the_logits(name: str, start: float) -> None:
    K, steps = 10, 40
    p = torch.full((1, K), (1 - start) / (K - 1), dtype=torch.float64)
    p[0, 0] = start
    z = p.log().requires_grad_()
    path = []
    for _ in range(steps + 1):
        path.append(z.softmax(1)[0, 0].item())
        loss = losses.build(name)(z, torch.zeros(1, dtype=torch.int64))
        (g,) = torch.autograd.grad(loss, z)
        z = (z - g).detach().requires_grad_()
    assert figures.race(name, start, steps) == pytest.approx(np.array(path), abs=1e-12)


def test_slope_of_mae_is_largest_at_one_half() -> None:
    ce, mae = figures.slope_at_label().data
    assert np.allclose(ce.y, 1 - ce.x)
    assert np.allclose(mae.y, mae.x * (1 - mae.x))
    assert mae.x[np.argmax(mae.y)] == pytest.approx(0.5, rel=0.05)


def test_class_mix_is_the_row_of_an_ambiguous_image() -> None:
    mix = figures.class_mix("pair", 0.2, 0.55)
    assert mix.tolist() == pytest.approx([0.44, 0.11 + 0.36, 0.09])
    assert math.isclose(figures.class_mix("symmetric", 0.5, 1.0)[0].item(), 0.5)


def test_noisy_loss_of_a_symmetric_bounded_loss_has_the_floor_of_theorem_3() -> None:
    z, T = predictions(500, 5), noise.pair_flip(5, 0.4)
    for name, C in (("mae", 4), ("nce", 1)):
        table = label_table(name, z)  # (500, 5)
        other = ~torch.eye(5, dtype=torch.bool)
        for y in range(5):
            gap = (T[y, y] - T[y])[other[y]]
            assert torch.allclose(table @ T[y], T[y, y] * C - table[:, other[y]] @ gap)
    floor = 4 * 0.4 / 4
    assert (label_table("mae", z) @ T.T).min().item() >= floor - 1e-12
    sure = torch.tensor([[0.6, 0.4 - 1e-6, 1e-6]], dtype=torch.float64).log()
    assert (label_table("nce", sure) @ noise.pair_flip(3, 0.4)[0]).item() < 1 * 0.4 / 2


def test_panels_have_a_figure_each() -> None:
    fig = figures.label_sum_panels(("ce", "mae"))
    assert [trace.type for trace in fig.data] == ["contour"] * 2
    assert {trace.xaxis for trace in fig.data} == {"x", "x2"}
    assert [trace.showscale for trace in fig.data] == [False, True]
