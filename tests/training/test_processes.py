"""Several processes train the run of one: same losses, records and weights, one checkpoint."""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import forked
import pytest
import torch
import torch.distributed as dist
import trees
from click.testing import CliRunner
from small import mask_recipe, recipe, run, shapes, tiny
from torch import Tensor, nn

from anl_edu import atomic, data, noise, recipes, runs, training
from anl_edu.cli import main
from anl_edu.data import ImageData
from anl_edu.recipes import Recipe
from anl_edu.training import EpochRecord, devices
from anl_edu.training.processes import Processes, joined
from anl_edu.training.spread import WholeBatchNorm

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 300  # seconds after which a process that hangs says where, and ends


def noisy_digits() -> ImageData:
    digits = data.load("digits")
    g = torch.Generator().manual_seed(0)
    return digits.with_labels(noise.corrupt(digits.y_train, noise.symmetric(10, 0.4), generator=g))


def mlp() -> tuple[ImageData, Recipe]:
    return noisy_digits(), recipes.get("digits", "anl-ce", epochs=2)


def cnn(**changes: object) -> tuple[ImageData, Recipe]:
    """Batch norm of both kinds, and batches of 16, 16, 16 and 2 images."""
    return tiny(), recipe(**changes)


def everything() -> tuple[ImageData, Recipe]:
    """Whatever else is computed over a batch or over a set."""
    kinds = ("crop", "flip", "rotate")
    return tiny(n=60), recipe(entropy=0.5, held_out=0.2, train_eval=21, augment=kinds)


def one_image_a_batch() -> tuple[ImageData, Recipe]:
    return tiny(n=12), Recipe("tiny", "ce", model="mlp", epochs=2, batch_size=1, l1=1e-4)


def masks() -> tuple[ImageData, Recipe]:
    """Labels that move with the images, and a loss that learns something itself."""
    return shapes(), mask_recipe(loss="t-loss", augment=("flip", "crop"))


CASES = {
    "mlp": mlp, "cnn": cnn, "everything": everything, "one": one_image_a_batch, "masks": masks,
}  # fmt: skip
Trained = tuple[list[EpochRecord], dict[str, Tensor]]


def files(root: Path) -> tuple[ImageData, Recipe]:
    """24 images on disk in batches of 10: each process reads its share of each."""
    d = data.image_folder(root / "train", root / "test", size=16, name="tiny")
    kinds = ("resized-crop", "flip", "colour-jitter")
    options = {"widths": (4,), "hidden": 8}
    return d, recipe(augment=kinds, batch_size=10, lr=0.01, model_options=options)


def trained(d: ImageData, r: Recipe, rank: int = 0, gradients: bool = False) -> Trained:
    model = r.build_model(d, seed=rank)  # the first one's weights are everybody's
    kinds = [type(m) for m in model.modules()]
    loss = r.build_loss()
    records = list(training.fit(model, d, loss, r, track_gradients=gradients, workers=0))
    assert [type(m) for m in model.modules()] == kinds
    assert not any(m.training for m in model.modules())
    return records, model.state_dict()


def partly(path: Path, seed: int, epochs: int | None = None) -> Trained:
    """Train a run of three epochs from its checkpoint on, to its end or for some epochs."""
    d, r = cnn()
    model, loss = r.build_model(d, seed=seed), r.build_loss()
    records = []
    for record in training.fit(model, d, loss, r, checkpoint=path):
        records.append(record)
        if len(records) == epochs:
            break
    return records, model.state_dict()


def refused(path: Path) -> str:
    d, r = cnn(lr=0.3)
    try:
        training.fit(r.build_model(d), d, r.build_loss(), r, checkpoint=path)
    except (ValueError, BlockingIOError) as error:
        return f"{type(error).__name__}: {error}"
    return "taken"


def another_seed(seed: int) -> str:
    d, r = cnn()
    try:
        training.fit(r.build_model(d), d, r.build_loss(), r, seed=seed)
    except ValueError as error:
        return str(error)
    return "taken"


