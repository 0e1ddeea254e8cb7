"""Memory that is used again for every chunk of images.

Maps are so large that the system gives each of them new pages of memory, which takes longer than
the arithmetic on the maps.
"""

from math import prod

import torch
from torch import Tensor


class Workspace:
    """Tensors by name; they grow where a larger one is asked for, and are overwritten."""

    def __init__(self):
        self._flat: dict[tuple, Tensor] = {}

    def take(self, name, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """A contiguous tensor of this shape, with the type and device of `like`."""
        key = name, like.dtype, like.device
        size = prod(shape)
        if key not in self._flat or self._flat[key].numel() < size:
            self._flat[key] = torch.empty(size, dtype=like.dtype, device=like.device)
        return self._flat[key][:size].view(shape)
