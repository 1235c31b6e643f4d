"""``python -m anl_edu`` and the ``anl-edu`` command, also where only the losses are installed."""

import sys


def main() -> None:
    """Run the command line, or say what it needs."""
    try:
        import click  # noqa: F401
    except ImportError:
        sys.exit("The command line belongs to the lessons: pip install 'anl-edu[lessons]'")
    from anl_edu.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
