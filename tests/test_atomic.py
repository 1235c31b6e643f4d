"""Files written whole or not at all, whatever lies at their place, and files with one owner."""

import errno
import multiprocessing
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from anl_edu import atomic


def write(path, content=b"new"):
    with atomic.writing(path) as file:
        file.write(content)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


# --- Whole or not at all ---


def test_a_file_is_there_when_the_block_ends_and_alone(tmp_path):
    path = tmp_path / "made" / "here.txt"
    with atomic.writing(path) as file:
        file.write(b"all of it")
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    assert names(path.parent) == ["here.txt"]


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
    assert names(tmp_path) == ["here.txt"]


def test_a_killed_writer_leaves_the_old_file_and_a_later_one_tidies_up(tmp_path):
    path = tmp_path / "here.txt"
    path.write_bytes(b"old")
    code = (
        "import os, sys; from anl_edu import atomic\n"
        "with atomic.writing(sys.argv[1]) as file:\n"
        "    file.write(b'half'); file.flush(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == 9
    assert path.read_bytes() == b"old"
    (left,) = (p for p in tmp_path.iterdir() if p != path)
    write(path)  # that one may still be at work
    assert left.exists()
    long_ago = time.time() - 2 * atomic._STALE_SECONDS
    os.utime(left, (long_ago, long_ago))
    write(path)
    assert names(tmp_path) == ["here.txt"]


def test_what_other_programs_left_stays(tmp_path):
    # Names that a pattern made from "*" or "a" would match, and that are not ours for that file.
    others = [".a.b.0123456789abcdef.part", ".a.mine.part", "a.part", ".b.0123456789abcdef.part"]
    for name in others:
        (tmp_path / name).write_bytes(b"another's")
        os.utime(tmp_path / name, (0, 0))
    for name in ("a", "*"):
        write(tmp_path / name)
    assert names(tmp_path) == sorted([*others, "a", "*"])


def test_writers_of_one_path_do_not_meet(tmp_path):
    path = tmp_path / "here.txt"
    with atomic.writing(path) as first, atomic.writing(path) as second:
        first.write(b"first" * 1000)
        second.write(b"second")
    assert path.read_bytes() == b"first" * 1000  # the last to finish
    assert names(tmp_path) == ["here.txt"]


def _write_often(path, letter):
    for _ in range(30):
        write(path, letter * 100_000)


def test_two_processes_write_one_path(tmp_path):
    path = tmp_path / "here.txt"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_often, args=(path, letter)) for letter in (b"a", b"b")]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if path.exists():
            content = path.read_bytes()
            assert len(content) == 100_000
            assert len(set(content)) == 1
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert names(tmp_path) == ["here.txt"]


# --- What lies at the path already ---


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_written_into(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    write(path, b"through the pipe")
    reader.join(timeout=30)
    assert got == [b"through the pipe"]
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert names(tmp_path) == ["pipe"]


def test_a_device_stays_a_device(tmp_path):
    path = tmp_path / "null"
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except (AttributeError, OSError):
        pytest.skip("only root makes device nodes")
    try:
        write(path)
    except PermissionError:
        pytest.skip("devices are not honoured on this disk")
    assert stat.S_ISCHR(path.stat().st_mode)
    assert names(tmp_path) == ["null"]


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="needs /dev/stdout")
def test_the_standard_output_can_be_named():
    code = "from anl_edu import atomic\nwith atomic.writing('/dev/stdout') as f: f.write(b'out')"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"out"


@pytest.mark.parametrize("before", [b"old", None])
def test_a_link_stays_and_its_target_is_written(tmp_path, before):
    target, link = tmp_path / "there" / "file.txt", tmp_path / "link"
    target.parent.mkdir()
    if before is not None:
        target.write_bytes(before)
    link.symlink_to(target)
    write(link)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["link", "there"]
    assert names(target.parent) == ["file.txt"]


def test_a_planted_link_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic.secrets, "token_hex", lambda n: "0" * 2 * n)
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / ".here.txt.0000000000000000.part").symlink_to(victim)
    with pytest.raises(FileExistsError, match=r"here\.txt"):
        write(tmp_path / "here.txt")
    assert victim.read_bytes() == b"precious"


def test_permissions_are_those_of_any_new_file_or_of_the_old_one(tmp_path):
    ordinary = tmp_path / "ordinary"
    ordinary.write_bytes(b"")
    path = tmp_path / "here.txt"
    write(path)
    assert path.stat().st_mode == ordinary.stat().st_mode
    path.chmod(0o600)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_longest_name_will_do(tmp_path):
    path = tmp_path / ("n" * 255)
    write(path)
    assert names(tmp_path) == [path.name]


