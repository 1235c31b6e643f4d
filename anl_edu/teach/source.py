"""Small helpers for the lessons' cells."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any


def show_source(obj: Callable[..., Any] | type, *, docstring: bool = False) -> None:
    """Display the source of a function or class of this package, as it is installed.

    The lessons show the package's own lines in this way, so that what is read is what is run.

    Parameters
    ----------
    obj
        A function or a class.
    docstring
        Whether to keep the docstrings; a lesson's prose usually says the same in place.
    """
    from IPython.display import display

    target = inspect.unwrap(obj)
    source = textwrap.dedent(inspect.getsource(target)).rstrip()
    if not docstring:
        source = _without_docstrings(source)
    home = target.__module__.replace(".", "/") + ".py"
    text = f"# {home}\n{source}"
    display({"text/markdown": f"```python\n{text}\n```", "text/plain": text}, raw=True)


def _without_docstrings(source: str) -> str:
    """Drop the lines of each docstring; all others, comments included, stay as they are."""
    import ast

    lines = source.splitlines()
    gone: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0]
        if len(node.body) > 1 and ast.get_docstring(node, clean=False) is not None:
            gone.update(range(first.lineno - 1, first.end_lineno or first.lineno))
            after = first.end_lineno or first.lineno
            if after < len(lines) and not lines[after].strip():
                gone.add(after)  # the blank line that follows
    return "\n".join(line for i, line in enumerate(lines) if i not in gone)
