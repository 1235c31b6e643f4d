"""A board that shows one label after the other, and what is decided about them."""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from anl_edu.colab import shows_custom_widgets
from anl_edu.data import ImageData, ImageFiles
from anl_edu.relabel.decisions import Decision, Decisions
from anl_edu.relabel.keys import keys_of
from anl_edu.relabel.saving import COLUMNS, save
from anl_edu.teach.pictures import png

KEPT, ACCEPTED, CHOSEN = "label kept", "suggestion accepted", "another class chosen"
BLIND = "decided without seeing the label"
SIDE = 224  # pixels of a picture read from a file
Picture = Callable[[int], Tensor | str]


class Board:
    """Labels to look at, one at a time, and what is decided about them. Made by `relabel`.

    Attributes
    ----------
    data : ImageData
        What is looked at.
    rows : tuple of int
        Training rows in the order in which they are shown.
    at : int
        Place in ``rows`` of the one that is shown.
    decisions : Decisions
        What has been decided, and the file that holds it.
    blind : bool
        Whether the label given and the suggestion are hidden.
    """

    def __init__(
        self,
        data: ImageData,
        suggested: Tensor,
        rows: Sequence[int],
        decisions: Decisions,
        by: str,
        picture: Picture | None,
        blind: bool = False,
    ) -> None:
        if not rows:
            raise ValueError("there is no label to look at: rows is empty")
        N, K = len(data.y_train), data.num_classes
        if tuple(suggested.shape) != (N,):
            raise ValueError(
                f"suggested must be ({N},), a class a row, got {tuple(suggested.shape)}"
            )
        for what, values, count in (("rows", rows, N), ("suggested", suggested.tolist(), K)):
            outside = [value for value in values if not 0 <= value < count]
            if outside:
                raise ValueError(f"{what} must lie in 0..{count - 1}, but hold {outside[0]}")
        self.data, self.suggested, self.rows = data, suggested, tuple(int(row) for row in rows)
        self.decisions, self.by, self.blind = decisions, by, blind
        self._picture = picture or self._own_picture
        self.keys = keys_of(data.classes)
        self.said = ""  # what came of the last key
        self.watchers: list[Callable[[], None]] = []  # called after each change
        self.at = self._next_open(-1) or 0

    # --- deciding ---------------------------------------------------------------------------------

    def decide(self, row: int, label: int | str, why: str = "") -> None:
        """Write down the label of a training row, and go to the next one that is open.

        Parameters
        ----------
        row
            Which training row, 0..N-1 (of a file of which a share was held back, the board shows
            both: row 21 (training row 17)).
        label
            The class, by number or by name.
        why
            On what grounds; by default whether the label was kept, the suggestion accepted or
            another class chosen, or that neither could be seen.

        Raises
        ------
        ValueError
            There is no such row or class.
        """
        k = self._class(label)
        if not 0 <= row < len(self.suggested):
            raise ValueError(f"there is no row {row}: they are 0..{len(self.suggested) - 1}")
        given, hint = int(self.data.y_train[row]), int(self.suggested[row])
        usual = KEPT if k == given else ACCEPTED if k == hint else CHOSEN
        self.decisions.put(row, Decision(k, self.by, why or (BLIND if self.blind else usual)))
        self.said = f"Row {self._number(row)}: {self._told(row)}. Written."
        if row == self.rows[self.at]:
            following = self._next_open(self.at)
            self.at = min(self.at + 1, len(self.rows) - 1) if following is None else following
        self._changed()

    def undo(self) -> int | None:
        """Take back the last decision and show its row; return it, or None where there is none."""
        row = self.decisions.undo()
        if row is None:
            self.said = "There is nothing to take back."
        else:
            self.said = f"Row {self._number(row)}: taken back. Written."
            if row in self.rows:
                self.at = self.rows.index(row)
        self._changed()
        return row

    def go(self, step: int) -> None:
        """Show the row that many places on (or back), as far as there are any."""
        there = min(max(self.at + step, 0), len(self.rows) - 1)
        self.said = "" if there != self.at else "There is no further row."
        self.at = there
        self._changed()

    def press(self, key: str, shown: int | None = None) -> None:
        """Do what a key does: a class's key, Enter, Space, U, ArrowLeft or ArrowRight.

        On a blind board Enter and Space do nothing.

        Parameters
        ----------
        key
            As browsers name it.
        shown
            The row that the reader saw. A key that decides about another one does nothing: it was
            pressed before the next row came into sight.
        """
        row = self.rows[self.at]
        letter = key.lower()
        if key in ("ArrowLeft", "ArrowRight"):
            self.go(1 if key == "ArrowRight" else -1)
        elif letter == "u":
            self.undo()
        elif shown not in (None, row):
            self._changed()
        elif key == "Enter" and not self.blind:
            self.decide(row, int(self.suggested[row]))
        elif key == " " and not self.blind:
            self.decide(row, int(self.data.y_train[row]))
        elif letter in self.keys:
            self.decide(row, self.keys.index(letter))
        else:
            self.said = f"The key {'Space' if key == ' ' else key} does nothing here."
            self._changed()

    # --- what came of it --------------------------------------------------------------------------

    @property
    def labels(self) -> Tensor:
        """(N,) int64: the labels as decided, and as given where nothing is."""
        labels = self.data.y_train.clone()
        for row, decision in self.decisions.of_row.items():
            labels[row] = decision.label
        return labels

    @property
    def open(self) -> list[int]:
        """Rows that nothing has been decided about, in the order in which they are shown."""
        return [row for row in self.rows if row not in self.decisions.of_row]

    def save(
        self,
        target: str | os.PathLike[str],
        source: str | os.PathLike[str] | None = None,
        *,
        label: str = "label",
        columns: tuple[str, str, str] = COLUMNS,
        delimiter: str = ",",
        encoding: str = "utf-8",
    ) -> None:
        """Write the corrected labels to a CSV file, whole or not at all.

        Parameters
        ----------
        target
            The file to write.
        source
            The file that the training rows came from (`data.feature_table`). All of it is kept, to
            the character, with three columns added. Without one, of images, a list of them is
            written: their files or their numbers (of a file's rows, from 0 after the header), and
            the labels given.
        label
            Name of the label's column in ``source``.
        columns
            Names of the new ones: the label as decided (as given where nothing is), who decided,
            and why; the last two are empty where nothing is.
        delimiter, encoding
            Of both files.

        Raises
        ------
        ValueError
            ``target`` is ``source``; ``source`` is no longer the file that was read, or has columns
            of these names; or the encoding lacks a character of what was decided.
        """
        save(
            target, self.data, self.decisions.of_row, source,
            label=label, columns=columns, delimiter=delimiter, encoding=encoding,
        )  # fmt: skip

    # --- what is shown ----------------------------------------------------------------------------

    @property
    def status(self) -> str:
        """Where the reader is, in words."""
        done = len(self.rows) - len(self.open)
        row = self.rows[self.at]
        told = f"row {self._number(row)}, {self._told(row)}"
        where = f"{self.at + 1} of {len(self.rows)}: {told}."
        left = (
            "All are decided."
            if done == len(self.rows)
            else f"{done} decided, {len(self.open)} open."
        )
        return " ".join(part for part in (self.said, where, left) if part)

    @property
    def view(self) -> dict[str, Any]:
        """All that a page needs to show this state."""
        row = self.rows[self.at]
        picture = self._picture(row)
        decision = self.decisions.of_row.get(row)
        return {
            "row": row,
            "alt": f"Row {self._number(row)}",
            "blind": self.blind,
            "picture": picture if isinstance(picture, str) else "",
            "image": "" if isinstance(picture, str) else png(picture),
            "given": "" if self.blind else self.data.classes[int(self.data.y_train[row])],
            "suggested": "" if self.blind else self.data.classes[int(self.suggested[row])],
            "decided": "" if decision is None else self.data.classes[decision.label],
            "status": self.status,
        }

    def still(self) -> str:
        """Return the board as it stands, in HTML, for pages without a kernel."""
        view = {name: html.escape(str(value)) for name, value in self.view.items()}
        seen = (
            f"<img src='{view['image']}' alt='{view['alt']}' "
            "style='width:9em;image-rendering:pixelated'>"
            if view["image"]
            else f"<pre>{view['picture']}</pre>"
        )
        labels = f"Label given: <b>{view['given']}</b>. Suggested: <b>{view['suggested']}</b>. "
        return (
            f"<div class='anl-relabel-still'>{seen}<p>{'' if self.blind else labels}"
            f"Decided: <b>{view['decided'] or 'nothing yet'}"
            "</b>.</p><p>A picture of the board: run this cell to decide, by keyboard or mouse.</p>"
            "</div>"
        )

    @cached_property
    def _widget(self) -> Any:
        from anl_edu.relabel.widget import BoardWidget

        return BoardWidget(self)

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        own = {"text/plain": "A board of labels; a notebook shows it.", "text/html": self.still()}
        try:
            if not shows_custom_widgets():
                return own, {}
            shown, metadata = self._widget._repr_mimebundle_(**options) or ({}, {})
        except ImportError:  # without anywidget; `decide` does the same from Python
            return own, {}
        return {**shown, **own}, metadata

    def _changed(self) -> None:
        for watcher in self.watchers:
            watcher()

    def _next_open(self, after: int) -> int | None:
        """Place of the first row that is open after this place, or else before it."""
        order = [*range(after + 1, len(self.rows)), *range(0, after + 1)]
        return next((i for i in order if self.rows[i] not in self.decisions.of_row), None)

    def _number(self, row: int) -> str:
        """Give the row's place in the full set, and among the training rows if that is another."""
        places = self.data.train_index
        place = row if places is None else int(places[row])
        return str(row) if place == row else f"{place} (training row {row})"

    def _told(self, row: int) -> str:
        given = self.data.classes[int(self.data.y_train[row])]
        decision = self.decisions.of_row.get(row)
        if self.blind:
            said = "open" if decision is None else f"decided {self.data.classes[decision.label]}"
            return f"labels hidden, {said}"
        if decision is None:
            suggested = self.data.classes[int(self.suggested[row])]
            return f"labelled {given}, suggested {suggested}"
        now = self.data.classes[decision.label]
        return f"{given} kept" if now == given else f"{given} becomes {now}"

    def _class(self, label: int | str) -> int:
        classes = self.data.classes
        if isinstance(label, str):
            if label not in classes:
                raise ValueError(f"there is no class {label!r}; there are {', '.join(classes)}")
            return classes.index(label)
        if not 0 <= label < len(classes):
            raise ValueError(f"there is no class {label}: they are 0..{len(classes) - 1}")
        return int(label)

    def _own_picture(self, row: int) -> Tensor | str:
        x = self.data.x_train
        if isinstance(x, ImageFiles):
            image = x.read(row)
            image.thumbnail((SIDE, SIDE))
            return _tensor(image)
        if x.dtype == torch.uint8:
            return x[row]
        return ", ".join(f"{value:.4g}" for value in x[row].flatten().tolist())


