"""``python -m anl_edu`` and the ``anl-edu`` command, also where only the losses are installed."""

import os
import sys


def main() -> None:
    """Run the command line, or say what it needs."""
    _open_closed_streams()
    try:
        from anl_edu.cli import main as command_line
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit("click is not installed: the command line needs the extra 'lessons'")
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        sys.exit(130)
    command_line()


def _open_closed_streams() -> None:
    # A file that we open would otherwise take the number of a closed stream, and get its output.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115


if __name__ == "__main__":
    main()
