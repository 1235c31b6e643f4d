"""Runs stop, are killed and resume to the same bits; a checkpoint belongs to one run."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from small import recipe, run, same, tiny
from torch import Tensor, nn
from torch.nn import functional as F

from anl_edu import losses, training
from anl_edu.training import checkpoint as checkpoints
from anl_edu.training.identity import identify

# --- stop, resume, interrupt ----------------------------------------------------------------------


def test_leaving_the_loop_and_resuming_gives_the_same_weights(tmp_path: Path) -> None:
    d, r = tiny(), recipe(epochs=4)
    whole, records = run(r, d)
    path = tmp_path / "run.pt"
    first = r.build_model(d, seed=0)
    for record in training.fit(first, d, r.build_loss(), r, device="cpu", checkpoint=path):
        if record.epoch == 2:
            break
    again = r.build_model(d, seed=77)  # its weights are replaced by the checkpoint's
    rest = list(training.fit(again, d, r.build_loss(), r, device="cpu", checkpoint=path))
    assert [record.epoch for record in rest] == [3, 4]
    assert same(whole, again)
    drop = lambda record: {**record.as_dict(), "seconds": 0}  # noqa: E731
    kept = training.load_records(path)
    assert [drop(record) for record in kept] == [drop(record) for record in records]
    assert list(training.fit(again, d, r.build_loss(), r, device="cpu", checkpoint=path)) == []


KILLED = """
import os, signal, sys
import torch
sys.path.insert(0, {tests!r})
from small import recipe, tiny
from anl_edu import training
torch.set_num_threads(1)
d, r = tiny(), recipe(epochs=4)
model, loss, calls = r.build_model(d, seed=0), r.build_loss(), 0
def killing(module, arguments):
    global calls
    calls += 1
    if calls == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
loss.register_forward_pre_hook(killing)
for record in training.fit(model, d, loss, r, device="cpu", checkpoint={path!r}):
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
        assert len(training.load_records(path)) == 2
        model = r.build_model(d, seed=0)
        rest = list(training.fit(model, d, r.build_loss(), r, device="cpu", checkpoint=path))
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
    epochs = training.fit(model, d, loss, r, device="cpu", checkpoint=path)
    next(epochs)
    after_first = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(KeyboardInterrupt):
        next(epochs)
    hook.remove()
    assert not any(module.training for module in model.modules())
    for key, value in model.state_dict().items():
        assert torch.equal(value, after_first[key])
    assert len(training.load_records(path)) == 1
    list(training.fit(model, d, loss, r, device="cpu", checkpoint=path))
    assert same(whole, model)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"recipe": {"lr": 0.1}}, r"with recipe's lr 0\.05 \(here 0\.1\); name another"),
        ({"seed": 1}, r"seed 0 \(here 1\)"),
        ({"data": 9}, r"training data \w+ \(here \w+\)"),
        ({"model": 9}, "another model"),
        (
            {"recipe": {"precision": "bfloat16"}},
            r"precision torch.float32 \(here torch.bfloat16\)",
        ),
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
        training.fit(
            model, d, r.build_loss(), r, device="cpu", checkpoint=path,
            seed=change.get("seed", 0),
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
    whole = dict.fromkeys(("model", "optimizer", "scaler", "records", "identity"), 1)
    checkpoints.save(path, whole)
    with pytest.raises(Exception, match=r"(?i)pickle|lambda"):
        checkpoints.save(path, whole | {"model": lambda: 2})
    assert checkpoints.load(path)["model"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]


# --- whose checkpoint it is -----------------------------------------------------------------------


def wavy(power: float) -> Any:
    return losses.anl(lambda z: (1 - z.softmax(1)) ** power, 1.0)


PAIRS: dict[str, tuple[Any, Any]] = {
    "two lambdas": (lambda z, y: F.cross_entropy(z, y), lambda z, y: 2 * F.cross_entropy(z, y)),
    "what a lambda closes over": (wavy(2.0), wavy(3.0)),
    "anl of two tables": (
        losses.anl(lambda z: (1 - z.softmax(1)) ** 2, 1.0),
        losses.anl(lambda z: 1 - z.softmax(1), 1.0),
    ),
    "two partials": (
        partial(F.cross_entropy, label_smoothing=0.1),
        partial(F.cross_entropy, label_smoothing=0.2),
    ),
    "smoothing": (nn.CrossEntropyLoss(), nn.CrossEntropyLoss(label_smoothing=0.2)),
    "weight": (nn.CrossEntropyLoss(), nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 1.0]))),
    "margin": (nn.MultiMarginLoss(p=1), nn.MultiMarginLoss(p=2)),
    "ignore_index": (losses.build("ce"), losses.build("ce", ignore_index=1)),
    "parameter": (losses.build("gce", q=0.7), losses.build("gce", q=0.6)),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=list(PAIRS))
