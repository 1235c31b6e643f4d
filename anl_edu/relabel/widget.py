"""The board in JupyterLab, VS Code and Colab; needs anywidget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

if TYPE_CHECKING:
    from anl_edu.relabel.board import Board

HERE = Path(__file__).parent


class BoardWidget(anywidget.AnyWidget):
    """Shows a `Board` and passes its keys on.

    Attributes
    ----------
    view : dict
        What is to be seen now; ``answer`` counts the keys that have been answered.
    classes : list
        Name and key of each class.
    """

    _esm = HERE / "board.js"
    _css = HERE / "board.css"
    view = traitlets.Dict().tag(sync=True)
    classes: traitlets.List[list[str]] = traitlets.List().tag(sync=True)

    def __init__(self, board: Board) -> None:
        self._board, self._answer = board, 0
        pairs = [[name, key] for name, key in zip(board.data.classes, board.keys, strict=True)]
        super().__init__(view=board.view | {"answer": 0}, classes=pairs)
        board.watchers.append(self._show)
        self.on_msg(self._heard)

    def _heard(self, _: Any, content: dict[str, Any], __: Any) -> None:
        try:
            if "label" in content:
                if content["shown"] == self._board.rows[self._board.at]:
                    self._board.decide(content["shown"], int(content["label"]))
            else:
                self._board.press(content["key"], content["shown"])
        except (OSError, ValueError) as error:  # the page says so: nothing was written
            self._show(f"This was not written: {error}")

    def _show(self, failure: str = "") -> None:
        self._answer += 1
        self.view = self._board.view | {"answer": self._answer, "failure": failure}
