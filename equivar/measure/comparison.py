"""One layer under one transformation: `F` is compared with `G`, and the scores are summed."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equivar.features import MapShape
from equivar.measure.correction import Result, results_of
from equivar.measure.dataset_scores import DatasetScores
from equivar.measure.groups import Groups
from equivar.measure.image_scores import Defined, ImageScores, MatchedSums, Pairs
from equivar.measure.products import CellOrder, each_image, scaled
from equivar.measure.workspace import Workspace
from equivar.similarity import SIGNS, SIMILARITIES, NotFiniteError, unit_maps
from equivar.transforms import BORDERS, SUBPIXELS, Rotation, Shift

Transform = Rotation | Shift
CHOICES = {  # values of `Options`; the first is the default
    "similarity": SIMILARITIES,
    "over": ("image", "dataset"),
    "match": ("dataset", "image"),
    "border": BORDERS,
    "subpixel": SUBPIXELS,
    "sign": SIGNS,
    "common": ("keep", "remove"),
}
_MATRIX_BYTES = 64 * 2**20  # of channel-by-channel matrices held at once
# up to these numbers of channels, in all and per cell, S of each image costs less time than
# scaling its maps
_FEW_CHANNELS = 256
_FEW_PER_CELL = 2
CHANCE_ROWS = 128  # channels whose chance is also known without each jackknife group


@dataclass(frozen=True)
class Options:
    """How to read the measure; the fields are arguments of `equivar.measure`."""

    similarity: str = "correlation"
    over: str = "image"
    match: str = "dataset"
    border: str = "zero"
    subpixel: str = "bilinear"
    sign: str = "keep"
    common: str = "keep"
    chance: bool = True


@dataclass(frozen=True)
class Original:
    """A layer's maps of untransformed images, (B, H, W, C), and the same as unit maps.

    Unit maps are kept for rotations: these only move cells, so they can be applied after scaling.
    Each of the two is None where it is not needed.
    """

    maps: Tensor | None
    unit: tuple[Tensor, Tensor] | None  # (B, H, W, C) and which are defined (B, C)

    def images(self, part: slice) -> "Original":
        """The same for some of the images."""
        unit = self.unit and tuple(x[part] for x in self.unit)
        return Original(None if self.maps is None else self.maps[part], unit)

    def bytes(self) -> int:
        """The memory that the maps take, in bytes."""
        tensors = [self.maps, self.unit[0] if self.unit else None]
        return sum(x.numel() * x.element_size() for x in tensors if x is not None)


class Comparison:
    """How the cells of a layer are paired under a transformation, and its running scores."""

    def __init__(self, shape: MapShape, transform: Transform, options: Options, groups: Groups):
        self.shape, self.transform, self.options = shape, transform, options
        self.per_image = shape.spatial and options.over == "image"
        self.steps = self._steps()
        self.measurable = self.steps is not None
        self.real = self._sums(groups)
        self.chance = self._sums(groups, kept_rows(shape.channels)) if options.chance else None
        self.order: CellOrder | None = None
        self.last: Tensor | None = None  # F of the image before
        self.last_defined: Tensor | None = None

    @property
    def over(self) -> str:
        """The cells that S is taken over: those of one "image", or of the whole "dataset"."""
        return "image" if self.per_image else "dataset"

    def _sums(self, groups: Groups, kept: Tensor | None = None):
        if self.per_image:
            return ImageScores(self.options.match, groups, self.options.sign, kept)
        return DatasetScores(self.options.similarity, groups, self.options.sign, kept)

    def _steps(self):
        """For shifts of maps: how each axis is read; None if no cell can be compared."""
        if isinstance(self.transform, Rotation) or not self.shape.spatial:
            return ()
        return self.transform.steps(self.shape.grid, self.options.border, self.options.subpixel)

    def add(self, original: Original, moved: Tensor, first: int, workspace: Workspace):
        """Compare the maps `moved (B, H, W, C)` of transformed images with the original ones.

        `first` is the number of the first image. Raises NotFiniteError for NaN and infinity.
        """
        if not self.per_image:
            self._add_jointly(*self.pair(original, moved), first)
            return
        g, order = self._compared(moved), self._order(moved.device)
        if isinstance(self.transform, Rotation):
            f, defined = original.unit[0].flatten(1, 2), original.unit[1]
        else:
            f, defined = unit_maps(self._transformed(original.maps), self.options.similarity)
        if not self._each_image:
            self._add_together(g, order, f, defined, first, workspace)
            return
        images = max(1, _MATRIX_BYTES // (2 * g.element_size() * g.shape[2] ** 2))
        for start in range(0, len(g), images):
            some = slice(start, start + images)
            self._add_each(g[some], order, f[some], defined[some], first + start, workspace)

    def pair(self, original: Original, moved: Tensor) -> tuple[Tensor, Tensor]:
        """`F` and `G` at the compared cells, (B, n, C) each, cell by cell in the same order.

        For turns that is the order of the original map, so that `F` is the same for all of them.
        """
        g, order = self._compared(moved), self._order(moved.device)
        g = g if order is None else g.index_select(1, order.cells)
        return self._transformed(original.maps), g

    @property
    def _each_image(self) -> bool:
        """Whether S is computed for each image: where it is needed, or where it is less work."""
        few = self.shape.channels <= min(_FEW_CHANNELS, _FEW_PER_CELL * self.shape.grid.cells)
        return few or self.options.match == "image" or self.options.sign == "clip"

    def _compared(self, moved: Tensor) -> Tensor:
        """`G`, the transformed images' maps at the compared cells: (B, n, C)."""
        for dim, steps in enumerate(self.steps, start=1):
            moved = steps.target(moved, dim)
        return moved.flatten(1, 2)

    def _add_each(self, g, order, f, defined: Tensor, first: int, workspace: Workspace):
        """Add S of each image; for chance, also S with F of the image before."""
        shape = len(g), g.shape[2], f.shape[2]
        real = workspace.take("real", shape, g)
        chance = None if self.chance is None else workspace.take("chance", shape, g)
        g_defined = each_image(
            g, order, f, self.last, self.options.similarity, real, chance, workspace
        )
        self.real.add_each(real, Defined(g_defined, defined, first))
        if chance is None:
            return
        begin = int(self.last is None)  # the very first image has none before it
        before = defined[:-1] if begin else torch.cat([self.last_defined, defined[:-1]])
        if len(before):
            beside = Defined(g_defined[begin:], before, first + begin)
            self.chance.add_each(chance[begin:], beside)
        self._remember(f, defined)

    def _add_together(self, g, order, f, defined: Tensor, first: int, workspace: Workspace):
        """Add S summed over images; for chance, also S with F of the image before."""
        product, out = (workspace.take(name, g.shape, g) for name in ("G F", "G"))
        g, g_defined = scaled(g, order, self.options.similarity, out, workspace)
        pairs = Pairs(g, f, Defined(g_defined, defined, first), product)
        self.real.add_together(pairs)
        if self.chance is None:
            return
        if self.last is not None:
            self.chance.add_together(pairs.beside(self.last, self.last_defined))
        if len(pairs) > 1:
            self.chance.add_together(pairs.images(1, len(pairs), 0))
        self._remember(f, defined)

    def _remember(self, f: Tensor, defined: Tensor):
        """Keep F of the last image, which is the one before the next image."""
        self.last, self.last_defined = f[-1:].clone(), defined[-1:]

    def _add_jointly(self, f: Tensor, g: Tensor, first: int):
        """Add to S over the cells of all images; for chance, also with F of the image before."""
        if not (torch.isfinite(f).all() and torch.isfinite(g).all()):
            raise NotFiniteError
        self.real.add(g, f, first)
        if self.chance is None:
            return
        if self.last is not None:
            self.chance.add(g[:1], self.last, first)
        if len(g) > 1:
            self.chance.add(g[1:], f[:-1], first + 1)
        self.last = f[-1:].clone()

    def _transformed(self, maps: Tensor) -> Tensor:
        """`F`, the original maps transformed, at the compared cells: (B, n, C)."""
        for dim, steps in enumerate(self.steps, start=1):
            maps = steps.source(maps, dim)
        return maps.flatten(1, 2)

    def _order(self, device) -> CellOrder | None:
        """The order in which the cells of a turned image's map match those of the original map.

        Reading G in this order replaces turning F, so that the same F serves all turns, and chance
        too. None for shifts, and for layers of one cell.
        """
        if not (self.shape.spatial and isinstance(self.transform, Rotation)):
            return None
        if self.order is None:
            grid = self.shape.grid.turned() if self.transform.swaps_sides else self.shape.grid
            cells = torch.arange(grid.cells, device=device).view(grid.height, grid.width)
            self.order = CellOrder(self.transform.inverse().on_images(cells).flatten())
        return self.order

    def similarities(self, groups: Sequence[int] | None = None, least: int = 1) -> Tensor:
        """S of every pair of channels, averaged as `match="dataset"` does: (C, C), float64.

        Row c belongs to G, column c' to F; NaN where a pair has an S in fewer than `least` images.
        groups: the jackknife groups that take part; None takes all.
        """
        return _sums_over_images(self.real).means(groups, least)

    def similarities_by_chance(self, least: int = 1) -> Tensor:
        """The same with F of the image before, for all images together."""
        return _sums_over_images(self.chance).means(least=least)

    @property
    def groups(self) -> list[int]:
        """The jackknife groups that have images."""
        return self.real.used

    def results(self) -> dict[str, Result]:
        """For each kind, what the table says."""
        return results_of(self.real, self.chance, kept_rows(self.shape.channels))


def kept_rows(channels: int) -> Tensor:
    """The channels whose chance is also known without each jackknife group, evenly spread."""
    return torch.linspace(0, channels - 1, min(channels, CHANCE_ROWS)).round().long()


def _sums_over_images(scores: ImageScores | DatasetScores) -> MatchedSums | DatasetScores:
    """What holds sums for pairs of channels; nothing does where the best is chosen per image."""
    return scores.equivariance if isinstance(scores, ImageScores) else scores
