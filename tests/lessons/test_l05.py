"""What lesson 05 draws is right: pulls, arrows, shares, distributions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from anl_edu import gradients, losses
from anl_edu.lessons.l05_gradients_clean_against_noisy import explorers as explore
from anl_edu.lessons.l05_gradients_clean_against_noisy import figures


def trace(fig, name):
    return next(t for t in fig.data if t.name == name)


def test_pull_draws_ce_and_mae_as_their_formulas() -> None:
    odds = np.asarray(trace(figures.pull("mae"), "CE").x, dtype=float)
    p = odds / (1 + odds)
    for name, formula in (("CE", 1 - p), ("MAE", p * (1 - p))):
        drawn = np.asarray(trace(figures.pull("mae"), name).y, dtype=float)
        seen = np.isfinite(drawn)
        assert seen.mean() > 0.9
        np.testing.assert_allclose(drawn[seen], formula[seen], rtol=1e-6)


def test_pull_marks_the_chosen_sample_on_its_curve() -> None:
    fig = figures.pull("nnce", odds=999.0)
    assert trace(fig, "the sample").y[0] == pytest.approx(0.0231, abs=5e-5)  # the lesson's table


@pytest.mark.parametrize("K", [2, 10, 1000])
def test_grey_zone_begins_where_the_pull_ends(K: int) -> None:
    fig = figures.pull("nnce", K=K, p_min=1e-6)
    drawn = np.asarray(trace(fig, "NNCE").y, dtype=float)
    odds = np.asarray(trace(fig, "NNCE").x, dtype=float)
    edge = fig.layout.shapes[1].x0
    np.testing.assert_array_equal(np.isfinite(drawn), odds < edge)


@pytest.mark.parametrize(
    ("p", "text"), [(0.999, "0.999"), (0.5, "0.5"), (0.01, "0.01"), (1 - 1e-6, "1 − 1e-6")]
)
def test_probability_near_one_is_not_rounded_to_it(p: float, text: str) -> None:
    assert figures.probability(p) == text


def test_climb_under_ce_follows_its_own_recursion() -> None:
    lead, rate = 0.0, 0.05 / 0.9  # at p_y = 0.1 of ten classes all logits are equal
    expected = [lead]
    for _ in range(50):
        p_y = math.exp(lead) / (math.exp(lead) + 9)
        lead += rate * (1 - p_y) * 10 / 9
        expected.append(lead)
    np.testing.assert_allclose(figures.climb("ce", 50), expected, rtol=1e-9, atol=1e-9)


def test_climb_under_nnce_speeds_up_and_stops_at_the_clamp() -> None:
    steps = np.diff(figures.climb("nnce", 200))
    moving = steps[steps > 0]
    assert (np.diff(moving[20:]) > 0).all()
    assert len(moving) < 200
    assert (steps[len(moving) :] == 0).all()


@pytest.mark.parametrize("name", ["ce", "nce", "nnce", "anl-ce"])
def test_arrows_point_where_a_small_step_takes_the_prediction(name: str) -> None:
    shafts, heads = figures._arrows(name, 1)
    x, y = (np.asarray(v, dtype=float).reshape(-1, 3) for v in (shafts.x, shafts.y))
    middle = np.stack([x[:, :2].mean(1), y[:, :2].mean(1)], 1)  # (M, 2): p_3 - p_2, p_1
    p1 = middle[:, 1]
    p = torch.tensor(np.stack([p1, (1 - p1 - middle[:, 0]) / 2, (1 - p1 + middle[:, 0]) / 2], 1))
    z = p.log()
    g = torch.zeros_like(z)
    label, loss = torch.ones(len(z), dtype=torch.int64), losses.build(name, reduction="none")
    for k, h in enumerate(1e-6 * torch.eye(3, dtype=torch.float64)):
        g[:, k] = (loss(z + h, label) - loss(z - h, label)) / 2e-6
    moved = ((z - 1e-4 * g).softmax(1) - p).numpy()
    dx, dy = moved[:, 2] - moved[:, 1], moved[:, 0]
    drawn = np.stack([x[:, 1] - x[:, 0], math.sqrt(3) * (y[:, 1] - y[:, 0])], 1)
    wanted = np.stack([dx, math.sqrt(3) * dy], 1)
    cosine = (
        (drawn * wanted).sum(1) / np.linalg.norm(drawn, axis=1) / np.linalg.norm(wanted, axis=1)
    )
    assert cosine.min() > 1 - 1e-4
    angle = np.radians(np.asarray(heads.marker.angle))
    np.testing.assert_allclose(
        np.sin(angle), drawn[:, 0] / np.linalg.norm(drawn, axis=1), atol=1e-9
    )


def test_field_measures_the_closed_form() -> None:
    g, p = figures.simplex_gradients("nce", 2, 6)
    z = p.reshape(-1, 3).log()
    expected = gradients.logit_gradient("nce", z, torch.full((len(z),), 2))
    torch.testing.assert_close(g.reshape(-1, 3), expected, rtol=1e-9, atol=1e-12)


def test_group_shares_by_hand() -> None:
    norms = torch.tensor([1.0, 2.0, 3.0, 4.0])
    p_y = torch.tensor([0.95, 0.5, 0.99, 0.1])
    wrong = torch.tensor([False, False, True, True])
    shares = figures.group_shares(norms, p_y, wrong)
    assert shares.tolist() == pytest.approx([0.1, 0.2, 0.7])
    assert shares[2].item() == pytest.approx(gradients.shares(norms, wrong).wrong)


def test_distributions_hold_every_sample_once() -> None:
    norms = torch.tensor([0.0, 1e-12, 1e-3, 0.5, 1.5, 50.0])
    wrong = torch.tensor([True, False, False, True, False, True])
    fig = figures.distributions({"ce": norms, "mae": norms}, wrong)
    bars = [t for t in fig.data if not t.name.startswith("mean")]
    assert len(bars) == 4
    assert [sum(t.y) for t in bars] == pytest.approx([100.0] * 4)
    first = {t.name: t.y[0] for t in bars}
    assert first == pytest.approx({"correct labels": 100 / 3, "wrong labels": 100 / 3})


def test_readout_names_the_controls_that_do_nothing() -> None:
    e = explore.pull("mae")
    assert "gamma does nothing here" in e._line.value
    e.set(loss="anl-fl")
    assert "does nothing" not in e._line.value