def meet(folder: Path, rank: int, size: int) -> None:
    faulthandler.dump_traceback_later(LIMIT, exit=True)
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder / f'{size} meet'}",
        timeout=timedelta(seconds=LIMIT / 2),
        rank=rank,
        world_size=size,
    )


def work(rank: int, folder: Path, size: int) -> None:
    """Train as one of three processes or of two, save what was said, and end."""
    meet(folder, rank, size)
    said: dict[str, Any] = {}
    if size == 3:
        said["three"] = trained(*cnn(), rank)
    else:
        for case, make in CASES.items():
            said[case] = trained(*make(), rank, gradients=case == "everything")
        said["files"] = trained(*files(folder / "tree"), rank)
        said["one to two"] = partly(folder / "one.pt", seed=rank)
        said["two to one"] = partly(folder / "two.pt", seed=rank, epochs=1)
        said["another"] = another_seed(seed=5 * rank)
        said["damaged"], said["held"] = refused(folder / "bad.pt"), refused(folder / "held.pt")
    torch.save(said, folder / f"{rank} of {size}.pt")
    # Not by leaving the group, which before torch 2.8 may take for ever: see `joined`.
    os._exit(0)


def start(work: Callable[..., None], *arguments: Any, number: int) -> None:
    """Call a function in some processes at once, each with its rank first, and await them."""
    forked.prepare()
    torch.multiprocessing.start_processes(
        work, arguments, nprocs=number, start_method=forked.METHOD
    )


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """What each process says of all it did; started once, for starting takes longest."""
    folder = tmp_path_factory.mktemp("several")
    partly(folder / "one.pt", seed=0, epochs=1)
    trees.class_folders(folder / "tree")
    (folder / "bad.pt").write_bytes(b"no checkpoint")
    with atomic.owning(folder / "held.pt"):
        for size in (3, 2):
            start(work, folder, size, number=size)
    said: list[dict[str, Any]] = [{}, {}, {}]
    for path in folder.glob("* of *.pt"):
        said[int(path.name[0])] |= torch.load(path, weights_only=False)
    return folder, said


