"""Files written whole or not at all."""

import pytest

from anl_edu import atomic


def test_a_file_is_there_when_the_block_ends_and_alone(tmp_path):
    path = tmp_path / "made" / "here.txt"
    with atomic.writing(path) as file:
        file.write(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    assert [p.name for p in path.parent.iterdir()] == ["here.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "here.txt"
    path.write_bytes(b"old")

    def fail():
        with atomic.writing(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["here.txt"]


def test_what_a_killed_process_left_is_overwritten(tmp_path):
    path = tmp_path / "here.txt"
    (tmp_path / ".here.txt.part").write_bytes(b"a long half of another file")
    with atomic.writing(path) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["here.txt"]
