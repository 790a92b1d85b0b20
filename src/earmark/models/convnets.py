"""Small convolutional networks for spectrograms: plain, depthwise separable, residual.

Every builder takes the shape (n_frames, n_columns) of an example and returns a torch module from float32
(n_rows, n_frames, n_columns) to logits (n_rows, n_classes). Axes of one element are no longer halved, so any shape
will do. They are narrow on purpose: forward and backward of a 224 x 224 example take 4 to 5 ms on one core.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from earmark.core.errors import ConfigError
from earmark.models.fit_options import FitOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

Shape = tuple[int, ...]
# Output channels at width 1 and stride of each depthwise separable layer: MobileNet (Howard et al., 2017) with the
# first halving one layer earlier and the repeated layers left out, which halves the time.
MOBILENET_LAYERS = ((64, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (1024, 2), (1024, 1))
MOBILENET_STEM = 32


class VggOptions(FitOptions):
    """Options of the recipe `vgg`."""

    width: Annotated[int, Field(ge=1, description="Channels of the first of four blocks; each has twice as many")] = 16
    convolutions: Annotated[int, Field(ge=1, le=4, description="Convolutions of each block")] = 1
    hidden: Annotated[int, Field(ge=1, description="Units of the first dense layer")] = 64


class MobileNetOptions(FitOptions):
    """Options of the recipe `mobilenet`."""

    width: Annotated[float, Field(gt=0, le=2, description="Factor of MobileNet's channels")] = 0.25


class ResNetOptions(FitOptions):
    """Options of the recipe `resnet`."""

    width: Annotated[int, Field(ge=1, description="Channels of the first of four stages; each has twice as many")] = 16
    blocks: Annotated[int, Field(ge=1, le=8, description="Residual blocks of each stage")] = 1


class DigitCnnOptions(FitOptions):
    """Options of the recipe `cs230_cnn`."""

    orders: Annotated[
        int, Field(ge=1, le=3, description="Parts of the columns, each an image: MFCC, deltas, delta-deltas")
    ] = 3
    width: Annotated[int, Field(ge=1, description="Channels of the first of three layers; each has twice as many")] = 32
    hidden: Annotated[int, Field(ge=1, description="Units of the dense layer")] = 128
    mel_masks: Annotated[int, Field(ge=0, description="SpecAugment: masks over neighbouring columns")] = 0
    learning_rate: Annotated[float, Field(gt=0, description="Highest learning rate of the one cycle")] = 1e-3


def vgg(options: VggOptions, shape: Shape, n_classes: int) -> nn.Module:
    """Return four blocks of convolutions and pooling, then two dense layers (Simonyan & Zisserman, 2014)."""
    from torch import nn

    parts, size, channels = layers(), _image(shape), 1
    body: list[nn.Module] = [parts.images(1)]
    for stage in range(4):
        for _ in range(options.convolutions):
            body.append(_convolution(channels, options.width * 2**stage))
            channels = options.width * 2**stage
        pooling, size = _pooling(size)
        body += [nn.MaxPool2d(pooling), nn.Dropout2d(options.dropout / 3)]
    dense = [nn.Linear(channels, options.hidden), nn.ReLU(), nn.Dropout(options.dropout)]
    return nn.Sequential(*body, parts.pooled(), *dense, nn.Linear(options.hidden, n_classes))


def mobilenet(options: MobileNetOptions, shape: Shape, n_classes: int) -> nn.Module:
    """Return MobileNet's depthwise separable convolutions (Howard et al., 2017, arXiv:1704.04861)."""
    from torch import nn

    def scaled(channels: int) -> int:
        return max(8, round(channels * options.width))

    parts, size = layers(), _image(shape)
    stride, size = _pooling(size)
    channels = scaled(MOBILENET_STEM)
    body: list[nn.Module] = [parts.images(1), _convolution(1, channels, stride=stride)]
    for wanted, step in MOBILENET_LAYERS:
        stride, size = _pooling(size) if step == 2 else ((1, 1), size)
        body.append(_convolution(channels, channels, stride=stride, groups=channels))
        body.append(_convolution(channels, scaled(wanted), kernel=1))
        channels = scaled(wanted)
    return nn.Sequential(*body, parts.pooled(), nn.Dropout(options.dropout), nn.Linear(channels, n_classes))


def resnet(options: ResNetOptions, shape: Shape, n_classes: int) -> nn.Module:
    """Return four stages of basic residual blocks (He et al., 2015, arXiv:1512.03385)."""
    from torch import nn

    parts, size, channels = layers(), _image(shape), options.width
    stride, size = _pooling(size)
    body: list[nn.Module] = [parts.images(1), _convolution(1, channels, kernel=5, stride=stride)]
    pooling, size = _pooling(size)
    body.append(nn.MaxPool2d(pooling))
    for stage in range(4):
        for block in range(options.blocks):
            stride, size = _pooling(size) if stage and not block else ((1, 1), size)
            body.append(parts.residual(channels, options.width * 2**stage, stride))
            channels = options.width * 2**stage
    return nn.Sequential(*body, parts.pooled(), nn.Dropout(options.dropout), nn.Linear(channels, n_classes))


