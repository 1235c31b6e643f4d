"""The command line: does what it says, and says in a few words what is wrong."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev

import click
import pytest
from click.testing import CliRunner
from distributed import LocalCluster

from anl_edu import cli, data, losses, models, noise, playground, recipes, report_command, runs
from anl_edu.cli import main
from anl_edu.runs import cluster, formats, summary

QUICK = ["--set", "epochs=2", "--set", "train_images=200", "--set", "test_images=50"]
ROOT = Path(__file__).resolve().parent.parent
HINT = "(anl-edu --debug shows where)"


def commands(group: click.Group = main, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, as it is typed."""
    yield path
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.fixture
def call(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANL_EDU_DEVICE", "cpu")
    return lambda *args: CliRunner().invoke(main, list(args))


@pytest.fixture
def untrained(monkeypatch):
    """No run may be started."""

    def started(*_, **__):
        raise AssertionError("a run was started")

    monkeypatch.setattr(runs, "start", started)
    monkeypatch.setattr("anl_edu.runs.recording.connected", started)


# --- help -----------------------------------------------------------------------------


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_every_command_has_a_help(call, command):
    result = call(*command, "--help")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("Usage: ")


def test_help_loads_nothing_heavy():
    code = f"""
import json, sys
from anl_edu.cli import main
for command in {[list(c) for c in commands()]!r}:
    try:
        main([*command, "--help"])
    except SystemExit as ended:
        assert ended.code == 0
print(json.dumps([m for m in sys.modules if "." not in m]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "click" in loaded
    heavy = {
        "torch",
        "distributed",
        "numpy",
        "plotly",
        "sklearn",
        "scipy",
        "tqdm",
        "tabulate",
        "asyncio",
    }
    assert not loaded & heavy


def test_the_examples_of_the_help_are_real():
    assert tuple(cli.DATASETS.split(", ")) == data.names()
    assert set(cli.LOSSES.split(", ")) - {"..."} <= set(losses.names())
    assert set(cli.NOISES.split(", ")) - {"..."} <= set(noise.KINDS)
    for command in ("train", "record"):
        options = {o.name: o.type for o in main.commands[command].params}
        assert set(options["precision"].choices) == set(recipes.PRECISIONS)
        assert tuple(options["scale"].choices) == recipes.SCALES


def test_names_lists_every_name(call):
    output = call("names").output
    for known in (data.names(), losses.names(), tuple(noise.KINDS), models.names()):
        assert ", ".join(known) in output


def test_without_click_one_line_says_so():
    code = "import sys; sys.modules['click'] = None; from anl_edu.__main__ import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "click is not installed" in done.stderr


def test_a_missing_package_is_named(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "tabulate", None)
    result = call("doctor")
    assert (result.exit_code, "Traceback" in result.output) == (1, False)
    assert "tabulate is not installed" in result.output


# --- demo and train -------------------------------------------------------------------


def test_demo_prints_a_table_and_writes_a_page_that_needs_no_network(call, tmp_path):
    result = call("demo", "--seeds", "1", "--epochs", "2")
    assert result.exit_code == 0, result.output
    for name in ("CE", "MAE", "NCE+RCE", "ANL-CE"):
        assert re.search(rf"\| {re.escape(name)} +\| +\d+\.\d ± – \|", result.output)
    page = (tmp_path / "build" / "demo.html").read_text()
    assert len(page.encode()) < 2_000_000  # with plotly.js inside
    # no tag that loads something: neither scripts, nor styles, nor pictures from elsewhere
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", page)
    assert page.count("In words and numbers") == page.count("<section>") == 5


@pytest.mark.parametrize("rate", ["0", "1"])
def test_the_ends_of_the_rate_have_a_demo(call, tmp_path, rate):
    result = call("demo", "--seeds", "1", "--epochs", "1", "--rate", rate)
    assert result.exit_code == 0, result.output
    assert ("| –" in re.sub(" +", " ", result.output)) == (rate == "0")  # nothing to memorise
    assert (tmp_path / "build" / "demo.html").is_file()


def test_train_writes_a_record_file(call, tmp_path):
    result = call("train", "--loss", "mae", "--rate", "0.4", *QUICK)
    assert result.exit_code == 0, result.output
    (run,) = runs.find(tmp_path / "build" / "runs")
    assert (run.spec.loss, run.spec.rate, len(run.records)) == ("mae", 0.4, 2)
    assert f"last epoch {run.last.test_accuracy:.4f}" in result.output


def test_a_repeated_train_is_the_same_run(call, tmp_path):
    first, second = call("train", *QUICK), call("train", *QUICK)
    assert first.exit_code == second.exit_code == 0, second.output
    assert first.output.splitlines()[-1] == second.output.splitlines()[-1]
    assert len(list((tmp_path / "build" / "runs").glob("*.json"))) == 1


def test_without_noise_nothing_is_memorised(call):
    result = call("train", "--noise", "none", *QUICK)
    assert "wrong labels memorised –" in result.output
    assert "nan" not in result.output


def test_a_run_that_diverges_says_so_once(call, recwarn):
    result = call("train", "--loss", "ce", "--set", "lr=1e30", "--set", "clip_norm=none", *QUICK)
    assert result.exit_code == 0, result.output
    assert result.output.count("diverged") == 1
    assert [w for w in recwarn if w.category is RuntimeWarning] == []  # one an epoch, else


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
        (["record", "--noise", "symmetric"], "symmetric noise needs a rate"),
        (["record", "--noise", "symmetric:"], "symmetric noise needs a rate"),
        (["record", "--noise", "instance"], "instance noise needs a rate"),
        (["record", "--noise", "none:0.4"], "'none' takes no rate"),
        (["record", "--noise", "symmetric:0.4", "--noise", "asymetric:0.4"], "'asymetric'"),
        (["record", "--noise", "symmetric:0.4", "--noise", "symmetric:1.4"], "1.4"),
        (["record", "--loss", "anl-ce", "--loss", "mae", "--set", "loss.alpha=1"], "alpha"),
        (
            ["record", "--dataset", "digits", "--noise", "asymmetric-superclass:0.4"],
            "not defined for 'digits'",
        ),
        (["record", "--dataset", "digits", "--noise", "human-worst"], "not defined for 'digits'"),
        (["record", "--dataset", "digits", "--set", "model=cnn9"], "'cnn9'"),
        (["record", "--dataset", "digits", "--time-limit", "nan"], "nan"),
        (["record", "--dataset", "digits", "--time-limit", "-5"], "-5"),
        (["record", "--dataset", "digits", "--time-limit", "0"], "0"),
        (["train", "--rate", "nan"], "nan"),
        (["train", "--seed", "99999999999999999999999"], "99999999999999999999999"),
        (["train", "--set", "dataset=cifar10"], "use --dataset cifar10"),
        (["train", "--set", "loss=ce"], "use --loss ce"),
        (["train", "--set", "scale=paper"], "use --scale paper"),
        (["demo", "--rate", "nan"], "nan"),
    ],
)
def test_wrong_input_is_named_before_anything_is_trained(
    call, untrained, tmp_path, arguments, named
):
    result = call(*arguments)
    assert result.exit_code in (1, 2), result.output
    lines = result.output.splitlines()
    error = next(i for i, line in enumerate(lines) if line.startswith("Error:"))
    assert named in lines[error]
    # click's own errors end there; ours say besides how to learn more
    assert lines[error + 1 :] == ([HINT] if result.exit_code == 1 else [])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_error_of_many_lines_keeps_them_and_names_the_way_to_more_once(call, monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError("It is not here. Three ways to supply it:\n  1. one\n  2. two")

    monkeypatch.setattr(data, "load", missing)
    result = call("data", "fetch", "cifar10")
    assert result.output == (
        f"Error: It is not here. Three ways to supply it:\n  1. one\n  2. two\n{HINT}\n"
    )


def test_the_words_of_a_key_error_are_not_quoted(call, monkeypatch):
    def missing(*_, **__):
        raise KeyError("no such thing")

    monkeypatch.setattr(data, "load", missing)
    assert "Error: no such thing\n" in call("data", "fetch", "cifar10").output


def test_debug_shows_the_traceback(call):
    result = call("--debug", "train", "--loss", "ec")
    assert isinstance(result.exception, ValueError)


# --- recording ------------------------------------------------------------------------


@pytest.fixture
def record(call, monkeypatch):
    """`anl-edu record` on a cluster in this process; tests/runs has real ones."""

    def local():
        return LocalCluster(
            n_workers=0, processes=False, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        )

    monkeypatch.setattr(cluster, "_local", local)
    monkeypatch.setattr("anl_edu.training.devices.keep_memory", lambda: None)
    return lambda *args: call("record", *args)


def test_record_exits_with_3_where_runs_are_left(record):
    line = ["--dataset", "digits", "--loss", "ce", "--seeds", "1", *QUICK, "--out", "o"]
    stopped = record(*line, "--time-limit", "1e-9")
    assert stopped.exit_code == 3
    assert "0 recorded, 0 already there, 1 to be finished" in stopped.output
    finished = record(*line)
    assert finished.exit_code == 0, finished.output
    assert "1 recorded, 0 already there, 0 to be finished" in finished.output


def test_a_folder_of_another_precision_is_left_alone(record, tmp_path):
    line = ["--dataset", "digits", "--seeds", "1", *QUICK, "--out", "o"]
    assert record(*line, "--loss", "ce").exit_code == 0
    result = record(*line, "--loss", "ce", "--loss", "mae", "--precision", "bfloat16")
    assert result.exit_code == 1
    assert "in another precision" in result.output
    assert len(list((tmp_path / "o").glob("*.json"))) == 1


def test_recording_cifar_twice_records_once(record, tmp_path):
    where = os.environ.get("ANL_EDU_DATA")
    if not where or not (Path(where) / "cifar10.npz").is_file():
        pytest.skip("set ANL_EDU_DATA to a folder that holds cifar10.npz")
    arguments = ["--dataset", "cifar10", "--scale", "paper", "--loss", "anl-ce"]
    arguments += ["--noise", "symmetric:0.4", "--seeds", "1", "--out", str(tmp_path / "out")]
    for change in ("epochs=1", "train_images=256", "test_images=64", "train_eval=64"):
        arguments += ["--set", change]
    first = record(*arguments)
    assert first.exit_code == 0, first.output
    assert "1 recorded, 0 already there" in first.output
    (run,) = runs.find(tmp_path / "out")
    assert (run.meta["train_images"], run.meta["test_images"]) == (256, 64)
    assert run.meta["recipe"]["model"] == "cnn8"
    assert "0 recorded, 1 already there" in record(*arguments).output


def test_a_grid_file_says_what_options_say_otherwise(record, tmp_path):
    file = tmp_path / "grid.toml"
    file.write_text(
        'dataset = "digits"\nlosses = ["ce"]\nnoises = ["pair:0.4"]\nseeds = 1\n'
        "changes = { epochs = 1, train_images = 100, test_images = 20 }\n"
    )
    assert "1 recorded" in record(str(file), "--out", "o").output
    (run,) = runs.find(tmp_path / "o")
    assert (run.spec.noise, run.spec.rate) == ("pair", 0.4)
    result = record(str(file), "--seeds", "3")
    assert result.exit_code == 2
    assert "--seeds: the grid file says that" in result.output


def test_pack_gathers_run_files(record, call, tmp_path):
    record("--dataset", "digits", "--loss", "ce", "--seeds", "2", *QUICK, "--out", "o")
    before = runs.find("o")
    assert "digits-desk-symmetric.zip" in call("pack", "o").output
    assert [path.name for path in (tmp_path / "o").glob("[!.]*")] == ["digits-desk-symmetric.zip"]
    assert runs.find("o") == before
    assert call("pack", "elsewhere").exit_code == 2


def test_a_damaged_checkpoint_is_named_and_left_alone(call, tmp_path):
    (tmp_path / "c.pt").write_bytes(b"half a file")
    result = call("train", "--checkpoint", "c.pt", *QUICK)
    assert result.exit_code == 1
    assert "c.pt" in result.output
    assert (tmp_path / "c.pt").read_bytes() == b"half a file"


# --- report ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder of four small runs."""
    folder = tmp_path_factory.mktemp("runs")
    changes = {"epochs": 2, "train_images": 200, "test_images": 50}
    for loss in ("ce", "anl-ce"):
        for seed in (0, 1):
            spec = runs.RunSpec("digits", loss, "pair", 0.4, seed, changes=changes)
            runs.write(runs.start(spec, device="cpu").finish(), folder)
    return folder


def test_the_names_in_the_help_of_report_are_real():
    assert tuple(summary.MEASURES) == report_command.MEASURES
    assert report_command.FORMATS == formats.FORMATS


def test_report_prints_means_of_the_recorded_runs(call, recorded):
    result = call("report", str(recorded), "--loss", "anl-ce", "--format", "markdown")
    assert result.exit_code == 0, result.output
    last = [100 * run.last.test_accuracy for run in runs.find(recorded, loss="anl-ce")]
    assert f" {fmean(last):.1f} ± {stdev(last):.1f} |" in result.output
    assert "| CE" not in result.output


def test_report_writes_a_table_and_a_page(call, recorded, tmp_path):
    result = call(
        "report", str(recorded), "--format", "csv", "--out", "b/t.csv", "--page", "p.html"
    )
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader((tmp_path / "b" / "t.csv").read_text().splitlines()))
    assert {(r["loss"], r["seeds"]) for r in rows} == {("ce", "2"), ("anl-ce", "2")}
    page = (tmp_path / "p.html").read_text()
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", page)
    assert "4 runs in 1 table: b/t.csv\n" in result.output


