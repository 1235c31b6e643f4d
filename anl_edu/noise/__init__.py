"""How labels go wrong: transition matrices, drawing noisy labels, realised rates.

Everywhere ``T[i, j]`` is the probability that a sample of true class i carries label j, so the
rows of T sum to 1. A drawn set never has exactly the nominal rate: always show `realised`.
"""

from anl_edu.noise.draw import Realised, corrupt, exact_counts, realised
from anl_edu.noise.instance import instance_dependent, wrong_class_shares
from anl_edu.noise.kinds import KINDS, Kind, check, kind, label, noisy_labels, parse, transition
from anl_edu.noise.masks import RealisedMasks, corrupt_masks, realised_masks
from anl_edu.noise.matrices import (
    CIFAR10_FLIPS,
    CIFAR100_SUPERCLASS,
    MNIST_FLIPS,
    asymmetric_cifar10,
    asymmetric_cifar100,
    asymmetric_mnist,
    flips,
    pair_flip,
    symmetric,
)

__all__ = [
    "CIFAR10_FLIPS",
    "CIFAR100_SUPERCLASS",
    "KINDS",
    "MNIST_FLIPS",
    "Kind",
    "Realised",
    "RealisedMasks",
    "asymmetric_cifar10",
    "asymmetric_cifar100",
    "asymmetric_mnist",
    "check",
    "corrupt",
    "corrupt_masks",
    "exact_counts",
    "flips",
    "instance_dependent",
    "kind",
    "label",
    "noisy_labels",
    "pair_flip",
    "parse",
    "realised",
    "realised_masks",
    "symmetric",
    "transition",
    "wrong_class_shares",
]
