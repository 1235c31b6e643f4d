"""fit: the fast path does what a plain loop does; wrong input is named."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from small import recipe, run, same, tiny
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from anl_edu import data, gradients, models, noise, recipes, training
from anl_edu.recipes import Recipe
from anl_edu.training import devices, loop

# --- the fast path against the plain one -------------------------------------------------------


def test_l1_and_clip_equal_the_penalty_in_the_loss() -> None:
    torch.manual_seed(0)
    for clip in (0.1, 5.0, None):
        model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).double()
        with torch.no_grad():
            model[0].weight[0] = 0  # where |theta| has no derivative
        x, y, l1 = torch.randn(4, 6).double(), torch.tensor([0, 1, 2, 0]), 0.3
        penalty = sum(p.abs().sum() for p in model.parameters())
        (F.cross_entropy(model(x), y) + l1 * penalty).backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        naive = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        model.zero_grad()
        F.cross_entropy(model(x), y).backward()
        loop.apply_l1_and_clip(list(model.parameters()), l1, clip)
        for p, q in zip(model.parameters(), naive, strict=True):
            torch.testing.assert_close(p.grad, q, rtol=1e-12, atol=1e-12)


def test_clipping_works_on_a_device_without_fused_kernels() -> None:
    """A device of shapes alone: whatever a step calls has to exist without a fused kernel."""
    p = nn.Parameter(torch.zeros(3, device="meta"))
    p.grad = torch.zeros(3, device="meta")
    called: list[str] = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            called.append(str(func))
            return func(*args, **(kwargs or {}))

    with Watch():
        loop.apply_l1_and_clip([p], 0.1, 5.0)
    assert any("sign" in name for name in called)  # the penalty's gradient
    assert any("norm" in name for name in called)  # and the clipping after it
    assert not any("fused" in name for name in called)


class NoDouble(TorchDispatchMode):
    """MPS has no float64: nothing an epoch computes may be in it."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            assert result.dtype != torch.float64, func
        return result


def test_an_epoch_needs_no_float64() -> None:
    d, r = tiny(), recipe(epochs=1, augment=("crop", "flip", "rotate"), entropy=0.1)
    epochs = training.fit(r.build_model(d), d, r.build_loss(), r, device="cpu")
    with NoDouble():
        next(epochs)


