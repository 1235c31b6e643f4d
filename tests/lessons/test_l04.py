"""Lesson 04: what its figures draw, and where its walks go, against the mathematics."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
import torch

from anl_edu import losses
from anl_edu.lessons.l04_building_an_nnlf import ablation, explorers
from anl_edu.lessons.l04_building_an_nnlf.figures import STAGES, loss_steps
from anl_edu.runs import RunSpec

Z = torch.tensor([[1.0, 2.5, -0.5, -2.0]], dtype=torch.float64)
P = np.exp(Z[0].numpy()) / np.exp(Z[0].numpy()).sum()
L = -np.log(P)
A = 16.0


def bars(stage: str, y: int = 0, table: np.ndarray = L) -> tuple[np.ndarray, np.ndarray]:
    """Heights on the left and on the right."""
    left, _, right = loss_steps(P, table, A, y, stage).data
    return np.asarray(left.y, float), np.asarray(right.y, float)


def test_each_step_starts_where_the_one_before_ends() -> None:
    np.testing.assert_allclose(bars("table")[0], P)
    for stage in ("table", "complement"):
        np.testing.assert_allclose(bars(stage)[1], L)
    np.testing.assert_allclose(bars("flip")[0], L)
    np.testing.assert_allclose(bars("flip")[1], A - L)
    np.testing.assert_allclose(bars("normalise")[0], A - L)
    np.testing.assert_allclose(bars("normalise")[1], (A - L) / (A - L).sum())


@pytest.mark.parametrize("y", range(4))
def test_title_of_the_last_step_is_the_loss(y: int) -> None:
    label = torch.tensor([y])
    p_min = float(np.exp(-A))
    expected = losses.nnce(Z, label, p_min=p_min).item()
    assert f"= {expected:.3f}" in loss_steps(P, L, A, y, "normalise").layout.title.text
    assert f"{losses.ce(Z, label).item():.2f}" in loss_steps(P, L, A, y).layout.title.text


def test_gap_stands_between_the_bar_and_the_ceiling() -> None:
    gap = loss_steps(P, L, A, 0, "flip").data[1]
    np.testing.assert_allclose(np.asarray(gap.base, float) + gap.y, A)


def test_entries_above_the_ceiling_count_as_the_ceiling() -> None:
    assert bars("flip", table=np.array([0.1, 3.0, 20.0, np.inf]))[1].tolist() == [15.9, 13, 0, 0]


def test_label_is_told_apart_without_colour() -> None:
    for stage in STAGES:
        fig = loss_steps(P, L, A, 2, stage)
        for trace in (fig.data[0], fig.data[2]):
            assert list(trace.marker.pattern.shape) == ["", "", "/", ""]
        assert "(y)" in fig.layout.xaxis.ticktext[2]


def test_unknown_step_is_refused() -> None:
    with pytest.raises(ValueError, match="'twist'"):
        loss_steps(P, L, A, 0, "twist")


def test_walks_go_where_the_lesson_says() -> None:
    paths = explorers.walk(explorers.LOGITS, 0)
    for path in paths.values():
        np.testing.assert_allclose(path.sum(1), 1)
        np.testing.assert_allclose(path[0], P)
    assert paths["complement"][-1, 0] < 0.1
    assert paths["flip"][-1].argmax() == 1
    assert paths["normalise"][-1, 0] > 0.99


def test_flip_alone_does_reach_the_label_from_an_undecided_start() -> None:
    assert explorers.walk((0.0, 0.0, 0.0, 0.0), 0)["flip"][-1, 0] > 0.99


def test_walk_stands_still_where_the_label_is_clamped() -> None:
    path = explorers.walk((-10.0, 10.0, 0.0, 0.0), 0)["normalise"]
    np.testing.assert_allclose(path[-1], path[0], atol=1e-12)


def test_first_step_has_the_length_asked_for() -> None:
    for path in explorers.walk((0.3, 0.1, -0.4, 0.0), 0, first=0.2).values():
        step = np.log(path[1]) - np.log(path[0])
        step -= step.mean()  # softmax forgets a shift; these gradients have none
        assert np.linalg.norm(step) == pytest.approx(0.2, rel=1e-6)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_curves(gamma: float) -> None:
    ce, held, own = (np.asarray(t.y, float) for t in explorers.focal_slopes(gamma).data)
    p = np.asarray(explorers.focal_slopes(gamma).data[0].x, float)
    np.testing.assert_allclose(ce, 1 - p, rtol=1e-9)
    np.testing.assert_allclose(held, (1 - p) ** (1 + gamma), rtol=1e-9)
    np.testing.assert_allclose(own, (1 - p) ** gamma * (1 - p - gamma * p * np.log(p)), rtol=1e-9)


def test_own_table_needs_its_maximum() -> None:
    with pytest.raises(ValueError, match="both"):
        explorers.table(loss=losses.ce_table)


def test_negative_half_of_gce_is_mae_of_scaled_logits() -> None:
    z = torch.randn(50, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y, q = torch.arange(50) % 6, 0.3
    table = (1 - z.softmax(1) ** q) / q
    shares = torch.softmax(q * z, 1)[torch.arange(50), y]
    torch.testing.assert_close(losses.normalized_negative(table, y, 1 / q), 1 - shares)


@pytest.mark.parametrize("name", ablation.ROWS)
def test_the_ablation_rows_are_recorded_and_differ_in_what_they_say(name: str) -> None:
    loss, changes = ablation.ROWS[name]
    group = ablation.recorded("digits")[name]
    assert [run.spec.seed for run in group] == list(ablation.SEEDS)
    for run in group:
        assert run.spec.loss == loss
        recipe, full = run.spec.recipe, RunSpec("digits", loss, "symmetric", 0.6).recipe
        same = set(recipe.as_dict()) - set(changes)
        assert all(recipe.as_dict()[field] == full.as_dict()[field] for field in same)
        assert len(run.records) == 60


def test_the_summary_is_the_mean_of_what_was_recorded() -> None:
    last, memorised = ablation.summary("digits")["5 NNCE"]
    group = ablation.recorded("digits")["5 NNCE"]
    assert last == pytest.approx(100 * fmean(run.last.test_accuracy for run in group))
    assert memorised == pytest.approx(100 * fmean(run.last.memorised for run in group))
    assert f"{last:.1f} ±" in ablation.table("digits")


def test_a_dip_is_the_largest_fall_and_the_clamp_is_seen() -> None:
    accuracy = np.array([0.5, 0.8, 0.85, 0.5, 0.7])
    watched = ablation.Watched(accuracy, np.array([0.0, 0.0, 0.05, 0.3, 0.5]))
    assert (watched.dip, round(watched.depth), watched.reaches) == (4, 35, 4)
    assert ablation.Watched(accuracy, np.zeros(5)).reaches is None
