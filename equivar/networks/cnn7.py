"""The 7-layer CNN of section 4.3 (figure 5), after the plain network of Cohen & Welling (2016)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

from torch import Tensor, nn

from equivar.networks.tied import TiedBatchNorm2d, TiedConv2d

LAYERS = 7


class CNN7(nn.Module):
    """Seven 3x3 convolutions of 20 channels, each with batch norm and ReLU; max-pool after two.

    Cohen & Welling use no padding and end in a 4x4 convolution that leaves one cell. The paper has
    3x3 kernels throughout and global average pooling. With `padding=0`, images of 28 x 28 pixels
    thus become maps of 26, 24 (pooled to 12), 10, 8, 6, 4 and 2 cells a side; with `padding=1`,
    maps of 28, 28 (pooled to 14) and then always 14 cells. Images need at least 26 pixels a side,
    or 2 with `padding=1`. tied: the numbers of layers, from 0, whose weights are shared over the
    four quarter turns, with as many maps (`equivar.networks.tied`). Raises ValueError for another
    padding or layer, and for a width that is not a multiple of 4 where layers are tied.

    Modules: `layers.0` to `layers.6` (each ends in ReLU), `maxpool`, `pool` and `linear`. Images
    (B, in_channels, H, W) -> logits (B, num_classes).
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        width: int = 20,
        padding: int = 0,
        tied: Collection[int] = (),
    ) -> None:
        super().__init__()
        if padding not in (0, 1):
            raise ValueError(f"padding is {padding}: cnn7 is defined for 0 and 1")
        if not set(tied) <= set(range(LAYERS)):
            raise ValueError(f"tied is {list(tied)}: cnn7 has layers 0 to {LAYERS - 1}")
        self.least_side = 2 if padding else 26
        inputs = [in_channels] + [width] * (LAYERS - 1)
        self.layers = nn.ModuleList(
            _tied(channels, width, padding, lifting=depth - 1 not in tied)
            if depth in tied
            else _layer(channels, width, padding)
            for depth, channels in enumerate(inputs)
        )
        self.maxpool = nn.MaxPool2d(2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, in_channels, H, W) -> logits (B, num_classes).

        Raises ValueError for images that are too small.
        """
        if min(images.shape[-2:]) < self.least_side:
            size = " x ".join(map(str, images.shape[-2:]))
            raise ValueError(f"images of {size}: this cnn7 needs {self.least_side} pixels a side")
        maps = images  # (B, in_channels, H, W)
        for depth, layer in enumerate(self.layers):
            maps = layer(maps)  # (B, width, H', W')
            if depth == 1:
                maps = self.maxpool(maps)
        return self.linear(self.pool(maps).flatten(1))


def _layer(inputs: int, outputs: int, padding: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(inputs, outputs, 3, padding=padding, bias=False),
            bn=nn.BatchNorm2d(outputs),
            relu=nn.ReLU(),
        )
    )


def _tied(inputs: int, outputs: int, padding: int, lifting: bool) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=TiedConv2d(inputs, outputs, 3, padding, lifting),
            bn=TiedBatchNorm2d(outputs),
            relu=nn.ReLU(),
        )
    )
