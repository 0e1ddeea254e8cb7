"""One layer under one transformation: `F` beside `G`, and the running scores of the two."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equivar.features import MapShape
from equivar.measure.dataset_scores import DatasetScores
from equivar.measure.groups import ONE_GROUP, Groups
from equivar.measure.image_scores import ImageScores, MatchedSums, Pairs
from equivar.measure.score import Score
from equivar.measure.workspace import Workspace
from equivar.similarity import SIGNS, SIMILARITIES, NotFiniteError, scaled_maps, unit_maps
from equivar.transforms import BORDERS, SUBPIXELS, Rotation, Shift

Transform = Rotation | Shift
CHOICES = {  # of Options; the first is the default
    "similarity": SIMILARITIES,
    "over": ("image", "dataset"),
    "match": ("dataset", "image"),
    "border": BORDERS,
    "subpixel": SUBPIXELS,
    "sign": SIGNS,
}


@dataclass(frozen=True)
class Options:
    """The reading of the measure; see `equivar.measure`."""

    similarity: str = "correlation"
    over: str = "image"
    match: str = "dataset"
    border: str = "zero"
    subpixel: str = "bilinear"
    sign: str = "keep"
    chance: bool = True


@dataclass(frozen=True)
class Original:
    """A layer's maps of untransformed images, (B, H, W, C), and the same as unit maps.

    Unit maps are kept for rotations, which move cells and so may come after scaling.
    """

    maps: Tensor | None
    unit: tuple[Tensor, Tensor] | None  # (B, H, W, C) and which are defined (B, C)

    def images(self, part: slice) -> "Original":
        unit = self.unit and tuple(x[part] for x in self.unit)
        return Original(None if self.maps is None else self.maps[part], unit)

    def bytes(self) -> int:
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
        self.chance = self._sums(ONE_GROUP) if options.chance else None
        self.order: Tensor | None = None
        self.last: Tensor | None = None  # F of the image before
        self.last_defined: Tensor | None = None

    @property
    def over(self) -> str:
        return "image" if self.per_image else "dataset"

    def _sums(self, groups: Groups):
        if self.per_image:
            return ImageScores(self.options.match, groups, self.options.sign)
        return DatasetScores(self.options.similarity, groups, self.options.sign)

    def _steps(self):
        """For shifts of maps: how each axis is read; None if no cell can be compared."""
        if isinstance(self.transform, Rotation) or not self.shape.spatial:
            return ()
        return self.transform.steps(self.shape.grid, self.options.border, self.options.subpixel)

    def add(self, original: Original, moved: Tensor, first: int, workspace: Workspace):
        """Compare the maps `moved (B, H, W, C)` of transformed images with the original ones.

        `first` is the number of the first image. Raises NotFiniteError for NaN and infinity.
        """
        g = self._compared(moved, workspace)
        if self.per_image:
            self._add_per_image(original, g, first, workspace)
        else:
            self._add_jointly(original, g, first)

    def _compared(self, moved: Tensor, workspace: Workspace) -> Tensor:
        """`G`, the transformed images' maps at the compared cells: (B, n, C).

        Under a turn its cells are put in the order of the original map, which is the same as
        turning that one, and once a turn instead of once for each image of a pair.
        """
        if self.shape.spatial and isinstance(self.transform, Rotation):
            cells = moved.flatten(1, 2)
            out = workspace.take("G", cells.shape, cells)
            return torch.index_select(cells, 1, self._order(cells.device), out=out)
        for dim, steps in enumerate(self.steps, start=1):
            moved = steps.target(moved, dim)
        return moved.flatten(1, 2)

    def _add_per_image(self, original: Original, g: Tensor, first: int, workspace: Workspace):
        """S over each image's cells; for chance, beside the image before."""
        if isinstance(self.transform, Rotation):
            f, defined = original.unit[0].flatten(1, 2), original.unit[1]
        else:
            f, defined = unit_maps(self._transformed(original.maps), self.options.similarity)
        scratch, out = (workspace.take(name, g.shape, g) for name in ("scratch", "G"))
        scaled = scaled_maps(g, self.options.similarity, out, scratch)
        pairs = Pairs(*scaled, f, defined, first, scratch)
        self.real.add(pairs)
        if self.chance is None:
            return
        if self.last is not None:
            self.chance.add(pairs.beside(self.last, self.last_defined))
        if len(pairs) > 1:
            self.chance.add(pairs.images(1, len(pairs), 0))
        self.last, self.last_defined = f[-1:].clone(), defined[-1:]

    def _add_jointly(self, original: Original, g: Tensor, first: int):
        """S over the cells of all images; for chance, beside the image before."""
        f = self._transformed(original.maps)
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

    def _order(self, device) -> Tensor:
        """Which cell of the turned map each cell of the original one has become: (n,)."""
        if self.order is None:
            grid = self.shape.grid.turned() if self.transform.swaps_sides else self.shape.grid
            cells = torch.arange(grid.height * grid.width, device=device)
            cells = cells.view(grid.height, grid.width)
            self.order = self.transform.inverse().on_images(cells).flatten()
        return self.order

    def similarities(self, groups: Sequence[int] | None = None, least: int = 1) -> Tensor:
        """S of every pair of channels, averaged as `match="dataset"` does: (C, C), float64.

        Row c is of G, column c' of F; NaN where a pair has an S in fewer than `least` images.
        groups: those of the jackknife that take part, None for all.
        """
        return _sums_over_images(self.real).means(groups, least)

    def similarities_by_chance(self, least: int = 1) -> Tensor:
        """The same with F of the image before, for all images together."""
        return _sums_over_images(self.chance).means(least=least)

    @property
    def groups(self) -> list[int]:
        """The jackknife groups that have images."""
        sums = _sums_over_images(self.real)
        if isinstance(sums, MatchedSums):
            return sorted(sums.images)
        return torch.nonzero(sums.cells).flatten().tolist()

    def scores(self) -> dict[str, tuple[Score, float]]:
        """kind -> the score and what chance alone gives."""
        chance = self.chance.scores() if self.chance else None
        return {
            kind: (score, chance[kind].score if chance else float("nan"))
            for kind, score in self.real.scores().items()
        }


def _sums_over_images(scores: ImageScores | DatasetScores) -> MatchedSums | DatasetScores:
    """What holds a channel-by-channel sum; only `match="dataset"` and `over="dataset"` do."""
    return scores.equivariance if isinstance(scores, ImageScores) else scores
