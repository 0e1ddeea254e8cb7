"""A convolution and a batch norm whose weights are shared over quarter turns: a designed prior.

This is the group convolution of Cohen & Welling (2016) for the four turns (p4), laid out over
ordinary channels: channel 4 g + r is filter g turned r times. There are as many maps as in a plain
layer, from a quarter of the weights.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from equivar.networks.toy import TURNS, turned_copies


class TiedConv2d(nn.Conv2d):
    """A convolution (B, inputs, H, W) -> (B, outputs, H', W') that is equivariant to quarter turns.

    lifting: whether the inputs are in no groups; each is then taken to stay itself under a turn.
    The weight holds a filter for each group, (outputs / 4, inputs, k, k). Raises ValueError for
    channels that are not in groups of four.
    """

    def __init__(
        self, inputs: int, outputs: int, size: int, padding: int = 0, lifting: bool = False
    ) -> None:
        if outputs % TURNS or (inputs % TURNS and not lifting):
            raise ValueError(f"{inputs} -> {outputs} channels: a tied layer has groups of {TURNS}")
        super().__init__(inputs, outputs // TURNS, size, padding=padding, bias=False)
        self.lifting = lifting

    def forward(self, maps: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H', W')."""
        base = self.weight if self.lifting else self.weight.unflatten(1, (-1, TURNS))
        return F.conv2d(maps, turned_copies(base, self.lifting), padding=self.padding)


class TiedBatchNorm2d(nn.BatchNorm2d):
    """A batch norm that treats the four channels of a group alike; `channels` counts all."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels // TURNS)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, channels, H, W) -> the same."""
        groups = maps.unflatten(1, (-1, TURNS)).flatten(2, 3)  # (B, groups, 4 H, W)
        return super().forward(groups).view_as(maps)
