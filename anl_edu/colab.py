"""What a lesson needs on Google Colab, and nowhere else."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from anl_edu.paths import on_colab


def ready() -> None:
    """Make a notebook on Colab ready for the lessons, and say whether it has a GPU.

    Colab shows widgets that are not its own only when asked. That is done here, before the first
    widget: one that is there already would not outlive it. Elsewhere nothing happens, nothing is
    said, and PyTorch is not imported.
    """
    if not on_colab():
        return
    enable = widget_manager()
    if enable is not None:
        enable()
    import torch

    if torch.cuda.is_available():
        print(f"Colab lends this notebook a GPU: {torch.cuda.get_device_name()}.")
    else:
        print(
            "No GPU here, and the lesson needs none: it runs on the CPU, at desk size. "
            "For one: Runtime > Change runtime type."
        )


def widget_manager() -> Callable[[], None] | None:
    """Return what switches on Colab's manager of custom widgets; None where there is none."""
    try:
        output = importlib.import_module("google.colab.output")
    except ImportError:
        return None
    return getattr(output, "enable_custom_widget_manager", None)


def shows_custom_widgets() -> bool:
    """Tell whether a page here can show a custom widget, such as the playground."""
    return not on_colab() or widget_manager() is not None
