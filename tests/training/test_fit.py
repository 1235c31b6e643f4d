"""fit: the fast path does what a plain loop does; runs resume exactly; wrong input is named."""

import math
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from anl_edu import data, gradients, losses, noise, recipes
from anl_edu import training as train
from anl_edu.data import ImageData
from anl_edu.recipes import Recipe
from anl_edu.training import checkpoint as checkpoints
from anl_edu.training import loop as trainer


def tiny(n: int = 50, seed: int = 0, classes: int = 3, rate: float = 0.4) -> ImageData:
    """Images whose class is a bright corner, some labels wrong."""
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(classes, (n + 20,), generator=g)
    x = torch.randint(0, 120, (n + 20, 2, 8, 8), dtype=torch.uint8, generator=g)
    for k in range(classes):
        x[y == k, :, 2 * k : 2 * k + 2, :4] += 100
    clean = ImageData(
        name="tiny",
        source="made here",
        x_train=x[:n],
        y_train=y[:n],
        x_test=x[n:],
        y_test=y[n:],
        classes=tuple("abcdefgh"[:classes]),
        mean=(0.4, 0.3),
        std=(0.2, 0.3),
    )
    return clean.with_labels(
        noise.corrupt(clean.y_train, noise.symmetric(classes, rate), generator=g)
    )


def recipe(**changes: object) -> Recipe:
    base = Recipe(
        dataset="tiny",
        loss="anl-ce",
        model="cnn8",
        model_options={"widths": (4, 6), "hidden": 8},
        epochs=3,
        batch_size=16,
        lr=0.05,
        l1=1e-4,
        augment=("crop", "flip"),
    )
    return base.replace(**changes)


def run(r: Recipe, d: ImageData, seed: int = 0, **options: object) -> tuple[nn.Module, list]:
    model = r.build_model(d, seed=seed)
    return model, list(train.fit(model, d, r.build_loss(), r, seed=seed, device="cpu", **options))


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return all(torch.equal(p, q) for p, q in pairs)


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
        trainer.apply_l1_and_clip(list(model.parameters()), l1, clip)
        for p, q in zip(model.parameters(), naive, strict=True):
            torch.testing.assert_close(p.grad, q, rtol=1e-12, atol=1e-12)


def test_clipping_works_on_a_device_without_fused_kernels() -> None:
    p = nn.Parameter(torch.zeros(3, device="meta"))
    p.grad = torch.zeros(3, device="meta")
    trainer.apply_l1_and_clip([p], 0.1, 5.0)


