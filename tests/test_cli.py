"""The command line: does what it says, and says in one line what is wrong."""

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from anl_edu import data, runs
from anl_edu.cli import main

QUICK = ["--set", "epochs=2", "--set", "train_images=200", "--set", "test_images=50"]


@pytest.fixture
def call(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANL_EDU_DEVICE", "cpu")
    return lambda *args: CliRunner().invoke(main, list(args))


def test_demo_prints_a_table_and_writes_a_page_that_needs_no_network(call, tmp_path):
    result = call("demo", "--seeds", "1", "--epochs", "2")
    assert result.exit_code == 0, result.output
    for name in ("CE", "MAE", "NCE+RCE", "ANL-CE"):
        assert re.search(rf"\| {re.escape(name)} +\| +\d+\.\d ± 0\.0", result.output)
    page = (tmp_path / "build" / "demo.html").read_text()
    assert "Plotly.newPlot" in page
    # no tag that loads something: neither scripts, nor styles, nor pictures from elsewhere
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", page)
    assert page.count("In words and numbers") == page.count("<section>") == 4


def test_train_writes_a_record_file(call, tmp_path):
    result = call("train", "--loss", "mae", "--rate", "0.4", *QUICK)
    assert result.exit_code == 0, result.output
    (run,) = runs.find(tmp_path / "build" / "runs")
    assert (run.spec.loss, run.spec.rate, len(run.records)) == ("mae", 0.4, 2)
    assert f"last epoch {run.last.test_accuracy:.4f}" in result.output


def test_train_resumes_from_its_checkpoint(call, tmp_path):
    arguments = ["train", "--checkpoint", "c.pt", *QUICK]
    first = call(*arguments)
    second = call(*arguments)
    assert first.exit_code == second.exit_code == 0, second.output
    (run,) = runs.find(tmp_path / "build" / "runs")  # the same content, so the same file
    assert [r.epoch for r in run.records] == [1, 2]


def test_loss_parameters_reach_the_loss(call, tmp_path):
    assert call("train", "--set", "loss.alpha=1", *QUICK).exit_code == 0
    (run,) = runs.find(tmp_path / "build" / "runs")
    assert run.meta["recipe"]["loss_parameters"]["alpha"] == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["train", "--loss", "anl-cee"], "'anl-cee'"),
        (["train", "--dataset", "cifar11"], "'cifar11'"),
        (["train", "--noise", "sideways"], "'sideways'"),
        (["train", "--rate", "1.2"], "1.2"),
        (["train", "--set", "epoch=3"], "'epoch'"),
        (["train", "--set", "loss.gama=3"], "gama"),
        (["train", "--set", "lr=-1"], "-1"),
        (["train", "--device", "tpu"], "'tpu'"),
        (["train", "--precision", "float8"], "'float8'"),
        (["data", "fetch", "imagenet"], "'imagenet'"),
        (["record", "--noise", "symmetric:x"], "'symmetric:x'"),
        (["record", "--dataset", "digits", "--precision", "float8"], "'float8'"),
        (["record", "--dataset", "digits", "--device", "tpu"], "'tpu'"),
        (["record", "--dataset", "digits", "--set", "nesterov=no"], "'no'"),
        (["record", "--dataset", "digits", "--set", "model_options=none"], "model_options"),
    ],
)
def test_wrong_input_gives_one_line_that_names_it(call, arguments, named):
    result = call(*arguments)
    assert result.exit_code not in (0, None)
    assert named in result.output
    assert "Traceback" not in result.output
    error = [line for line in result.output.splitlines() if line.startswith("Error:")]
    assert len(error) == 1
    assert result.output.rstrip().endswith(error[0])


@pytest.mark.parametrize(
    ("command", "words"),
    [("train", "where --checkpoint was given"), ("record", "The same command goes on")],
)
def test_an_interrupt_says_what_is_kept(call, monkeypatch, command, words):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "start", interrupted)
    result = call(command, "--dataset", "digits")
    assert result.exit_code == 130
    assert words in result.output


def test_recording_cifar_twice_records_once(call, monkeypatch, tmp_path):
    where = os.environ.get("ANL_EDU_DATA")
    if not where or not (Path(where) / "cifar10.npz").is_file():
        pytest.skip("set ANL_EDU_DATA to a folder that holds cifar10.npz")
    arguments = ["record", "--dataset", "cifar10", "--scale", "paper", "--loss", "anl-ce"]
    arguments += ["--noise", "symmetric:0.4", "--seeds", "1", "--out", str(tmp_path / "out")]
    for change in ("epochs=1", "train_images=256", "test_images=64", "train_eval=64"):
        arguments += ["--set", change]
    first = call(*arguments)
    assert first.exit_code == 0, first.output
    assert "1 recorded, 0 already there" in first.output
    (run,) = runs.find(tmp_path / "out")
    assert (run.meta["train_images"], run.meta["test_images"]) == (256, 64)
    assert run.meta["recipe"]["model"] == "cnn8"
    assert "0 recorded, 1 already there" in call(*arguments).output


def test_a_damaged_checkpoint_is_named_and_left_alone(call, tmp_path):
    (tmp_path / "c.pt").write_bytes(b"half a file")
    result = call("train", "--checkpoint", "c.pt", *QUICK)
    assert result.exit_code == 1
    assert "c.pt" in result.output
    assert (tmp_path / "c.pt").read_bytes() == b"half a file"


def test_doctor_tells_versions_device_and_data(call):
    result = call("doctor")
    assert result.exit_code == 0
    for what in ("python", "torch", "device", "CIFAR-10 images", "recorded runs"):
        assert what in result.output


def test_data_where_lists_every_file(call):
    result = call("data", "where")
    assert result.exit_code == 0
    assert all(file in result.output for file in data.where())


def test_data_check_reads_what_is_there(call):
    result = call("data", "check")
    assert result.exit_code == 0
    assert "digits: scikit-learn's digits: 1,437 train + 360 test" in result.output
