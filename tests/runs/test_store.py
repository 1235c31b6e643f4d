"""Recorded runs: written whole, one file a run, read back the same, refused when damaged."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from anl_edu import paths, runs
from anl_edu.runs import Run, RunSpec
from anl_edu.runs.protocol import digest

TINY = {"epochs": 2, "train_images": 200, "test_images": 50}


@pytest.fixture(scope="module")
def run() -> Run:
    return runs.start(
        RunSpec("digits", "ce", "symmetric", 0.5, seed=3, changes=TINY), device="cpu"
    ).finish()


def rewritten(path: Path, change: Any) -> None:
    """Change a file's content and give it the right hash again."""
    body = json.loads(path.read_text())
    del body["sha256"]
    change(body)
    path.write_text(json.dumps({"sha256": digest(body), **body}))


def test_a_run_reads_back_as_it_was_written(run: Run, tmp_path: Path) -> None:
    path = runs.write(run, tmp_path)
    back = runs.read(path)
    assert back.spec == run.spec
    assert back.meta == json.loads(json.dumps(run.meta))
    for old, new in zip(run.records, back.records, strict=True):
        for name, value in old.as_dict().items():
            read = getattr(new, name)
            rel = 5e-3 if isinstance(value, tuple) else 1e-4
            assert read == value or read == pytest.approx(value, rel=rel, nan_ok=True), name
    assert back.confusion == run.confusion is not None


def test_one_run_is_one_file_whoever_makes_it(run: Run, tmp_path: Path) -> None:
    path = runs.write(run, tmp_path)
    assert path.name == f"digits-desk-symmetric-0.5-ce-seed3-{run.spec.digest}.json"
    slower = replace(run, meta={**run.meta, "seconds_per_epoch": 9.0})
    assert runs.write(slower, tmp_path) == path
    assert [r.meta["seconds_per_epoch"] for r in runs.find(tmp_path)] == [9.0]
    shutil.copy(path, tmp_path / "a copy (1).json")
    assert len(runs.find(tmp_path)) == 1


@pytest.mark.parametrize("keep", [0.3, 0.99])
def test_a_file_cut_short_is_refused(run: Run, tmp_path: Path, keep: float) -> None:
    path = runs.write(run, tmp_path)
    text = path.read_text()
    path.write_text(text[: int(len(text) * keep)])
    with pytest.raises(ValueError, match="not a whole recorded run"):
        runs.read(path)


def test_an_edited_file_is_refused(run: Run, tmp_path: Path) -> None:
    path = runs.write(run, tmp_path)
    path.write_text(path.read_text().replace('"seed":3', '"seed":4'))
    with pytest.raises(ValueError, match="does not match its own hash"):
        runs.read(path)


def test_another_format_is_named(run: Run, tmp_path: Path) -> None:
    path = runs.write(run, tmp_path)
    path.write_text(path.read_text().replace('"format":2', '"format":7'))
    with pytest.raises(ValueError, match="format 7"):
        runs.read(path)


def test_a_missing_column_is_missing_and_an_unknown_one_is_left(run: Run, tmp_path: Path) -> None:
    path = runs.write(run, tmp_path)

    def change(body: dict[str, Any]) -> None:
        del body["records"]["clean_accuracy"]
        body["records"]["worst_recall"] = [0.5, 0.5]
        body["spec"]["warmup"] = 3

    rewritten(path, change)
    back = runs.read(path)
    assert all(math.isnan(r.clean_accuracy) for r in back.records)
    assert [r.test_accuracy for r in back.records] == pytest.approx(
        [r.test_accuracy for r in run.records], rel=1e-4
    )


def test_nan_survives_the_file(run: Run, tmp_path: Path) -> None:
    records = tuple(replace(r, memorised=math.nan) for r in run.records)
    back = runs.read(runs.write(replace(run, records=records), tmp_path))
    assert all(math.isnan(r.memorised) for r in back.records)


