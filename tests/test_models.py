"""Models: the reference's sizes, both memory formats, any image they can take."""

import math

import pytest
import torch
from torch import nn

from anl_edu import models


def test_cnn8_has_the_reference_number_of_parameters() -> None:
    assert models.count_parameters(models.cnn8(10)) == 1_639_794


def test_resnet34_has_the_cifar_stem_and_size() -> None:
    model = models.resnet34(100)
    # torchvision's ResNet-34 holds 21,797,672 at K = 1000 with a 7x7 stem
    expected = 21_797_672 - 64 * 3 * (49 - 9) - 513 * 900
    assert models.count_parameters(model) == expected


@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [
        ("mlp", (1, 8, 8), {"hidden": (16,)}),
        ("mlp", (3, 5, 7), {"hidden": ()}),
        ("cnn4", (1, 28, 28), {}),
        ("cnn4", (3, 8, 8), {}),
        ("cnn8", (1, 8, 8), {"widths": (4, 8, 12), "hidden": 16}),
        ("cnn8", (3, 32, 32), {"widths": (4, 8, 12), "hidden": 16}),
        ("cnn8", (3, 32, 32), {"widths": (4, 8, 12), "hidden": 16, "shrink": 2}),
        ("cnn8", (3, 37, 37), {"widths": (4, 8), "hidden": 16}),
        ("resnet34", (2, 9, 11), {}),
    ],
)
def test_logits_have_the_right_shape_in_both_memory_formats(
    name: str, shape: tuple[int, ...], options: dict
) -> None:
    torch.manual_seed(0)
    model = models.build(name, shape, 7, **options).eval()
    x = torch.randn(2, *shape)
    plain = model(x)
    assert plain.shape == (2, 7)
    last = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(plain, last, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "widths"),
    [
        ((3, 64, 64), (16, 32, 64)),
        ((1, 37, 50), (4, 6, 8)),
        ((2, 4, 5), (4, 6, 8)),
        ((3, 9, 9), (4, 6)),
    ],
)
def test_a_unet_names_a_class_for_each_pixel_of_any_image(
    shape: tuple[int, ...], widths: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    model = models.build("unet", shape, 7, widths=widths).eval()
    x = torch.randn(2, *shape)
    plain = model(x)
    assert plain.shape == (2, 7, *shape[1:])
    last = model.to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
    assert last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(plain, last, rtol=1e-4, atol=1e-4)


def test_a_unet_sees_far_and_keeps_what_is_near() -> None:
    """A pixel's logits hang on its neighbours by the direct way, on distant ones by the deep."""
    torch.manual_seed(0)
    model = models.unet(3, 1, (4, 6, 8, 10)).eval()
    x = torch.randn(1, 1, 64, 64, requires_grad=True)
    (slope,) = torch.autograd.grad(model(x)[0, :, 32, 32].sum(), x)
    reached = slope[0, 0] != 0
    rows = reached.any(1).nonzero().flatten()
    assert rows.max() - rows.min() >= 40
    assert reached[32, 32]
    assert slope[0, 0, 31:34, 31:34].abs().mean() > slope[0, 0].abs().mean()


def test_a_unet_that_shrinks_is_the_plain_one_on_the_averaged_image() -> None:
    torch.manual_seed(0)
    shrunk = models.unet(3, 1, (4, 6), shrink=2).eval()
    plain = models.unet(3, 1, (4, 6)).eval()
    plain.load_state_dict(shrunk.state_dict())
    x = torch.randn(2, 1, 13, 16)
    z = shrunk(x)
    assert z.shape == (2, 3, 13, 16)
    small = plain(nn.functional.avg_pool2d(x, 2))
    again = nn.functional.interpolate(small, (13, 16), mode="bilinear")
    torch.testing.assert_close(z, again)
    with pytest.raises(ValueError, match="at least 4 pixels a side"):
        shrunk(torch.zeros(1, 1, 3, 8))
    with pytest.raises(ValueError, match="shrink"):
        models.unet(3, 1, (4, 6), shrink=0)


@pytest.mark.parametrize(
    ("x", "words"),
    [(torch.zeros(1, 2, 8, 8), r"\(N, 3, H, W\).*\(1, 2, 8, 8\)"),
     (torch.zeros(1, 3, 3, 8), "at least 4 pixels a side"),
     (torch.zeros(3, 8, 8), r"got \(3, 8, 8\)")],
)  # fmt: skip
def test_what_a_unet_cannot_take_is_named(x: torch.Tensor, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        models.unet(4, 3, (4, 6, 8))(x)
    with pytest.raises(ValueError, match="widths"):
        models.unet(4, 3, (4,))


def test_pooling_before_relu_is_the_reference_s_relu_before_pooling() -> None:
    torch.manual_seed(0)
    ours = models.cnn8(5, 3, 8, (4, 4, 4), 8).double()
    layers: list[nn.Module] = []
    for layer in ours.features:
        layers.append(layer)
        if isinstance(layer, nn.ReLU) and isinstance(layers[-2], nn.MaxPool2d):
            layers[-2], layers[-1] = layers[-1], layers[-2]
    x, y = torch.randn(6, 3, 8, 8).double(), torch.arange(6) % 5
    gradients = []
    for features in (ours.features, nn.Sequential(*layers)):
        logits = ours.head(features(x).flatten(1))
        loss = nn.functional.cross_entropy(logits, y)
        gradients.append(torch.autograd.grad(loss, list(ours.parameters())))
    assert [type(a) for a in layers] != [type(a) for a in ours.features]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b)


def test_resnet50_comes_from_torchvision_with_our_number_of_classes() -> None:
    assert models.build("resnet50", (3, 64, 64), 50).fc.out_features == 50


def _fans(module: nn.Module) -> tuple[int, int]:
    fan_in, fan_out = module.weight.shape[1], module.weight.shape[0]
    size = module.weight[0, 0].numel()
    return fan_in * size, fan_out * size


@pytest.mark.parametrize(
    ("name", "shape"), [("cnn4", (1, 28, 28)), ("cnn8", (3, 32, 32)), ("resnet34", (3, 8, 8))]
)
def test_initialisation_is_the_reference_one(name: str, shape: tuple[int, ...]) -> None:
    """Uniform weights, Kaiming's in convolutions and Xavier's in linear layers; PyTorch's biases.

    The authors' ``_reset_prams`` (Virusdoll/Active-Negative-Loss f8c23b3) sets weights alone.
    """
    torch.manual_seed(0)
    model = models.build(name, shape, 10)
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    biases = 0
    for layer in layers:
        fan_in, fan_out = _fans(layer)
        total = fan_in if isinstance(layer, nn.Conv2d) else fan_in + fan_out
        largest = layer.weight.abs().max().item()
        assert 0.95 * math.sqrt(6 / total) < largest <= math.sqrt(6 / total) * (1 + 1e-6)
        if layer.bias is not None:
            biases += 1
            assert layer.bias.any()
            assert layer.bias.abs().max() <= 1 / math.sqrt(fan_in)  # PyTorch's bound
    assert biases == {"cnn4": 4, "cnn8": 8, "resnet34": 1}[name]


def test_zero_biases_change_the_biases_alone() -> None:
    states = []
    for zero_biases in (False, True):
        torch.manual_seed(0)
        states.append(models.cnn8(10, widths=(4, 8, 12), zero_biases=zero_biases).state_dict())
    plain, zeroed = states
    changed = {name for name in plain if not torch.equal(plain[name], zeroed[name])}
    for name in changed:
        assert name.endswith(".bias")
        assert not zeroed[name].any()
    assert len(changed) == 8  # six convolutions, two linear layers


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: models.build("vgg", (3, 32, 32), 10), "unknown model 'vgg'; known: mlp"),
        (lambda: models.build("cnn8", (3, 32, 30), 10), "square images; got 32x30"),
        (lambda: models.build("cnn8", (3, 7, 7), 10), "at least 8 pixels a side; got size 7"),
        (lambda: models.build("cnn8", (3, 8, 8), 10, shrink=2), "at least 16 pixels"),
        (lambda: models.build("mlp", (64,), 10), r"shape must be \(C, H, W\)"),
        (lambda: models.build("mlp", (1, 8, 8), 0), "got .*0"),
        (lambda: models.mlp(4, 2, (3, -1)), "hidden must be whole numbers"),
        (lambda: models.build("resnet50", (1, 28, 28), 10), "three channels; got 1"),
    ],
)
def test_wrong_requests_name_the_value(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_wrong_options_and_images_name_what_is_right() -> None:
    with pytest.raises(TypeError, match=r"model 'cnn8'.*'depth'"):
        models.build("cnn8", (3, 32, 32), 10, depth=3)
    with pytest.raises(ValueError, match=r"takes images \(N, 3, 32, 32\); got \(1, 3, 28, 28\)"):
        models.cnn8(10)(torch.zeros(1, 3, 28, 28))
