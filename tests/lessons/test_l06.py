"""What lesson 06 computes is right: noisy accuracy, tables, held-out labels, the same run."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from anl_edu import data, noise, recipes, runs
from anl_edu import training as train
from anl_edu.lessons.l06_training_anl_on_cifar import figures as hyper
from anl_edu.lessons.l06_training_anl_on_cifar import tables


@pytest.mark.parametrize(("eta", "K"), [(0.2, 4), (0.6, 10), (0.8, 100)])
def test_noisy_accuracy_is_what_a_draw_gives(eta: float, K: int) -> None:
    generator = torch.Generator().manual_seed(0)
    true = torch.randint(K, (200_000,), generator=generator)
    said = torch.where(
        torch.rand(len(true), generator=generator) < 0.7,
        true,
        (true + torch.randint(1, K, true.shape, generator=generator)) % K,
    )
    noisy = noise.corrupt(true, noise.symmetric(K, eta), "independent", generator)
    a, q = ((said == y).double().mean().item() for y in (true, noisy))
    assert q == pytest.approx(hyper.noisy_accuracy(a, eta, K), abs=0.005)


def test_stays_ahead_is_the_epoch_of_the_last_overtaking() -> None:
    def run(*values: float) -> list[SimpleNamespace]:
        return [SimpleNamespace(test_accuracy=v) for v in values]

    ours, theirs = [run(1, 5, 1, 6, 7)], [run(2, 2, 2, 2, 2)]
    assert hyper.stays_ahead(ours, theirs) == 4
    assert hyper.stays_ahead(theirs, ours) is None
    assert hyper.stays_ahead(ours, [run(0, 0, 0, 0, 0)]) == 1
    # the mean over seeds decides
    assert hyper.stays_ahead([run(0, 0), run(9, 9)], [run(4, 4)]) == 1


def test_weights_are_counted_over_every_parameter() -> None:
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.fill_(-0.5)
        model.bias.fill_(1e-4)
    sizes = hyper.flat(model)
    assert sizes.tolist() == pytest.approx([0.5] * 6 + [1e-4] * 2)
    line = hyper.weight_sizes({"a": sizes}).data[0]
    at = dict(zip(line.x, line.y, strict=True))
    assert at[min(at, key=lambda v: abs(v - hyper.SMALL))] == 25
    assert line.y[-1] == 100


def test_the_line_drawn_is_the_theory() -> None:
    fig = hyper.noisy_against_clean({"one": (0.8, 0.35)}, eta=0.6, K=10, n=100)
    theory = next(trace for trace in fig.data if trace.name == "theory")
    assert theory.y[-1] == pytest.approx(40)
    assert theory.y[0] == pytest.approx(100 * 0.6 / 9)


def test_scaling_loss_penalty_clipping_and_rate_together_changes_nothing() -> None:
    spec = runs.RunSpec("digits", "anl-ce", changes={"epochs": 1, "train_images": 300})
    ready = runs.prepare(spec)
    weights = []
    for scale in (1, 5):
        recipe = recipes.get(
            "digits",
            "anl-ce",
            epochs=1,
            loss_parameters={"alpha": scale, "beta": scale},
            l1=1e-5 * scale,
            clip_norm=0.02 * scale,  # low enough to clip
            lr=0.25 / scale,
        )
        model = recipe.build_model(ready, seed=0)
        list(train.fit(model, ready, recipe.build_loss(), recipe, device="cpu"))
        weights.append(nn.utils.parameters_to_vector(model.parameters()).detach())
    assert torch.allclose(*weights, rtol=1e-3, atol=1e-5)


def test_one_paper_is_one_paper() -> None:
    """JAL's own table: CE 73.85, NCE+RCE 77.94, ANL-CE 77.99, ANL-FL 77.89 at asymmetric 0.4."""
    four = ("ce", "nce+rce", "anl-ce", "anl-fl")
    text = tables.one_paper(tables.JAL, four, [("asymmetric", 0.4), ("symmetric", 0.6)]).data
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[4:]]
    assert rows == [
        ["CE", "73.85", "–"],
        ["NCE+RCE", "77.94", "–"],
        ["ANL-CE", "77.99", "–"],
        ["ANL-FL", "77.89", "–"],
    ]
    assert "Joint Asymmetric Loss" in text
    with pytest.raises(ValueError, match="numbers for"):
        tables.one_paper("Wang", ["ce"], [("symmetric", 0.4)])
    with pytest.raises(ValueError, match="names 0 papers"):
        tables.one_paper("nobody", ["ce"], [("symmetric", 0.4)])