def _tensor(image: Image.Image) -> Tensor:
    raw = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return raw.reshape(image.height, image.width, 3).permute(2, 0, 1)


def relabel(
    data: ImageData,
    suggested: Tensor,
    rows: Sequence[int] | Tensor | None = None,
    *,
    path: str | os.PathLike[str],
    by: str = "reviewer",
    picture: Picture | None = None,
    blind: bool = False,
) -> Board:
    """Open a board on which labels are looked at one by one; a notebook shows it.

    Keys: a class's own key chooses it, Enter accepts the suggestion, Space keeps the label, the
    arrows go back and forth, U takes the last decision back. There are buttons, too.

    Parameters
    ----------
    data
        The training rows, under the labels that they were given.
    suggested
        (N,) the class that is suggested for each row, e.g. the most probable one.
    rows
        Which to look at, in this order; None for all.
    path
        The file for the decisions, each of which is written at once. Where it is there already,
        the board goes on where it was left.
    by
        Who decides.
    picture
        Row -> what to show of it: uint8 (C, H, W), or text. By default images, or a row's features.
    blind
        Show neither the label given nor the suggestion, so that an honest sample can be judged by
        what is in the picture; Enter and Space then do nothing. Give such a sample a ``path`` of
        its own.

    Raises
    ------
    ValueError
        ``path`` is about other data or labels; ``rows`` is empty or names one that is not there;
        ``suggested`` has another shape, or a class that is not there.
    """
    chosen = range(len(data.y_train)) if rows is None else rows
    order = [int(row) for row in chosen]
    suggested = torch.as_tensor(suggested)
    return Board(data, suggested, order, Decisions(path, data), by, picture, blind)
