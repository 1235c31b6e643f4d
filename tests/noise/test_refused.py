"""Wrong input to the noises: every error names the argument and the value."""

import pytest
import torch

from anl_edu import noise

NAN = torch.full((3, 4), float("nan"))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda y: noise.symmetric(10, 1.2), ValueError, "1.2"),
        (lambda y: noise.asymmetric_cifar10(-0.1), ValueError, "-0.1"),
        (lambda y: noise.pair_flip(10, float("nan")), ValueError, "nan"),
        (lambda y: noise.symmetric(1, 0.1), ValueError, "got 1"),
        (lambda y: noise.symmetric(10, "x"), TypeError, "rate .*'x'"),
        (lambda y: noise.symmetric(10, None), TypeError, "rate .*None"),
        (lambda y: noise.symmetric("ten", 0.1), TypeError, "number of classes .*'ten'"),
        (lambda y: noise.pair_flip(2.5, 0.1), TypeError, "number of classes .*2.5"),
        (lambda y: noise.asymmetric_cifar10("x"), TypeError, "rate .*'x'"),
        (lambda y: noise.transition("none", 0.1, "svhn"), ValueError, "'svhn' .*give the number"),
        (lambda y: noise.transition("instance", 0.1, 3), ValueError, "has no matrix"),
        (lambda y: noise.flips({-1: 0}, 3, 0.1), ValueError, "-1 is no class of 0..2"),
        (lambda y: noise.flips({0: -1}, 3, 0.1), ValueError, "-1 is no class of 0..2"),
        (lambda y: noise.flips({0: 5}, 3, 0.1), ValueError, "5 is no class of 0..2"),
        (lambda y: noise.flips({0: 1.5}, 3, 0.1), ValueError, "1.5 is no class"),
        (lambda y: noise.flips({1: 1}, 3, 0.1), ValueError, "1 to 1: .*itself"),
        (lambda y: noise.asymmetric_cifar100(0.1, "random"), ValueError, "'random'"),
        (lambda y: noise.transition("salt", 0.1, "cifar10"), ValueError, "'salt'"),
        (lambda y: noise.transition("symmetric", 0.1, "svhn"), ValueError, "'svhn'"),
        (lambda y: noise.transition("asymmetric", 0.1, 10), ValueError, "'asymmetric'.*10"),
        (lambda y: noise.transition("asymmetric-superclass", 0.1, "digits"), ValueError, "digits"),
        (lambda y: noise.corrupt(y.int(), torch.eye(3)), TypeError, "int32"),
        (lambda y: noise.corrupt(y[None], torch.eye(3)), TypeError, r"\(1, 3\)"),
        (lambda y: noise.corrupt(y + 1, torch.eye(3)), ValueError, "labels hold 3, outside 0..2"),
        (lambda y: noise.corrupt(y - 1, torch.eye(3)), ValueError, "labels hold -1"),
        (lambda y: noise.corrupt(y, torch.eye(3), "twice"), ValueError, "'twice'"),
        (lambda y: noise.corrupt([0, 1, 2], torch.eye(3)), TypeError, "labels .*tensor, got list"),
        (lambda y: noise.corrupt(y, [[1.0]]), TypeError, "T must be a tensor, got list"),
        (lambda y: noise.corrupt(y, torch.eye(3), "exact", 0), TypeError, "generator .*got 0"),
        (lambda y: noise.corrupt(y, 0.9 * torch.eye(3)), ValueError, "row 0 .*0.9"),
        (lambda y: noise.corrupt(y, torch.eye(3) * 2 - 1 / 3), ValueError, "-0.33"),
        (lambda y: noise.corrupt(y, torch.ones(3, 2)), ValueError, r"\(3, 2\)"),
        (lambda y: noise.realised(y, y[:2], 3), ValueError, "3 clean labels do not match 2"),
        (lambda y: noise.realised([0], y, 3), TypeError, "clean labels must be a tensor"),
        (lambda y: noise.realised(y, [0], 3), TypeError, "noisy labels must be a tensor"),
        (lambda y: noise.realised(y, y + 1, 3), ValueError, "noisy labels hold 3"),
        (lambda y: noise.instance_dependent(torch.ones(2, 4), y, 0.1, 3), ValueError, r"\(2, 4\)"),
        (lambda y: noise.instance_dependent(torch.ones(3, 4), y, 7.0, 3), ValueError, "7.0"),
        (lambda y: noise.instance_dependent([[1]] * 3, y, 0.1, 3), TypeError, "features .*list"),
        (lambda y: noise.instance_dependent(NAN, y, 0.1, 3), ValueError, "features .*finite"),
        (lambda y: noise.instance_dependent(NAN, y, "x", 3), TypeError, "rate .*'x'"),
        (lambda y: noise.instance_dependent(NAN, y, 0.1, 3, 0), TypeError, "generator .*got 0"),
        (lambda y: noise.wrong_class_shares(NAN, y, 3), ValueError, "features .*finite"),
        (lambda y: noise.wrong_class_shares(NAN, y, 2), ValueError, "labels hold 2"),
        (lambda y: noise.check("pair", "x", "digits"), TypeError, "rate .*'x'"),
        (lambda y: noise.check("pair", 2, "digits"), ValueError, "rate .*2"),
    ],
)
def test_wrong_input(call, error, words):
    with pytest.raises(error, match=words):
        call(torch.tensor([0, 1, 2]))
