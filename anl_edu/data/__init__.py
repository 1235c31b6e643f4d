"""Images and labels: the embedded digits and pairs of them, CIFAR in three ways, human labels.

Scenes with masks are composed (`scenes`), lesions and pets with theirs read from folders
(`isic2017`, `oxford_pets`). Sets that memory cannot hold stay on disk (`ImageFiles`):
`image_folder`, `webvision_mini`, `clothing1m`. `feature_table` reads features that are no images.

`load` gives an `ImageData`. CIFAR is looked for as ``cifar10.npz`` / ``cifar100.npz`` in
``ANL_EDU_DATA`` and then in the cache, and downloaded into the cache if it is nowhere.
"""

from anl_edu.data.cache import cache_folder, search_folders
from anl_edu.data.feature_tables import feature_table
from anl_edu.data.files import ImageFiles
from anl_edu.data.folders import clothing1m, image_folder, webvision_mini
from anl_edu.data.human import human_labels, human_labels_for
from anl_edu.data.images import ImageData
from anl_edu.data.mask_folders import isic2017, oxford_pets
from anl_edu.data.sets import SETS, DataSet, load, names, shape_of, where

__all__ = [
    "SETS",
    "DataSet",
    "ImageData",
    "ImageFiles",
    "cache_folder",
    "clothing1m",
    "feature_table",
    "human_labels",
    "human_labels_for",
    "image_folder",
    "isic2017",
    "load",
    "names",
    "oxford_pets",
    "search_folders",
    "shape_of",
    "webvision_mini",
    "where",
]
