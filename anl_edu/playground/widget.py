"""The playground as a widget in JupyterLab, VS Code and Colab; needs anywidget."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from anl_edu import playground
from anl_edu.playground.state import complete


class Playground(anywidget.AnyWidget):
    """The playground in a notebook.

    Attributes
    ----------
    state : dict
        Every setting, by name. Set some of them, and the others begin anew:
        ``board.state = {**board.state, "noise": 0.2}`` changes one.
    measured : dict
        ``epoch``, ``playing``, and for each network, ``"1"`` and ``"2"``, its ``accuracy``, the
        same on its worst class (``worst``, ``worstClass``), ``fit`` and ``memorised``: shares in
        0..1. Empty until the page has been drawn, and at most a second old.
    """

    _esm = f"{playground.script()}\nexport default {{ render }};\n"
    _css = playground.style()
    state = traitlets.Dict().tag(sync=True)
    measured = traitlets.Dict().tag(sync=True)

    def __init__(self, state: dict[str, Any]) -> None:
        super().__init__(state=state)
        self._given = state

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        shown, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        return {**shown, **playground.bundle(self._given)}, metadata

    @traitlets.validate("state")
    def _whole(self, proposal: traitlets.Bunch) -> dict[str, Any]:
        return complete(proposal["value"])
