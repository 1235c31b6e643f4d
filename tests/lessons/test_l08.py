"""Lesson 08: what its figures, explorers and tables say is so."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from anl_edu import data, losses, noise, paths, runs
from anl_edu.lessons.l08_segmentation_with_noisy_masks import (
    annotators,
    epochs,
    explorers,
    figures,
    recorded,
    two_classes,
)
from anl_edu.runs.grid import load


@pytest.fixture(scope="module")
def masks() -> torch.Tensor:
    return data.load("scenes").y_train[:6]


def test_the_grid_file_makes_all_runs_and_they_are_recorded() -> None:
    root = paths.checkout()
    assert root is not None
    specs = [
        spec
        for share in recorded.SHARES
        for n in recorded.ROWS
        for spec in recorded.specs(n, share)
    ]
    specs += [spec for n in recorded.SWAPPED for spec in recorded.specs(n, epochs.SHARE)]
    assert {s.digest for s in specs} == {s.digest for s in load(root / "data/grids/scenes.toml")}
    assert [s.file_name for s in specs if runs.lookup(s) is None] == []


def test_no_seed_of_the_comparison_chose_the_recipe() -> None:
    assert 0 not in recorded.SEEDS


def test_a_cell_of_the_table_is_the_mean_and_deviation_of_its_runs() -> None:
    lines = recorded.table("worst_dice").splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "CE", "GCE", "Dice", "T-Loss", "NCE+RCE", "ANL-CE", "ANL-CE + ER",
    ]  # fmt: skip
    found = [runs.lookup(runs.RunSpec("scenes", "anl-ce", "mask-mixed", 0.5, s)) for s in (1, 2, 3)]
    worst = [100 * min(run.last.dice[1:]) for run in found if run is not None and run.last.dice]
    cell = lines[2 + list(recorded.ROWS).index("anl-ce")].split("|")[4].strip()
    assert cell == f"{np.mean(worst):.1f} ± {np.std(worst, ddof=1):.1f}"


def test_votes_are_shares_of_annotators(masks: torch.Tensor) -> None:
    some = annotators.votes(masks, 11, "mixed", 0.7, annotators=20)
    torch.testing.assert_close(some.sum(1), torch.ones_like(some[:, 0]))
    assert annotators.right(some, masks).min() >= 0.3  # those who draw rightly
    alone = annotators.votes(masks, 11, "erosion", 0.0, annotators=3)
    assert (alone.argmax(1) == masks).all()


def test_the_edge_lies_between_1_and_minus_1() -> None:
    mask = torch.zeros(1, 5, 7, dtype=torch.int64)
    mask[0, :, 3:] = 4
    assert annotators.edge_distance(mask)[0, 2].tolist() == [3, 2, 1, -1, -2, -3, -4]


def test_shares_by_distance_count_every_pixel_once(masks: torch.Tensor) -> None:
    distance = annotators.edge_distance(masks)
    everywhere = annotators.by_distance(torch.ones_like(masks, dtype=torch.bool), distance, -99, 99)
    assert set(everywhere.values()) == {1.0}
    inside = annotators.by_distance(masks > 0, distance, -99, 99)
    assert {d: v for d, v in inside.items() if d < 0} == {d: 1.0 for d in inside if d < 0}
    assert not any(v for d, v in inside.items() if d > 0)


@pytest.mark.parametrize(
    "parameters", [{}, {"alpha": 5.0, "beta": 5.0}, {"alpha": 25.0, "beta": 1.0}]
)
def test_pulls_are_finite_differences(parameters: dict[str, float]) -> None:
    loss = "anl-ce" if parameters else "ce"
    p0 = torch.tensor([0.2, 0.85, 0.99], dtype=torch.float64)
    pulled = figures.two_pulls(loss, p0, **parameters)
    built = losses.build(loss, "none", **parameters)
    z = torch.cat([p0[:, None], ((1 - p0) / 10)[:, None].expand(-1, 10)], 1).log()
    for label, of_label in enumerate(pulled):
        step = torch.zeros(11, dtype=torch.float64)
        step[label] = 1e-5
        y = torch.full((3,), label)
        slope = (built(z + step, y) - built(z - step, y)) / 2e-5
        torch.testing.assert_close(of_label, -slope, rtol=1e-6, atol=1e-9)


def test_where_all_is_one_half_the_pulls_compare_alone() -> None:
    ground, digit = figures.two_pulls("ce", torch.tensor([0.99], dtype=torch.float64))
    assert ground.item() == pytest.approx(0.01)
    assert digit.item() == pytest.approx(0.999)
    assert figures.ground_to_digits("ce", 0.5) == pytest.approx(0.01 / 0.999)
    assert figures.ground_to_digits("ce", 0.8) == pytest.approx(4 * 0.01 / 0.999)


@pytest.mark.parametrize("alpha_beta", [(5.0, 5.0), (25.0, 1.0)])
def test_with_two_classes_a_symmetric_loss_pulls_alike_at_both(
    alpha_beta: tuple[float, float],
) -> None:
    """The lesson says so of any p0: no weights make the smaller class louder."""
    p0 = torch.tensor([0.3, 0.9, 0.99, 0.999], dtype=torch.float64)
    z = torch.stack([p0.log(), (1 - p0).log()], 1).requires_grad_()  # (M, 2)
    loss = losses.build("anl-ce", "sum", alpha=alpha_beta[0], beta=alpha_beta[1])
    pulled = []
    for label in (0, 1):
        (g,) = torch.autograd.grad(loss(z, torch.full((4,), label)), z)
        pulled.append(-g[:, label])
    torch.testing.assert_close(*pulled)


def test_the_readout_of_the_pulls_says_where_there_is_none() -> None:
    assert "No weight" in explorers.pulls().set(alpha=0.0, beta=0.0)._line.value


def test_masks_without_noise_are_drawn_as_they_are() -> None:
    line = explorers.ways().set(share=0.0)._line.value
    assert "0% are wrong, in 0.0 % of all pixels; mean Dice of the digits as drawn: 100 %" in line


def test_the_four_scenes_are_wrong_each_in_its_way() -> None:
    some = epochs.scenes()
    assert some.ways == ("too large", "too small", "displaced", "right")
    assert len(some.images) == len(some.true) == len(some.drawn) == 4
    large, small, _, right = (
        (d > 0).sum() / (t > 0).sum() for d, t in zip(some.drawn, some.true, strict=True)
    )
    assert large > 1.2
    assert small < 0.8
    assert (some.drawn[2] != some.true[2]).any()
    assert right == 1
    assert (some.drawn[3] == some.true[3]).all()
    # of the runs that are shown beside them
    part = runs.prepare(recorded.specs("anl-ce", epochs.SHARE)[0])
    assert (part.x_train == some.images[0]).flatten(1).all(1).any()


def test_predictions_are_there_of_every_row_and_epoch() -> None:
    said = epochs.predictions()
    assert list(said) == list(recorded.ROWS)
    for name, masks in said.items():
        recipe = recorded.specs(name, epochs.SHARE)[0].recipe
        assert masks.shape == (recipe.epochs, 4, 64, 64), name
        assert 0 <= masks.min() <= masks.max() <= 10


def test_what_is_memorised_in_four_scenes_is_near_what_is_in_all() -> None:
    """The file was made by the runs that are recorded: four scenes stand for a hundred."""
    for name in recorded.ROWS:
        run = recorded.recorded(epochs.SHARE, name)[name][0]
        for epoch in (12, 24, 36):
            whole = run.records[epoch - 1].memorised
            assert epochs.memorised(name, epoch) == pytest.approx(whole, abs=0.25), (name, epoch)


def test_predictions_are_made_and_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"epochs": 2, "train_images": 40, "test_images": 3, "train_eval": 3}
    spec = runs.RunSpec("scenes", "ce", "mask-mixed", 0.7, 1, changes=changes)
    path = tmp_path / "made.npz"
    epochs.write(epochs.make({"ce": spec}), path)
    monkeypatch.setattr(epochs, "FILE", path)
    epochs.predictions.cache_clear()
    try:
        assert epochs.predictions()["ce"].shape == (2, 4, 64, 64)
    finally:
        epochs.predictions.cache_clear()


def test_two_classes_are_ground_and_digit() -> None:
    scenes = data.load("scenes")
    two = two_classes.ground_or_digit(scenes)
    assert two.num_classes == 2
    assert torch.equal(two.y_train > 0, scenes.y_train > 0)
    assert two.y_test.max() == 1


def test_maps_outline_where_most_are_wrong() -> None:
    some = torch.full((4, 4), 0.9)
    some[0, 0] = 0.4
    fig = figures.agreement_maps({"dilation": some}, title="A")
    assert fig.data[0].z[0][0] == 40
    assert np.sum(fig.data[1].z) == 1


def test_the_map_of_classes_has_a_row_a_loss() -> None:
    dice = recorded.class_dice(0.0)
    fig = figures.class_dice(dice, data.load("scenes").classes, title="C")
    assert list(fig.data[0].y) == [
        "CE",
        "GCE",
        "Dice",
        "T-Loss",
        "NCE+RCE",
        "ANL-CE",
        "ANL-CE + ER",
    ]
    assert np.array(fig.data[0].z).shape == (7, 11)
    assert not math.isnan(np.sum(fig.data[0].z))


def test_masks_of_the_explorer_are_those_of_the_noise() -> None:
    scenes = data.load("scenes")
    drawn = explorers._drawn("missing", 0.5, 1.0)
    counted = noise.realised_masks(scenes.y_train[: len(drawn)], drawn, 11)
    assert counted.counts[0, 1:].sum() == 0  # nothing appears
    assert counted.rate > 0
