"""Run files packed into archives are found, looked up and replaced like the files themselves."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from anl_edu import atomic, runs
from anl_edu.runs import Run, RunSpec

TINY = {"epochs": 1, "train_images": 100, "test_images": 20}


@pytest.fixture(scope="module")
def made() -> list[Run]:
    spec = RunSpec("digits", "ce", "pair", 0.3, changes=TINY)
    run = runs.start(spec, device="cpu").finish()
    others = [
        replace(spec, loss="anl-ce"),
        replace(spec, seed=1),
        replace(spec, dataset="digit-pairs"),
        replace(spec, noise="none"),
    ]
    return [run, *(replace(run, spec=other) for other in others)]


@pytest.fixture
def folder(made: list[Run], tmp_path: Path) -> Path:
    for run in made:
        runs.write(run, tmp_path)
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_packed_runs_read_back_as_their_files_did(folder: Path, made: list[Run]) -> None:
    before = runs.find(folder)
    written = runs.pack(folder)
    assert files(folder) == [
        "digit-pairs-desk-pair.zip",
        "digits-desk-none.zip",
        "digits-desk-pair.zip",
    ]
    assert sorted(path.name for path in written) == files(folder)
    assert runs.find(folder) == before
    for run in made:
        assert runs.holds(folder, run.spec)
        assert runs.lookup(run.spec, folder) in before
    absent = replace(made[0].spec, seed=9)
    assert not runs.holds(folder, absent)
    assert runs.lookup(absent, folder) is None


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"dataset": "digits"}, 4),
        ({"dataset": ("digits", "digit-pairs"), "loss": "ce"}, 4),
        ({"loss": "anl-ce"}, 1),
        ({"loss": ("ce", "anl-ce"), "seed": 0, "dataset": "digits"}, 3),
        ({"noise": "none"}, 1),
        ({"noise": "pair", "rate": 0.3, "changes": (TINY,)}, 4),
        ({"noise": "pair", "rate": 0.4}, 0),
        ({"seed": (1, 2)}, 1),
        ({"scale": "paper"}, 0),
    ],
)
def test_filters_find_in_archives_what_they_find_in_files(
    folder: Path, filters: dict[str, object], count: int
) -> None:
    loose = runs.find(folder, **filters)
    assert len(loose) == count
    runs.pack(folder)
    assert runs.find(folder, **filters) == loose


def test_a_run_made_again_takes_the_place_of_the_packed_one(folder: Path, made: list[Run]) -> None:
    runs.pack(folder)
    slower = replace(made[0], meta={**made[0].meta, "seconds_per_epoch": 9.0})
    runs.write(slower, folder)

    def told() -> list[float]:
        looked = runs.lookup(slower.spec, folder)
        assert looked is not None
        found = [run for run in runs.find(folder) if run.spec == slower.spec]
        return [run.meta["seconds_per_epoch"] for run in (looked, *found)]

    assert told() == [9.0, 9.0]
    assert [path.name for path in runs.pack(folder)] == ["digits-desk-pair.zip"]
    assert told() == [9.0, 9.0]
    assert len(runs.find(folder)) == len(made)


def test_the_same_runs_give_the_same_bytes(folder: Path, made: list[Run], tmp_path: Path) -> None:
    (archive, *_) = runs.pack(folder)
    other = tmp_path / "other"
    for run in reversed(made):
        runs.write(run, other)
    runs.pack(other)
    assert (other / archive.name).read_bytes() == archive.read_bytes()
    assert runs.pack(folder) == []


def test_what_is_no_run_stays_where_it_is(folder: Path) -> None:
    (folder / "package.json").write_text("{}")
    with pytest.warns(UserWarning, match=r"package\.json is not a whole recorded run"):
        runs.pack(folder)
    assert "package.json" in files(folder)


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.98])
def test_an_archive_cut_short_is_named_and_nothing_is_moved_into_it(
    folder: Path, made: list[Run], keep: float
) -> None:
    runs.pack(folder)
    archive = folder / "digits-desk-pair.zip"
    archive.write_bytes(archive.read_bytes()[: int(keep * archive.stat().st_size)])
    with pytest.warns(UserWarning, match=r"digits-desk-pair\.zip is not a whole archive"):
        assert len(runs.find(folder)) == 2  # those of the other archives
    with pytest.warns(UserWarning, match="not a whole archive"):
        assert runs.lookup(made[0].spec, folder) is None
    with pytest.raises(ValueError, match="not a whole archive"):
        runs.holds(folder, made[0].spec)
    path = runs.write(replace(made[0], spec=replace(made[0].spec, seed=7)), folder / "new")
    path = path.rename(folder / path.name)
    with pytest.raises(ValueError, match="not a whole archive"):
        runs.pack(folder)
    assert path.is_file()


def test_a_damaged_entry_is_told_and_the_others_are_read(folder: Path) -> None:
    runs.pack(folder)
    archive = folder / "digits-desk-pair.zip"
    with zipfile.ZipFile(archive) as opened:
        last = opened.infolist()[-1]
    content = bytearray(archive.read_bytes())
    content[last.header_offset + 200] ^= 0xFF
    archive.write_bytes(content)
    with pytest.warns(UserWarning, match=r"digits-desk-pair\.zip"):
        assert len(runs.find(folder)) == 4


def test_a_full_disk_leaves_the_files_where_they_were(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(folder)

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(atomic, "writing", full)
    with pytest.raises(OSError, match="No space left"):
        runs.pack(folder)
    assert files(folder) == before


def test_a_folder_with_an_archive_never_mixes(folder: Path, made: list[Run]) -> None:
    runs.pack(folder)
    other = replace(made[0], spec=replace(made[0].spec, seed=8))
    with pytest.raises(ValueError, match="on other images"):
        runs.write(replace(other, meta={**other.meta, "images": "0" * 16}), folder)
    runs.write(other, folder)
