"""The ruler `variance`: the normalised variance of tmeasures, for two places of the image."""

from __future__ import annotations

import torch
from torch import Tensor

from equivar.rulers.about import Reading, corrected
from equivar.rulers.folds import Folds, Neighbours
from equivar.rulers.sums import Units


class Variance:
    """Running sums of one layer under one transformation.

    `add` takes the compared cells of `F` and `G` in the units of the layer, (B, n, C).
    """

    def __init__(self, folds: Folds, units: Units):
        channels = len(units.origin)
        self.folds, self.neighbours = folds, Neighbours(folds)
        self.images = 0
        self.right = units.origin.new_zeros(folds.count, channels, dtype=torch.float64)
        self.wrong = torch.zeros_like(self.right)
        self.cells = torch.zeros(folds.count, dtype=torch.float64)
        self.moments: Tensor | None = None  # (4, n, C): sums over images of x, x^2, y, y^2

    def add(self, x: Tensor, y: Tensor, first: int):
        """Add the images first, first + 1, ..."""
        moments = torch.stack([z.sum(dim=0) for z in (x, x.square(), y, y.square())]).double()
        self.moments = moments if self.moments is None else self.moments + moments
        self.images += len(x)
        for fold, some, *_ in self.folds.pieces(first, len(x)):
            self.cells[fold] += x[some].shape[0] * x.shape[1]
            self.right[fold] += (x[some] - y[some]).abs_().sum(dim=(0, 1))
        for fold, before, after in self.neighbours.pairs(x, y, first):
            self.wrong[fold] += (before - after).abs_().sum(dim=(0, 1))

    def reading(self) -> Reading:
        """The normalised variance of a layer (Quiroga et al. 2021, and their package tmeasures).

        Formula: of each channel, the deviation of its values over the transformation (the image as
        it is and transformed), averaged over images, divided by the deviation over images, averaged
        over the two; both as standard deviations with n - 1, at each cell of the map turned back,
        and averaged over cells. The score is the mean over channels. tmeasures calls it the
        normalised variance of same-equivariance, with feature maps averaged; for maps turned back
        it is what the paper's invariance asks (eq. 4). A set of transformations has one number
        there; here each transformation has one, with the image as it is.

        Range: 0 to about 1, and smaller is more invariant: 0 where the moved map is that of the
        moved image, about as large as chance where the transformation changes a map as much as
        another image does. It compares values, not patterns, so that a change of contrast counts as
        well. Chance: F of the image before. Channels that are the same for all images take no part.

        Cost: no forward pass of its own, no products; sums over images at each cell.
        """
        if self.images < 2:
            return Reading()
        spread = self._spread()
        score, chance = (self._score(of, self.cells, spread) for of in (self.right, self.wrong))
        k = self.folds.count
        parts = torch.stack(
            [
                self._score(
                    self.right.sum(dim=0, keepdim=True) - self.right[[fold]],
                    self.cells.sum(dim=0, keepdim=True) - self.cells[[fold]],
                    spread,
                )
                for fold in range(k)
            ]
        )
        error = ((k - 1) / k * ((parts - parts.mean()) ** 2).sum()).sqrt().item()
        fair = corrected("variance", score.item(), chance.item())
        return Reading(score.item(), error, chance.item(), fair)

    def _spread(self) -> Tensor:
        """The deviation over images, averaged over cells and over the two sides, (C,)."""
        n = self.images
        x, xx, y, yy = self.moments
        sides = [(squares - sums * sums / n) / (n - 1) for sums, squares in ((x, xx), (y, yy))]
        return torch.stack([one.clamp(min=0).sqrt().mean(dim=0) for one in sides]).mean(dim=0)

    def _score(self, differences: Tensor, cells: Tensor, spread: Tensor) -> Tensor:
        """The ratio, averaged over channels; of two values, |a - b| / sqrt(2) is the deviation."""
        over = differences.sum(dim=0) / cells.sum().to(differences.device) / 2**0.5
        ratio = (over / spread).masked_fill(spread <= _FLAT, torch.nan)
        return ratio.nanmean().cpu()


_FLAT = 1e-6  # in units of a channel's largest deviation: below it there is only rounding
