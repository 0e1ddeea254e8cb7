"""The two data sets that need no file, and a photograph."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from equivar.data.shapes import OUTLINES, draw_shapes

DIGITS_SEED = 0  # of the split into training and test images


def read_digits(split: str) -> tuple[Tensor, Tensor]:
    """The 1797 digits of scikit-learn, made like MNIST: uint8 (N, 1, 28, 28), int64 (N,).

    Each digit of 8 x 8 pixels is enlarged to 20 x 20 and padded with black. The split is fixed:
    1297 training images and 500 test images.
    """
    from sklearn.datasets import load_digits  # imported late: only this data set needs it

    source = load_digits()
    order = np.random.default_rng(DIGITS_SEED).permutation(len(source.target))
    order = order[:1297] if split == "train" else order[1297:]
    small = torch.tensor(source.images[order, None] / 16, dtype=torch.float32)  # (N, 1, 8, 8)
    large = F.interpolate(small, size=(20, 20), mode="bicubic", align_corners=False)
    images = F.pad((255 * large.clamp(0, 1)).round().to(torch.uint8), (4, 4, 4, 4))
    return images, torch.tensor(source.target[order], dtype=torch.int64)


def read_shapes(split: str) -> tuple[Tensor, Tensor]:
    """The 10,000 training or 2,000 test images of `shapes`: uint8 (N, 3, 32, 32), int64 (N,).

    Every class has the same number of images, and their order is random.
    """
    count, seed = (10_000, 0) if split == "train" else (2_000, 1)
    labels = np.random.default_rng([seed, 1]).permutation(np.arange(count) % len(OUTLINES))
    return torch.from_numpy(draw_shapes(labels, [seed, 0])), torch.from_numpy(labels)


def photograph() -> Tensor:
    """A photograph of scikit-learn, its middle as a square: uint8 (1, 3, H, H).

    "china.jpg", by danielbuechele, under CC BY 2.0.

    >>> photograph().shape
    torch.Size([1, 3, 427, 427])
    """
    from sklearn.datasets import load_sample_image

    image = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)
    side = min(image.shape[1:])
    top, left = ((length - side) // 2 for length in image.shape[1:])
    return image[None, :, top : top + side, left : left + side].contiguous()
