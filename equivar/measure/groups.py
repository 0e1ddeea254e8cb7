"""Groups of images for the jackknife: the score without each group gives the standard error."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

_LARGEST_BLOCK = 64  # enough images for a fast matrix product


@dataclass(frozen=True)
class Groups:
    """`count` groups: blocks of `block` consecutive images, dealt to the groups in turn."""

    count: int
    block: int

    @classmethod
    def of(cls, count: int, images: int | None) -> "Groups":
        """`count` groups that all get images, where the number of `images` is known.

        A block has at most 64 images, and 16 where their number is not known.
        """
        block = 16 if images is None else -(-images // count)
        return cls(count, min(max(block, 1), _LARGEST_BLOCK))

    def runs(self, first: int, images: int) -> tuple[tuple[int, slice], ...]:
        """Cut images first, first + 1, ... into runs of one group each: (group, their slice)."""
        return _runs(self, first, images)

    def membership(self, first: int, images: int) -> Tensor:
        """1 where an image belongs to a group: (count, images), float64."""
        return _membership(self, first, images)


ONE_GROUP = Groups(1, 1)


@lru_cache(maxsize=64)
def _runs(groups: Groups, first: int, images: int) -> tuple[tuple[int, slice], ...]:
    if groups.count == 1:
        return ((0, slice(0, images)),)
    edges = [0, *range(groups.block - first % groups.block, images, groups.block), images]
    return tuple(
        ((first + a) // groups.block % groups.count, slice(a, b)) for a, b in pairwise(edges)
    )


@lru_cache(maxsize=64)
def _membership(groups: Groups, first: int, images: int) -> Tensor:
    member = torch.zeros(groups.count, images, dtype=torch.float64)
    for group, run in _runs(groups, first, images):
        member[group, run] = 1
    return member


def jackknife(replicates) -> float:
    """The standard error from the scores without each group; NaN for fewer than two groups."""
    k = len(replicates)
    if k < 2:
        return float("nan")
    values = torch.tensor(replicates, dtype=torch.float64)
    return ((k - 1) / k * ((values - values.mean()) ** 2).sum()).sqrt().item()
