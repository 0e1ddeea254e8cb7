"""Residual networks for 32 x 32 images: ResNet-d (figures 2, 6a) and WRN-d-s (figure 6b).

Both have three stages, at stride 1, 2 and 4, then global average pooling (`pool`) and a linear
classifier (`linear`); blocks are `layer{1,2,3}.{i}`.
Images (B, in_channels, H, W) -> logits (B, num_classes).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution with padding 1 and without bias."""
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut without parameters (He et al. 2016, option A).

    (B, inputs, H, W) -> (B, outputs, H / stride, W / stride). Where the shape changes, the
    shortcut takes every stride-th cell and adds channels of zeros, half of them on each side.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(inputs, outputs, stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = conv3x3(outputs, outputs)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.extra = outputs - inputs

    def shortcut(self, maps: Tensor) -> Tensor:
        """Maps (B, inputs, H, W) in the shape of the block's output, without parameters."""
        if self.stride == 1 and self.extra == 0:
            return maps
        before = self.extra // 2
        kept = maps[:, :, :: self.stride, :: self.stride]
        return F.pad(kept, (0, 0, 0, 0, before, self.extra - before))

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        hidden = F.relu(self.bn1(self.conv1(maps)))
        return F.relu(self.bn2(self.conv2(hidden)) + self.shortcut(maps))


class ResNet(nn.Module):
    """ResNet-d of He et al. (2016), section 4.2 there: d = 6 n + 2, widths 16, 32, 64.

    Parameters have the names of the usual published checkpoints: conv1, bn1,
    layer{1,2,3}.{i}.{conv1,bn1,conv2,bn2}, linear. Raises ValueError for any other depth.
    """

    def __init__(
        self, depth: int, num_classes: int = 10, in_channels: int = 3, width: int = 16
    ) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 2, 6)
        if rest or blocks < 1:
            raise ValueError(f"ResNet depth {depth} is not 6 n + 2 (8, 14, 20, 32, 44, 56, ...)")
        self.conv1 = conv3x3(in_channels, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(BasicBlock, blocks, width, width, stride=1)
        self.layer2 = _stage(BasicBlock, blocks, width, 2 * width, stride=2)
        self.layer3 = _stage(BasicBlock, blocks, 2 * width, 4 * width, stride=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(4 * width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, in_channels, H, W) -> logits (B, num_classes)."""
        maps = F.relu(self.bn1(self.conv1(images)))  # (B, width, H, W)
        maps = self.layer3(self.layer2(self.layer1(maps)))  # (B, 4 width, H / 4, W / 4)
        return self.linear(self.pool(maps).flatten(1))


class PreActivationBlock(nn.Module):
    """Batch norm and ReLU before each of two 3x3 convolutions (Zagoruyko & Komodakis 2016).

    (B, inputs, H, W) -> (B, outputs, H / stride, W / stride); the sum is not rectified. Where the
    shape changes, the shortcut is a 1x1 convolution of the activated input.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = conv3x3(inputs, outputs, stride)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = conv3x3(outputs, outputs)
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps (B, inputs, H, W) -> (B, outputs, H / stride, W / stride)."""
        active = F.relu(self.bn1(maps))
        skip = maps if self.shortcut is None else self.shortcut(active)
        return self.conv2(F.relu(self.bn2(self.conv1(active)))) + skip


class WideResNet(nn.Module):
    """WRN-d-s of Zagoruyko & Komodakis (2016): d = 6 n + 4, widths 16 s, 32 s, 64 s; no dropout.

    The last batch norm and ReLU (`bn`) follow `layer3`. Raises ValueError for any other depth, and
    for a factor `widen` below 1.
    """

    def __init__(self, depth: int, widen: int, num_classes: int = 10, in_channels: int = 3) -> None:
        super().__init__()
        blocks, rest = divmod(depth - 4, 6)
        if rest or blocks < 1 or widen < 1:
            raise ValueError(f"WRN-{depth}-{widen}: the depth must be 6 n + 4, the factor positive")
        self.conv1 = conv3x3(in_channels, 16)
        self.layer1 = _stage(PreActivationBlock, blocks, 16, 16 * widen, stride=1)
        self.layer2 = _stage(PreActivationBlock, blocks, 16 * widen, 32 * widen, stride=2)
        self.layer3 = _stage(PreActivationBlock, blocks, 32 * widen, 64 * widen, stride=2)
        self.bn = nn.BatchNorm2d(64 * widen)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(64 * widen, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, in_channels, H, W) -> logits (B, num_classes)."""
        maps = self.layer3(self.layer2(self.layer1(self.conv1(images))))
        maps = F.relu(self.bn(maps))  # (B, 64 widen, H / 4, W / 4)
        return self.linear(self.pool(maps).flatten(1))


def _stage(block: type, count: int, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """`count` blocks in a row; the first of them changes the width and the stride."""
    rest = [block(outputs, outputs, 1) for _ in range(count - 1)]
    return nn.Sequential(block(inputs, outputs, stride), *rest)
