"""Augmentation: each image its own draw, uniform, black outside, the same as torchvision's."""

import pytest
import torch
from scipy import stats
from torchvision.transforms import functional as tv

from anl_edu.training.augment import Augment, Draws, Normalise


def images(n: int, c: int = 3, h: int = 12, w: int = 12) -> torch.Tensor:
    g = torch.Generator().manual_seed(1)
    return torch.randint(1, 256, (n, c, h, w), dtype=torch.uint8, generator=g)  # no black pixel


def plain(x: torch.Tensor, draws: Draws, padding: int) -> torch.Tensor:
    """Crop, then flip, one image after the other."""
    out = []
    for i, image in enumerate(x):
        if draws.top is not None:
            padded = tv.pad(image, padding)
            image = tv.crop(padded, int(draws.top[i]), int(draws.left[i]), *image.shape[1:])
        if draws.flip is not None and draws.flip[i]:
            image = tv.hflip(image)
        out.append(image)
    return torch.stack(out)


@pytest.mark.parametrize("kinds", [("crop",), ("flip",), ("crop", "flip")])
@pytest.mark.parametrize("size", [(12, 12), (9, 14)])
def test_batch_equals_one_image_at_a_time(kinds: tuple[str, ...], size: tuple[int, int]) -> None:
    x = images(40, 3, *size)
    augment = Augment(kinds)
    draws = augment.draw(40, torch.Generator().manual_seed(0))
    index = torch.randperm(40)[:25]
    got = augment(augment.prepare(x), index, draws.select(index))
    assert torch.equal(got, plain(x[index], draws.select(index), 4))
    assert got.is_contiguous(memory_format=torch.channels_last)


def test_nothing_asked_for_changes_nothing() -> None:
    x = images(5)
    augment = Augment(())
    index = torch.tensor([3, 1])
    assert torch.equal(augment(augment.prepare(x), index, augment.draw(2)), x[index])


def test_rotation_is_torchvision_s() -> None:
    x = images(30, 3, 32, 32)
    augment = Augment(("rotate",))
    draws = augment.draw(30, torch.Generator().manual_seed(0))
    got = augment(augment.prepare(x), torch.arange(30), draws)
    assert draws.angle is not None
    for image, angle, ours in zip(x, draws.angle, got, strict=True):
        theirs = tv.rotate(image, torch.rad2deg(angle).item())  # nearest, black outside
        # a pixel whose source lies on the edge between two may round either way
        assert (ours == theirs).float().mean() > 0.995


def test_rotation_then_equals_crop_then_flip_then_rotate() -> None:
    x = images(30, 3, 32, 32)
    augment = Augment(("rotate", "flip", "crop"))
    draws = augment.draw(30, torch.Generator().manual_seed(0))
    got = augment(augment.prepare(x), torch.arange(30), draws)
    assert draws.angle is not None
    for image, angle, ours in zip(plain(x, draws, 4), draws.angle, got, strict=True):
        theirs = tv.rotate(image, torch.rad2deg(angle).item())
        assert (ours == theirs).float().mean() > 0.995


def test_draws_are_uniform_and_each_image_has_its_own() -> None:
    n = 20_000
    draws = Augment(("crop", "flip", "rotate")).draw(n, torch.Generator().manual_seed(3))
    assert draws.top is not None
    assert draws.left is not None
    assert draws.flip is not None
    assert draws.angle is not None
    for offset in (draws.top, draws.left):
        counts = torch.bincount(offset, minlength=9)
        assert len(counts) == 9
        assert stats.chisquare(counts.numpy()).pvalue > 1e-4
    both = torch.bincount(draws.top * 9 + draws.left, minlength=81)
    assert stats.chisquare(both.numpy()).pvalue > 1e-4  # rows and columns are independent
    assert stats.binomtest(int(draws.flip.sum()), n).pvalue > 1e-4
    degrees = torch.rad2deg(draws.angle).numpy()
    assert stats.kstest(degrees, stats.uniform(-20, 40).cdf).pvalue > 1e-4


def test_what_comes_from_outside_is_black_before_normalising() -> None:
    x = images(1, 3, 8, 8)
    augment = Augment(("crop",))
    corner = Draws(torch.tensor([0]), torch.tensor([0]), None, None)
    got = augment(augment.prepare(x), torch.tensor([0]), corner)[0]
    assert not got[:, :4].any()
    assert not got[:, :, :4].any()
    assert torch.equal(got[:, 4:, 4:], x[0, :, :4, :4])
    normalise = Normalise((0.5, 0.4, 0.3), (0.2, 0.3, 0.4), torch.device("cpu"))
    black = normalise(got[None])[0, :, 0, 0]
    torch.testing.assert_close(black, torch.tensor([-2.5, -4 / 3, -0.75]))


def test_normalise_is_torchvision_s() -> None:
    x = images(4)
    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    ours = Normalise(mean, std, torch.device("cpu"))(x)
    theirs = tv.normalize(x.float() / 255, mean, std)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_wrong_requests_name_the_value() -> None:
    with pytest.raises(
        ValueError, match="augmentation 'cutout' is not for images in memory, which have crop"
    ):
        Augment(("cutout",))
    with pytest.raises(ValueError, match=r"std must be positive; got \(0.0,\)"):
        Normalise((0.5,), (0.0,), torch.device("cpu"))
