"""Memory that is used again for every chunk of images.

Maps are large enough for the system to hand out fresh pages for each, which costs more than the
arithmetic that is done on them.
"""

from math import prod

import torch
from torch import Tensor


class Workspace:
    """Tensors by name, grown where a larger one is asked for; what they held is overwritten."""

    def __init__(self):
        self._flat: dict[tuple, Tensor] = {}

    def take(self, name, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """A contiguous tensor of this shape, with the type and device of `like`."""
        key = name, like.dtype, like.device
        size = prod(shape)
        if key not in self._flat or self._flat[key].numel() < size:
            self._flat[key] = torch.empty(size, dtype=like.dtype, device=like.device)
        return self._flat[key][:size].view(shape)
