"""Running sums that become the scores of one layer under one transformation.

Each takes pairs of maps image by image and forgets them: `F`, the feature map transformed, and
`G`, the feature map of the transformed image, both `(B, n, C)` over the n compared cells.
`Score.replicates` holds the score without one group of images, for each group: the jackknife.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from equivar.similarity import FLAT, lengths

KINDS = ("invariance", "equivariance")
_BLOCK = 4  # consecutive images that share a jackknife group
_FEW_CHANNELS = 128  # so few that the products of every image are held at once
_ROUNDING = 1e-12  # share of a sum of squares that may be left where all else cancels
_CHUNK_BYTES = 64 * 2**20  # of channel-by-channel matrices held at once


@dataclass(frozen=True)
class Score:
    """A score with its standard error; NaN where no channel had one."""

    score: float = float("nan")
    se: float = float("nan")
    undefined: float = 1.0
    replicates: tuple[float, ...] = ()


@dataclass
class Pairs:
    """`G` beside unit maps of `F`; `first` is the number of the first image of `G`."""

    g: Tensor  # (B, n, C)
    g_inverse: Tensor  # (B, C): 1 / length, 0 where undefined
    g_defined: Tensor  # (B, C)
    f: Tensor  # (B, n, C), length 1
    f_defined: Tensor  # (B, C)
    first: int = 0

    @classmethod
    def of(cls, g: Tensor, f: Tensor, f_defined: Tensor, similarity: str, first: int) -> "Pairs":
        return cls(*lengths(g, similarity), f, f_defined, first)

    def images(self, start: int, stop: int, f_start: int) -> "Pairs":
        """Images start..stop of G, beside the images of F from `f_start` on."""
        g, f = slice(start, stop), slice(f_start, f_start + stop - start)
        return Pairs(
            self.g[g],
            self.g_inverse[g],
            self.g_defined[g],
            self.f[f],
            self.f_defined[f],
            self.first + start,
        )

    def beside(self, f: Tensor, f_defined: Tensor) -> "Pairs":
        """The first image of G beside another image's F."""
        one = self.images(0, 1, 0)
        return Pairs(one.g, one.g_inverse, one.g_defined, f, f_defined, one.first)

    def __len__(self) -> int:
        return self.g.shape[0]

    def products(self) -> Tensor:
        """S(G_c, F_c') of every image: (B, C, C'), 0 where undefined."""
        return torch.bmm(self.g.transpose(1, 2), self.f).mul_(self.g_inverse.unsqueeze(2))

    def own_products(self) -> Tensor:
        """S(G_c, F_c) of every image: (B, C), 0 where undefined."""
        return (self.g * self.f).sum(dim=1).mul_(self.g_inverse)


@dataclass
class ImageMean:
    """The mean over an image's defined channels, then over images (section 3, eq. 4)."""

    groups: int
    sums: Tensor = field(init=False)  # (groups, 3): images, sum, sum of squares
    undefined: int = 0
    seen: int = 0

    def __post_init__(self):
        self.sums = torch.zeros(self.groups, 3, dtype=torch.float64)

    def add(self, s: Tensor, defined: Tensor, first: int):
        """`s` and `defined` (B, C), the latter saying which of the former count."""
        count = defined.sum(dim=1)
        scored = count > 0
        values = (s.double() * defined).sum(dim=1) / count.clamp(min=1)  # (B,)
        rows = torch.stack([torch.ones_like(values), values, values**2], dim=1)
        rows = (rows * scored.unsqueeze(1)).cpu()
        self.sums.index_add_(0, _groups(first, len(s), self.groups), rows)
        self.undefined += defined.numel() - int(count.sum())
        self.seen += defined.numel()

    def score(self) -> Score:
        images, total, squares = self.sums.sum(dim=0).tolist()
        if images == 0:
            return Score(undefined=1.0)
        mean = total / images
        variance = max(squares - images * mean**2, 0) / (images - 1) if images > 1 else float("nan")
        without = self.sums.sum(dim=0) - self.sums[self.sums[:, 0] > 0]
        replicates = tuple((without[:, 1] / without[:, 0]).tolist()) if len(without) > 1 else ()
        return Score(mean, (variance / images) ** 0.5, self.undefined / self.seen, replicates)