def assert_alike(a: Trained, b: Trained) -> None:
    """To rounding: sums over a batch are added up in another order."""
    assert len(a[0]) == len(b[0]) > 0
    for x, y in zip(a[0], b[0], strict=True):
        assert x.train_loss == pytest.approx(y.train_loss, rel=1e-4)
        assert x.mean_prediction == pytest.approx(y.mean_prediction, rel=1e-3)
        if y.wrong_share is not None:
            assert x.wrong_share == pytest.approx(y.wrong_share, rel=1e-3)
        for name in (
            "test_accuracy", "best_accuracy", "clean_accuracy", "wrong_accuracy", "memorised",
            "held_out_accuracy", "recalls", "lr", "epoch",
        ):  # fmt: skip
            assert getattr(x, name) == pytest.approx(getattr(y, name), nan_ok=True), name
    assert list(a[1]) == list(b[1])
    for name, value in a[1].items():
        torch.testing.assert_close(value, b[1][name], rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_the_run_of_one(
    several: tuple[Path, list[dict[str, Any]]], case: str
) -> None:
    first, second = (said[case] for said in several[1][:2])
    assert repr(first[0]) == repr(second[0])  # seconds too; NaN is no equal of itself
    assert all(torch.equal(v, second[1][k]) for k, v in first[1].items())
    assert_alike(first, trained(*CASES[case](), gradients=case == "everything"))


def test_each_process_reads_its_share_of_the_files(
    several: tuple[Path, list[dict[str, Any]]],
) -> None:
    whole = trained(*files(several[0] / "tree"))
    for said in several[1][:2]:
        assert_alike(said["files"], whole)


def test_a_last_batch_of_fewer_images_than_processes(
    several: tuple[Path, list[dict[str, Any]]],
) -> None:
    """Two images: the third process has none of that batch, and batch norm none of its values."""
    whole = trained(*cnn())
    for said in several[1]:
        assert_alike(said["three"], whole)


def test_a_run_goes_on_in_another_number_of_processes(
    several: tuple[Path, list[dict[str, Any]]],
) -> None:
    folder, (first, second, _) = several
    whole = trained(*cnn())
    for records, weights in (first["one to two"], second["one to two"]):
        assert [record.epoch for record in records] == [2, 3]
        assert_alike((records, weights), (whole[0][1:], whole[1]))
    assert [record.epoch for record in first["two to one"][0]] == [1]
    records, weights = partly(folder / "two.pt", seed=9)
    assert [record.epoch for record in records] == [2, 3]
    assert_alike((records, weights), (whole[0][1:], whole[1]))


def test_what_is_wrong_with_a_checkpoint_all_are_told(
    several: tuple[Path, list[dict[str, Any]]],
) -> None:
    for said in several[1][:2]:
        assert said["damaged"].startswith("ValueError: checkpoint ")
        assert "bad.pt cannot be used" in said["damaged"]
        assert "held.pt is in use by another run" in said["held"]


def test_processes_that_were_given_two_runs_all_refuse(
    several: tuple[Path, list[dict[str, Any]]],
) -> None:
    for said in several[1][:2]:
        assert said["another"] == (
            "process 1 was given another run than process 0, which has seed 0 (here 5)"
        )


def dying(rank: int, folder: Path) -> None:
    meet(folder, rank, 2)
    d, r = cnn()
    loss, calls = r.build_loss(), 0

    def killing(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        nonlocal calls
        calls += 1
        if rank == 1 and calls == 11:  # four batches an epoch: in the third
            os.kill(os.getpid(), signal.SIGKILL)

    loss.register_forward_pre_hook(killing)
    list(training.fit(r.build_model(d, seed=0), d, loss, r, checkpoint=folder / "run.pt"))


def test_when_a_process_is_killed_finished_epochs_are_kept(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"SIGKILL|[Cc]onnection|terminated"):
        start(dying, tmp_path, number=2)
    assert len(training.load_records(tmp_path / "run.pt")) == 2
    records, weights = partly(tmp_path / "run.pt", seed=9)
    whole = trained(*cnn())
    assert_alike((records, weights), (whole[0][2:], whole[1]))


def test_the_command_under_torchrun_is_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ["train", "--set", "epochs=2", "--checkpoint", "c.pt", "--out", "runs"]
    for out in ("one", "two"):
        (tmp_path / out).mkdir()
    monkeypatch.chdir(tmp_path / "one")
    assert CliRunner().invoke(main, line).exit_code == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, "-m", "anl_edu", *line], cwd=tmp_path / "two",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False, timeout=LIMIT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("record ") == 1
    assert done.stdout.count("data   ") == 1
    (one,), (two_,) = (list((tmp_path / out / "runs").iterdir()) for out in ("one", "two"))
    assert one.name == two_.name  # the identity of a run knows no processes
    alone, both = runs.read(one), runs.read(two_)
    assert "processes" not in alone.meta
    assert both.meta["processes"] == 2
    assert_alike((list(both.records), {}), (list(alone.records), {}))
    assert len(training.load_records(tmp_path / "two" / "c.pt")) == 2


# --- the parts, in a group of one -------------------------------------------------------------


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a process that torchrun has started alone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in {
        "TORCHELASTIC_RUN_ID": "test", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("launched")
def test_before_the_group_is_left_other_threads_have_a_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one of gloo's may need before torch 2.8, where leaving lets no thread run and waits."""
    leave, had_turns = dist.destroy_process_group, []
    interval = sys.getswitchinterval()
    for _ in range(3):  # a crowded machine may be late
        turn = threading.Event()

        def wait_for_turn(turn: threading.Event = turn) -> None:
            time.sleep(0.01)
            turn.set()

        def leaving(turn: threading.Event = turn) -> None:
            had_turns.append(turn.is_set())
            leave()

        monkeypatch.setattr(dist, "destroy_process_group", leaving)
        sys.setswitchinterval(60)  # a thread runs only while the others wait
        try:
            with joined("cpu"):
                threading.Thread(target=wait_for_turn).start()
                end = time.monotonic() + 0.1
                while time.monotonic() < end:
                    pass
        finally:
            sys.setswitchinterval(interval)
    assert any(had_turns)


@pytest.mark.usefixtures("launched")
def test_the_group_is_left_also_after_an_error() -> None:
    def fail() -> None:
        with joined("cpu") as processes:
            assert processes == Processes(0, 1)
            with joined("cpu"):  # a group that is there is its owner's to end
                pass
            assert dist.is_initialized()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not dist.is_initialized()


def test_without_torchrun_nothing_is_joined() -> None:
    with joined("cpu") as processes:
        assert not dist.is_initialized()
    assert (processes, processes.main) == (Processes(0, 1), True)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("total", [0, 1, 2, 3, 4, 12])
def test_shares_are_contiguous_and_even(size: int, total: int) -> None:
    items = torch.arange(total)
    shares = [Processes(rank, size).share(items) for rank in range(size)]
    assert torch.equal(torch.cat(shares), items)
    lengths = [len(s) for s in shares]
    assert max(lengths) - min(lengths) <= 1
    assert lengths == sorted(lengths, reverse=True)  # gather pads to the first


@pytest.mark.usefixtures("launched")
@pytest.mark.parametrize(
    ("torchs", "shape"),
    [
        (nn.BatchNorm1d(4), (6, 4)),
        (nn.BatchNorm2d(4), (3, 4, 5, 2)),
        (nn.BatchNorm2d(4, momentum=None), (3, 4, 5, 2)),
        (nn.BatchNorm2d(4, affine=False), (3, 4, 5, 2)),
        (nn.BatchNorm2d(4, track_running_stats=False), (3, 4, 5, 2)),
    ],
    ids=str,
)
def test_batch_norm_is_torchs(torchs: nn.Module, shape: tuple[int, ...]) -> None:
    from anl_edu.training.spread import _with_whole_batch_norm

    g = torch.Generator().manual_seed(0)
    for p in torchs.parameters():
        nn.init.uniform_(p, 0.5, 2, generator=g)
    with joined("cpu"):
        ours = _with_whole_batch_norm(nn.Sequential(torchs))[0]
        assert isinstance(ours, WholeBatchNorm)
        assert list(ours.state_dict()) == list(torchs.state_dict())
        before = {k: v.clone() for k, v in torchs.state_dict().items()}
        seen = []
        for norm in (torchs, ours):  # over the same tensors, so that they go one after the other
            norm.load_state_dict(before)
            norm.train()
            rows: list[Tensor] = []
            for step in range(2):
                x = 3 + torch.randn(shape, generator=torch.Generator().manual_seed(step))
                x.requires_grad_()
                norm(x).square().mul(torch.arange(x.numel()).view(shape)).sum().backward()
                assert x.grad is not None
                rows += [x.grad, *(p.grad.clone() for p in norm.parameters() if p.grad is not None)]
                norm.zero_grad()
            rows += [v.clone() for v in norm.state_dict().values()]
            norm.eval()
            rows.append(norm(torch.ones(shape)).detach())
            seen.append(rows)
        for theirs, mine in zip(*seen, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-3)
        with pytest.raises(ValueError, match="more than 1 value for each channel"):
            ours.train()(torch.ones(1, 4, *[1] * (len(shape) - 2)))


def test_each_process_of_torchrun_has_a_card_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANL_EDU_DEVICE", raising=False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.device() == torch.device("mps")
    monkeypatch.setenv("LOCAL_RANK", "7")
    assert devices.device() == torch.device("cpu")
    assert devices.device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # none answers: it is asked for
    for name in (None, "cuda"):
        with pytest.raises(ValueError, match="device 'cuda:7' is not available here"):
            devices.device(name)


def test_training_alone_is_not_wrapped() -> None:
    d, r = cnn(epochs=1)
    from anl_edu.training import loop

    model = r.build_model(d)
    assert loop.Trainer(model, d, r.build_loss(), r, device="cpu").learner is model
    assert len(run(r, d)[1]) == 1
