"""Images with labels, resident in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, eq=False)
class ImageData:
    """One split of a data set: every image, its label, and how to normalise it.

    images: uint8 (N, C, H, W). labels: int64 (N,), indices into `classes`. mean, std: of each
    channel over the training split, for pixels in [0, 1]. Raises ValueError where these do not fit
    together.

    >>> from equivar import data
    >>> few = data.load("shapes", "test").subset(4)
    >>> few.images.shape, few.normalised().dtype
    (torch.Size([4, 3, 32, 32]), torch.float32)
    """

    name: str
    split: str
    images: Tensor = field(repr=False)
    labels: Tensor = field(repr=False)
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != torch.uint8 or images.ndim != 4:
            found = f"{images.dtype} {tuple(images.shape)}"
            raise ValueError(f"{self.name}: images must be uint8 (N, C, H, W), not {found}")
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            found = f"{labels.dtype} {tuple(labels.shape)}"
            raise ValueError(f"{self.name}: labels must be int64 ({len(images)},), not {found}")
        if len(labels) and not (labels.min() >= 0 and labels.max() < len(self.classes)):
            found = f"{int(labels.min())}..{int(labels.max())}"
            raise ValueError(f"{self.name}: labels {found}, but {len(self.classes)} classes")
        if not len(self.mean) == len(self.std) == images.shape[1]:
            raise ValueError(f"{self.name}: mean and std must have {images.shape[1]} numbers each")

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, which: int | slice | Sequence[int] | Tensor) -> ImageData:
        """The first `which` images (an int), or those at the given indices, in that order."""
        index = _as_index(which)
        return replace(self, images=self.images[index], labels=self.labels[index])

    def normalised(
        self,
        which: int | slice | Sequence[int] | Tensor | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> Tensor:
        """Images as a network takes them, float32 (N, C, H, W): (pixel / 255 - mean) / std.

        `which` is as in `subset`; None takes all images. Give `mean` and `std`, one number a
        channel, for a network that was trained with other values than those of the data set.
        """
        images = self.images if which is None else self.images[_as_index(which)]
        return normalise(images, mean or self.mean, std or self.std)


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """uint8 (B, C, H, W) -> float32 (B, C, H, W): (pixel / 255 - mean) / std.

    >>> import torch
    >>> images = torch.full((1, 1, 2, 2), 255, dtype=torch.uint8)
    >>> normalise(images, mean=[0.5], std=[0.25])
    tensor([[[[2., 2.],
              [2., 2.]]]])
    """
    scale = 1 / (255 * torch.tensor(std, device=images.device))
    offset = -torch.tensor(mean, device=images.device) / torch.tensor(std, device=images.device)
    return images * scale[:, None, None] + offset[:, None, None]


def picture(image: Tensor) -> np.ndarray:
    """An image as figures draw it: (C, H, W) -> (H, W, 3), or (H, W) for one channel.

    >>> import torch
    >>> picture(torch.zeros(3, 32, 32)).shape, picture(torch.zeros(1, 28, 28)).shape
    ((32, 32, 3), (28, 28))
    """
    return image.permute(1, 2, 0).squeeze(-1).numpy()


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The mean and deviation of each channel of uint8 images (N, C, H, W), scaled to [0, 1]."""
    pixels = images.double() / 255
    dims = (0, 2, 3)
    return tuple(pixels.mean(dims).tolist()), tuple(pixels.std(dims, correction=0).tolist())


def _as_index(which: int | slice | Sequence[int] | Tensor) -> slice | Tensor:
    if isinstance(which, int):
        return slice(which)
    return which if isinstance(which, slice) else torch.as_tensor(which)