# --- Errors name the file ---


def test_a_folder_given_as_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path, Path()):
        with pytest.raises(IsADirectoryError) as caught:
            write(path)
        assert caught.value.filename == str(path)
    assert names(tmp_path) == []


def test_a_file_given_as_a_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(NotADirectoryError, match="file"):
        write(tmp_path / "file" / "here.txt")
    with pytest.raises(NotADirectoryError, match="file"):
        write(tmp_path / "file" / "deeper" / "here.txt")
    assert (tmp_path / "file").read_bytes() == b"in the way"


def test_a_link_to_itself(tmp_path):
    path = tmp_path / "loop"
    path.symlink_to(path)
    with pytest.raises(OSError, match="loop") as caught:
        write(path)
    assert caught.value.errno == errno.ELOOP
    assert path.is_symlink()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_a_full_or_closed_disk_is_told_with_the_name(tmp_path, monkeypatch, number):
    path = tmp_path / "here.txt"
    path.write_bytes(b"old")

    def refuse(file):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match=r"here\.txt") as caught:
        write(path)
    assert (caught.value.errno, caught.value.filename) == (number, str(path))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["here.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_device_is_named(tmp_path):
    link = tmp_path / "full"
    link.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device") as caught:
        write(link)
    assert caught.value.filename == str(link)
    assert stat.S_ISCHR(link.stat().st_mode)


def test_a_folder_that_takes_no_files_is_told_with_the_name(tmp_path, monkeypatch):
    path = tmp_path / "here.txt"

    def closed(self, mode="r", **_):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    link = tmp_path / "link"
    link.symlink_to(path)
    monkeypatch.setattr(Path, "open", closed)
    for given in (path, link):
        with pytest.raises(PermissionError) as caught:
            write(given)
        assert caught.value.filename == str(given)


def test_an_error_about_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="another"), atomic.writing(tmp_path / "here.txt"):
        (tmp_path / "another").read_bytes()
    assert names(tmp_path) == []


# --- One owner ---


def test_one_owner_at_a_time_and_no_lock_left(tmp_path):
    path = tmp_path / "made" / "run.pt"
    with atomic.owning(path, "checkpoint"):
        with (
            pytest.raises(BlockingIOError, match=rf"checkpoint .*{path.name} is in use"),
            atomic.owning(path, "checkpoint"),
        ):
            pass
        with atomic.owning(path.with_name("other.pt")):
            pass
    assert names(path.parent) == []
    with atomic.owning(path):
        pass
    assert names(path.parent) == []


def test_two_names_of_one_file_have_one_owner(tmp_path):
    path, link = tmp_path / "run.pt", tmp_path / "link"
    link.symlink_to(path)
    with atomic.owning(path), pytest.raises(BlockingIOError), atomic.owning(link):
        pass


def test_an_owner_in_a_file_as_folder_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError, match="file"), atomic.owning(tmp_path / "file" / "run"):
        pass


def _count_up(path, times):
    counter = path.with_name("counter")
    for _ in range(times):
        with atomic.owning(path, waiting="waiting"):
            n = int(counter.read_text())
            time.sleep(0.001)
            counter.write_text(str(n + 1))


def test_processes_that_wait_own_in_turn(tmp_path, capfd):
    (tmp_path / "counter").write_text("0")
    context = multiprocessing.get_context("spawn")
    owners = [context.Process(target=_count_up, args=(tmp_path / "run", 40)) for _ in range(3)]
    for owner in owners:
        owner.start()
    for owner in owners:
        owner.join()
    assert [owner.exitcode for owner in owners] == [0, 0, 0]
    assert (tmp_path / "counter").read_text() == "120"
    assert names(tmp_path) == ["counter"]


def test_who_waits_says_so(tmp_path, capfd):
    path = tmp_path / "run"
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with atomic.owning(path):
            inside.set()
            leave.wait(30)

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(30)
    threading.Timer(0.3, leave.set).start()
    with atomic.owning(path, waiting="somebody is at it"):
        assert leave.is_set()
    holder.join()
    assert capfd.readouterr().err == "somebody is at it\n"


def test_a_killed_owner_owns_no_longer(tmp_path):
    path = tmp_path / "run"
    code = (
        "import os, sys; from anl_edu import atomic\nwith atomic.owning(sys.argv[1]): os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == 9
    with atomic.owning(path):
        pass
    assert names(tmp_path) == []
