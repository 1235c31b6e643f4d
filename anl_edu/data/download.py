"""Downloads that resume, are checksummed, land in one step and never leave half a file behind.

`fetch` keeps what it has in ``NAME.anl-edu.part``; the next call, in this process or after a crash,
asks the host for the rest. Only a file whose checksum is right ever gets the name ``NAME``, and a
file of that name that somebody else put there is never touched.
"""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from anl_edu import atomic
from anl_edu.progress_bar import progress_bar

CONNECT_SECONDS = 3.0  # a host that cannot be reached must not hold the reader up
READ_SECONDS = 20.0  # silence after which a transfer counts as cut
GIVE_UP_SECONDS = 10.0  # without a single byte, ask no further hosts
TRIES = 5  # per host, counted again whenever bytes have arrived
CHUNK = 1 << 13  # bytes; what a cut can lose

_NO = ("", "0", "false", "no", "off")


class DownloadError(OSError):
    """No host gave the file; the message says what each of them answered."""


def fetch(
    filename: str,
    urls: Sequence[str],
    sha256: str,
    folder: Path,
    *,
    note: str = "",
) -> Path:
    """Return ``folder / filename`` with the given checksum, downloading what is missing.

    Parameters
    ----------
    filename
        Name of the file in ``folder``.
    urls
        Hosts to ask, in this order. ``ANL_EDU_MIRROR=https://host/folder`` puts
        ``https://host/folder/filename`` before them.
    sha256
        Hexadecimal checksum.
    folder
        Made if it does not exist.
    note
        Printed before the first byte is asked for.

    Raises
    ------
    DownloadError
        ``folder / filename`` is there with another checksum (it is left as it is), downloads are
        switched off (`offline`), no host could be reached, or none had the right file. What has
        arrived is kept for the next call.
    """
    target = folder / filename
    if _is_there(target, sha256):
        return target
    if offline():
        raise DownloadError(f"{filename} is not downloaded: ANL_EDU_OFFLINE is set")
    urls = [*_mirror(filename), *urls]
    busy = f"Another process is downloading {filename}: waiting for it."
    try:
        # Two processes may want the same file: the second waits, and finds it there.
        with atomic.owning(target, waiting=busy):
            if not _is_there(target, sha256):
                if note:
                    tqdm.write(note)
                _first_that_has_it(urls, target, sha256)
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(f"{folder} cannot be written: {error.strerror or error}") from error
    return target


def offline() -> bool:
    """Tell whether ``ANL_EDU_OFFLINE`` forbids downloads: set, and not to 0, false, no or off."""
    return os.environ.get("ANL_EDU_OFFLINE", "").strip().lower() not in _NO


def mismatch(path: Path, sha256: str) -> str | None:
    """Say in what the checksum of a file differs, or None where it is right."""
    found = file_hash(path)
    if found == sha256:
        return None
    return (
        f"{path} is there, but its SHA-256 is {found[:12]}…, not {sha256[:12]}… (cut short, or "
        "another file): it is left as it is; replace it or move it away"
    )


def _is_there(target: Path, sha256: str) -> bool:
    if not target.exists():
        return False
    if problem := mismatch(target, sha256):
        raise DownloadError(problem)
    return True


def _mirror(filename: str) -> list[str]:
    mirror = os.environ.get("ANL_EDU_MIRROR", "").strip()
    if not mirror:
        return []
    if not mirror.startswith(("http://", "https://")) or not _host(mirror):
        raise DownloadError(f"ANL_EDU_MIRROR={mirror} is no address: give https://host/folder")
    return [f"{mirror.rstrip('/')}/{filename}"]


def _first_that_has_it(urls: Sequence[str], target: Path, sha256: str) -> None:
    part = target.with_name(f"{target.name}.anl-edu.part")
    answers: list[str] = []
    started = time.monotonic()
    for url in urls:
        if answers and _size(part) == 0 and time.monotonic() - started > GIVE_UP_SECONDS:
            answers.append("no further host asked")
            break
        try:
            stale = _size(part) > 0
            _transfer(url, part, target.name)
            if not _intact(part, sha256) and stale:  # the rest of some other file: start afresh
                _transfer(url, part, target.name)
                _intact(part, sha256)
        except OSError as error:
            answers.append(f"{_host(url)}: {_brief(error)}")
            continue
        if part.exists():
            if not _is_there(target, sha256):  # placed by hand meanwhile
                part.replace(target)
            part.unlink(missing_ok=True)
            return
        answers.append(f"{_host(url)}: wrong checksum")
    raise DownloadError(f"{target.name} could not be downloaded ({'; '.join(answers)})")


def _transfer(url: str, part: Path, label: str) -> None:
    """Bring ``part`` to its full length, however often the host hangs up on the way."""
    import requests  # not before a download: lessons mostly need none

    tries = TRIES
    while True:
        before = _size(part)
        try:
            return _continue(url, part, label)
        except (requests.HTTPError, requests.exceptions.ConnectTimeout):
            raise
        except OSError:
            # A host that sends nothing at all is not worth waiting for.
            tries = TRIES if _size(part) > before else tries - 1
            if tries == 0 or _size(part) == 0:
                raise
            time.sleep(0.2 * (TRIES - tries))


def _continue(url: str, part: Path, label: str) -> None:
    import requests

    have = _size(part)
    headers = {"Accept-Encoding": "identity"}  # the checksum is that of the packed file
    if have:
        headers["Range"] = f"bytes={have}-"
    timeout = (CONNECT_SECONDS, READ_SECONDS)
    with requests.get(url, headers=headers, stream=True, timeout=timeout) as reply:
        if reply.status_code == requests.codes.requested_range_not_satisfiable:
            return  # nothing is left to send; the checksum tells whether what is here is right
        reply.raise_for_status()
        if reply.headers.get("Content-Type", "").startswith("text/html"):
            raise requests.HTTPError("sent a web page instead of the file", response=reply)
        resumed = reply.status_code == requests.codes.partial_content
        if resumed and not reply.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise OSError(f"asked for bytes from {have}, got {reply.headers.get('Content-Range')}")
        if not resumed:
            have = 0  # the host knows no ranges
        length = reply.headers.get("Content-Length")
        total = have + int(length) if length else None
        with (
            part.open("ab" if resumed else "wb") as file,
            progress_bar(
                desc=label, total=total, initial=have, unit="B", unit_scale=True, leave=False
            ) as bar,
        ):
            for chunk in reply.iter_content(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    if total is not None and _size(part) < total:
        raise OSError(f"cut after {_size(part)} of {total} bytes")


def _intact(part: Path, sha256: str) -> bool:
    """Whether our own part file has this checksum; one with another is removed."""
    if not part.exists():
        return False
    if mismatch(part, sha256) is None:
        return True
    part.unlink()
    warnings.warn(
        f"what was downloaded as {part.name} is not the file (its SHA-256 is wrong): removed",
        stacklevel=2,
    )
    return False


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _brief(error: BaseException) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and not error.response.ok:
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.ReadTimeout):
        return "went silent"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "hung up"
    return "not reached" if isinstance(error, requests.ConnectionError) else str(error)