def test_losses_are_ranked_by_the_mean_over_seeds() -> None:
    def run(*values: float) -> SimpleNamespace:
        return SimpleNamespace(records=[SimpleNamespace(test_accuracy=v) for v in values])

    some = {"ce": [run(0.5, 0.1), run(0.5, 0.3)], "anl-ce": [run(0.4, 0.4)]}
    assert tables.in_order(some) == "ANL-CE 40.0 %, CE 20.0 %"
    assert tables.in_order(some, 1) == "CE 50.0 %, ANL-CE 40.0 %"


def test_the_table_of_stopping_tells_last_and_chosen_apart() -> None:
    def epoch(number: int, accuracy: float) -> SimpleNamespace:
        return SimpleNamespace(epoch=number, test_accuracy=accuracy)

    seen = SimpleNamespace(last=epoch(3, 0.5), chosen=epoch(2, 0.6))
    table = tables.stopping_table({"ce": [seen, seen]}).data
    assert "50.0 ± 0.0 |" in table
    assert "60.0 ± 0.0 |" in table
    assert "2, 2" in table


def test_errors_are_those_of_a_share_and_of_a_ruler_three_times_as_coarse() -> None:
    by_true, by_noisy = hyper.errors(0.9, 0.6, 10, 100)
    assert by_true == pytest.approx(0.03)
    assert by_noisy == pytest.approx(3 * (0.3667 * 0.6333 / 100) ** 0.5, rel=1e-3)


@pytest.mark.parametrize(("gap", "eta", "n"), [(3, 0.0, 100), (3, 0.6, 375), (10, 0.4, 60)])
def test_how_often_chance_swaps_two_models_is_what_drawing_them_gives(
    gap: int, eta: float, n: int
) -> None:
    g = np.random.default_rng(0)
    met = [g.binomial(n, hyper.noisy_accuracy(a, eta, 10), 200_000) for a in (0.9, 0.9 - gap / 100)]
    drawn = (met[0] < met[1]).mean() + 0.5 * (met[0] == met[1]).mean()
    assert hyper.swapped(gap, eta, n) == pytest.approx(drawn, abs=0.01)


def test_what_lesson_06_says_of_telling_models_apart() -> None:
    """Twenty times as many images with noisy labels as with true ones, for one in twenty."""
    true, noisy = (hyper.images_needed(3, eta) for eta in (0.0, 0.6))
    for eta, n in ((0.0, true), (0.6, noisy)):
        assert hyper.swapped(3, eta, n) <= 0.05 < hyper.swapped(3, eta, round(0.9 * n))
    assert noisy / true == pytest.approx(20, abs=2)
    assert hyper.swapped(3, 0.8, 50_000) > 0.05  # "even 50,000 are too few"
    for eta, count in ((0.0, 300), (0.6, 1300)):  # on the same images; one alone is right on 10 %
        slope = 1 - eta * 10 / 9
        variance = 0.1 * (1 - eta + eta / 9) - (0.03 * slope) ** 2  # of one image's difference
        needed = variance * (1.645 / (0.03 * slope)) ** 2
        assert needed == pytest.approx(count, rel=0.04)
    assert hyper.swapped(3, 0.6, 375) > 0.35
    ratio = [(hyper.errors(0.9, eta, 10, 1)[1] / 0.3) ** 2 for eta in (0.4, 0.6, 0.8)]
    assert [round(r) for r in ratio] == [9, 23, 138]


def test_a_label_is_let_go_when_every_other_class_is_below_the_clamp() -> None:
    noisy = runs.noisy_data("digits", "symmetric", 0.6)
    sure = torch.where(torch.arange(len(noisy.y_train)) % 2 == 0, 40.0, 2.0)
    logits = sure[:, None] * nn.functional.one_hot(noisy.y_train, 10)
    live = SimpleNamespace(data=noisy, predict=lambda x: logits)
    assert hyper.let_go(live) == pytest.approx(0.5, abs=0.05)


def test_pictures_show_wrong_labels_only() -> None:
    digits = data.load("digits")
    fig = hyper.wrongly_labelled(digits)
    assert list(fig.layout.yaxis.ticktext) == ["symmetric 0.6", "asymmetric 0.4"]
