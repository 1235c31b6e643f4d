"""Claims: what a lesson says of a result, each with the number that it rests on.

In a cell tagged ``nbval-check-output`` the verdicts are held by the tests. The numbers are printed
as they come out, and may differ from machine to machine: ``tests/nbval.cfg`` leaves them out of the
comparison.
"""

from __future__ import annotations

import html
from typing import Any

from anl_edu.teach.page import card, say

MEASURED = " · measured: "


def claims(*rows: tuple[str, Any, Any]) -> None:
    """Show what was measured, and whether it bears the claim out.

    Parameters
    ----------
    rows
        ``(claim, measured, holds)``: a sentence, the number or numbers behind it (as text, with
        their unit), and whether they bear it out.
    """
    lines, cells = [], []
    for claim, measured, holds in rows:
        holds = bool(holds)
        lines.append(f"{'yes' if holds else 'no'}: {claim}{MEASURED}{measured}")
        icon, word = ("✓", "yes") if holds else ("✗", "not here")
        cells.append(
            f"<tr><td class='anl-number'><data>{html.escape(str(measured))}</data></td>"
            f"<td>{html.escape(claim)}</td>"
            f"<td style='white-space:nowrap'>{icon} {word}</td></tr>"
        )
    all_hold = all(bool(holds) for _, _, holds in rows)
    title = "Measured, and what it says" if all_hold else "Measured: not all is as the text says"
    page = card("right" if all_hold else "wrong", title, f"<table>{''.join(cells)}</table>")
    say("\n".join(lines), page)
