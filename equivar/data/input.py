"""What images a network takes, and how pictures are turned into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from equivar.data.images import IMAGENET_MEAN, IMAGENET_STD

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")
_LONGEST = 4  # a side longer than this many times the other is cut before resizing


@dataclass(frozen=True)
class Input:
    """The images a network takes: (channels, height, width), normalised.

    resize: height and width in pixels. A picture is resized in its own shape until it covers them,
    and its centre is then cut out. With `squash` it is resized to exactly them, whatever its shape.
    mean, std: one number a channel, for pixels in [0, 1]. Raises ValueError where these do not go
    together.
    """

    channels: int = 3
    height: int = 224
    width: int = 224
    resize: tuple[int, int] = (256, 256)
    squash: bool = False
    interpolation: str = "bilinear"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise ValueError(f"pictures have 1 or 3 channels, the network wants {self.channels}")
        if min(self.height, self.width) < 1:
            raise ValueError(f"images of {self.height} x {self.width} pixels")
        if self.resize[0] < self.height or self.resize[1] < self.width:
            wanted, made = f"{self.height} x {self.width}", "{} x {}".format(*self.resize)
            raise ValueError(f"no {wanted} pixels can be cut out of pictures resized to {made}")
        if self.interpolation not in INTERPOLATIONS:
            choices = ", ".join(INTERPOLATIONS)
            raise ValueError(f"interpolation {self.interpolation!r}: choose one of {choices}")
        if not len(self.mean) == len(self.std) == self.channels or min(self.std) <= 0:
            raise ValueError(
                f"mean {self.mean} and std {self.std}: {self.channels} numbers each, std above 0"
            )
        if max(self.mean) > 1 or max(self.std) > 2:
            raise ValueError(
                f"mean {self.mean} and std {self.std} look like those of pixels in 0..255: divide "
                "them by 255, pixels are in 0..1 here"
            )

    def __str__(self) -> str:
        return f"{self.channels} x {self.height} x {self.width}"

    def changed(
        self,
        size: int | None = None,
        resize: int | None = None,
        interpolation: str | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        channels: int | None = None,
    ) -> Input:
        """The same input with other values; None keeps a value.

        size: the new height and width in pixels; the share of the picture that is cut off stays the
        same. resize: pixels of both sides before the cut.
        """
        new = {}
        if size:
            new = {"height": size, "width": size}
            sides = zip(self.resize, (self.height, self.width), strict=True)
            new["resize"] = tuple(round(size * whole / side) for whole, side in sides)
        if resize:
            new["resize"] = (resize, resize)
        if interpolation:
            new["interpolation"] = interpolation
        if channels:
            new["channels"] = channels
            new |= {name: per_channel(getattr(self, name), channels) for name in ("mean", "std")}
        for name, values in (("mean", mean), ("std", std)):
            if values:
                new[name] = per_channel(values, channels or self.channels)
        return replace(self, **new)

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Resize a picture and cut out its centre: uint8 (channels, height, width)."""
        image = image.convert("L" if self.channels == 1 else "RGB")
        method = Image.Resampling[self.interpolation.upper()]
        if self.squash:
            image = image.resize(self.resize[::-1], method)
        else:
            image = _without_far_ends(image)
            image = image.resize(self._covering(*image.size), method)
        left, top = (
            round((whole - side) / 2)  # as torchvision rounds it
            for whole, side in zip(image.size, (self.width, self.height), strict=True)
        )
        image = image.crop((left, top, left + self.width, top + self.height))
        pixels = np.asarray(image)
        return pixels[None] if self.channels == 1 else pixels.transpose(2, 0, 1)

    def _covering(self, width: int, height: int) -> tuple[int, int]:
        """The smallest (width, height) in the picture's own shape that covers `resize`."""
        high, wide = self.resize
        if high * width >= wide * height:
            return int(high * width / height), high
        return wide, int(wide * height / width)


def per_channel(values: Sequence[float], channels: int) -> tuple[float, ...]:
    """One number for each channel.

    A single value is repeated; a network of one channel takes the mean of several values.
    """
    if channels == 1 or len(values) == 1:
        return (sum(values) / len(values),) * channels
    return tuple(values)


def _without_far_ends(image: Image.Image) -> Image.Image:
    """Cut the far ends off a very long picture; others stay as they are."""
    width, height = image.size
    most = _LONGEST * min(width, height)
    if max(width, height) <= most:
        return image
    cut_x, cut_y = max(0, width - most) // 2, max(0, height - most) // 2
    return image.crop((cut_x, cut_y, width - cut_x, height - cut_y))
