"""Small trees of image files in the published layouts: odd sizes, a colour for each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SIZES = ((40, 30), (24, 24), (61, 37), (19, 50))  # width, height


def picture(path: Path, k: int, n: int, mode: str = "RGB") -> None:
    """Write one JPEG: noise about the colour of class k, of a size that n chooses."""
    random = np.random.default_rng(100 * k + n)
    width, height = SIZES[n % len(SIZES)]
    colour = (40 + 170 * (k & 1), 40 + 170 * (k >> 1 & 1), 40 + 170 * (k >> 2 & 1))
    pixels = random.normal(colour, 20, (height, width, 3)).clip(0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).convert(mode).save(path, quality=95)


def class_folders(root: Path, classes: int = 3, train: int = 8, test: int = 3) -> Path:
    """``root/train/a/0.jpg`` and so on; one of them is grey."""
    for part, count in (("train", train), ("test", test)):
        for k in range(classes):
            for n in range(count):
                mode = "L" if (part, k, n) == ("train", 1, 0) else "RGB"
                picture(root / part / "abcdefgh"[k] / f"{n}.jpg", k, n, mode)
    return root


def webvision(root: Path, classes: int = 50, each: int = 2) -> Path:
    """``info/`` with its two lists, which go on after the classes that are used."""
    train, test = [], []
    for k in range(classes):
        for n in range(each):
            train.append(f"google/q{k:04}/{n} a.jpg {k}")
            picture(root / "google" / f"q{k:04}" / f"{n} a.jpg", k, n)
        test.append(f"val{k:06}.jpg {k}")
        picture(root / "val_images_256" / f"val{k:06}.jpg", k, 7)
    (root / "info").mkdir()
    more = [f"google/q0999/never-read.jpg {classes}"]
    (root / "info" / "train_filelist_google.txt").write_text("\n".join([*train, *more]) + "\n")
    (root / "info" / "val_filelist.txt").write_text("\n".join(test) + "\n")
    return root


def clothing1m(root: Path) -> Path:
    """Three images of each of the 14 classes in each of the three parts."""
    labels: dict[str, list[str]] = {"noisy": [], "clean": []}
    for part, kind in (("noisy_train", "noisy"), ("clean_val", "clean"), ("clean_test", "clean")):
        keys = []
        for k in range(14):
            for n in range(3 if part == "noisy_train" else 1):
                key = f"images/{k}/{part}{n}.jpg"
                picture(root / key, k, n)
                keys.append(key)
                labels[kind].append(f"{key} {k}")
        (root / f"{part}_key_list.txt").write_text("\n".join(keys) + "\n")
    for kind, lines in labels.items():
        (root / f"{kind}_label_kv.txt").write_text("\n".join(lines) + "\n")
    return root


def lesion(image: Path, mask: Path, n: int, size: tuple[int, int] = (50, 40)) -> None:
    """Write a dark blot on a light ground, and its mask of 0 and 255."""
    random = np.random.default_rng(n)
    width, height = size
    y, x = np.mgrid[:height, :width]
    radius = min(width, height) / 2 * random.uniform(0.5, 0.8)
    inside = (y - height / 2) ** 2 + (x - width / 2) ** 2 < radius**2
    pixels = random.normal(200, 15, (height, width, 3)) - 120 * inside[..., None]
    image.parent.mkdir(parents=True, exist_ok=True)
    mask.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(image, quality=95)
    Image.fromarray(255 * inside.astype(np.uint8)).save(mask)


def isic2017(root: Path, train: int = 6, test: int = 3) -> Path:
    """Lesions of odd sizes in the layout of ISIC 2017, superpixels among the images."""
    for part, truth, count, first in (
        ("Training_Data", "Training_Part1_GroundTruth", train, 0),
        ("Test_v2_Data", "Test_v2_Part1_GroundTruth", test, 900),
    ):
        for n in range(first, first + count):
            stem = f"ISIC_{n:07}"
            data, masks = (root / f"ISIC-2017_{name}" for name in (part, truth))
            lesion(data / f"{stem}.jpg", masks / f"{stem}_segmentation.png", n, SIZES[n % 4])
            Image.new("RGB", (4, 4)).save(data / f"{stem}_superpixels.png")
    return root


def pets(root: Path, train: int = 4, test: int = 2) -> Path:
    """Pets in the layout that torchvision reads: trimaps of 1, 2 and 3."""
    base = root / "oxford-iiit-pet"
    for folder in ("images", "annotations/trimaps"):
        (base / folder).mkdir(parents=True)
    for split, names in (
        ("trainval", [f"Abyssinian_{n}" for n in range(train)]),
        ("test", [f"pug_{n}" for n in range(test)]),
    ):
        for n, name in enumerate(names):
            picture(base / "images" / f"{name}.jpg", n, 0)
            trimap = np.full((30, 40), 2, np.uint8)
            trimap[8:20, 10:30], trimap[10:18, 12:28] = 3, 1
            Image.fromarray(trimap).save(base / "annotations" / "trimaps" / f"{name}.png")
        lines = [f"{name} 1 1 1" for name in names]
        (base / "annotations" / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return root
