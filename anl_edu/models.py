"""The networks of the reference protocol, and small ones for the desk.

Every model takes images ``(N, C, H, W)`` and gives logits ``(N, K)``, `unet` ``(N, K, H, W)``, in
either memory format: features are flattened with ``flatten``, never ``view``, which fails on
channels-last tensors.
cnn4, cnn8 and resnet34 start as in the reference (the code of Ye et al. 2023): weights
Kaiming-uniform with fan-in in convolutions and Xavier-uniform in linear layers, biases as PyTorch
makes them. The others start as their makers have it, PyTorch and torchvision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def mlp(in_features: int, num_classes: int, hidden: Sequence[int] = (256, 256)) -> nn.Sequential:
    """Flatten, then linear layers with ReLU between them.

    Parameters
    ----------
    in_features
        C * H * W of the images.
    num_classes
        K, the number of logits.
    hidden
        Width of each hidden layer; empty gives multinomial logistic regression.
    """
    widths = _positive("hidden", hidden, least=0)
    _positive("in_features and num_classes", (in_features, num_classes))
    layers: list[nn.Module] = [nn.Flatten()]
    for a, b in zip((in_features, *widths), widths, strict=False):
        layers += [nn.Linear(a, b), nn.ReLU(inplace=True)]
    layers.append(nn.Linear(widths[-1] if widths else in_features, num_classes))
    # PyTorch's own initialisation: it gave the digits figures that the lessons quote
    return nn.Sequential(*layers)


class ConvNet(nn.Module):
    """Blocks of 3x3 convolutions with batch norm and ReLU, each ended by a 2x2 max-pool.

    ``features`` gives ``(N, widths[-1], H', W')``, ``head`` turns it into logits ``(N, K)``.
    Use `cnn4` and `cnn8`, which fix the shape to the reference's.
    """

    def __init__(
        self,
        num_classes: int,
        channels: int,
        size: int,
        widths: Sequence[int],
        hidden: int,
        convs_per_block: int,
        name: str,
        shrink: int = 1,
        zero_biases: bool = False,
    ) -> None:
        super().__init__()
        widths = _positive("widths", widths)
        _positive("num_classes, channels and hidden", (num_classes, channels, hidden))
        _positive("shrink", (shrink,))
        side = (size // shrink) >> len(widths)
        if side < 1:
            raise ValueError(
                f"{name} halves the image {len(widths)} times and needs images of at least "
                f"{shrink << len(widths)} pixels a side; got size {size}"
            )
        self.channels, self.size, self.name = channels, size, name
        layers: list[nn.Module] = [nn.AvgPool2d(shrink)] if shrink > 1 else []
        before = channels
        for width in widths:
            for _ in range(convs_per_block):
                layers += [
                    nn.Conv2d(before, width, 3, padding=1),
                    nn.BatchNorm2d(width),
                    nn.ReLU(inplace=True),
                ]
                before = width
            # pooling commutes with ReLU exactly, and leaves it a quarter of the pixels
            layers.insert(-1, nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(before * side * side, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, num_classes),
        )
        self.apply(_initialise)
        if zero_biases:
            self.apply(_zero_bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(N, K)`` of images ``(N, C, H, W)``."""
        if x.ndim != 4 or x.shape[1:] != (self.channels, self.size, self.size):
            want = f"(N, {self.channels}, {self.size}, {self.size})"
            raise ValueError(f"this {self.name} takes images {want}; got {tuple(x.shape)}")
        return self.head(self.features(x).flatten(1))


def cnn4(num_classes: int, channels: int = 1, size: int = 28) -> ConvNet:
    """Two convolutions and two linear layers: the reference's MNIST network."""
    return ConvNet(num_classes, channels, size, (32, 64), 128, 1, "cnn4")


def cnn8(
    num_classes: int,
    channels: int = 3,
    size: int = 32,
    widths: Sequence[int] = (64, 128, 196),
    hidden: int = 256,
    shrink: int = 1,
    zero_biases: bool = False,
) -> ConvNet:
    """Six convolutions and two linear layers: the reference's CIFAR-10 network.

    At K = 10 and the default widths it has 1,639,794 parameters. The desk-size recipes use
    narrower ``widths``, and ``shrink=2``: the image is averaged over 2x2 pixels first, which
    makes everything after it four times cheaper; and ``zero_biases``, where the reference leaves
    the biases of convolutions and linear layers as PyTorch draws them.
    """
    return ConvNet(num_classes, channels, size, widths, hidden, 2, "cnn8", shrink, zero_biases)


class _BasicBlock(nn.Module):
    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


def resnet34(num_classes: int, channels: int = 3) -> nn.Sequential:
    """ResNet-34 (He et al. 2016) with a 3x3 stem and no first pooling, as for CIFAR-100.

    Ends in a global average, so any image size works.
    """
    _positive("num_classes and channels", (num_classes, channels))
    layers: list[nn.Module] = [
        nn.Conv2d(channels, 64, 3, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
    ]
    before = 64
    for width, depth, first_stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(depth):
            layers.append(_BasicBlock(before, width, first_stride if i == 0 else 1))
            before = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, num_classes)]
    model = nn.Sequential(*layers)
    model.apply(_initialise)
    return model


