"""Downloads against a host of our own that hangs up, lies, sends too much, or is not there."""

import hashlib
import multiprocessing
import re
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from anl_edu.data.download import DownloadError, fetch, offline

CONTENT = bytes(range(256)) * 2000  # 512,000 bytes
# Cuts below fall on multiples of 8 KiB, the grain in which bytes are kept.
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Host(ThreadingHTTPServer):
    """Serves ``content`` at any path, and notes the Range of each request."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = CONTENT
        self.cut_after: list[int] = []  # hang up after so many bytes, one entry a request
        self.ranges: list[str | None] = []
        self.knows_ranges = True
        self.status = 200
        self.type = "application/gzip"
        self.pause = 0.0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/some/folder/file.bin"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        host = self.server
        asked = self.headers.get("Range")
        host.ranges.append(asked)
        if host.status != 200:
            self.send_error(host.status)
            return
        start = int(asked[6:-1]) if asked and host.knows_ranges else 0
        if start >= len(host.content):
            self.send_error(416)
            return
        body = host.content[start:]
        self.send_response(206 if start else 200)
        if start:
            end = len(host.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{end}/{end + 1}")
        self.send_header("Content-Type", host.type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        time.sleep(host.pause)
        self.wfile.write(body[: host.cut_after.pop(0)] if host.cut_after else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def make_host(monkeypatch):
    for name in ("ANL_EDU_MIRROR", "ANL_EDU_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    hosts = []

    def make():
        host = Host()
        threading.Thread(target=host.serve_forever, args=(0.01,), daemon=True).start()
        hosts.append(host)
        return host

    yield make
    for host in hosts:
        host.shutdown()
        host.server_close()


@pytest.fixture
def host(make_host):
    return make_host()


def get(folder, *urls, sha256=SHA256):
    return fetch("file.bin", urls, sha256, folder)


def test_lands_whole_and_alone(host, tmp_path):
    folder = tmp_path / "made" / "here"
    path = get(folder, host.url)
    assert path == folder / "file.bin"
    assert path.read_bytes() == CONTENT
    assert not (folder / "file.bin.anl-edu.part").exists()


def test_a_file_that_is_there_is_not_asked_for(host, tmp_path):
    get(tmp_path, host.url)
    get(tmp_path, host.url)
    assert len(host.ranges) == 1


def test_a_cut_transfer_goes_on_from_its_byte(host, tmp_path):
    host.cut_after = [98_304, 196_608]
    assert get(tmp_path, host.url).read_bytes() == CONTENT
    assert host.ranges[0] is None
    starts = [int(r[6:-1]) for r in host.ranges[1:]]
    assert starts == [98_304, 294_912]


def test_a_later_call_resumes_what_an_earlier_one_left(host, tmp_path):
    (tmp_path / "file.bin.anl-edu.part").write_bytes(CONTENT[:300_123])
    assert get(tmp_path, host.url).read_bytes() == CONTENT
    assert host.ranges == ["bytes=300123-"]


def test_what_has_arrived_is_kept_when_all_fails(host, tmp_path):
    host.cut_after = [98_304] + [0] * 20
    with pytest.raises(DownloadError, match="hung up"):
        get(tmp_path, host.url)
    assert not (tmp_path / "file.bin").exists()
    assert (tmp_path / "file.bin.anl-edu.part").read_bytes() == CONTENT[:98_304]
    host.cut_after = []
    assert get(tmp_path, host.url).read_bytes() == CONTENT
    assert host.ranges[-1] == "bytes=98304-"


def test_a_host_without_ranges_starts_over(host, tmp_path):
    host.knows_ranges = False
    (tmp_path / "file.bin.anl-edu.part").write_bytes(CONTENT[:1000])
    assert get(tmp_path, host.url).read_bytes() == CONTENT


def test_a_complete_part_only_has_to_land(host, tmp_path):
    (tmp_path / "file.bin.anl-edu.part").write_bytes(CONTENT)
    assert get(tmp_path, host.url).read_bytes() == CONTENT


def test_the_rest_of_another_file_is_dropped_and_started_over(host, tmp_path):
    (tmp_path / "file.bin.anl-edu.part").write_bytes(b"of another file" * 10)
    with pytest.warns(UserWarning, match="file.bin.anl-edu.part .*removed"):
        assert get(tmp_path, host.url).read_bytes() == CONTENT
    assert host.ranges == ["bytes=150-", None]


def test_wrong_bytes_are_removed_and_said(host, tmp_path):
    host.content = b"something else"
    with (
        pytest.warns(UserWarning, match="SHA-256 is wrong.*removed"),
        pytest.raises(DownloadError, match="wrong checksum"),
    ):
        get(tmp_path, host.url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("offline", ["0", "1"])
def test_a_wrong_file_in_place_is_told_and_left(host, tmp_path, monkeypatch, offline):
    monkeypatch.setenv("ANL_EDU_OFFLINE", offline)
    (tmp_path / "file.bin").write_bytes(CONTENT[:-1])
    said = rf"file\.bin is there, but its SHA-256 is .*, not {SHA256[:12]}"
    with pytest.raises(DownloadError, match=said):
        get(tmp_path, host.url)
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT[:-1]
    assert host.ranges == []


def test_a_file_placed_by_hand_meanwhile_is_left(host, tmp_path):
    host.pause = 0.5
    placing = threading.Timer(0.2, lambda: (tmp_path / "file.bin").write_bytes(b"by hand"))
    placing.start()
    with pytest.raises(DownloadError, match="is there, but its SHA-256"):
        get(tmp_path, host.url)
    assert (tmp_path / "file.bin").read_bytes() == b"by hand"


def test_only_our_own_part_is_used_or_removed(host, tmp_path):
    for name in ("file.bin.part", "file.bin.crdownload"):  # of a browser, say
        (tmp_path / name).write_bytes(b"another program's")
    get(tmp_path, host.url)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "file.bin",
        "file.bin.crdownload",
        "file.bin.part",
    ]
    assert host.ranges == [None]


def test_the_next_host_takes_over_where_the_first_failed(make_host, tmp_path):
    first, second = make_host(), make_host()
    first.cut_after = [49_152] + [0] * 20
    assert get(tmp_path, first.url, second.url).read_bytes() == CONTENT
    assert second.ranges == ["bytes=49152-"]


@pytest.mark.parametrize(
    ("spoil", "answer"),
    [({"status": 404}, "HTTP 404"), ({"status": 503}, "HTTP 503"), ({"type": "text/html"}, "web")],
)
def test_every_answer_is_named(make_host, tmp_path, spoil, answer):
    bad, good = make_host(), make_host()
    vars(bad).update(spoil)
    with pytest.raises(DownloadError, match=f"file.bin .*{answer}"):
        get(tmp_path, bad.url)
    assert get(tmp_path, bad.url, good.url).read_bytes() == CONTENT


def test_a_login_page_does_not_overwrite_what_has_arrived(host, tmp_path):
    (tmp_path / "file.bin.anl-edu.part").write_bytes(CONTENT[:1000])
    host.knows_ranges, host.type = False, "text/html; charset=utf-8"
    with pytest.raises(DownloadError):
        get(tmp_path, host.url)
    assert (tmp_path / "file.bin.anl-edu.part").read_bytes() == CONTENT[:1000]


def test_no_network_is_said_at_once(make_host, tmp_path):
    gone = make_host()
    gone.shutdown()
    gone.server_close()  # the port refuses from here on
    start = time.monotonic()
    with pytest.raises(DownloadError, match="not reached"):
        get(tmp_path, gone.url, gone.url, gone.url)
    assert time.monotonic() - start < 10


def test_a_host_that_hangs_is_given_up(tmp_path, host, monkeypatch):
    monkeypatch.setattr("anl_edu.data.download.READ_SECONDS", 0.2)
    monkeypatch.setattr("anl_edu.data.download.GIVE_UP_SECONDS", 0.1)
    host.pause = 3
    with pytest.raises(DownloadError, match="no further host asked"):
        get(tmp_path, host.url, host.url)
    assert len(host.ranges) == 1


def test_offline_asks_nobody(host, tmp_path, monkeypatch):
    monkeypatch.setenv("ANL_EDU_OFFLINE", "1")
    with pytest.raises(DownloadError, match="ANL_EDU_OFFLINE is set"):
        get(tmp_path, host.url)
    assert host.ranges == []
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file.bin").write_bytes(CONTENT)
    assert get(tmp_path, host.url) == tmp_path / "file.bin"


@pytest.mark.parametrize(
    ("value", "means"),
    [
        *(dict.fromkeys(["1", "true", "yes", "on", "anything"], True).items()),
        *(dict.fromkeys(["", "0", "false", "False", "no", "off", " 0 "], False).items()),
    ],
)
def test_what_offline_means(monkeypatch, value, means):
    monkeypatch.setenv("ANL_EDU_OFFLINE", value)
    assert offline() is means
    monkeypatch.delenv("ANL_EDU_OFFLINE")
    assert not offline()


@pytest.mark.parametrize("mirror", ["foo", "foo/bar", "ftp://host/x", "https://", "http://[x"])
def test_a_mirror_that_is_no_address_is_named(host, tmp_path, monkeypatch, mirror):
    monkeypatch.setenv("ANL_EDU_MIRROR", mirror)
    with pytest.raises(DownloadError, match=re.escape(f"ANL_EDU_MIRROR={mirror} is no address")):
        get(tmp_path, host.url)
    assert host.ranges == []
    assert list(tmp_path.iterdir()) == []


def test_a_lab_mirror_is_asked_first(make_host, tmp_path, monkeypatch):
    official, mirror = make_host(), make_host()
    monkeypatch.setenv("ANL_EDU_MIRROR", f"http://127.0.0.1:{mirror.server_port}/cifar/")
    get(tmp_path, official.url)
    assert (len(mirror.ranges), len(official.ranges)) == (1, 0)


def test_a_folder_that_cannot_be_made_is_named(host, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DownloadError, match="file/cache cannot be written"):
        get(tmp_path / "file" / "cache", host.url)


def _fetch_in_child(folder, url, results):
    results.put(hashlib.sha256(get(folder, url).read_bytes()).hexdigest())


def test_two_processes_at_once_share_one_transfer(host, tmp_path):
    host.pause = 0.5  # so that the second one finds the first at work
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    children = [
        context.Process(target=_fetch_in_child, args=(tmp_path, host.url, results))
        for _ in range(2)
    ]
    for child in children:
        child.start()
    found = {results.get(timeout=300) for _ in children}
    for child in children:
        child.join()
    assert found == {SHA256}
    assert len(host.ranges) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]  # no lock either


def test_a_good_download_warns_of_nothing(host, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        get(tmp_path, host.url)