class NoDouble(TorchDispatchMode):
    """MPS has no float64: nothing an epoch computes may be in it."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            assert result.dtype != torch.float64, func
        return result


def test_an_epoch_needs_no_float64() -> None:
    d, r = tiny(), recipe(epochs=1, augment=("crop", "flip", "rotate"), entropy=0.1)
    epochs = train.fit(r.build_model(d), d, r.build_loss(), r, device="cpu")
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
        order = torch.randperm(50, generator=torch.Generator().manual_seed(trainer.mix(3, epoch)))
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
    assert abs(sum(ours) - sum(theirs)) / 3 < 0.06  # one run's spread is about 0.02
    assert min(ours) > 0.7


# --- records ------------------------------------------------------------------------------------


def test_records_say_what_the_model_does() -> None:
    d = tiny(n=60)
    r = recipe(epochs=4)
    model, records = run(r, d, track_gradients=True)
    last = records[-1]
    assert [record.epoch for record in records] == [1, 2, 3, 4]
    logits = train.predict(model, d.x_train, d.mean, d.std, device="cpu")
    predicted, wrong = logits.argmax(1), d.wrong
    assert d.y_clean is not None
    assert 0 < wrong.sum() < 60
    right = (predicted == d.y_train)[~wrong].float().mean().item()
    true = (predicted == d.y_clean)[wrong].float().mean().item()
    memorised = (predicted == d.y_train)[wrong].float().mean().item()
    assert last.clean_accuracy == pytest.approx(right)
    assert last.wrong_accuracy == pytest.approx(true)
    assert last.memorised == pytest.approx(memorised)
    test = train.evaluate(model, d.x_test, d.y_test, d.mean, d.std, device="cpu")
    assert last.test_accuracy == pytest.approx(test)
    assert last.best_accuracy == max(record.test_accuracy for record in records)
    norms = gradients.per_sample_logit_norms(r.build_loss(), logits, d.y_train)
    assert last.wrong_share == pytest.approx(gradients.shares(norms, wrong).wrong, rel=1e-4)
    assert last.lr == pytest.approx(r.lr_at(4))
    assert train.EpochRecord(**last.as_dict()) == last


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
    list(train.fit(model, d, r.build_loss(), r, seed=1, device="cpu"))
    torch.manual_seed(99)
    for _ in train.fit(twin, d, r.build_loss(), r, seed=1, device="cpu"):
        torch.rand(3)  # a caller who draws between epochs disturbs nothing
    state = torch.get_rng_state()
    list(train.fit(other, d, r.build_loss(), r, seed=2, device="cpu"))
    assert torch.equal(state, torch.get_rng_state())  # nor is the caller disturbed
    assert same(model, twin)
    assert not same(model, other)


# --- stop, resume, interrupt ----------------------------------------------------------------------


def test_leaving_the_loop_and_resuming_gives_the_same_weights(tmp_path: Path) -> None:
    d, r = tiny(), recipe(epochs=4)
    whole, records = run(r, d)
    path = tmp_path / "run.pt"
    first = r.build_model(d, seed=0)
    for record in train.fit(first, d, r.build_loss(), r, device="cpu", checkpoint=path):
        if record.epoch == 2:
            break
    again = r.build_model(d, seed=77)  # its weights are replaced by the checkpoint's
    rest = list(train.fit(again, d, r.build_loss(), r, device="cpu", checkpoint=path))
    assert [record.epoch for record in rest] == [3, 4]
    assert same(whole, again)
    drop = lambda record: {**record.as_dict(), "seconds": 0}  # noqa: E731
    kept = train.load_records(path)
    assert [drop(record) for record in kept] == [drop(record) for record in records]
    assert list(train.fit(again, d, r.build_loss(), r, device="cpu", checkpoint=path)) == []


KILLED = """
import os, signal, sys
import torch
sys.path.insert(0, {tests!r})
from test_train import recipe, tiny
from anl_edu import training as train
torch.set_num_threads(1)
d, r = tiny(), recipe(epochs=4)
model, loss, calls = r.build_model(d, seed=0), r.build_loss(), 0
def killing(module, arguments):
    global calls
    calls += 1
    if calls == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
loss.register_forward_pre_hook(killing)
for record in train.fit(model, d, loss, r, device="cpu", checkpoint={path!r}):
    pass
