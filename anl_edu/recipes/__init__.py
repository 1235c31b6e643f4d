"""How to train: the reference protocol and desk-size recipes as data, and published numbers.

``scale="paper"`` is the protocol of the code and configurations that the authors of Ye et al. 2023
(NeurIPS) and 2025 (TPAMI, arXiv 2412.02373) published: SGD with momentum 0.9, cosine to 0, gradient
norm clipped at 5 after the L1 penalty has joined. ``scale="desk"`` is the same method on fewer
images and smaller networks, for a laptop: its figures are never a reproduction of the paper's.
"""

from anl_edu.recipes.published import published
from anl_edu.recipes.recipe import AUGMENTATIONS, PRECISIONS, Recipe
from anl_edu.recipes.reference import entropy_weight
from anl_edu.recipes.tables import SCALES, datasets, get

__all__ = [
    "AUGMENTATIONS",
    "PRECISIONS",
    "SCALES",
    "Recipe",
    "datasets",
    "entropy_weight",
    "get",
    "published",
]