def cs230_cnn(options: DigitCnnOptions, shape: Shape, n_classes: int) -> nn.Module:
    """Return three convolutions and two dense layers on MFCC and their deltas as images side by side.

    Raises:
        ConfigError: The columns cannot be parted into as many orders, or the features are no image.
    """
    from torch import nn

    n_frames, n_columns = _image(shape)
    if n_columns % options.orders:
        raise ConfigError(
            f"network: {n_columns} columns cannot be parted into {options.orders} orders of MFCC; set orders to 1 plus "
            "the frontend's deltas"
        )
    parts, size, channels = layers(), (n_frames, n_columns // options.orders), options.orders
    body: list[nn.Module] = [parts.images(options.orders)]
    for stage in range(3):
        body.append(_convolution(channels, options.width * 2**stage))
        channels = options.width * 2**stage
        pooling, size = _pooling(size)
        body += [nn.MaxPool2d(pooling), nn.Dropout2d(options.dropout / 3)]
    n_values = channels * size[0] * size[1]
    dense = [nn.Flatten(), nn.Linear(n_values, options.hidden), nn.ReLU(), nn.Dropout(options.dropout)]
    return nn.Sequential(*body, *dense, nn.Linear(options.hidden, n_classes))


def standardised(body: nn.Module, mean: NDArray[np.float32], spread: NDArray[np.float32]) -> nn.Module:
    """Return a network whose input is standardised column by column: mean and spread are float32 (n_columns,)."""
    import torch

    standardise: nn.Module = layers().standardise(torch.from_numpy(mean), torch.from_numpy(spread))
    return torch.nn.Sequential(standardise, body)


def _image(shape: Shape) -> tuple[int, int]:
    if len(shape) != 2:
        raise ConfigError(
            f"network: found features of shape {shape}, expected (n_frames, n_columns); choose the frontend logmel, or "
            'mfcc with pooling "pad"'
        )
    return shape[0], shape[1]


def _pooling(size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return by how much each axis is pooled, and the size afterwards: an axis of one element is left as it is."""
    steps = (2 if size[0] > 1 else 1, 2 if size[1] > 1 else 1)
    return steps, (size[0] // steps[0], size[1] // steps[1])


@cache
def layers() -> Any:
    """Return the parts that the networks are made of; torch is loaded now."""
    import torch
    from torch import nn

    class Standardise(nn.Module):
        """Takes the mean of each column away and divides by its spread."""

        def __init__(self, mean: torch.Tensor, spread: torch.Tensor) -> None:
            super().__init__()
            self.mean: torch.Tensor
            self.spread: torch.Tensor
            self.register_buffer("mean", mean)
            self.register_buffer("spread", spread)

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return (rows - self.mean) / self.spread

    class Images(nn.Module):
        """Parts the columns into images side by side: (n, frames, columns) to (n, n_images, frames, columns / n)."""

        def __init__(self, n_images: int) -> None:
            super().__init__()
            self.n_images = n_images

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return torch.stack(rows.chunk(self.n_images, dim=2), dim=1)

    class Residual(nn.Module):
        """Two convolutions around a short cut."""

        def __init__(self, n_in: int, n_out: int, stride: tuple[int, int]) -> None:
            super().__init__()
            first, second = _convolution(n_in, n_out, stride=stride), _convolution(n_out, n_out, active=False)
            self.change = nn.Sequential(first, second)
            same = n_in == n_out and stride == (1, 1)
            self.short = nn.Identity() if same else _convolution(n_in, n_out, kernel=1, stride=stride, active=False)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            changed: torch.Tensor = self.change(images) + self.short(images)
            return torch.relu(changed)

    class Pooled(nn.Module):
        """Mean over columns, then the loudest and the mean frame together (as in PANNs, Kong et al., 2020)."""

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            frames = images.mean(dim=3)
            return frames.amax(dim=2) + frames.mean(dim=2)

    return SimpleNamespace(standardise=Standardise, images=Images, residual=Residual, pooled=Pooled)


def _convolution(
    n_in: int, n_out: int, *, kernel: int = 3, stride: tuple[int, int] = (1, 1), groups: int = 1, active: bool = True
) -> nn.Module:
    """Return a convolution with batch norm and, if active, a rectifier."""
    from torch import nn

    folded = nn.Conv2d(n_in, n_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(folded, nn.BatchNorm2d(n_out), *([nn.ReLU(inplace=True)] if active else []))
