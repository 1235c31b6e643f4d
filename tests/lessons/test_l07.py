"""Lesson 07: what its figures, explorers and tables say is so."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from anl_edu import data, gradients, losses, noise, runs
from anl_edu.lessons.l07_when_noise_is_not_symmetric import (
    explorers,
    figures,
    people,
    recorded,
    unequal,
)
from anl_edu.training import EpochRecord


def test_labels_are_drawn_too_often_where_a_column_sums_to_more_than_one() -> None:
    fig = figures.label_counts(noise.asymmetric_mnist(0.4), "0123456789", title="T")
    drawn = {t.name: dict(zip(t.x, t.y, strict=True)) for t in fig.data}
    assert drawn["given too often"] == pytest.approx({"1": 1.4, "8": 1.4})
    assert drawn["given too seldom"] == pytest.approx({"2": 0.6, "3": 0.6})
    assert len(drawn["as often as its class"]) == 6


def test_flips_in_place_are_those_of_lesson_01() -> None:
    T = explorers.flipped_in_place(0.4)
    torch.testing.assert_close(T.sum(1), torch.ones(10).double())
    assert T[3, 5].item() == pytest.approx(0.24)
    assert T[5, 3].item() == pytest.approx(0.40)
    assert 1 - T.diagonal().mean().item() == pytest.approx(0.184)


@pytest.mark.parametrize("kind", explorers.KINDS)
def test_the_readout_counts_wrong_labels_and_classes(kind: str) -> None:
    said = explorers.columns(kind).set(rate=0.0)._line.value
    assert "0.0 % of the labels are wrong; they use 10.00 of 10 classes" in said


def test_a_step_on_er_is_drawn_as_autograd_gives_it() -> None:
    """The sample is one of a batch whose others make up the p_bar that the figure is told."""
    p = torch.tensor([0.5, 0.4, *[0.1 / 8] * 8]).double()
    p_bar = torch.tensor([0.3, *[0.7 / 9] * 9]).double()
    N = 1000
    rest = (N * p_bar - p) / (N - 1)
    z = torch.cat([p[None], rest.expand(N - 1, -1)]).log().requires_grad_()
    (g,) = torch.autograd.grad(losses.entropy_regularizer(z), z)
    drawn = figures.push(0.5, 0.4, 0.3).data[2].y
    np.testing.assert_allclose(drawn, -N * g[0].numpy(), atol=1e-12)


def test_a_second_probability_that_does_not_fit_is_cut() -> None:
    believed = np.array(figures.push(0.9, 0.8, 0.1).data[0].y)
    assert believed.sum() == pytest.approx(1)
    assert (believed >= 0).all()


def epochs(*recalls: tuple[float, ...]) -> list[EpochRecord]:
    return [
        EpochRecord(
            e, len(recalls), 1.0, 0.1, 0.5, 0.5, 0.5, 0.5, 0.5, None, 0.1, None, r, (0.5, 0.3, 0.2)
        )
        for e, r in enumerate(recalls, start=1)
    ]  # fmt: skip


def test_maps_have_a_row_a_class_and_a_column_an_epoch() -> None:
    rows = epochs((1.0, 0.5, 0.0), (1.0, 0.75, 0.25))
    fig = figures.recall_maps({"ce": rows, figures.ER: rows}, "abc", title="R")
    assert [trace.name for trace in fig.data] == ["CE", "ANL-CE + ER"]
    assert fig.data[0].z.tolist() == [[100, 100], [50, 75], [0, 25]]


def test_classes_in_use_are_exp_of_the_entropy() -> None:
    fig = figures.balance_curves({"ce": [epochs((1.0, 1.0, 1.0))]})
    p = np.array([0.5, 0.3, 0.2])
    assert fig.data[0].y[0] == pytest.approx(math.exp(-(p * np.log(p)).sum()))


def test_er_has_a_look_of_its_own_beside_anl() -> None:
    look, plain = figures.style(figures.ER), figures.style("anl-ce")
    assert (look.color, look.dash, look.symbol) != (plain.color, plain.dash, plain.symbol)


def test_each_noise_has_three_seeds_of_each_way_to_train() -> None:
    for dataset, noises in recorded.NOISES.items():
        for kind, rate in noises:
            for loss, changes in recorded.ROWS.values():
                for seed in recorded.SEEDS:
                    spec = runs.RunSpec(dataset, loss, kind, rate, seed, changes=changes)
                    run = runs.lookup(spec)
                    assert run is not None, spec.file_name
                    assert run.last.recalls, spec.file_name
                    assert run.confusion, spec.file_name


def test_the_table_says_what_the_files_hold() -> None:
    lines = recorded.table("digits", "asymmetric", 0.4).splitlines()
    some = recorded.recorded("digits", "asymmetric", 0.4)["ANL-CE + ER, λ = 2"]
    accuracy = [100 * run.last.test_accuracy for run in some]
    worst = [100 * min(run.last.recalls or ()) for run in some]
    used = [math.exp(-sum(p * math.log(p) for p in run.last.mean_prediction)) for run in some]
    cells = [cell.strip() for cell in lines[-1].split("|")[2:5]]
    assert cells == [
        f"{np.mean(accuracy):.1f} ± {np.std(accuracy, ddof=1):.1f}",
        f"{np.mean(worst):.1f} ± {np.std(worst, ddof=1):.1f}",
        f"{np.mean(used):.2f}",
    ]


def test_every_sweep_of_the_explorer_is_recorded() -> None:
    for dataset, noises in recorded.NOISES.items():
        for kind, rate in noises:
            for weight in recorded.LAMBDAS:
                changes = {"held_out": 0.1, "entropy": weight}
                spec = runs.RunSpec(dataset, "anl-ce", kind, rate, 3, changes=changes)
                assert runs.lookup(spec) is not None, spec.file_name


def test_the_explorer_hides_the_truth_until_it_is_asked() -> None:
    explorer = explorers.lambdas()
    assert [trace.name for trace in explorer.figure.data] == ["held-out noisy labels"]
    explorer.set(clean=("test", "worst"))
    assert len(explorer.figure.data) == 3


def test_people_are_counted_as_the_published_files_say() -> None:
    found = data.where()
    if not (found["CIFAR-10_human.pt"] and found["CIFAR-100_human.pt"]):
        pytest.skip("no CIFAR-N label files here")
    for which in people.COUNTED:
        torch.testing.assert_close(
            people.matrix(which, found["CIFAR-10_human.pt"]), people.matrix(which)
        )
    agreed = people.agreement(found["CIFAR-10_human.pt"])
    torch.testing.assert_close(agreed, people.agreement(), atol=1e-6, rtol=0)
    counted, known = people.hundred(found["CIFAR-100_human.pt"]), people.HUNDRED
    assert (counted.rate, counted.inside) == pytest.approx((known.rate, known.inside), abs=5e-4)
    assert (counted.lost, counted.seldom[0], counted.often[0]) == (
        known.lost,
        known.seldom[0],
        known.often[0],
    )
    assert [pair[:2] for pair in counted.pairs] == [pair[:2] for pair in known.pairs]


def test_people_err_at_the_published_rates() -> None:
    rates = {which: 1 - people.matrix(which).diagonal().mean().item() for which in people.COUNTED}
    assert rates == pytest.approx({"aggregate": 0.0901, "worst": 0.4021}, abs=1e-4)


def test_thinned_classes_are_a_third_in_both_parts() -> None:
    digits = data.load("digits")
    part = unequal.thinned(digits)
    for before, after in ((digits.y_train, part.y_train), (digits.y_test, part.y_test)):
        old, new = before.bincount(), after.bincount()
        assert new[:3].tolist() == old[:3].tolist()
        assert new[3:].tolist() == [math.ceil(n / 3) for n in old[3:].tolist()]


@pytest.mark.parametrize("size", [16, 32, 64, 128, 256, 512, 1024])
def test_er_by_chance_is_k_minus_1_over_2n(size: int) -> None:
    """Mean of ER over random one-hot batches, classes equally likely: Miller's first term."""
    g = torch.Generator().manual_seed(size)
    y = torch.randint(10, (400, size), generator=g)
    z = 60.0 * torch.nn.functional.one_hot(y, 10).double()
    mean = sum(losses.entropy_regularizer(batch).item() for batch in z) / len(z)
    assert mean == pytest.approx(9 / (2 * size), rel=0.35 if size < 32 else 0.15)


def test_er_pull_vanishes_where_the_batch_is_balanced_or_the_sample_sure() -> None:
    flat = torch.full((10,), 0.1).double()
    p = torch.randn(5, 10, generator=torch.Generator().manual_seed(0)).double().softmax(1)
    assert gradients.entropy_pull(p, flat).abs().max() < 1e-15
    sure = torch.eye(10).double()[:3]
    assert gradients.entropy_pull(sure, p.mean(0)).abs().max() == 0
