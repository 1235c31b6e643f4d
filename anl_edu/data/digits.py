"""scikit-learn's digits: 1,797 real 8x8 images that come with this package.

They are scikit-learn's copy of the test set of *Optical Recognition of Handwritten Digits*
(E. Alpaydin and C. Kaynak, UCI, 1998, CC BY 4.0), dealt into two parts. The file beside this one
saves every kernel the seconds that importing scikit-learn costs; a test holds it to scikit-learn's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from anl_edu.data.images import ImageData

FILE = Path(__file__).with_name("digits.npz")  # ink 0..16 (1797, 8, 8), label, train and test


def load() -> ImageData:
    """Return the digits: 1,437 train and 360 test images, always the same split."""
    with np.load(FILE, allow_pickle=False) as raw:
        ink, label, train, test = (raw[name] for name in ("ink", "label", "train", "test"))
    # 0..16 in the source; 0..255 here, as every other set.
    x = torch.from_numpy(np.rint(ink * (255 / 16)).astype(np.uint8))[:, None]  # (N, 1, 8, 8)
    y = torch.from_numpy(label.astype(np.int64))
    train, test = (torch.from_numpy(part.astype(np.int64)) for part in (train, test))
    scaled = x[train].double() / 255
    return ImageData(
        name="digits",
        source=f"scikit-learn's digits: {len(train):,} train + {len(test):,} test images of 8x8 "
        "grey pixels, embedded",
        x_train=x[train],
        y_train=y[train],
        x_test=x[test],
        y_test=y[test],
        classes=tuple(str(k) for k in range(10)),
        mean=(round(scaled.mean().item(), 4),),
        std=(round(scaled.std().item(), 4),),
        train_index=train,
    )
