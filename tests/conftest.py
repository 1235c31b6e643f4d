"""What every test relies on: no network, no progress file, examples that hypothesis can repeat."""

from __future__ import annotations

import os

from hypothesis import settings

# `make test` says the same for the notebooks; here it holds for a bare `pytest` too.
os.environ.setdefault("ANL_EDU_OFFLINE", "1")
os.environ.setdefault("ANL_EDU_PROGRESS", "off")

# A shared machine has slow moments, so no deadline; a failure in CI can be repeated anywhere.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")
