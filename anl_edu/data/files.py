"""Images that stay on disk: a list of files, to be read when their turn comes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image


class ImageFiles:
    """N images on disk, which stand in an `ImageData` where a tensor (N, 3, size, size) would.

    It has what a set is cut and labelled by (``len``, ``shape``, ``dtype``, indexing), and no
    pixels: training reads, crops and scales each image when it needs it. Made by `list_files`; it
    never changes.

    Attributes
    ----------
    root
        The folder that names begin at.
    size
        Height and width that training gives the images, whatever they have on disk.
    """

    dtype = torch.uint8
    ndim = 4

    def __init__(
        self, root: Path, names: NDArray[np.bytes_], sizes: NDArray[np.int64], size: int
    ) -> None:
        # one block of bytes and not a million strings, which every reading process would copy
        self.root, self._names, self._sizes, self.size = root, names, sizes, size

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"ImageFiles({len(self):,} in {self.root}, read at {self.size}x{self.size})"

    @property
    def shape(self) -> torch.Size:
        """(N, 3, size, size)."""
        return torch.Size((len(self), 3, self.size, self.size))

    def __getitem__(self, index: Tensor) -> ImageFiles:
        """Return the files at places (M,), integer or bool."""
        if not isinstance(index, Tensor):
            raise TypeError(
                f"image files are taken by a tensor of places, got {type(index).__name__}: their "
                "pixels are on disk (see ImageFiles.read)"
            )
        places = index.cpu().numpy()
        return ImageFiles(self.root, self._names[places], self._sizes[places], self.size)

    def path(self, place: int) -> Path:
        """Return where one image lies."""
        return self.root / os.fsdecode(self._names[place])

    def read(self, place: int) -> Image:
        """Return one image as RGB, in the size and the orientation that its pixels are stored in.

        Raises
        ------
        ValueError
            It cannot be read or decoded; the message names the file.
        """
        from PIL import Image

        path = self.path(place)
        try:
            with Image.open(path) as image:
                return image.convert("RGB")
        except Exception as error:  # a broken file may raise anything: zlib's errors, struct's, ...
            said = str(error) or type(error).__name__
            raise ValueError(f"image {path} cannot be decoded: {said}") from error

    def identity(self) -> bytes:
        """Return what tells this list from others: relative names and sizes of files in bytes.

        The content of every file would take hours to hash: an image that was changed and kept its
        length is not noticed.
        """
        head = f"{tuple(self.shape)} files\n".encode()
        return head + b"\n".join(self._names.tolist()) + self._sizes.tobytes()


Images = Tensor | ImageFiles


def list_files(root: Path, names: Iterable[str], size: int) -> ImageFiles:
    """Return the images of these names under a folder, once all have been seen to be there.

    Raises
    ------
    FileNotFoundError
        One is not; the message names it.
    ValueError
        ``size`` is no whole number of at least 1.
    """
    if size != int(size) or size < 1:
        raise ValueError(f"size must be a whole number of at least 1, got {size!r}")
    names = list(names)
    sizes = np.empty(len(names), np.int64)
    for i, name in enumerate(names):
        try:
            sizes[i] = (root / name).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(
                f"{root / name} is not there, though it is listed (file {i + 1:,} of "
                f"{len(names):,})"
            ) from None
    return ImageFiles(root, np.array([os.fsencode(n) for n in names], np.bytes_), sizes, size)


def in_memory(images: Images, what: str) -> Tensor:
    """Return images as the tensor they are, or raise a TypeError: ``what`` needs their pixels."""
    if isinstance(images, ImageFiles):
        raise TypeError(f"{what} needs the pixels of all images in memory; {images} are files")
    return images
