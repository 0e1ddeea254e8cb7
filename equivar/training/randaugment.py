"""RandAugment (Cubuk et al. 2020) of a whole batch: the pixels of torchvision, images in groups.

Every image draws its operations as in `torchvision.transforms.v2.RandAugment()`. There is only one
magnitude, so all images of a batch that drew the same operation and sign are changed in one call.
Where torchvision is slow on such a group, code of this package gives the same bytes: motions are
one gather, sharpness needs no convolution, solarizing no `torch.where`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as V2

BINS = 31  # magnitudes 0..30
# operation: (strength at magnitude 0, strength at magnitude 30, whether its sign is random)
OPERATIONS: dict[str, tuple[float, float, bool]] = {
    "Identity": (0.0, 0.0, False),
    "ShearX": (0.0, 0.3, True),  # pixels per pixel
    "ShearY": (0.0, 0.3, True),
    "TranslateX": (0.0, 150 / 331, True),  # of the width
    "TranslateY": (0.0, 150 / 331, True),  # of the height
    "Rotate": (0.0, 30.0, True),  # degrees
    "Brightness": (0.0, 0.9, True),  # the factor is 1 + strength, also of the next three
    "Color": (0.0, 0.9, True),
    "Contrast": (0.0, 0.9, True),
    "Sharpness": (0.0, 0.9, True),
    "Posterize": (8.0, 4.0, False),  # bits that are kept
    "Solarize": (1.0, 0.0, False),  # the threshold as a share of white
    "AutoContrast": (0.0, 0.0, False),
    "Equalize": (0.0, 0.0, False),
}


def randaugment(
    images: Tensor,
    targets: Tensor,
    generator: torch.Generator,
    num_ops: int = 2,
    magnitude: int = 9,
) -> tuple[Tensor, Tensor]:
    """Put each image of a batch through `num_ops` operations of its own, one after the other.

    (B, C, H, W) bytes -> same, C = 1 or 3. Each operation is drawn uniformly from the 14, with the
    strength of `magnitude`; where its sign is random, it is negative with probability 1/2. Motions
    take the nearest pixel, and are black where an image has moved away. On grey images "Color"
    changes nothing. Raises ValueError for other images.
    """
    if images.dtype != torch.uint8 or images.shape[1] not in (1, 3):
        given = f"{images.dtype} of {images.shape[1]}"
        raise ValueError(f"RandAugment takes torch.uint8 images of 1 or 3 channels, not {given}")
    for _ in range(num_ops):
        operation = torch.randint(len(OPERATIONS), (len(images),), generator=generator)
        negative = torch.rand(len(images), generator=generator) <= 0.5
        images = _in_groups(images, 2 * operation + negative, magnitude)
    return images, targets


def apply_operation(images: Tensor, name: str, strength: float) -> Tensor:
    """One of the 14 operations on every image of a batch. (B, C, H, W) bytes -> same."""
    if name in _MOTIONS:
        sources = _sources(name, strength, *images.shape[2:]).to(images.device)
        cells = F.pad(images.flatten(2), (1, 0))  # (B, C, 1 + H W), the first is black
        return cells.gather(2, sources.expand(*images.shape[:2], -1)).view_as(images)
    return _COLOURS[name](images, strength)


def strength_of(name: str, magnitude: int, height: int, width: int) -> float:
    """What a magnitude means for an operation, before its sign; translations are in pixels."""
    first, last, _ = OPERATIONS[name]
    last *= {"TranslateX": width, "TranslateY": height}.get(name, 1)
    return float(torch.linspace(first, last, BINS)[magnitude])


def _in_groups(images: Tensor, cases: Tensor, magnitude: int) -> Tensor:
    """Apply to each image (C, H, W) of a batch the operation of its case.

    cases: (B,), 2 i for operation i and 2 i + 1 where its strength is negative. They are on the
    CPU, so that nothing waits for a GPU.
    """
    order = cases.argsort(stable=True)
    counts = cases.bincount(minlength=2 * len(OPERATIONS)).tolist()
    groups = list(images.index_select(0, order.to(images.device)).split(counts))
    for case, group in enumerate(groups):
        name = list(OPERATIONS)[case // 2]
        if len(group):
            strength = strength_of(name, magnitude, *images.shape[2:])
            negative = case % 2 and OPERATIONS[name][2]
            groups[case] = apply_operation(group, name, -strength if negative else strength)
    return torch.cat(groups).index_select(0, order.argsort().to(images.device))


# motions: a grid (1, 1, H, W) in float32 and a strength -> the grid, moved by nearest neighbours
_MOTIONS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "ShearX": lambda grid, by: V2.affine(grid, 0, [0, 0], 1, [_degrees(by), 0], center=[0, 0]),
    "ShearY": lambda grid, by: V2.affine(grid, 0, [0, 0], 1, [0, _degrees(by)], center=[0, 0]),
    "TranslateX": lambda grid, by: V2.affine(grid, 0, [int(by), 0], 1, [0, 0]),
    "TranslateY": lambda grid, by: V2.affine(grid, 0, [0, int(by)], 1, [0, 0]),
    "Rotate": V2.rotate,
}


@lru_cache(maxsize=64)
def _sources(name: str, strength: float, height: int, width: int) -> Tensor:
    """Where each pixel comes from: (H W,), 1 + its index in the old image, or 0 for outside.

    torchvision moves the indices as if they were grey values; float32 is exact up to 2**24 pixels.
    """
    grid = torch.arange(1, height * width + 1, dtype=torch.float32).view(1, 1, height, width)
    return _MOTIONS[name](grid, strength).flatten().long()


def _degrees(slope: float) -> float:
    return math.degrees(math.atan(slope))


def _sharpness(images: Tensor, strength: float) -> Tensor:
    """x + strength (x - smooth x), the border as it is. (B, C, H, W) bytes -> same.

    smooth: the mean of 3 x 3 pixels where the one in the middle counts five times, rounded. Sums of
    bytes are exact, and as 13 is odd no quotient lies near a half, so the bytes are the same as
    those of a convolution.
    """
    pixels = images.float()
    inner = pixels[..., 1:-1, 1:-1]  # a view: (B, C, H - 2, W - 2)
    columns = pixels[..., :-2, :] + pixels[..., 1:-1, :] + pixels[..., 2:, :]
    smooth = columns[..., :-2] + columns[..., 1:-1] + columns[..., 2:]
    smooth = smooth.add_(inner, alpha=4).div_(13).round_()
    inner.add_(smooth.sub_(inner), alpha=-strength)
    return pixels.clamp_(0, 255).to(torch.uint8)


def _solarize(images: Tensor, threshold: float) -> Tensor:
    """Invert every byte of at least `threshold`. (B, C, H, W) -> same."""
    chosen = (images >= threshold).view(torch.uint8)  # 0 or 1, so its negative is 0 or 255
    return images ^ -chosen  # several times as fast as torch.where, which is slow on bytes


_COLOURS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "Identity": lambda images, _: images,
    "Brightness": lambda images, by: V2.adjust_brightness(images, 1 + by),
    "Color": lambda images, by: V2.adjust_saturation(images, 1 + by),
    "Contrast": lambda images, by: V2.adjust_contrast(images, 1 + by),
    "Sharpness": _sharpness,
    "Posterize": lambda images, by: V2.posterize(images, round(by)),
    "Solarize": lambda images, by: _solarize(images, 255 * by),
    "AutoContrast": lambda images, _: V2.autocontrast(images),
    "Equalize": lambda images, _: V2.equalize(images),
}
