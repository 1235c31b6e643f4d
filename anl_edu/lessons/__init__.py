"""One folder a lesson, named as its notebook: its figures, explorers and exercises.

``notebooks/04-building-an-nnlf.ipynb`` has ``l04_building_an_nnlf``. What every lesson is made of
lies in `anl_edu.teach`.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def names() -> list[str]:
    """Return the lessons' folders, in order."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if m.ispkg)


def modules(room: str | None = None) -> list[ModuleType]:
    """Return every lesson's module of that name (``"figures"``, ...), or all of their modules."""
    found = []
    for lesson in names():
        package = importlib.import_module(f"{__name__}.{lesson}")
        for module in pkgutil.iter_modules(package.__path__):
            if room is None or module.name == room:
                found.append(importlib.import_module(f"{package.__name__}.{module.name}"))
    return found