def resnet50(num_classes: int, channels: int = 3) -> nn.Module:
    """ResNet-50 as in torchvision, for images of ImageNet's kind: the WebVision network."""
    if channels != 3:
        raise ValueError(f"resnet50 takes images of three channels; got {channels}")
    from torchvision.models import resnet50 as torchvision_resnet50

    return torchvision_resnet50(weights=None, num_classes=num_classes)


class UNet(nn.Module):
    """Down to small maps and up again, each step up joined by the maps of the same size on the way.

    Made by `unet`.
    """

    def __init__(
        self, num_classes: int, channels: int, widths: Sequence[int], shrink: int = 1
    ) -> None:
        super().__init__()
        widths = _positive("widths", widths, least=2)
        _positive("num_classes, channels and shrink", (num_classes, channels, shrink))
        self.channels, self.shrink = channels, shrink
        self.least = shrink << (len(widths) - 1)
        befores = (channels, *widths)
        pairs = zip(befores, widths, strict=False)
        self.down = nn.ModuleList(_two_convs(a, b) for a, b in pairs)
        ups = zip(widths[:0:-1], widths[-2::-1], strict=True)
        self.up = nn.ModuleList(_two_convs(deep + shallow, shallow) for deep, shallow in ups)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Conv2d(widths[0], num_classes, 1)
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(N, K, H, W)`` of images ``(N, C, H, W)``."""
        if x.ndim != 4 or x.shape[1] != self.channels or min(x.shape[2:]) < self.least:
            raise ValueError(
                f"this unet takes images (N, {self.channels}, H, W) of at least {self.least} "
                f"pixels a side; got {tuple(x.shape)}"
            )
        size, passed = x.shape[2:], []
        if self.shrink > 1:
            x = nn.functional.avg_pool2d(x, self.shrink)
        for i, block in enumerate(self.down):
            x = block(self.pool(x) if i else x)
            passed.append(x)
        for block, beside in zip(self.up, passed[-2::-1], strict=True):
            x = nn.functional.interpolate(x, beside.shape[2:], mode="nearest")  # of odd sizes, too
            x = block(torch.cat([x, beside], 1))
        z = self.head(x)
        return z if self.shrink == 1 else nn.functional.interpolate(z, size, mode="bilinear")


def unet(
    num_classes: int, channels: int = 3, widths: Sequence[int] = (16, 32, 64), shrink: int = 1
) -> UNet:
    """Build a small U-Net (Ronneberger et al. 2015, arXiv 1505.04597): a class for each pixel.

    Two 3x3 convolutions with batch norm and ReLU at each of ``len(widths)`` sizes, halved from one
    to the next; the borders are padded, so that the logits are as large as the image, whatever its
    size; and on the way up maps are doubled pixel by pixel. ``shrink`` averages that many pixels
    squared into one first, which makes a step that much cheaper, and interpolates the logits.
    """
    return UNet(num_classes, channels, widths, shrink)


def _two_convs(before: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a in (before, width):
        layers += [
            nn.Conv2d(a, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


def names() -> tuple[str, ...]:
    """Names that `build` knows."""
    return tuple(_BUILDERS)


def build(name: str, shape: Sequence[int], num_classes: int, **options: Any) -> nn.Module:
    """Build a model by name for images of a given shape.

    Parameters
    ----------
    name
        One of `names`.
    shape
        ``(C, H, W)`` of one image.
    num_classes
        K.
    options
        Passed on, e.g. ``widths`` and ``hidden`` of cnn8.

    Raises
    ------
    ValueError
        For an unknown name, an image that is not square where the model needs it to be,
        or one that is too small.
    """
    if name not in _BUILDERS:
        raise ValueError(f"unknown model {name!r}; known: {', '.join(_BUILDERS)}")
    if len(shape) != 3:
        raise ValueError(f"shape must be (C, H, W) of one image; got {tuple(shape)}")
    channels, height, width = shape
    try:
        return _BUILDERS[name](channels, height, width, num_classes, options)
    except TypeError as error:
        raise TypeError(f"model {name!r}: {error}") from None


def count_parameters(model: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _square(name: str, height: int, width: int) -> int:
    if height != width:
        raise ValueError(f"{name} takes square images; got {height}x{width}")
    return height


_Builder = Callable[[int, int, int, int, dict[str, Any]], nn.Module]
_BUILDERS: dict[str, _Builder] = {
    "mlp": lambda c, h, w, k, o: mlp(c * h * w, k, **o),
    "cnn4": lambda c, h, w, k, o: cnn4(k, c, _square("cnn4", h, w), **o),
    "cnn8": lambda c, h, w, k, o: cnn8(k, c, _square("cnn8", h, w), **o),
    "resnet34": lambda c, h, w, k, o: resnet34(k, c, **o),
    "resnet50": lambda c, h, w, k, o: resnet50(k, c, **o),
    "unet": lambda c, h, w, k, o: unet(k, c, **o),
}


def _positive(what: str, values: Sequence[int], least: int = 1) -> tuple[int, ...]:
    values = tuple(values)
    if len(values) < least or any(isinstance(v, bool) or v != int(v) or v < 1 for v in values):
        raise ValueError(f"{what} must be whole numbers of at least 1; got {values}")
    return values


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_uniform_(module.weight, mode="fan_in", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)


def _zero_bias(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
