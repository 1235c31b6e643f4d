"""The playground where there is no anywidget: the page in a frame."""

from __future__ import annotations

import html
from typing import Any

from anl_edu import playground


class Frame:
    """Shows itself in a notebook; what the reader moves stays in the page.

    Attributes
    ----------
    state : dict
        The settings it begins with.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state

    def __repr__(self) -> str:
        return "The playground; a notebook shows it."

    def _repr_html_(self) -> str:
        source = html.escape(playground.page(**self.state), quote=True)
        return (
            f'<iframe title="A playground for wrong labels" srcdoc="{source}" '
            'style="width: 100%; height: 1100px; border: 0"></iframe>'
        )
