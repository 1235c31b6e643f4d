"""Predictions: a box to write one down before a result, and the result beside it afterwards.

What is written goes into the reader's progress file, on this machine alone.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import ipywidgets as widgets

from anl_edu.teach import progress_file
from anl_edu.teach.explorer import WIDGET_MIME
from anl_edu.teach.page import STYLE, card, say

_NOTE = "Write it down before you run the next cell: what comes out will stand beside it."


class Guess:
    """A box for a prediction. Made by `guess`.

    Parameters
    ----------
    name
        A name such as ``"00-race"``, unique in the collection.
    questions
        One line each: a text takes free text, a mapping of a text to options offers those.
    """

    def __init__(self, name: str, *questions: str | Mapping[str, Sequence[str]]) -> None:
        if not questions:
            raise ValueError(f"guess {name!r} asks nothing")
        self.name = name
        self._options: dict[str, Sequence[str] | None] = {}
        for question in questions:
            pairs = {question: None} if isinstance(question, str) else question
            self._options |= pairs
        known = progress_file.guesses(name)
        self.fields = {q: self._field(q, known.get(q, "")) for q in self._options}
        self.widget = widgets.VBox([widgets.HTML(f"{STYLE}<b>Your guess.</b> {_NOTE}")])
        self.widget.children += tuple(self.fields.values())
        self.widget.add_class("anl-guess")

    def _field(self, question: str, written: str) -> widgets.Widget:
        options = self._options[question]
        if options is None:
            field = widgets.Text(value=written, description=question, continuous_update=False)
        else:
            shown = ["", *options]
            value = written if written in shown else ""
            field = widgets.Dropdown(options=shown, value=value, description=question)
        field.layout.width = "auto"
        field.observe(partial(self._write, question), names="value")
        return field

    def _write(self, question: str, change: Any) -> None:
        progress_file.note_guess(self.name, question, change["new"].strip())

    @property
    def written(self) -> dict[str, str]:
        """What has been written, by question; what is blank is left out."""
        return {q: f.value.strip() for q, f in self.fields.items() if f.value.strip()}

    def compare(self, *found: Any) -> None:
        """Show what came out beside what was guessed: one value a question, in their order."""
        if len(found) != len(self.fields):
            raise ValueError(
                f"guess {self.name!r} asks {len(self.fields)} questions, {len(found)} values given"
            )
        written, lines, rows = self.written, [], []
        for question, value in zip(self.fields, map(str, found), strict=True):
            mine = written.get(question)
            lines.append(f"{question}: {value}" + (f" (your guess: {mine})" if mine else ""))
            cells = [question, mine or "–", f"<b>{html.escape(value)}</b>"]
            cells[:2] = map(html.escape, cells[:2])
            rows.append("".join(f"<td>{cell}</td>" for cell in cells))
        head = "<th></th><th>your guess</th><th>what came out</th>"
        body = "".join(f"<tr>{row}</tr>" for row in (head, *rows))
        say("\n".join(lines), card("hint", "Guess and result", f"<table>{body}</table>"))

    def _ipython_display_(self, **_: Any) -> None:
        from IPython.display import display

        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        asked = "".join(f"<li>{html.escape(q)}</li>" for q in self.fields)
        page = card(
            "open", "Your guess, on paper or in this box once the cell runs", f"<ul>{asked}</ul>"
        )
        text = "Your guess: " + "; ".join(self.fields)
        display({WIDGET_MIME: view, "text/html": page, "text/plain": text}, raw=True)


def guess(name: str, *questions: str | Mapping[str, Sequence[str]]) -> Guess:
    """Ask for a prediction: show a box with one field a question, and return it.

    ``box.compare(...)`` later shows the results beside what was written. Nothing needs to be
    written: a guess on paper does as well.

    Parameters
    ----------
    name
        ``"02-order"`` and the like: the lesson's number and a word.
    questions
        Texts, for free answers (``"CE, last epoch (%)"``), or mappings of a text to the options
        to choose from (``{"which is higher?": ["CE", "MAE"]}``).
    """
    from IPython.display import display

    box = Guess(name, *questions)
    display(box)
    return box