def test_a_page_does_not_end_up_in_the_table(recorded, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["report", str(recorded), "--format", "csv", "--page", "p.html"], standalone_mode=False)
    printed = capsys.readouterr()
    assert "Page: p.html" in printed.err
    assert printed.out.startswith("dataset,")
    assert "Page" not in printed.out


def test_report_tells_what_it_leaves_out(recorded, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(recorded, tmp_path / "r")
    path = sorted((tmp_path / "r").glob("*.json"))[0]
    path.write_text(path.read_text()[:300])
    main(["report", "r"], standalone_mode=False)
    printed = capsys.readouterr()
    assert re.search(rf"^Left out: .*{re.escape(path.name)}", printed.err, re.M)
    assert "3 runs" in " ".join(printed.out.split())


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nowhere"], "there is no folder nowhere"),
        (["."], "no recorded runs"),
        (["RUNS", "--loss", "mae"], "'mae'; there is anl-ce, ce"),
        (["RUNS", "--dataset", "cifar10"], "'cifar10'; there is digits"),
        (["RUNS", "--scale", "paper"], "'paper'; there is desk"),
        (["RUNS", "--noise", "pair:0.3"], "pair:0.3; there is pair:0.4"),
        (["RUNS", "--noise", "symmetric"], "symmetric noise needs a rate"),
        (["RUNS", "--measure", "first"], "'first'"),
        (["RUNS", "--format", "csv", "--published"], "not into csv"),
        (["RUNS", "--out", "."], "is a folder"),
        (["RUNS", "--page", "/proc/p.html"], "/proc/p.html cannot be written"),
    ],
)
def test_what_report_cannot_do_is_said(call, recorded, tmp_path, arguments, named):
    result = call("report", *(str(recorded) if a == "RUNS" else a for a in arguments))
    assert result.exit_code in (1, 2)
    assert named in result.output
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


