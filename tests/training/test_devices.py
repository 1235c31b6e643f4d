"""In which arithmetic and where a run is computed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from small import recipe, run, tiny
from torch import Tensor, nn

from anl_edu import losses, training
from anl_edu.training import checkpoint as checkpoints
from anl_edu.training import devices, loop

# --- precision and device -------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_low_precision_trains_without_nan(precision: str) -> None:
    """The path of a card without bfloat16: float16 with gradient scaling, here on the CPU."""
    # right labels, and enough epochs that float32 learns the task whole
    d, r = tiny(rate=0.0), recipe(epochs=20, augment=(), l1=0.0, precision=precision)
    model, records = run(r, d)
    assert all(math.isfinite(record.train_loss) for record in records)
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())
    assert all(p.dtype == torch.float32 for p in model.parameters())
    assert run(r.replace(precision="float32"), d)[1][-1].clean_accuracy > 0.95
    assert records[-1].clean_accuracy > 0.9


@pytest.mark.parametrize(("precision", "least"), [("float16", 0.999), ("bfloat16", 0.9)])
def test_a_step_in_low_precision_points_where_float32_does(precision: str, least: float) -> None:
    """Before any drift: the first batch's gradient, at the same weights."""
    d = tiny()
    directions = []
    for each in (precision, "float32"):
        r = recipe(precision=each, l1=0.0, clip_norm=None)
        t = loop.Trainer(r.build_model(d, seed=0), d, r.build_loss(), r, device="cpu")
        t.model.train()
        x, y = next(t.batches(1))
        t.loss(t.forward(x), y).backward()
        grads = [p.grad.flatten() for p in t.parameters if p.grad is not None]
        directions.append(torch.cat(grads))
    assert torch.cosine_similarity(*directions, dim=0) > least


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
    d, r = tiny(), recipe(epochs=2, momentum=momentum, precision="float16")
    model = overflowing(r.build_model(d, seed=0), step)
    path = tmp_path / "run.pt"
    loss, seen = losses.build("ce"), []
    loss.register_forward_hook(lambda module, arguments, value: seen.append(value.item()))
    epochs = training.fit(model, d, loss, r, device="cpu", checkpoint=path)
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
    next(training.fit(model, d, loss, r, device="cpu", checkpoint=path))
    (again,) = training.fit(resumed, d, loss, r, device="cpu", checkpoint=path)
    assert again.train_loss == last.train_loss  # momentum and scale came back with the weights


def test_without_scaling_a_loss_that_is_not_finite_shows() -> None:
    d, r = tiny(), recipe(epochs=1)
    model = overflowing(r.build_model(d, seed=0), 2)
    loss = losses.build("ce")
    with pytest.warns(RuntimeWarning, match="diverged"):
        (record,) = training.fit(model, d, loss, r, device="cpu")
    assert not math.isfinite(record.train_loss)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_step_reads_nothing_back_from_the_device(
    monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    d, r = tiny(), recipe(precision=precision)
    t = loop.Trainer(r.build_model(d), d, r.build_loss(), r, device="cpu")
    read: list[str] = []
    for name in ("item", "tolist", "__bool__", "__float__", "__int__", "cpu"):
        monkeypatch.setattr(Tensor, name, lambda *_, name=name, **__: read.append(name))
    for x, y in t.batches(1):
        t.step(x, y)
    monkeypatch.undo()
    assert read == []


def test_the_loss_sees_float32() -> None:
    d, r = tiny(), recipe(epochs=1, precision="bfloat16")
    seen = set()
    loss = r.build_loss()
    loss.register_forward_pre_hook(lambda module, arguments: seen.add(arguments[0].dtype))
    model = r.build_model(d, seed=0)
    list(training.fit(model, d, loss, r, device="cpu"))
    assert seen == {torch.float32}


def test_device_can_be_named_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANL_EDU_DEVICE", "cpu")
    assert training.device() == torch.device("cpu")
    monkeypatch.setenv("ANL_EDU_DEVICE", "tpu9000")
    with pytest.raises(ValueError, match="ANL_EDU_DEVICE 'tpu9000' is not available"):
        training.device()


CPU, MPS, CUDA = (torch.device(name) for name in ("cpu", "mps", "cuda"))


@pytest.mark.parametrize(
    ("name", "where", "native", "capability", "dtype"),
    [
        ("auto", CPU, False, None, torch.float32),
        ("auto", CPU, True, None, torch.float32),  # told of it, never switched to it
        ("auto", MPS, False, None, torch.float32),
        ("auto", CUDA, False, (6, 1), torch.float32),
        ("auto", CUDA, False, (7, 5), torch.float16),  # a T4
        ("auto", CUDA, False, (8, 0), torch.bfloat16),
        ("auto", CUDA, True, (9, 0), torch.bfloat16),
        ("float32", CUDA, True, (9, 0), torch.float32),
        ("bfloat16", CPU, False, None, torch.bfloat16),
        ("float16", MPS, False, None, torch.float16),
    ],
)
def test_precision_over_hardware(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    where: torch.device,
    native: bool,
    capability: tuple[int, int] | None,
    dtype: torch.dtype,
) -> None:
    for probe in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, probe, lambda: native, raising=False)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
    assert devices.cpu_has_bfloat16() == native
    assert devices.precision(name, where) == dtype


def test_an_unknown_precision_is_named() -> None:
    with pytest.raises(ValueError, match="unknown precision 'float8'; known: float32"):
        devices.precision("float8", CPU)


@pytest.mark.parametrize("name", ["hpu", "meta", "cuda:99", "nonsense"])
def test_a_device_that_cannot_train_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"device '{name}' is not available here; try 'cpu'"):
        training.device(name)


def test_augmentation_draws_move_by_a_copy_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """From pageable memory that is dropped at once, a copy that does not wait can be corrupt."""
    from anl_edu.training.augment import Augment

    asked: list[dict[str, Any]] = []
    real = Tensor.to
    monkeypatch.setattr(Tensor, "to", lambda self, *a, **k: asked.append(k) or real(self, *a, **k))
    Augment(("crop", "flip", "rotate")).draw(4).to(torch.device("cpu"))
    assert len(asked) == 4
    assert not any(options.get("non_blocking") for options in asked)


def test_fit_resumes_and_predicts_on_every_kind_of_device(
    device: torch.device, tmp_path: Path
) -> None:
    d = tiny()
    r = recipe(epochs=3, augment=("crop", "flip", "rotate"), entropy=0.1)
    path, loss = tmp_path / "run.pt", r.build_loss()

    def begin(where: torch.device, **options: Any) -> tuple[nn.Module, Any]:
        model = r.build_model(d, seed=0)
        return model, training.fit(model, d, loss, r, device=where, track_gradients=True, **options)

    _, epochs = begin(device, checkpoint=path)
    first = next(epochs)
    epochs.close()
    model, epochs = begin(device, checkpoint=path)
    assert [record.epoch for record in epochs] == [2, 3]
    assert {p.device.type for p in model.parameters()} == {device.type}
    logits = training.predict(model, d.x_test, d.mean, d.std)
    assert (logits.device.type, {p.device.type for p in model.parameters()}) == (
        "cpu",
        {device.type},
    )
    accuracy = training.evaluate(model, d.x_test, d.y_test, d.mean, d.std)
    assert accuracy == pytest.approx(training.load_records(path)[-1].test_accuracy)
    # the draws are made on the CPU: every device sees the same batches
    _, reference = begin(CPU)
    assert first.train_loss == pytest.approx(next(reference).train_loss, rel=1e-3)
