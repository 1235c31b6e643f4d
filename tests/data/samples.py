"""Small files of the published layouts, real ones where they are supplied, and an evil one."""

import os
import pickle
import tarfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from anl_edu.data import cifar
from anl_edu.data.download import file_hash

SHARED = os.environ.get("ANL_EDU_DATA")


def real(file):
    """Give the path of a real file, or skip where there is none."""
    if not SHARED or not (Path(SHARED) / file).is_file():
        pytest.skip(f"set ANL_EDU_DATA to a folder that holds {file} to test on the real one")
    return Path(SHARED) / file


def arrays(n=40, n_test=20, K=10, seed=0, **changes):
    rng = np.random.default_rng(seed)
    content = {
        "x_train": rng.integers(0, 256, (n, 32, 32, 3), np.uint8),
        "y_train": np.arange(n, dtype=np.uint8) % K,
        "x_test": rng.integers(0, 256, (n_test, 32, 32, 3), np.uint8),
        "y_test": np.arange(n_test, dtype=np.uint8) % K,
    }
    content.update(changes)
    return {key: value for key, value in content.items() if value is not None}


def make_archive(path, spec, batches, protocol=4):
    """Write a tiny archive of the published layout; ``batches`` maps members to contents."""
    with tarfile.open(path, "w:gz") as tar:
        for member, content in batches.items():
            raw = pickle.dumps(content, protocol)
            info = tarfile.TarInfo(member)
            info.size = len(raw)
            tar.addfile(info, BytesIO(raw))
    return replace(spec, sha256=file_hash(path))


def cifar10_batches():
    rng = np.random.default_rng(0)
    members = [*cifar.SETS["cifar10"].train_files, "cifar-10-batches-py/test_batch"]
    return {
        member: {
            "data": rng.integers(0, 256, (4, 3072), np.uint8),
            "labels": [i, i + 1, i + 2, 9],
        }
        for i, member in enumerate(members)
    }


class Evil:
    def __reduce__(self):
        return os.system, ("echo this must never run",)