# --- data and doctor ------------------------------------------------------------------


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


def test_data_check_goes_on_after_a_broken_set(call, monkeypatch, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "cifar10.npz").write_bytes(b"no archive at all")
    monkeypatch.setenv("ANL_EDU_DATA", str(tmp_path / "d"))
    result = call("data", "check")
    assert result.exit_code == 1
    lines = {line.split(":")[0]: line for line in result.output.splitlines()}
    assert "cifar10.npz" in lines["cifar10"]
    assert "cifar100" in lines


def test_a_switch_of_a_loss_can_be_set(call, tmp_path):
    line = ["train", "--loss", "fl", "--set", "loss.detach_focal=false", *QUICK]
    assert call(*line).exit_code == 0
    (run,) = runs.find(tmp_path / "build" / "runs")
    assert run.spec.recipe.build_loss().parameters_["detach_focal"] is False


# --- the playground --------------------------------------------------------------------


def test_playground_writes_the_page_and_opens_it(call, monkeypatch):
    opened = []
    monkeypatch.setattr(click, "launch", opened.append)
    result = call("playground", "noise=0.6", "loss_1=mae", "pulls=true", "--out", "p/page.html")
    assert result.exit_code == 0, result.output
    assert "Playground: p/page.html" in result.output
    state = playground.complete({"noise": 0.6, "loss_1": "mae", "pulls": True})
    page = Path("p/page.html").read_text(encoding="utf-8")
    assert page == playground.page(**state)
    assert json.dumps(state) in page
    assert opened == [Path("p/page.html").resolve().as_uri()]
    assert call("playground", "--no-open").exit_code == 0
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("noise", "setting 'noise' is not NAME=VALUE, for instance noise=0.6"),
        ("noise=2", "noise is 0 to 0.9, not 2"),
        ("nois=0.2", "no setting is called 'nois'; do you mean noise?"),
        ("data=none", "data is one of arms, blobs, rings, not 'none'"),
    ],
)
def test_playground_names_what_is_wrong(call, setting, message):
    result = call("playground", setting, "--no-open")
    assert result.exit_code == 1
    assert result.output == f"Error: {message}\n{HINT}\n"
    assert not Path("build").exists()
