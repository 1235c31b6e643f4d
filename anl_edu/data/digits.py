"""scikit-learn's digits: 1,797 real 8x8 images that come with it, so nothing is downloaded."""

from __future__ import annotations

import numpy as np
import torch

from anl_edu.data.images import ImageData


def load() -> ImageData:
    """Return the digits: 1,437 train and 360 test images, always the same split."""
    # half a second to import, and most of a lesson's imports do not need it
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    raw = load_digits()
    # 0..16 in the source; 0..255 here, as every other set.
    x = torch.from_numpy(np.rint(raw.images * (255 / 16)).astype(np.uint8))[:, None]  # (N, 1, 8, 8)
    y = torch.from_numpy(raw.target.astype(np.int64))
    train, test = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0, stratify=y)
    train = torch.from_numpy(train)
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
