"""Looking at labels one by one, by keyboard, and writing down what they should be.

`relabel` gives a `Board`: it shows one image or row at a time, with the label it was given and one
that is suggested. Each decision is written at once, so that it outlives the browser and the kernel;
what came of them all goes into a CSV file (`Board.save`).
"""

from anl_edu.relabel.board import Board, relabel
from anl_edu.relabel.decisions import Decision, Decisions

__all__ = ["Board", "Decision", "Decisions", "relabel"]
