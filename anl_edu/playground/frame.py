"""The playground where there is no anywidget: the page in a frame."""

from __future__ import annotations

import html
from typing import Any

from anl_edu import playground
from anl_edu.playground.state import complete


class Frame:
    """Shows itself in a notebook; what the reader moves stays in the page.

    Attributes
    ----------
    state : dict
        The settings it begins with.
    """

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = complete(state)
        self._given = state

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        source = html.escape(playground.page(**self._given), quote=True)
        frame = (
            f'<iframe title="A playground for wrong labels" srcdoc="{source}" '
            'style="width: 100%; height: 1100px; border: 0"></iframe>'
        )
        return {**playground.bundle(self._given), "text/html": frame}
