"""Grids: from a call or a TOML file, refused whole where one run could not be made."""

from pathlib import Path

import pytest

from anl_edu.runs.grid import grid, load


@pytest.mark.parametrize(
    ("losses", "noises", "changes", "named"),
    [
        (["ec"], [("symmetric", 0.4)], {}, "ec"),
        (["ce"], [("symmetric", 0.4), ("asymetric", 0.4)], {}, "asymetric"),
        (["ce"], [("symmetric", 0.4), ("asymmetric-superclass", 0.4)], {}, "not defined"),
        (["ce"], [("symmetric", 0.4), ("human-worst", 0.0)], {}, "not defined"),
        (["ce"], [("symmetric", 0.4), ("symmetric", float("nan"))], {}, "nan"),
        (["anl-ce", "mae"], [("symmetric", 0.4)], {"loss_parameters": {"alpha": 1}}, "alpha"),
        (["ce"], [("symmetric", 0.4)], {"model": "cnn9"}, "cnn9"),
        (["ce"], [("symmetric", 0.4)], {"model_options": {"nonsense": 1}}, "nonsense"),
        (["ce"], [("symmetric", 0.4)], {"precision": "float8"}, "float8"),
    ],
)
def test_a_grid_that_cannot_run_is_refused_whole(losses, noises, changes, named):
    with pytest.raises((ValueError, TypeError), match=named):
        grid("digits", losses, noises, range(2), **changes)


def test_a_run_named_twice_is_one_run():
    specs = grid("digits", ["ce", "ce"], [("symmetric", 0.4), ("symmetric", 0.4)], range(2))
    assert [spec.seed for spec in specs] == [0, 1]


def written(folder: Path, text: str) -> Path:
    path = folder / "grid.toml"
    path.write_text(text)
    return path


def test_a_file_describes_what_a_call_does(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        dataset = "digits"
        losses = ["ce", "anl-ce"]
        noises = ["none", "symmetric:0.4"]
        seeds = 2
        [changes]
        epochs = 10
        """,
    )
    noises = [("none", 0.0), ("symmetric", 0.4)]
    assert load(path) == grid("digits", ["ce", "anl-ce"], noises, range(2), epochs=10)


def test_several_tables_are_one_grid_and_a_run_of_both_is_made_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [[grid]]
        dataset = "digits"
        losses = ["ce", "mae"]
        noises = ["pair:0.45"]
        seeds = [3]
        [[grid]]
        dataset = "digits"
        losses = ["anl-ce", "ce"]
        noises = ["pair:0.45"]
        seeds = [3, 5]
        changes = { loss_parameters = {} }
        """,
    )
    made = [(spec.loss, spec.seed) for spec in load(path)]
    assert made == [("ce", 3), ("mae", 3), ("anl-ce", 3), ("anl-ce", 5), ("ce", 5)]


WHOLE = """dataset = "digits"
losses = ["ce"]
noises = ["none"]
seeds = 1
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"digits"', "digits", "grid.toml: "),
        ('"digits"', '"digit"', "digit"),
        ("seeds = 1", "seed = 1", "unknown key 'seed'; a grid has dataset, losses"),
        ("seeds = 1", "", "'seeds' is missing"),
        ("seeds = 1", "seeds = 0", "at least 1, got 0"),
        ("seeds = 1", "seeds = true", "seeds must be .*True"),
        ("seeds = 1", "seeds = []", "seeds must be"),
        ("seeds = 1", "seeds = [-1]", r"\[-1\]"),
        ('["ce"]', '"ce"', "losses must be a list of names, got 'ce'"),
        ('["none"]', '["symmetric"]', "needs a rate"),
        ('["none"]', "[0.4]", "noises must be a list"),
        ("seeds = 1", "seeds = 1\nchanges = {epoch = 3}", "no field 'epoch'"),
        ("seeds = 1", "seeds = 1\n[[grid]]", "'dataset' stands outside"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_what_is_wrong(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    path = written(tmp_path, WHOLE)
    assert len(load(path)) == 1
    written(tmp_path, WHOLE.replace(old, new))
    with pytest.raises((ValueError, TypeError), match=words) as told:
        load(path)
    assert "grid.toml" in str(told.value)
