"""Make a notebook's explorer without running the notebook: only what its call needs."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from anl_edu.teach import Explorer


def explorer_of(cells: Sequence[str]) -> Explorer:
    """Return what the last cell shows, a call such as ``explorers.table("flip")``.

    Of all cells before it, only the statements that bind the names in that call are executed, and
    those that bind theirs: imports, numbers and functions, but no training.

    Parameters
    ----------
    cells
        The sources of code cells, in order.

    Raises
    ------
    ValueError
        The last cell has no such call, or has two.
    """
    *before, last = [_statements(source) for source in cells]
    calls = [node for statement in last for node in ast.walk(statement) if _is_maker(node)]
    if len(calls) != 1:
        raise ValueError(f"a cell must call one explorer, not {len(calls)}:\n{cells[-1]}")
    known = [statement for cell in before for statement in cell]
    known += [s for s in last if calls[0] not in ast.walk(s)]
    namespace: dict[str, Any] = {}
    for statement in _needed(calls[0], known):
        exec(compile(ast.Module([statement], []), "<notebook>", "exec"), namespace)
    return eval(compile(ast.Expression(calls[0]), "<notebook>", "eval"), namespace)


def _statements(source: str) -> list[ast.stmt]:
    if any(line.lstrip().startswith(("%", "!")) for line in source.splitlines()):
        return []  # the cell that installs the package
    return ast.parse(source).body


def _is_maker(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "explorers"
    )


def _needed(node: ast.AST, known: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Return the statements of `known` on which `node` rests, in their order."""
    places: set[int] = set()
    waiting = [(node, len(known))]
    while waiting:
        user, end = waiting.pop()
        for name in _names(user):
            place = next((i for i in range(end - 1, -1, -1) if name in _bound(known[i])), None)
            if place is not None and place not in places:  # else a builtin, or an argument
                places.add(place)
                # what a function uses it looks up when it is called
                late = isinstance(known[place], ast.FunctionDef)
                waiting.append((known[place], len(known) if late else place))
    return [known[place] for place in sorted(places)]


def _names(node: ast.AST) -> Iterator[str]:
    return (n.id for n in ast.walk(node) if isinstance(n, ast.Name))


def _bound(statement: ast.stmt) -> set[str]:
    """Return the names that an import, a definition or an assignment binds."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Assign):
        return {name for target in statement.targets for name in _names(target)}
    return set()
