"""`common="remove"`: each channel's mean map over the images is taken away before S is taken.

What all images have in common, such as a border or a code of positions, matches itself in any two
images. Without it, a score tells only what follows the image.
"""

import torch
from torch import Tensor

from equivar.similarity import FLAT, NotFiniteError


class MeanMaps:
    """The mean maps of layers, for the images as they are and under each transformation.

    They are summed in one pass over the images and taken away in another.
    """

    def __init__(self):
        self._sums: dict[tuple, Tensor] = {}  # (layer, transformation or None) -> (H, W, C)
        self._images: dict[tuple, int] = {}
        self._means: dict[tuple, Tensor] = {}

    def add(self, layer: int, transform, maps: Tensor):
        """Add the maps (B, H, W, C) of some images. NotFiniteError: NaN or infinity."""
        key, total = (layer, transform), maps.sum(dim=0, dtype=torch.float64)
        if not total.isfinite().all():
            raise NotFiniteError("a feature map holds NaN or infinity")
        self._sums[key] = self._sums[key] + total if key in self._sums else total
        self._images[key] = self._images.get(key, 0) + len(maps)

    def remove(self, layer: int, transform, maps: Tensor) -> Tensor:
        """Maps (B, H, W, C) without the mean map; 0, so undefined, where only rounding is left."""
        key = layer, transform
        if key not in self._means:
            self._means[key] = (self._sums.pop(key) / self._images[key]).to(maps.dtype)
        rest = maps - self._means[key]
        left, whole = (x.square().mean(dim=(1, 2), keepdim=True) for x in (rest, maps))
        return rest.masked_fill_(left <= FLAT**2 * whole, 0)
