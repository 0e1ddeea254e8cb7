"""The ruler `lie`: how much a small motion of the image changes a map beyond moving it."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin

import torch
from torch import Tensor
from torch.nn import functional as F

from equivar.features.grid import Grid
from equivar.rulers.about import Reading
from equivar.rulers.folds import Folds, Neighbours


@dataclass(frozen=True)
class Motion:
    """A small motion of the plane: a diagonal shift of `step` pixels, or a turn of `step` degrees.

    sort: "shift" or "rotation".
    """

    sort: str
    step: float

    @property
    def name(self) -> str:
        """Its name in tables, such as "shift-0.5"."""
        return f"{self.sort}-{self.step:g}"

    def moved(self, maps: Tensor, grid: Grid, times: float) -> Tensor:
        """Maps (B, H, W, C) whose content is moved by `times` steps; cells lie as `grid` says.

        Read bilinearly; what comes from outside is that of the border. A shift goes down and to the
        right, a turn is counter-clockwise about the middle. A map of one cell stays as it is.
        """
        if grid.cells == 1:
            return maps
        height, width = maps.shape[1:3]
        rows = torch.arange(height, dtype=torch.float64) - (height - 1) / 2
        columns = torch.arange(width, dtype=torch.float64) - (width - 1) / 2
        y, x = torch.meshgrid(rows * float(grid.rows), columns * float(grid.columns), indexing="ij")
        by = times * self.step
        if self.sort == "shift":
            y, x = y - by, x - by
        else:  # where the content of a cell was: rows count downwards
            c, s = cos(radians(by)), sin(radians(by))
            y, x = c * y + s * x, c * x - s * y
        places = [x / float(grid.columns) * 2 / width, y / float(grid.rows) * 2 / height]
        read = torch.stack(places, dim=-1).to(maps)[None].expand(len(maps), -1, -1, -1)
        found = F.grid_sample(
            maps.permute(0, 3, 1, 2), read, padding_mode="border", align_corners=False
        )
        return found.permute(0, 2, 3, 1)


MOTIONS = {"shift": Motion("shift", 0.5), "rotation": Motion("rotation", 1.0)}


class LieError:
    """Running sums of one layer under one small motion.

    `add` takes a = T^-1 f(T x) and b = T f(T^-1 x), (B, H, W, C) each.
    """

    def __init__(self, folds: Folds, motion: Motion):
        self.folds, self.motion, self.neighbours = folds, motion, Neighbours(folds)
        self.right, self.wrong = torch.zeros(2, folds.count, dtype=torch.float64)
        self.counts = torch.zeros(folds.count, dtype=torch.float64)
        self.origin: Tensor | None = None  # of each channel, about which squares are summed
        self.sums = self.squares = 0.0  # of each channel, over cells and images
        self.cells = 0

    def add(self, a: Tensor, b: Tensor, first: int):
        """Add the images first, first + 1, ..."""
        if self.origin is None:
            self.origin = a.mean(dim=(0, 1, 2))
        a, b = ((z - self.origin).flatten(1, 2) for z in (a, b))
        for z in (a, b):
            self.sums = self.sums + z.sum(dim=(0, 1)).double()
            self.squares = self.squares + z.square().sum(dim=(0, 1)).double()
            self.cells += z.shape[0] * z.shape[1]
        for fold, some, *_ in self.folds.pieces(first, len(a)):
            self.right[fold] += _squared(a[some] - b[some])
            self.counts[fold] += a[some].shape[0] * a.shape[1]
        for fold, before, after in self.neighbours.pairs(a, b, first):
            self.wrong[fold] += _squared(before - after)

    def reading(self) -> Reading:
        """The local equivariance error of a layer (Gruver et al., ICLR 2023).

        Formula: L = (T^-1 f(T x) - T f(T^-1 x)) / 2 h by central differences, where T is a shift by
        h = half a pixel on both axes, or a turn by h = 1 degree, and moves maps by the same part of
        their own grid; the score is the mean of |L|^2 over images, cells and channels, divided by
        the variance of the maps, that layers of different scale may be compared. Gruver et al.
        divide by the number of outputs, and split the error of a network's output into what each
        layer adds to it; here each layer's own map is asked, as by the other rulers.

        Range: 0 and above, and smaller is more equivariant: 0 where the map moves with the image. A
        channel is compared with itself, since near no motion none has another partner; so it says
        nothing of invariance beside equivariance. Chance: T^-1 f(T x) beside the map of another
        image. Bilinear reading is an error of its own, which central differences take away to the
        first order.

        Cost: two more forward passes of each image for shifts, and two for turns.
        """
        variance = (self.squares - self.sums.square() / self.cells).sum().item() / self.cells
        level = (self.origin.double().square().sum() + self.squares.sum() / self.cells).item()
        if variance <= 1e-10 * level:
            return Reading()
        unit = (2 * self.motion.step) ** 2 * variance
        score, chance = (
            (of.sum() / self.counts.sum()).item() / unit for of in (self.right, self.wrong)
        )
        k, cells = self.folds.count, self.counts.sum() - self.counts
        parts = (self.right.sum() - self.right) / cells / unit
        error = ((k - 1) / k * ((parts - parts.mean()) ** 2).sum()).sqrt().item()
        return Reading(score, error, chance)


def _squared(difference: Tensor) -> float:
    return difference.square().sum().item()
