"""Training on masks: the same loop, counted pixel by pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small import mask_recipe as recipe
from small import run, same, shapes
from torch import Tensor, nn

from anl_edu import gradients, losses, runs, training
from anl_edu.data import ImageData
from anl_edu.recipes import Recipe
from anl_edu.training import EpochRecord
from anl_edu.training.sources import IGNORED, parted, source


def by_hand(model: nn.Module, d: ImageData, r: Recipe) -> dict[str, Any]:
    """Count an epoch's record anew, class by class, from the logits of all images."""

    def said(x: Tensor) -> Tensor:
        return training.predict(model, x, d.mean, d.std)

    logits, y, true = said(d.x_train), d.y_train, d.y_clean
    assert true is not None
    test, train, wrong = said(d.x_test).argmax(1), logits.argmax(1), y != true
    rows = logits.permute(0, 2, 3, 1).reshape(-1, 3)
    norms = gradients.per_sample_logit_norms(r.build_loss(), rows, y.flatten())
    hit = [(test == k) & (d.y_test == k) for k in range(3)]
    sizes = [((test == k).sum() + (d.y_test == k).sum()).item() for k in range(3)]
    return {
        "test_accuracy": (test == d.y_test).double().mean().item(),
        "clean_accuracy": (train == y)[~wrong].double().mean().item(),
        "wrong_accuracy": (train == true)[wrong].double().mean().item(),
        "memorised": (train == y)[wrong].double().mean().item(),
        "wrong_share": (norms[wrong.flatten()].sum() / norms.sum()).item(),
        "recalls": [h.sum().item() / (d.y_test == k).sum().item() for k, h in enumerate(hit)],
        "dice": [2 * h.sum().item() / n for h, n in zip(hit, sizes, strict=True)],
        "mean_prediction": rows.softmax(1).double().mean(0).tolist(),
    }


def test_a_record_counts_pixels() -> None:
    d, r = shapes(60), recipe(epochs=15)
    model, records = run(r, d, track_gradients=True)
    last = records[-1]
    assert last.test_accuracy > 0.9  # it learns
    for name, value in by_hand(model, d, r).items():
        assert getattr(last, name) == pytest.approx(value, rel=1e-5), name
    assert last.dice is not None
    assert last.iou == pytest.approx([v / (2 - v) for v in last.dice])
    assert last.mean_dice == pytest.approx(sum(last.dice[1:]) / 2)
    assert last.worst_dice == min(last.dice[1:])
    assert EpochRecord.from_dict(last.as_dict()) == last


def test_images_without_masks_have_no_dice() -> None:
    from small import recipe as of_labels
    from small import tiny

    record = run(of_labels(epochs=1), tiny())[1][0]
    assert (record.dice, record.iou) == (None, None)
    assert record.worst_dice != record.worst_dice  # NaN
    assert record.mean_dice != record.mean_dice


@pytest.mark.parametrize("kind", ["flip", "crop", "rotate"])
def test_masks_move_with_their_images(kind: str) -> None:
    """Each image is its own mask; where an augmentation looked outside, nothing is asked."""
    g = torch.Generator().manual_seed(0)
    y = torch.randint(0, 3, (20, 16, 12), generator=g)
    x = (80 * (y + 1)).to(torch.uint8)[:, None]
    with_masks = source(x, (kind,), torch.device("cpu"), None, y)
    (batch,) = with_masks.augmented([torch.arange(20)], torch.Generator().manual_seed(1))
    images, masks = parted(batch)
    assert images.shape == x.shape
    inside = images[:, 0] > 0
    assert torch.equal(masks[inside], images[:, 0][inside].long() // 80 - 1)
    assert (masks[~inside] == IGNORED).all()
    assert not torch.equal(masks, y)
    assert inside.all() == (kind == "flip")


@pytest.mark.parametrize("loss", ["ce", "anl-ce", "nce+rce", "dice", "t-loss"])
def test_any_loss_trains_and_resumes_to_the_same_bits(loss: str, tmp_path: Path) -> None:
    d, r = shapes(), recipe(loss=loss)
    whole, records = run(r, d)
    path, model, objective = tmp_path / "run.pt", r.build_model(d, seed=0), r.build_loss()
    epochs = training.fit(model, d, objective, r, device="cpu", checkpoint=path)
    next(epochs)
    epochs.close()
    model, objective = r.build_model(d, seed=1), r.build_loss()
    rest = list(training.fit(model, d, objective, r, device="cpu", checkpoint=path))
    assert same(model, whole)
    assert [e.train_loss for e in rest] == [e.train_loss for e in records[1:]]


def test_what_a_loss_learns_is_learned_and_kept(tmp_path: Path) -> None:
    d, r = shapes(), recipe(loss="t-loss", weight_decay=0.5)
    ended = []
    for checkpoint in (None, tmp_path / "run.pt"):
        loss = r.build_loss()
        assert isinstance(loss, losses.TLoss)
        model = r.build_model(d, seed=0)
        epochs = training.fit(model, d, loss, r, device="cpu", checkpoint=checkpoint)
        next(epochs)
        if checkpoint is not None:
            epochs.close()
            loss = r.build_loss()
            assert isinstance(loss, losses.TLoss)
            epochs = training.fit(
                r.build_model(d, seed=0), d, loss, r, device="cpu", checkpoint=checkpoint
            )
        list(epochs)
        ended.append(loss.log_nu.item())
    assert ended[0] == ended[1] != 0.0


def test_a_diverging_epoch_gives_back_what_the_loss_had() -> None:
    d, r = shapes(), recipe(loss="t-loss")
    loss = r.build_loss()
    assert isinstance(loss, losses.TLoss)

    def interrupting(*_: object) -> None:
        raise KeyboardInterrupt

    epochs = training.fit(r.build_model(d, seed=0), d, loss, r, device="cpu")
    next(epochs)
    before = loss.log_nu.item()
    calls = iter(range(100))
    loss.register_forward_pre_hook(lambda *_: interrupting() if next(calls) == 2 else None)
    with pytest.raises(KeyboardInterrupt):
        next(epochs)
    assert loss.log_nu.item() == before


def test_a_live_run_of_scenes_is_recorded_with_its_dice(tmp_path: Path) -> None:
    changes = {"epochs": 1, "train_images": 16, "test_images": 6}
    spec = runs.RunSpec("scenes", "t-loss", "mask-mixed", 0.5, changes=changes)
    made = runs.start(spec, device="cpu", track_gradients=True).finish()
    assert made.last.wrong_share is None  # of whole masks: no pixel has a gradient of its own
    assert made.meta["train_images"] == 16
    again = runs.read(runs.write(made, tmp_path))
    assert again.last.dice == pytest.approx(made.last.dice, abs=1e-4, nan_ok=True)
    assert again.confusion is not None
    assert sum(map(sum, again.confusion)) == 6 * 64 * 64


def test_what_does_not_fit_masks_is_named() -> None:
    d, r = shapes(), recipe()
    with pytest.raises(ValueError, match=r"3 classes for each pixel: .* \(1, 3, 16, 12\)"):
        run(Recipe("shapes", "ce", model="mlp"), d)
    bad = ImageData(
        "shapes", "", d.x_train, d.y_train[:, :8], d.x_test, d.y_test, d.classes, d.mean, d.std
    )
    with pytest.raises(
        ValueError, match=r"y_train must be \(30, 16, 12\) int64, got \(30, 8, 12\)"
    ):
        run(r, bad)