class ImageScores:
    """`over="image"`: S over the cells of each image; the best channel per image or for all."""

    def __init__(self, match: str, groups: int):
        self.match, self.groups = match, groups
        self.invariance = ImageMean(groups)
        self.equivariance = ImageMean(groups)
        self.matched = MatchedSums(groups) if match == "dataset" else None

    def add(self, pairs: Pairs):
        own = pairs.g_defined & pairs.f_defined
        if self.match == "image":
            s, best = self._per_image(pairs)
            self.equivariance.add(best, self._has_match(pairs), pairs.first)
        elif pairs.f.shape[2] <= pairs.f.shape[1]:  # few channels: their matrix is small
            products = pairs.products()
            s = products.diagonal(dim1=1, dim2=2)
            self.matched.add_products(products, pairs)
        else:
            s = pairs.own_products()
            self.matched.add(pairs)
        self.invariance.add(s, own, pairs.first)

    def _per_image(self, pairs: Pairs) -> tuple[Tensor, Tensor]:
        """S with the own and with the best channel of each image: both (B, C)."""
        own, best = [], []
        channels = pairs.f.shape[2]
        step = max(1, _CHUNK_BYTES // (4 * channels**2))
        for start in range(0, len(pairs), step):
            some = pairs.images(start, start + step, start)
            products = some.products()
            own.append(products.diagonal(dim1=1, dim2=2).clone())
            products.masked_fill_(~some.f_defined.unsqueeze(1), -torch.inf)
            best.append(products.amax(dim=2).nan_to_num(neginf=0))
        return torch.cat(own), torch.cat(best)

    @staticmethod
    def _has_match(pairs: Pairs) -> Tensor:
        return pairs.g_defined & pairs.f_defined.any(dim=1, keepdim=True)

    def scores(self) -> dict[str, Score]:
        equivariance = self.matched or self.equivariance
        return {"invariance": self.invariance.score(), "equivariance": equivariance.score()}


class MatchedSums:
    """`match="dataset"`: S averaged over images for every pair of channels, then the best (eq. 7).

    Keeps a (C, C) sum for each jackknife group, and a count only once a map is undefined.
    """

    def __init__(self, groups: int):
        self.groups = groups
        self.sums: Tensor | None = None  # (groups, C, C)
        self.images = torch.zeros(groups, dtype=torch.int64)
        self.missing: Tensor | None = None  # (groups, C, C): images where the pair has no S
        self.undefined = 0
        self.seen = 0

    def add(self, pairs: Pairs):
        """Many channels: one matrix product for the images of a group."""
        g = pairs.g * pairs.g_inverse.unsqueeze(1)  # (B, n, C)
        self._allocate(g)
        for group, members in _members(pairs.first, len(pairs), self.groups):
            some_g, some_f = (_rows(x, members) for x in (g, pairs.f))
            self.sums[group].addmm_(some_g.T, some_f)
        self._count(pairs)

    def add_products(self, products: Tensor, pairs: Pairs):
        """Few channels: the products (B, C, C) of every image are there already."""
        self._allocate(products)
        member = _membership(pairs.first, len(pairs), self.groups).to(products)
        self.sums += (member @ products.flatten(1)).view_as(self.sums)
        self._count(pairs)

    def _allocate(self, like: Tensor):
        if self.sums is None:
            channels = like.shape[2]
            self.sums = like.new_zeros(self.groups, channels, channels)

    def _count(self, pairs: Pairs):
        g, f = pairs.g_defined, pairs.f_defined
        self.images += torch.bincount(
            _groups(pairs.first, len(pairs), self.groups), minlength=self.groups
        )
        self.seen += g.numel()
        if g.all() and f.all():
            return
        self.undefined += int((~ImageScores._has_match(pairs)).sum())
        if self.missing is None:
            self.missing = torch.zeros_like(self.sums, dtype=torch.int16)
        self._widen()
        for group, members in _members(pairs.first, len(pairs), self.groups):
            both = g[members].to(self.sums.dtype).T @ f[members].to(self.sums.dtype)
            self.missing[group] += (members.stop - members.start - both).to(self.missing.dtype)

    def _widen(self):
        """Counters take 2 bytes until a group has more images than they can count."""
        if self.missing.dtype == torch.int16 and self.images.max() > torch.iinfo(torch.int16).max:
            self.missing = self.missing.int()

    def score(self) -> Score:
        if self.sums is None:
            return Score()
        total = self.sums.sum(dim=0)
        missing = None if self.missing is None else self.missing.sum(dim=0, dtype=torch.int32)
        images = int(self.images.sum())
        best = self._best(total, images, missing)
        replicates = []
        for group in torch.nonzero(self.images).flatten().tolist():
            lost = None if missing is None else missing - self.missing[group]
            rest = images - int(self.images[group])
            replicates.append(self._best(total - self.sums[group], rest, lost) if rest else None)
        if len(replicates) < 2:
            replicates = []
        return Score(best, jackknife(replicates), self.undefined / self.seen, tuple(replicates))

    @staticmethod
    def _best(sums: Tensor, images: int, missing: Tensor | None) -> float:
        """The mean over channels of the best average S; NaN when no pair was ever defined."""
        if missing is None:
            return (sums / images).amax(dim=1).clamp(-1, 1).double().mean().item()
        count = images - missing
        best = (sums / count).masked_fill(count == 0, -torch.inf).amax(dim=1)
        return best[best > -torch.inf].clamp(-1, 1).double().mean().item()


class DatasetScores:
    """`over="dataset"`: one vector per channel, of all cells of all images.

    Sums are taken about each channel's mean in the first images (cosine: about 0) and in units of
    its spread there, so that large means and extreme values lose nothing.
    `F` is given as it is, not as unit maps.
    """

    def __init__(self, similarity: str, groups: int):
        self.similarity, self.groups = similarity, groups
        self.references: Tensor | None = None  # (2, C): of F, of G
        self.scales: Tensor | None = None  # (2, C)
        self.cells = torch.zeros(groups, dtype=torch.float64)
        self.moments: Tensor | None = None  # (groups, 5, C): x, y, x^2, y^2, xy with x of F, y of G
        self.products: Tensor | None = None  # (groups, C, C): y x^T

    def add(self, g: Tensor, f: Tensor, first: int):
        """Maps `(B, n, C)`, the first of them of image number `first`."""
        if self.references is None:
            self._start(g, f)
        x, y = (
            (z - reference) / scale
            for z, reference, scale in zip((f, g), self.references, self.scales, strict=True)
        )
        member = _membership(first, len(f), self.groups).to(f.device)  # (groups, B)
        self.cells += member.sum(dim=1).cpu() * f.shape[1]
        moments = torch.stack([z.sum(dim=1) for z in (x, y, x * x, y * y, x * y)], dim=1)
        self.moments += (member @ moments.double().flatten(1)).view_as(self.moments)
        if f.shape[2] <= _FEW_CHANNELS:
            products = torch.bmm(y.transpose(1, 2), x).flatten(1)
            self.products += (member.to(f.dtype) @ products).view_as(self.products)
            return
        for group, members in _members(first, len(f), self.groups):
            self.products[group].addmm_(_rows(y, members).T, _rows(x, members))

    def _start(self, g: Tensor, f: Tensor):
        channels = f.shape[2]
        cells = torch.stack([f.flatten(0, 1), g.flatten(0, 1)])  # (2, B n, C)
        means = cells.double().mean(dim=1)
        about = means if self.similarity == "correlation" else torch.zeros_like(means)
        self.references = about.to(f.dtype)
        spread = (cells - self.references.unsqueeze(1)).abs().amax(dim=1)
        self.scales = torch.where(spread > 0, spread, 1)
        self.moments = f.new_zeros(self.groups, 5, channels, dtype=torch.float64)
        self.products = f.new_zeros(self.groups, channels, channels)

    def scores(self) -> dict[str, Score]:
        if self.references is None:
            return {kind: Score() for kind in KINDS}
        cells, moments, products = (x.sum(dim=0) for x in (self.cells, self.moments, self.products))
        whole = self._evaluate(cells, moments, products)
        used = torch.nonzero(self.cells).flatten().tolist()
        without = [
            self._evaluate(
                cells - self.cells[k], moments - self.moments[k], products - self.products[k]
            )
            for k in (used if len(used) > 1 else [])
        ]
        scores = {}
        for kind, (value, undefined) in whole.items():
            replicates = tuple(part[kind][0] for part in without)
            scores[kind] = Score(value, jackknife(replicates), undefined, replicates)
        return scores

    def _evaluate(self, cells, moments: Tensor, products: Tensor) -> dict[str, tuple[float, float]]:
        """Both kinds' score and share of undefined channels, from sums over cells."""
        x, y, xx, yy, xy = moments / cells.to(moments.device)
        products = products.double() / cells.item()
        rounding = _ROUNDING * torch.stack([xx, yy])
        if self.similarity == "correlation":
            products -= torch.outer(y, x)
            xx, yy, xy = xx - x * x, yy - y * y, xy - x * y
        means = torch.stack([x, y]) + self.references.double() / self.scales
        variances = torch.stack([xx, yy])
        defined = (variances > FLAT**2 * (variances + means**2)) & (variances > rounding)
        inverse = torch.where(defined, variances, 1).rsqrt()
        s = products * inverse[0] * inverse[1].unsqueeze(1)
        best = s.masked_fill(~defined[0], -torch.inf).amax(dim=1)
        own = xy * inverse[0] * inverse[1]
        has = {"invariance": defined[0] & defined[1], "equivariance": defined[1] & defined[0].any()}
        values = {"invariance": own, "equivariance": best}
        return {
            kind: (
                values[kind][ok].clamp(-1, 1).mean().item(),
                1 - ok.double().mean().item(),
            )
            for kind, ok in has.items()
        }


def jackknife(replicates) -> float:
    """The standard error from the scores without each group; NaN for fewer than two groups."""
    k = len(replicates)
    if k < 2:
        return float("nan")
    values = torch.tensor(replicates, dtype=torch.float64)
    return ((k - 1) / k * ((values - values.mean()) ** 2).sum()).sqrt().item()


def _groups(first: int, count: int, groups: int) -> Tensor:
    """The jackknife group of images first, first + 1, ...: blocks of images, dealt in turn."""
    return torch.arange(first, first + count).div(_BLOCK, rounding_mode="floor") % groups


def _membership(first: int, count: int, groups: int) -> Tensor:
    """1 where an image belongs to a group: (groups, count)."""
    return torch.nn.functional.one_hot(_groups(first, count, groups), groups).T.double()


def _members(first: int, count: int, groups: int) -> list[tuple[int, slice]]:
    """The runs of images that share a group: (group, images)."""
    if groups == 1:
        return [(0, slice(0, count))]
    edges = [0, *range(_BLOCK - first % _BLOCK, count, _BLOCK), count]
    return [((first + a) // _BLOCK % groups, slice(a, b)) for a, b in pairwise(edges)]


def _rows(maps: Tensor, members: slice) -> Tensor:
    """The cells of some images below one another: (images x n, C)."""
    return maps[members].flatten(0, 1)
