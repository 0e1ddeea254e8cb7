"""Folds of consecutive images, and each image beside a wrong one of its fold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

COUNTS = (8, 4)  # of folds, as many as memory allows
LEAST_IN_FOLD = 2  # images: one, and another to tell chance by


@dataclass(frozen=True)
class Folds:
    """`images` images in `count` folds of consecutive ones, nearly equal; `count` is even."""

    images: int
    count: int

    @property
    def halves(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The folds of the first half of the images, and those of the second."""
        middle = self.count // 2
        return tuple(range(middle)), tuple(range(middle, self.count))

    def edges(self) -> list[int]:
        """The numbers of the images that folds begin with, and behind the last one."""
        return [fold * self.images // self.count for fold in range(self.count + 1)]

    def pieces(self, first: int, images: int) -> Iterator[tuple[int, slice, bool, bool]]:
        """Cut images first, first + 1, ... into pieces of one fold each.

        Gives the fold, a slice of these images, whether the fold begins and whether it ends there.
        """
        edges, last = self.edges(), first + images
        for fold in range(self.count):
            begin, end = edges[fold], edges[fold + 1]
            a, b = max(begin, first), min(end, last)
            if a < b:
                yield fold, slice(a - first, b - first), a == begin, b == end


class Neighbours:
    """`G` of each image beside `F` of the image before it in the fold, the first beside the last.

    So every image of a fold takes part once on either side, and sums over `F` and over `G` alone
    are the same for wrong pairs as for right ones.
    """

    def __init__(self, folds: Folds):
        self.folds = folds
        self._head: Tensor | None = None  # G of the first image of the fold
        self._last: Tensor | None = None  # F of the last image so far

    def pairs(self, f: Tensor, g: Tensor, first: int) -> Iterator[tuple[int, Tensor, Tensor]]:
        """The wrong pairs of images first, first + 1, ...: (fold, F, G) for some at a time."""
        for fold, some, begins, ends in self.folds.pieces(first, len(f)):
            x, y = f[some], g[some]
            if begins:
                self._head = y[:1].clone()
            else:
                yield fold, self._last, y[:1]
            if len(x) > 1:
                yield fold, x[:-1], y[1:]
            self._last = x[-1:].clone()
            if ends:
                yield fold, self._last, self._head


def others(folds: Sequence[int], fold: int) -> tuple[int, ...]:
    """The folds without one."""
    return tuple(one for one in folds if one != fold)
