"""How the commands speak and end: errors in a few words, output that may go nowhere, Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import click

_KEPT, _LOST = "anl_edu.kept", "anl_edu.lost"
_FAULTS = (
    ValueError, TypeError, KeyError, OSError, RuntimeError, ImportError, MemoryError, OverflowError
)  # fmt: skip


class Commands(click.Group):
    """Shows what was wrong with the input in a few words and exits with 1, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            result = super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except BrokenPipeError:  # whoever read has had enough: no error of ours
            _silence_output()
            sys.exit(0)
        except _FAULTS as error:
            if ctx.params.get("debug"):
                raise
            raise click.ClickException(f"{_words(error)}\n(anl-edu --debug shows where)") from error
        except KeyboardInterrupt:
            interrupted(ctx.meta.get(_KEPT, ""))
        if ctx.meta.get(_LOST):
            sys.exit(1)
        return result


def say(text: str) -> None:
    """Print; where that cannot be done, go on: a result is worth more than its announcement.

    A reader that has gone (``| head``) is no error. A full disk is told on the other stream, and
    the command exits with 1 when its work is done.
    """
    try:
        click.echo(text)
    except BrokenPipeError:
        _silence_output()
    except OSError as error:
        _silence_output()
        click.get_current_context().meta[_LOST] = True
        with suppress(OSError):
            click.echo(f"Error: the output cannot be written: {error.strerror}", err=True)


def keeps(text: str) -> None:
    """Set what an interrupt of this command says about what is kept."""
    click.get_current_context().meta[_KEPT] = text


def interrupted(kept: str = "") -> NoReturn:
    """Say that Ctrl-C was heard, and end with the status that shells give it."""
    with suppress(OSError):  # Ctrl-C has ended the reader of a pipe as well
        click.echo(f"\nInterrupted. {kept}".rstrip(), err=True)
    sys.exit(130)


@contextmanager
def importing() -> Iterator[None]:
    """Let Ctrl-C end the process at once while modules load.

    There is nothing to lose then, and an exception raised in the middle of an extension's import
    can come out as another one, or abort the process.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # ignored, as in the background, or somebody else's
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def require_file(file: Path) -> None:
    """Raise now, and not after hours of training, where a file could not be written.

    Raises
    ------
    OSError
        It cannot; the message names it.
    """
    try:
        target = Path(os.path.realpath(file))
        if target.is_dir():
            raise IsADirectoryError(f"{file} is a folder; name a file in it")
        if not target.exists() or target.is_file():  # replaced, so its folder must be writable
            _try_writing_into(target.parent)
        elif not os.access(target, os.W_OK):
            raise PermissionError(f"{file} cannot be written")
    except OSError as error:
        if error.strerror is None:
            raise
        raise OSError(f"{file} cannot be written: {error.strerror}") from error


def require_folder(folder: Path) -> None:
    """Raise now where files could not be written into a folder; it is made if it is missing.

    Raises
    ------
    OSError
        They cannot; the message names the folder.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(f"{folder} is a file; name a folder")
        _try_writing_into(folder)
    except OSError as error:
        if error.strerror is None:
            raise
        raise OSError(f"nothing can be written into {folder}: {error.strerror}") from error


def _try_writing_into(folder: Path) -> None:
    # tried, not asked: root is told yes where the system says no (/proc, read-only disks)
    import tempfile

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def _words(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("anl_edu"):
        return f"{error.name} is not installed: install the extra 'lessons' of this project"
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    said = error.args[0] if isinstance(error, KeyError) and error.args else error
    return str(said).strip() or type(error).__name__


def _silence_output() -> None:
    # Python would meet the closed pipe once more, and complain, when it flushes at exit
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _end(*_: object) -> NoReturn:
    with suppress(OSError):
        os.write(2, b"\nInterrupted.\n")
    os._exit(130)