@pytest.mark.parametrize("loss", ["ce", "anl-ce"])
def test_an_epoch_equals_a_plain_loop(loss: str) -> None:
    """Same order, no augmentation: float32 images, NCHW, penalty by autograd, torch's SGD."""
    d = tiny()
    r = recipe(loss=loss, augment=(), weight_decay=1e-3, epochs=2, entropy=0.5)
    fast, records = run(r, d, seed=3)
    plain = r.build_model(d, seed=3)
    optimizer = torch.optim.SGD(plain.parameters(), lr=r.lr, momentum=0.9, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, r.epochs)
    mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (d.mean, d.std))
    x = (d.x_train.float() / 255 - mean) / std
    criterion = r.build_loss()
    for epoch in (1, 2):
        order = torch.randperm(50, generator=torch.Generator().manual_seed(loop.mix(3, epoch)))
        total = 0.0
        for batch in order.split(16):
            logits = plain(x[batch])
            p_bar = logits.softmax(1).mean(0)
            value = criterion(logits, d.y_train[batch])
            objective = value + 0.5 * (math.log(3) + (p_bar * p_bar.log()).sum())
            objective = objective + r.l1 * sum(p.abs().sum() for p in plain.parameters())
            optimizer.zero_grad()
            objective.backward()
            torch.nn.utils.clip_grad_norm_(plain.parameters(), 5.0)
            optimizer.step()
            total += value.item() * len(batch)
        schedule.step()
        assert records[epoch - 1].train_loss == pytest.approx(total / 50, rel=1e-4)
    for p, q in zip(fast.state_dict().values(), plain.state_dict().values(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=1e-4)


def test_accuracy_over_seeds_is_that_of_a_plain_loop() -> None:
    """Digits, 40 % wrong, six epochs: the two paths draw different orders, so only means agree."""
    digits = data.load("digits")
    r = recipes.get("digits", "ce", epochs=6)
    ours, theirs = [], []
    for seed in range(3):
        g = torch.Generator().manual_seed(seed)
        d = digits.with_labels(noise.corrupt(digits.y_train, noise.symmetric(10, 0.4), generator=g))
        ours.append(run(r, d, seed)[1][-1].test_accuracy)
        model = r.build_model(d, seed=seed + 100)
        optimizer = torch.optim.SGD(model.parameters(), lr=r.lr, momentum=0.9)
        x, x_test = ((t / 255 - d.mean[0]) / d.std[0] for t in (d.x_train, d.x_test))
        for epoch in range(1, 7):
            optimizer.param_groups[0]["lr"] = r.lr_at(epoch)
            for batch in torch.randperm(len(x), generator=g).split(64):
                optimizer.zero_grad()
                F.cross_entropy(model(x[batch]), d.y_train[batch]).backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
        theirs.append((model(x_test).argmax(1) == d.y_test).float().mean().item())
    spread = 3 * 0.02 * (2 / 3) ** 0.5  # three deviations of a difference of means over 3 seeds
    assert abs(sum(ours) - sum(theirs)) / 3 < spread
    assert min(ours) > 0.7


# --- records ------------------------------------------------------------------------------------


def test_records_say_what_the_model_does() -> None:
    d = tiny(n=60)
    r = recipe(epochs=4)
    model, records = run(r, d, track_gradients=True)
    last = records[-1]
    assert [record.epoch for record in records] == [1, 2, 3, 4]
    logits = training.predict(model, d.x_train, d.mean, d.std, device="cpu")
    predicted, wrong = logits.argmax(1), d.wrong
    assert d.y_clean is not None
    assert 0 < wrong.sum() < 60
    right = (predicted == d.y_train)[~wrong].float().mean().item()
    true = (predicted == d.y_clean)[wrong].float().mean().item()
    memorised = (predicted == d.y_train)[wrong].float().mean().item()
    assert last.clean_accuracy == pytest.approx(right)
    assert last.wrong_accuracy == pytest.approx(true)
    assert last.memorised == pytest.approx(memorised)
    test = training.evaluate(model, d.x_test, d.y_test, d.mean, d.std, device="cpu")
    assert last.test_accuracy == pytest.approx(test)
    assert last.best_accuracy == max(record.test_accuracy for record in records)
    norms = gradients.per_sample_logit_norms(r.build_loss(), logits, d.y_train)
    assert last.wrong_share == pytest.approx(gradients.shares(norms, wrong).wrong, rel=1e-4)
    assert last.lr == pytest.approx(r.lr_at(4))
    said = training.predict(model, d.x_test, d.mean, d.std, device="cpu").argmax(1)
    shares = [(said[d.y_test == k] == k).float().mean().item() for k in range(d.num_classes)]
    assert last.recalls == pytest.approx(shares)
    assert last.worst_recall == pytest.approx(min(shares))
    p_bar = logits.double().softmax(1).mean(0)
    assert last.mean_prediction == pytest.approx(p_bar.tolist(), rel=1e-5)
    assert last.prediction_entropy == pytest.approx(torch.special.entr(p_bar).sum().item())
    assert training.EpochRecord.from_dict(last.as_dict()) == last


def test_a_class_without_test_images_has_no_recall() -> None:
    d = tiny(n=60)
    kept = d.y_test != 1
    part = replace(d, x_test=d.x_test[kept], y_test=d.y_test[kept])
    last = run(recipe(epochs=1), part)[1][-1]
    assert last.recalls is not None
    assert math.isnan(last.recalls[1])
    assert last.worst_recall == min(last.recalls[0], *last.recalls[2:])
    bare = replace(last, recalls=None, mean_prediction=None)
    assert math.isnan(bare.worst_recall)
    assert math.isnan(bare.prediction_entropy)


def test_clean_data_has_no_wrong_part_and_no_share_unless_asked() -> None:
    d = tiny(rate=0.0)
    last = run(recipe(epochs=1), d)[1][-1]
    assert math.isnan(last.memorised)
    assert math.isnan(last.wrong_accuracy)
    assert last.wrong_share is None
    assert 0 <= last.clean_accuracy <= 1


def test_a_part_of_the_training_set_can_stand_for_the_whole() -> None:
    d = tiny(n=60)
    whole, records = run(recipe(epochs=2), d)
    part, sampled = run(recipe(epochs=2, train_eval=20), d)
    assert same(whole, part)  # looking changes nothing
    assert sampled[-1].memorised != records[-1].memorised
    assert sampled[-1].test_accuracy == records[-1].test_accuracy


def test_labels_held_out_are_looked_at_and_never_trained_on() -> None:
    d = tiny(n=60)
    r = recipe(epochs=2, held_out=0.3)
    kept, out = d.hold_out(0.3, seed=5)
    assert len(out.y_train) == 18
    model, records = run(r, d, seed=5)
    assert records[-1].held_out_accuracy == pytest.approx(
        training.evaluate(model, out.x_train, out.y_train, d.mean, d.std, device="cpu")
    )
    alone, without = run(recipe(epochs=2), kept, seed=5)
    assert same(model, alone)
    assert without[-1].held_out_accuracy is None
    assert without[-1].memorised == records[-1].memorised
    with pytest.raises(ValueError, match=r"cannot hold out a share of 0.99 of 60"):
        training.fit(model, d, r.build_loss(), r.replace(held_out=0.99), seed=5)


def test_a_last_batch_of_one_image_is_left_out() -> None:
    _, records = run(recipe(epochs=1, batch_size=7), tiny(n=50))
    assert math.isfinite(records[0].train_loss)


def test_batches_of_one_image_are_trained_on_where_they_are_asked_for() -> None:
    d = tiny(n=12)
    r = Recipe(dataset="tiny", loss="ce", model="mlp", epochs=1, batch_size=1)
    model, records = run(r, d)
    assert math.isfinite(records[0].train_loss)
    assert not same(model, r.build_model(d, seed=0))


def test_compiled_training_gives_the_weights_of_eager_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The real tracer, with the graph then run by torch itself: no C++ compiler is needed."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    d, r = tiny(), recipe(epochs=2)  # 50 images in batches of 16: the last one has 2
    eager, records = run(r, d)
    compiled, again = run(r, d, compile=True)
    for p, q in zip(eager.state_dict().values(), compiled.state_dict().values(), strict=True):
        torch.testing.assert_close(p, q)
    assert [x.train_loss for x in again] == pytest.approx([x.train_loss for x in records])


# --- one seed decides everything ------------------------------------------------------------------


def test_same_seed_same_weights_whatever_else_is_drawn() -> None:
    d, r = tiny(), recipe()
    model = nn.Sequential(r.build_model(d, seed=1), nn.Dropout(0.5))
    twin = nn.Sequential(r.build_model(d, seed=1), nn.Dropout(0.5))
    other = nn.Sequential(r.build_model(d, seed=1), nn.Dropout(0.5))
    list(training.fit(model, d, r.build_loss(), r, seed=1, device="cpu"))
    torch.manual_seed(99)
    for _ in training.fit(twin, d, r.build_loss(), r, seed=1, device="cpu"):
        torch.rand(3)  # a caller who draws between epochs disturbs nothing
    state = torch.get_rng_state()
    list(training.fit(other, d, r.build_loss(), r, seed=2, device="cpu"))
    assert torch.equal(state, torch.get_rng_state())  # nor is the caller disturbed
    assert same(model, twin)
    assert not same(model, other)


# --- wrong input ----------------------------------------------------------------------------------


def test_wrong_input_is_named_at_the_call() -> None:
    d, r = tiny(), recipe()
    model, loss = r.build_model(d), r.build_loss()
    bad = d.y_train.clone()
    bad[3] = 7
    with pytest.raises(ValueError, match=r"y_train must lie in 0\.\.2; found 0\.\.7"):
        training.fit(model, replace(d, y_train=bad), loss, r)
    with pytest.raises(ValueError, match=r"y_train must be \(50,\) int64, got \(49,\)"):
        training.fit(model, replace(d, y_train=bad[:49]), loss, r)
    with pytest.raises(ValueError, match=r"the data has 3 classes.*got \(1, 5\)"):
        training.fit(nn.Sequential(nn.Flatten(), nn.Linear(128, 5)), d, loss, r, device="cpu")
    with pytest.raises(TypeError, match="track_gradients needs a loss of anl_edu"):
        training.fit(model, d, F.cross_entropy, r, track_gradients=True)
    empty = replace(d, x_train=d.x_train[:0], y_train=bad[:0], y_clean=bad[:0])
    with pytest.raises(ValueError, match="the training set is empty"):
        training.fit(model, empty, loss, r)


def test_any_callable_can_be_the_loss() -> None:
    d, r = tiny(), recipe(epochs=2)
    records = list(training.fit(r.build_model(d), d, F.cross_entropy, r, device="cpu"))
    assert len(records) == 2


def test_images_and_labels_of_another_form_are_named() -> None:
    d, r = tiny(), recipe()
    model, loss = r.build_model(d), r.build_loss()
    assert d.y_clean is not None
    cases: list[tuple[dict[str, Any], str]] = [
        ({"y_test": d.y_test[:, None]}, r"y_test must be \(20,\) int64, got \(20, 1\)"),  # Keras
        ({"y_train": d.y_train.int()}, r"y_train must be \(50,\) int64, got .* of torch.int32"),
        ({"x_train": d.x_train.float() / 255}, "x_train must be uint8 images .* torch.float32"),
        ({"x_test": d.x_test[:, 0]}, r"x_test must be uint8 images \(N, C, H, W\), got \(20, 8, 8"),
        (
            {"x_test": d.x_test[..., :6]},
            r"training images are \(2, 8, 8\) and test images",
        ),
        ({"y_clean": d.y_clean + 10}, r"y_clean must lie in 0\.\.2; found 10\.\."),
        ({"y_clean": d.y_clean - 1}, r"y_clean must lie in 0\.\.2; found -1\.\."),
        ({"y_clean": d.y_clean > 0}, r"y_clean must be \(50,\) int64, got .* of torch.bool"),
        ({"y_clean": d.y_clean[:9]}, r"y_clean must be \(50,\) int64, got \(9,\)"),
    ]
    for change, words in cases:
        with pytest.raises((ValueError, TypeError), match=words):
            training.fit(model, replace(d, **change), loss, r, device="cpu")
    with pytest.raises(ValueError, match=r"y must be \(20,\) for 20 images, got \(20, 1\)"):
        training.evaluate(model, d.x_test, d.y_test[:, None], d.mean, d.std)


def test_a_run_that_diverges_says_so() -> None:
    d, r = tiny(), recipe(loss="ce", lr=1e30, clip_norm=None, epochs=2)
    with pytest.warns(RuntimeWarning, match=r"training loss of epoch \d is (nan|inf): .* diverged"):
        run(r, d)


def test_prediction_leaves_the_model_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also inside the loop of a run on the CPU of a machine that has a card."""
    d, r = tiny(), recipe(epochs=1)
    model, _ = run(r, d)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # no card answers: moving fails
    monkeypatch.delenv("ANL_EDU_DEVICE", raising=False)
    logits = training.predict(model, d.x_test, d.mean, d.std)
    assert (logits.device.type, logits.dtype) == ("cpu", torch.float32)
    assert training.evaluate(model, d.x_test, d.y_test, d.mean, d.std) >= 0


def test_training_leaves_the_frameworks_generator_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dashboard trains in a thread: a reader may be drawing in another cell meanwhile."""
    monkeypatch.setattr(torch, "manual_seed", lambda seed: pytest.fail("the reader's was seeded"))
    d, r = tiny(), recipe(epochs=1)
    torch.random.default_generator.manual_seed(5)
    expected = torch.rand(3)
    torch.random.default_generator.manual_seed(5)
    model = models.build("cnn8", (2, 8, 8), 3, widths=(4, 6), hidden=8)
    torch.random.default_generator.manual_seed(5)
    list(training.fit(model, d, r.build_loss(), r, device="cpu"))
    assert torch.equal(torch.rand(3), expected)


def test_training_changes_nothing_for_the_whole_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "keep_memory", lambda: pytest.fail("the kernel's malloc"))
    run(recipe(epochs=1), tiny())
