"""Images and labels: the embedded digits and pairs of them, CIFAR in three ways, human labels.

`load` gives an `ImageData`. CIFAR is looked for as ``cifar10.npz`` / ``cifar100.npz`` in
``ANL_EDU_DATA`` and then in the cache, and downloaded into the cache if it is nowhere.
"""

from anl_edu.data.cache import cache_folder, search_folders
from anl_edu.data.human import human_labels, human_labels_for
from anl_edu.data.images import ImageData
from anl_edu.data.sets import SETS, DataSet, load, names, shape_of, where

__all__ = [
    "SETS",
    "DataSet",
    "ImageData",
    "cache_folder",
    "human_labels",
    "human_labels_for",
    "load",
    "names",
    "search_folders",
    "shape_of",
    "where",
]