def test_find_filters_by_spec_and_names_a_wrong_filter(run: Run, tmp_path: Path) -> None:
    runs.write(run, tmp_path)
    assert [r.spec for r in runs.find(tmp_path, loss=("ce", "mae"), rate=0.5)] == [run.spec]
    assert [r.spec for r in runs.find(tmp_path, changes=(TINY,))] == [run.spec]
    assert runs.find(tmp_path, loss="mae") == []
    with pytest.raises(ValueError, match="unknown filter 'lose'"):
        runs.find(tmp_path, lose="ce")


def test_a_stray_file_takes_nothing_away(run: Run, tmp_path: Path) -> None:
    runs.write(run, tmp_path)
    (tmp_path / "package.json").write_text('{"name": "x"}')
    (tmp_path / "._x.json").write_bytes(b"\x00\x05")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "dangling.json").symlink_to(tmp_path / "nowhere")
    with pytest.warns(UserWarning, match="package.json is not a whole recorded run") as told:
        assert len(runs.find(tmp_path)) == 1
    assert len(told) == 1


def test_runs_recorded_here_are_found_from_an_installed_package(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed, here = tmp_path / "packed", tmp_path / "here"
    monkeypatch.setattr(paths, "recorded_runs", lambda: packed)
    here.mkdir()
    monkeypatch.chdir(here)
    runs.write(run, "data/runs")
    runs.write(replace(run, spec=replace(run.spec, seed=4)), packed)
    assert [r.spec.seed for r in runs.find()] == [3, 4]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("images", "0" * 16, "on other images"),
        ("precision", "bfloat16", "in another precision"),
    ],
)
def test_a_folder_never_mixes(run: Run, tmp_path: Path, key: str, value: str, words: str) -> None:
    runs.write(run, tmp_path)
    spec = replace(run.spec, seed=4)
    other = replace(run, spec=spec, meta={**run.meta, key: value})
    with pytest.raises(ValueError, match=words):
        runs.write(other, tmp_path)
    assert len(runs.find(tmp_path)) == 1
    runs.write(replace(run, spec=spec), tmp_path)
    # another data set or scale is another matter
    runs.write(replace(other, spec=replace(run.spec, dataset="cifar10")), tmp_path)
    assert len(runs.find(tmp_path)) == 3


def test_the_chosen_epoch_is_that_of_the_held_out_noisy_labels(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="held no labels out"):
        _ = run.chosen
    spec = RunSpec("digits", "ce", seed=3, changes={**TINY, "held_out": 0.1})
    seen = [
        replace(run.records[0], epoch=epoch, held_out_accuracy=held, test_accuracy=test)
        for epoch, held, test in ((1, 0.2, 0.9), (2, 0.4, 0.6), (3, 0.4, 0.5))
    ]
    chosen = replace(run, spec=spec, records=tuple(seen)).chosen
    assert (chosen.epoch, chosen.test_accuracy) == (2, 0.6)
    path = runs.write(runs.start(spec, device="cpu").finish(), tmp_path)
    assert 0 <= runs.read(path).chosen.held_out_accuracy <= 1


def test_a_setting_is_chosen_by_held_out_labels_alone(run: Run) -> None:
    def made(held: float | None, test: float) -> Run:
        last = replace(run.records[-1], held_out_accuracy=held, test_accuracy=test)
        return replace(run, records=(*run.records[:-1], last))

    tried = {0.0: [made(0.5, 0.9), made(0.6, 0.9)], 2.0: [made(0.62, 0.7), made(0.5, 0.7)]}
    assert runs.choose(tried) == 2.0
    assert runs.choose({"a": [made(0.5, 0.1)], "b": [made(0.5, 0.9)]}) == "a"
    with pytest.raises(ValueError, match="no settings"):
        runs.choose({})
    with pytest.raises(ValueError, match=r"no run for 1\.0"):
        runs.choose({0.0: [made(0.5, 0.5)], 1.0: []})
    with pytest.raises(ValueError, match="held no labels out"):
        runs.choose({0.0: [made(None, 0.5)]})
