"""Augmentations of a batch: bytes in, bytes out, every random number from a given generator.

Each takes images uint8 (B, C, H, W), targets float32 (B, classes) (one-hot, or already mixed) and a
generator on the CPU, and returns images and targets. A batch may have any size without a change of
the distribution of each image; the training loop passes thousands of images at once.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Augmented = tuple[Tensor, Tensor]


def random_crop(
    images: Tensor, targets: Tensor, generator: torch.Generator, padding: int = 4
) -> Augmented:
    """Crop each image of a batch, padded with black, at an offset of its own.

    (B, C, H, W) -> same. Offsets are uniform on 0..2 padding in both directions, so an image
    moves by -padding..padding pixels.
    """
    count, _, height, width = images.shape
    offsets = torch.randint(2 * padding + 1, (2, count), generator=generator).to(images.device)
    windows = F.pad(images, (padding,) * 4).unfold(2, height, 1).unfold(3, width, 1)
    which = torch.arange(count, device=images.device)
    # windows: a view, (B, C, 2 padding + 1, 2 padding + 1, H, W)
    return windows[which, :, offsets[0], offsets[1]], targets


def random_flip(images: Tensor, targets: Tensor, generator: torch.Generator) -> Augmented:
    """Mirror each image of a batch left to right with probability 1/2. (B, C, H, W) -> same."""
    mirrored = torch.rand(len(images), generator=generator) < 0.5
    mirrored = mirrored.to(images.device)[:, None, None, None]
    return torch.where(mirrored, images.flip(-1), images), targets


def cutmix(images: Tensor, targets: Tensor, generator: torch.Generator) -> Augmented:
    """CutMix (Yun et al. 2019) with alpha = 1: a box of each image is that of another image.

    (B, C, H, W), (B, classes) -> same. Each image has a partner, from a permutation of the batch
    (it may be itself), and lambda ~ Beta(1, 1). The box has sqrt(1 - lambda) of the height and
    width around a random pixel, and is clipped at the border. Targets are mixed by the share of the
    image that the box covers then.
    """
    count, _, height, width = images.shape
    partner = torch.randperm(count, generator=generator).to(images.device)
    lam = torch.rand(count, dtype=torch.float64, generator=generator)  # Beta(1, 1) is uniform
    half = 0.5 * (1 - lam).sqrt()
    rows, row_count = _interval(height, half, generator)
    columns, column_count = _interval(width, half, generator)
    box = rows[:, :, None] & columns[:, None, :]  # (B, H, W)
    share = (row_count * column_count / (height * width)).to(targets)
    mixed = torch.where(box[:, None].to(images.device), images[partner], images)
    return mixed, torch.lerp(targets, targets[partner], share[:, None])


def _interval(size: int, half: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Per image, the cells of one side within half * size of a random cell, clipped at the border.

    half: (B,), shares of the side's `size` cells. Returns them as bool (B, size) and their number
    (B,).
    """
    centre = torch.randint(size, half.shape, generator=generator)
    reach = (half * size).long()
    first, last = (centre - reach).clamp(min=0), (centre + reach).clamp(max=size)
    cells = torch.arange(size)
    return (first[:, None] <= cells) & (cells < last[:, None]), last - first


def randaugment(images: Tensor, targets: Tensor, generator: torch.Generator) -> Augmented:
    """RandAugment of each image of a batch (equivar.training.randaugment). (B, C, H, W) -> same."""
    from equivar.training.randaugment import randaugment as apply  # imported late, with torchvision

    return apply(images, targets, generator)


AUGMENTATIONS: dict[str, Callable[[Tensor, Tensor, torch.Generator], Augmented]] = {
    "crop": random_crop,
    "flip": random_flip,
    "cutmix": cutmix,
    "randaugment": randaugment,
}
