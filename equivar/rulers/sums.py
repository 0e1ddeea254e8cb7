"""What `linear`, `cca` and `channel-dataset` are made from: sums over the cells of all images.

`F` and `G` come as (B, n, C) over the n compared cells. Each channel is taken about its mean in the
first images and in units of its largest deviation there, so that products in single precision are
well conditioned. Sums are kept fold by fold: whatever is fitted on some folds and judged on others
needs no second pass over the images, and memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equivar.rulers.folds import Folds, Neighbours
from equivar.similarity import FLAT, NotFiniteError, summed_products

_ROUNDING = 1e-10  # share of a sum of squares that rounding may leave where all cancels


@dataclass(frozen=True)
class Units:
    """In what each channel of a layer is told: about `origin`, in units of `scale`, (C,) each."""

    origin: Tensor
    scale: Tensor

    @classmethod
    def of(cls, maps: Tensor) -> Units:
        """From the maps (B, H, W, C) of the first images."""
        cells = maps.flatten(0, 2)
        origin = cells.mean(dim=0, dtype=torch.float64).to(maps.dtype)
        spread = (cells - origin).abs().amax(dim=0)
        return cls(origin, torch.where(spread > 0, spread, 1))

    def told(self, maps: Tensor) -> Tensor:
        """Maps (B, n, C) in these units. NotFiniteError: NaN or infinity."""
        found = (maps - self.origin) / self.scale
        if not torch.isfinite(found.sum()):
            raise NotFiniteError
        return found


class Gram:
    """Sums over the cells of `F`, or of `G`, fold by fold: of values, and of their products.

    full: products of all pairs of channels, (C, C), else squares alone. `F` is the same for all
    turns, and is then added once.
    """

    def __init__(self, folds: Folds, units: Units, full: bool):
        self.folds, self.units, self.full = folds, units, full
        self.next = 0  # the number of the image to be added next
        channels = len(units.origin)
        self.cells = torch.zeros(folds.count, dtype=torch.float64)
        self.sums = units.origin.new_zeros(folds.count, channels, dtype=torch.float64)
        self.squares = torch.zeros_like(self.sums)
        self.products = units.origin.new_zeros(folds.count, *[channels] * 2) if full else None
        self.kept: dict[object, object] = {}  # what is worked out once for several rulers

    def add(self, x: Tensor, first: int):
        """Add images first, first + 1, ..., in units, unless they were added before."""
        if first < self.next:
            return
        self.next = first + len(x)
        for fold, some, *_ in self.folds.pieces(first, len(x)):
            self.cells[fold] += x[some].shape[0] * x.shape[1]
            self.sums[fold] += x[some].sum(dim=(0, 1))
            if self.full:
                self.products[fold] += summed_products(x[some], x[some])
            else:
                self.squares[fold] += x[some].square().sum(dim=(0, 1))

    def mean(self, folds: Sequence[int]) -> Tensor:
        """The mean of each channel over some folds, (C,)."""
        some = list(folds)
        return self.sums[some].sum(dim=0) / self.cells[some].sum().to(self.sums.device)

    def of_squares(self, fold: int) -> Tensor:
        """The sum of squares of each channel in a fold, (C,)."""
        return self.products[fold].diagonal().double() if self.full else self.squares[fold]

    def covariance(self, folds: Sequence[int]) -> Tensor:
        """The covariance of every pair of channels over some folds, (C, C), float64."""
        mean, cells = self.mean(folds), self.cells[list(folds)].sum()
        return _summed(self.products, folds).div_(cells.item()).sub_(mean[:, None] * mean)

    def deviations(self, folds: Sequence[int]) -> Tensor:
        """The standard deviation of each channel over some folds, (C,); 0 where it is constant."""
        mean = self.mean(folds)
        squares = sum(self.of_squares(fold) for fold in folds)
        squares = squares / self.cells[list(folds)].sum().to(mean.device)
        variance = squares - mean.square()
        level = mean + self.units.origin.double() / self.units.scale.double()
        sound = (variance > FLAT**2 * level.square()) & (variance > _ROUNDING * squares)
        return torch.where(sound, variance, 0).sqrt()


class Cross:
    """Sums of the products of `G` and `F`, (C, C) for each fold, of right and of wrong pairs."""

    def __init__(self, folds: Folds, units: Units):
        channels = len(units.origin)
        self.folds, self.neighbours = folds, Neighbours(folds)
        self.right = units.origin.new_zeros(folds.count, channels, channels)  # row: a channel of G
        self.wrong = torch.zeros_like(self.right)

    def add(self, x: Tensor, y: Tensor, first: int):
        """Add images first, first + 1, ...: `F` and `G` in units, (B, n, C) each."""
        for fold, some, *_ in self.folds.pieces(first, len(x)):
            self.right[fold] += summed_products(y[some], x[some])
        for fold, before, after in self.neighbours.pairs(x, y, first):
            self.wrong[fold] += summed_products(after, before)


@dataclass(frozen=True)
class Pairing:
    """The sums of one layer under one transformation: of `F`, of `G`, and of both."""

    f: Gram
    g: Gram
    cross: Cross

    def add(self, x: Tensor, y: Tensor, first: int):
        """Add images first, first + 1, ..., in units."""
        self.f.add(x, first)
        self.g.add(y, first)
        self.cross.add(x, y, first)

    def products(self, fold: int, wrong: bool) -> Tensor:
        """The products of `G` and `F` in a fold, (C, C), float64."""
        return (self.cross.wrong if wrong else self.cross.right)[fold].double()

    def covariance(self, folds: Sequence[int], wrong: bool) -> Tensor:
        """The covariance of each channel of `G` (rows) with each of `F`, (C, C), float64."""
        cells = self.f.cells[list(folds)].sum()
        means = self.g.mean(folds)[:, None] * self.f.mean(folds)
        products = self.cross.wrong if wrong else self.cross.right
        return _summed(products, folds).div_(cells.item()).sub_(means)


def _summed(products: Tensor, folds: Sequence[int]) -> Tensor:
    """The sum over some folds of matrices (K, C, C), in double precision, without copies of all."""
    first, *others = folds
    total = products[first].double()
    for fold in others:
        total += products[fold]
    return total
