"""``python -m anl_edu`` and the ``anl-edu`` command, also where only the losses are installed."""

import sys


def main() -> None:
    """Run the command line, or say what it needs."""
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


if __name__ == "__main__":
    main()
