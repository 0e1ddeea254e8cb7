"""Four small networks whose equivariance is known, under every ruler."""

from __future__ import annotations

import pandas as pd
import torch
from torch import Tensor, nn

from equivar.networks.toy import turned_copies
from equivar.rulers import RULERS, compare
from equivar.transforms import Rotation

GROUPS = 8  # of four filters, which are turns of one another
IMAGES, SIDE = 48, 12
PLANTED = {
    "turned filters": "every filter comes in its four turns",
    "in another order": "the same, with the channels in a random order",
    "mixed": "the same, each channel a random mixture of all (an orthogonal one)",
    "nothing": "each map is noise of its own",
}


def planted(seed: int) -> pd.DataFrame:
    """Scores of equivariance under a quarter turn: networks by rulers; where it has none, its own.

    Where every ruler that sees other channels must say 1: the first two rows; where the best
    channel must not and a linear map must: the third; where all must say chance: the last.
    """
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(IMAGES, 3, SIDE, SIDE, generator=generator)
    base = torch.randn(GROUPS, 3, 5, 5, generator=generator)
    channels = 4 * GROUPS
    order = torch.eye(channels)[torch.randperm(channels, generator=generator)]
    mix = torch.linalg.qr(torch.randn(channels, channels, generator=generator))[0]
    networks = {
        "turned filters": _Mixed(base, torch.eye(channels)),
        "in another order": _Mixed(base, order),
        "mixed": _Mixed(base, mix),
        "nothing": _Noise(channels, generator),
    }
    rulers = [name for name in RULERS if name not in ("lie", "consistency")]
    rows = {}
    for name, network in networks.items():
        table = compare(
            network, images, [Rotation(1)], layers=["maps"], rulers=rulers, progress=False
        )
        table = table[table["kind"].eq("equivariance") | table["ruler"].eq("variance")]
        rows[name] = table.set_index("ruler")["score"]
    found = pd.DataFrame(rows).T[rulers]
    return found.rename(columns={name: RULERS[name].title for name in rulers})


class _Mixed(nn.Module):
    """A convolution with filters in four turns, its channels mixed by a matrix (C, C)."""

    def __init__(self, base: Tensor, mix: Tensor):
        super().__init__()
        weight = torch.einsum("dc,cikl->dikl", mix, turned_copies(base, lifting=True))
        self.maps = nn.utils.skip_init(nn.Conv2d, 3, len(weight), 5, padding=2, bias=False)
        self.maps.weight = nn.Parameter(weight.contiguous(), requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) -> maps (B, C, H, W)."""
        return self.maps(images)


class _Noise(nn.Module):
    """Maps that have nothing to do with the image, new ones at each call."""

    def __init__(self, channels: int, generator: torch.Generator):
        super().__init__()
        self.channels, self.generator, self.maps = channels, generator, nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) -> maps (B, C, H, W)."""
        shape = len(images), self.channels, *images.shape[2:]
        return self.maps(torch.randn(shape, generator=self.generator) + 0 * images[:, :1])
