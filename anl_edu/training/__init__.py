"""Train a model on noisy labels: `fit` yields one record an epoch.

`fit` keeps the interface, `loop` the work of one epoch; `augment`, `checkpoint` and `device` are
what it needs. `joined` and `spread` let several processes train one run.
"""

from anl_edu.training.devices import device
from anl_edu.training.fit import evaluate, fit, load_records, predict
from anl_edu.training.processes import joined
from anl_edu.training.record import EpochRecord

__all__ = ["EpochRecord", "device", "evaluate", "fit", "joined", "load_records", "predict"]
