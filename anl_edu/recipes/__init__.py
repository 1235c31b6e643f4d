"""How to train: the reference protocol and desk-size recipes as data, and published numbers.

``scale="paper"`` is the protocol of the code and configurations that ANL's authors published (Ye
et al., NeurIPS 2023, and the entropy-regularised variant of 2025): SGD with momentum 0.9, cosine
to 0, gradient norm clipped at 5 after the L1 penalty has joined. It is known from that code, or
from another method's own where `reference` says so, not from the papers. ``scale="desk"`` is the
same method on fewer images and smaller networks, for a laptop, and ``scale="lab"`` on all images in
fewer epochs at half their resolution: their figures are never a reproduction of a paper's.
"""

from anl_edu.recipes.published import published
from anl_edu.recipes.recipe import AUGMENTATIONS, PRECISIONS, Recipe
from anl_edu.recipes.reference import entropy_weight, settings
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
    "settings",
]
