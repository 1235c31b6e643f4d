"""Robust losses for noisy labels.

Read in this order: `tables` (loss tables and the constructions), `functions` (single losses),
`combinations` (sums of two, ANL among them), `registry` (names, defaults and ranges), `modules`
(`build`, checks, reductions), `regularizers` (what training adds), `regions` (Dice and T-Loss, for
masks). Needs PyTorch and nothing else.

Every loss of `functions` and `combinations` is a function here too: ``losses.nce_mae`` for
"nce+mae".
"""

from typing import TYPE_CHECKING

from anl_edu.losses import combinations, functions, registry  # noqa: F401  (losses register)
from anl_edu.losses.modules import Loss, LossModule, anl, build, check_labels
from anl_edu.losses.regions import DiceLoss, TLoss
from anl_edu.losses.registry import defaults, label, mask_names, names
from anl_edu.losses.regularizers import entropy_regularizer, l1_penalty
from anl_edu.losses.tables import (
    P_MIN,
    active,
    active_negative,
    ce_maximum,
    ce_table,
    fl_maximum,
    fl_table,
    log_probabilities,
    normalized,
    normalized_negative,
)

if TYPE_CHECKING:  # what the last lines do, for editors and mypy
    from anl_edu.losses.combinations import *  # noqa: F403
    from anl_edu.losses.functions import *  # noqa: F403

__all__ = [
    "P_MIN",
    "DiceLoss",
    "Loss",
    "LossModule",
    "TLoss",
    "active",
    "active_negative",
    "anl",
    "build",
    "ce_maximum",
    "ce_table",
    "check_labels",
    "defaults",
    "entropy_regularizer",
    "fl_maximum",
    "fl_table",
    "l1_penalty",
    "label",
    "log_probabilities",
    "mask_names",
    "names",
    "normalized",
    "normalized_negative",
]
globals().update(registry.functions())
__all__ += registry.functions()
