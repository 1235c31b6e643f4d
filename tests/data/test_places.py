"""Where data are looked for, what is said when they are nowhere, names that do not exist."""

import os
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from anl_edu import data, paths
from anl_edu.data import cache


def test_missing_images_name_three_ways(folder):
    with pytest.raises(FileNotFoundError) as caught:
        data.load("cifar10")
    message = str(caught.value)
    for words in ("ANL_EDU_DATA", "cifar10.npz", "cifar-10-python.tar.gz", "ANL_EDU_MIRROR"):
        assert words in message
    assert str(folder) in message
    with pytest.raises(FileNotFoundError, match="not asked for"):
        data.load("cifar100", download=False)


def test_missing_human_labels_say_where_to_put_them(folder):
    with pytest.raises(FileNotFoundError, match=r"CIFAR-10_human\.pt .*by hand from https"):
        data.human_labels("cifar10", "worst")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: data.load("cifar11"),
            "'cifar11': use one of digits, digit-pairs, scenes, cifar10, cifar100",
        ),
        (lambda: data.human_labels("cifar10", "best"), "'best': use one of aggregate"),
        (lambda: data.human_labels("cifar100", "worst"), "'worst': use one of noisy"),
        (lambda: data.human_labels("digits", "worst"), "digits has no human labels"),
    ],
)
def test_unknown_names(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_where_and_the_order_of_folders(tmp_path, monkeypatch):
    first, home = tmp_path / "lab", tmp_path / "cache"
    for place in (first, home):
        place.mkdir()
    monkeypatch.setattr(cache, "default_cache", lambda: home)
    monkeypatch.setenv("ANL_EDU_DATA", str(first))
    (home / "cifar10.npz").touch()
    (home / "cifar100.npz").touch()
    (first / "cifar10.npz").touch()
    found = data.where()
    assert found["cifar10.npz"] == first / "cifar10.npz"
    assert found["cifar100.npz"] == home / "cifar100.npz"
    assert found["CIFAR-10_human.pt"] is None
    assert data.cache_folder() == first
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != first)
    assert data.cache_folder() == home
    monkeypatch.delenv("ANL_EDU_DATA")
    assert data.search_folders() == (home,)


def test_the_cache_of_a_checkout_is_ignored_by_git():
    root = paths.checkout()
    if root is None or not (root / ".git").exists():
        pytest.skip("not a checkout")
    assert cache.default_cache() == root / "data" / "cache"
    ignored = subprocess.run(["git", "check-ignore", "-q", "data/cache/x"], cwd=root)
    assert ignored.returncode == 0


# --- The environment ---


def test_a_data_folder_that_is_none_is_told_and_nothing_is_taken_from_elsewhere(
    folder, monkeypatch
):
    missing = folder / "typo"
    home = folder / "nowhere"
    home.mkdir()
    (home / "cifar10.npz").touch()
    (home / "CIFAR-10_human.pt").touch()
    monkeypatch.setenv("ANL_EDU_DATA", str(missing))
    monkeypatch.setenv("ANL_EDU_OFFLINE", "0")
    for call in (
        lambda: data.load("cifar10"),
        lambda: data.load("cifar100"),
        lambda: data.human_labels("cifar10", "worst"),
    ):
        with pytest.raises(NotADirectoryError, match=f"ANL_EDU_DATA={missing} is no folder"):
            call()
    assert sorted(p.name for p in home.iterdir()) == ["CIFAR-10_human.pt", "cifar10.npz"]
    assert len(data.load("digits").y_train) == 1437
    assert data.where()["cifar10.npz"] == home / "cifar10.npz"  # only looks


def test_outside_a_checkout_the_cache_is_where_the_system_keeps_caches(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "checkout", lambda: None)
    assert cache.default_cache() == platformdirs.user_cache_path("anl-edu")
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert cache.default_cache() == tmp_path / "anl-edu"
        monkeypatch.setenv("XDG_CACHE_HOME", "")  # as good as unset, says its standard
        assert cache.default_cache() == Path.home() / ".cache" / "anl-edu"