"""


def test_sigkill_in_mid_epoch_then_resume_gives_the_same_weights(tmp_path: Path) -> None:
    d, r = tiny(), recipe(epochs=4)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        whole, _ = run(r, d)
        path = tmp_path / "run.pt"
        # four batches an epoch: the eleventh loss falls inside the third
        tests = str(Path(__file__).parent)
        code = KILLED.format(tests=tests, call=11, path=str(path))
        done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert len(train.load_records(path)) == 2
        model = r.build_model(d, seed=0)
        rest = list(train.fit(model, d, r.build_loss(), r, device="cpu", checkpoint=path))
    finally:
        torch.set_num_threads(threads)
    assert [record.epoch for record in rest] == [3, 4]
    assert same(whole, model)


def test_an_interrupted_epoch_leaves_no_trace(tmp_path: Path) -> None:
    d, r = tiny(), recipe(epochs=4)
    whole, _ = run(r, d)
    path = tmp_path / "run.pt"
    loss, model = r.build_loss(), r.build_model(d, seed=0)
    calls = 0

    def interrupting(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        nonlocal calls
        calls += 1
        if calls == 6:  # in the second epoch
            raise KeyboardInterrupt

    hook = loss.register_forward_pre_hook(interrupting)
    epochs = train.fit(model, d, loss, r, device="cpu", checkpoint=path)
    next(epochs)
    after_first = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(KeyboardInterrupt):
        next(epochs)
    hook.remove()
    assert not any(module.training for module in model.modules())
    for key, value in model.state_dict().items():
        assert torch.equal(value, after_first[key])
    assert len(train.load_records(path)) == 1
    list(train.fit(model, d, loss, r, device="cpu", checkpoint=path))
    assert same(whole, model)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recipe": {"lr": 0.1}}, r"with recipe's lr 0\.05 \(here 0\.1\); name another"),
        ({"seed": 1}, r"seed 0 \(here 1\)"),
        ({"data": 9}, r"training data \w+ \(here \w+\)"),
        ({"model": 9}, r"model ConvNet \w+ \(here ConvNet \w+\)"),
        ({"precision": "bfloat16"}, r"precision torch.float32 \(here torch.bfloat16\)"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path, change: dict, words: str) -> None:
    path = tmp_path / "run.pt"
    d, r = tiny(), recipe(epochs=1)
    run(r, d, checkpoint=path)
    before = path.read_bytes()
    if "data" in change:
        d = tiny(seed=change["data"])
    r = r.replace(**change.get("recipe", {}))
    shape = r.replace(model_options={"hidden": change.get("model", 8)})
    model = shape.build_model(d, seed=0)
    with pytest.raises(ValueError, match=words) as error:
        train.fit(
            model, d, r.build_loss(), r, device="cpu", checkpoint=path,
            seed=change.get("seed", 0), precision=change.get("precision", "auto"),
        )  # fmt: skip
    assert str(path) in str(error.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign"])
def test_a_damaged_checkpoint_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "run.pt"
    d, r = tiny(), recipe(epochs=1)
    run(r, d, checkpoint=path)
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        place = len(content) // 3
        content[place] ^= 1
    elif damage == "empty":
        content = bytearray()
    if damage == "foreign":
        torch.save({"weights": torch.zeros(3)}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be used") as error:
        run(r, d, checkpoint=path)
    assert str(path) in str(error.value)


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    checkpoints.save(path, {"epoch": 1})
    with pytest.raises(Exception, match=r"(?i)pickle|lambda"):
        checkpoints.save(path, {"epoch": lambda: 2})
    assert checkpoints.load(path)["epoch"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]


# --- precision and device -------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_low_precision_trains_without_nan(precision: str) -> None:
    """The path of a card without bfloat16: float16 with gradient scaling, here on the CPU."""
    d, r = tiny(), recipe(epochs=8)
    model, records = run(r, d, precision=precision)
    assert all(math.isfinite(record.train_loss) for record in records)
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert records[-1].train_loss < records[0].train_loss
    _, exact = run(r, d)
    assert records[-1].train_loss == pytest.approx(exact[-1].train_loss, rel=0.15)


def overflowing(model: nn.Module, step: int) -> nn.Module:
    """Give infinite logits in one training step, the first of them being 1."""
    calls = 0

    def hook(module: nn.Module, inputs: object, logits: Tensor) -> Tensor:
        nonlocal calls
        calls += module.training
        return logits * math.inf if module.training and calls == step else logits

    model.register_forward_hook(hook)
    return model


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_gradient_scaling_skips_an_overflow_and_recovers(
    tmp_path: Path, step: int, momentum: float
) -> None:
    d, r = tiny(), recipe(epochs=2, momentum=momentum)
    model = overflowing(r.build_model(d, seed=0), step)
    path = tmp_path / "run.pt"
    loss, seen = losses.build("ce"), []
    loss.register_forward_hook(lambda module, arguments, value: seen.append(value.item()))
    epochs = train.fit(model, d, loss, r, device="cpu", precision="float16", checkpoint=path)
    first = next(epochs)
    assert not math.isfinite(seen[step - 1])
    finite = [(v, n) for v, n in zip(seen, (16, 16, 16, 2), strict=True) if math.isfinite(v)]
    mean = sum(v * n for v, n in finite) / sum(n for _, n in finite)
    assert first.train_loss == pytest.approx(mean, rel=1e-5)
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())
    assert checkpoints.load(path)["scaler"]["scale"] < 65536  # it was halved
    (last,) = epochs
    resumed = r.build_model(d, seed=7)
    path.unlink()
    model = overflowing(r.build_model(d, seed=0), step)
    next(train.fit(model, d, loss, r, device="cpu", precision="float16", checkpoint=path))
    (again,) = train.fit(resumed, d, loss, r, device="cpu", precision="float16", checkpoint=path)
    assert again.train_loss == last.train_loss  # momentum and scale came back with the weights


def test_without_scaling_a_loss_that_is_not_finite_shows() -> None:
    d, r = tiny(), recipe(epochs=1)
    model = overflowing(r.build_model(d, seed=0), 2)
    loss = losses.build("ce")
    (record,) = train.fit(model, d, loss, r, device="cpu", precision="float32")
    assert not math.isfinite(record.train_loss)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_step_reads_nothing_back_from_the_device(
    monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    d, r = tiny(), recipe()
    t = trainer.Trainer(r.build_model(d), d, r.build_loss(), r, device="cpu", precision=precision)
    read: list[str] = []
    for name in ("item", "tolist", "__bool__", "__float__", "__int__", "cpu"):
        monkeypatch.setattr(Tensor, name, lambda *_, name=name, **__: read.append(name))
    for x, y in t.batches(1):
        t.step(x, y)
    monkeypatch.undo()
    assert read == []


def test_the_loss_sees_float32() -> None:
    d, r = tiny(), recipe(epochs=1)
    seen = set()
    loss = r.build_loss()
    loss.register_forward_pre_hook(lambda module, arguments: seen.add(arguments[0].dtype))
    model = r.build_model(d, seed=0)
    list(train.fit(model, d, loss, r, device="cpu", precision="bfloat16"))
    assert seen == {torch.float32}


def test_device_can_be_named_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANL_EDU_DEVICE", "cpu")
    assert train.device() == torch.device("cpu")
    monkeypatch.setenv("ANL_EDU_DEVICE", "tpu9000")
    with pytest.raises(ValueError, match="ANL_EDU_DEVICE 'tpu9000' is not available"):
        train.device()


# --- wrong input ----------------------------------------------------------------------------------


def test_wrong_input_is_named_at_the_call() -> None:
    from dataclasses import replace

    d, r = tiny(), recipe()
    model, loss = r.build_model(d), r.build_loss()
    bad = d.y_train.clone()
    bad[3] = 7
    with pytest.raises(ValueError, match=r"y_train must lie in 0\.\.2; found 0\.\.7"):
        train.fit(model, replace(d, y_train=bad), loss, r)
    with pytest.raises(ValueError, match="x_train has 50 images but y_train 49 labels"):
        train.fit(model, replace(d, y_train=bad[:49]), loss, r)
    with pytest.raises(ValueError, match="unknown precision 'float8'; known: auto"):
        train.fit(model, d, loss, r, precision="float8")
    with pytest.raises(ValueError, match=r"the data has 3 classes.*got \(1, 5\)"):
        train.fit(nn.Sequential(nn.Flatten(), nn.Linear(128, 5)), d, loss, r, device="cpu")
    with pytest.raises(TypeError, match="track_gradients needs a loss of anl_edu"):
        train.fit(model, d, F.cross_entropy, r, track_gradients=True)
    empty = replace(d, x_train=d.x_train[:0], y_train=bad[:0], y_clean=bad[:0])
    with pytest.raises(ValueError, match="the training set is empty"):
        train.fit(model, empty, loss, r)


def test_any_callable_can_be_the_loss() -> None:
    d, r = tiny(), recipe(epochs=2)
    records = list(train.fit(r.build_model(d), d, F.cross_entropy, r, device="cpu"))
    assert len(records) == 2