def test_a_checkpoint_of_another_loss_is_refused(tmp_path: Path, pair: tuple[Any, Any]) -> None:
    path = tmp_path / "run.pt"
    d, r = tiny(), recipe(epochs=1)
    one, other = pair
    list(training.fit(r.build_model(d, seed=0), d, one, r, device="cpu", checkpoint=path))
    with pytest.raises(ValueError, match=r"belongs to another run, with .*loss"):
        training.fit(r.build_model(d, seed=0), d, other, r, device="cpu", checkpoint=path)
    assert list(training.fit(r.build_model(d), d, one, r, device="cpu", checkpoint=path)) == []


def test_a_checkpoint_of_another_activation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    d, r = tiny(), recipe(epochs=1)

    def net(activation: nn.Module) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(128, 4), activation, nn.Linear(4, 3))

    def fit(activation: nn.Module) -> Any:
        return training.fit(
            net(activation), d, losses.build("ce"), r, device="cpu", checkpoint=path
        )

    list(fit(nn.ReLU()))
    with pytest.raises(ValueError, match="another model"):
        fit(nn.Tanh())
    assert list(fit(nn.ReLU())) == []


def test_the_same_loss_is_the_same_in_another_process() -> None:
    code = (
        "from functools import partial; from torch import nn; from torch.nn import functional as F;"
        "from anl_edu import losses; from anl_edu.training.identity import identify as i;"
        "print(i(losses.build('anl-ce')), i(nn.CrossEntropyLoss()), i(partial(F.cross_entropy)))"
    )
    said = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert said[0].stdout == said[1].stdout
    assert " at 0x" not in said[0].stdout
    assert identify(losses.build("anl-ce")) in said[0].stdout


def test_what_cannot_be_named_keeps_no_checkpoint(tmp_path: Path) -> None:
    class Odd:
        def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
            return F.cross_entropy(logits, targets)

    d, r = tiny(), recipe(epochs=1)
    with pytest.raises(TypeError, match="Odd cannot be told from another of its kind"):
        training.fit(r.build_model(d), d, Odd(), r, device="cpu", checkpoint=tmp_path / "c.pt")
    assert len(list(training.fit(r.build_model(d), d, Odd(), r, device="cpu"))) == 1


def test_one_run_owns_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    d, r = tiny(), recipe(epochs=2)

    def begin() -> Any:
        loss = r.build_loss()
        return training.fit(r.build_model(d, seed=0), d, loss, r, device="cpu", checkpoint=path)

    first = begin()
    next(first)
    with pytest.raises(BlockingIOError, match=r"run.pt is in use by another run; name another"):
        begin()
    first.close()
    assert [record.epoch for record in begin()] == [2]
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]


@pytest.mark.parametrize("missing", ["records", "identity", "model", "scaler"])
def test_a_forged_checkpoint_is_refused(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "run.pt"
    d, r = tiny(), recipe(epochs=1)
    run(r, d, checkpoint=path)
    state = torch.load(path, weights_only=True)
    del state[missing]
    torch.save(state, path)
    with pytest.raises(ValueError, match=f"cannot be used .it holds no {missing}"):
        run(r, d, checkpoint=path)


def test_a_checkpoint_of_an_older_edition_still_resumes(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    d, r = tiny(), recipe(epochs=2)
    loss = r.build_loss()
    next(training.fit(r.build_model(d, seed=0), d, loss, r, device="cpu", checkpoint=path))
    state = torch.load(path, weights_only=True)
    del state["records"][0]["wrong_accuracy"]
    state["records"][0]["a_column_of_tomorrow"] = 1.0
    torch.save(state, path)
    (last,) = training.fit(r.build_model(d), d, loss, r, device="cpu", checkpoint=path)
    assert last.epoch == 2
    assert math.isnan(training.load_records(path)[0].wrong_accuracy)
