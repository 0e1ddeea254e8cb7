"""`over="image"`: S over the cells of each image, as running sums.

`F`, the feature map transformed, and `G`, the feature map of the transformed image, come image by
image as `(B, n, C)` over the n compared cells, and are forgotten once they are summed.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from equivar.measure.groups import Groups, at_once, jackknife
from equivar.measure.score import Score
from equivar.similarity import summed_products

_CHUNK_BYTES = 64 * 2**20  # of channel-by-channel matrices held at once


@dataclass
class Pairs:
    """`G` beside `F`, both scaled so that S is a dot product; `first`: the number of G's image."""

    g: Tensor  # (B, n, C)
    g_defined: Tensor  # (B, C)
    f: Tensor  # (B, n, C)
    f_defined: Tensor  # (B, C)
    first: int = 0
    scratch: Tensor | None = None  # (B, n, C), to be overwritten

    def images(self, start: int, stop: int, f_start: int) -> "Pairs":
        """Images start..stop of G, beside the images of F from `f_start` on."""
        g, f = slice(start, stop), slice(f_start, f_start + stop - start)
        return Pairs(self.g[g], self.g_defined[g], self.f[f], self.f_defined[f], self.first + start)

    def beside(self, f: Tensor, f_defined: Tensor) -> "Pairs":
        """The first image of G beside another image's F."""
        return Pairs(self.g[:1], self.g_defined[:1], f, f_defined, self.first)

    def __len__(self) -> int:
        return self.g.shape[0]

    @property
    def complete(self) -> bool:
        """Whether every map is defined."""
        return bool(self.g_defined.all() and self.f_defined.all())

    @property
    def has_match(self) -> Tensor:
        """Whether a channel can be compared with any: (B, C)."""
        return self.g_defined & self.f_defined.any(dim=1, keepdim=True)


@dataclass
class ImageMean:
    """The mean over an image's defined channels, then over images (section 3, eq. 4)."""

    groups: Groups
    sums: Tensor = field(init=False)  # (groups, 3): images, sum, sum of squares
    undefined: int = 0
    seen: int = 0

    def __post_init__(self):
        self.sums = torch.zeros(self.groups.count, 3, dtype=torch.float64)

    def add(self, s: Tensor, defined: Tensor | None, first: int):
        """`s (B, C)`; `defined (B, C)` says which of it counts, None that all does."""
        self.seen += s.numel()
        if defined is None:
            values = s.mean(dim=1).double()  # (B,)
            scored = torch.ones_like(values)
        else:
            count = defined.sum(dim=1)
            values = (s.double() * defined).sum(dim=1) / count.clamp(min=1)
            scored = (count > 0).double()
            self.undefined += defined.numel() - int(count.sum())
        rows = torch.stack([scored, values * scored, values**2 * scored], dim=1).cpu()
        self.sums += self.groups.membership(first, len(s)) @ rows

    def add_sum(self, total: float, images: int, channels: int):
        """The sum of the means of `images` complete images, for want of their single values."""
        self.seen += images * channels
        self.sums[0] += torch.tensor([images, total, torch.nan])

    def score(self) -> Score:
        images, total, squares = self.sums.sum(dim=0).tolist()
        if images == 0:
            return Score()
        mean = total / images
        spread = squares - images * mean**2
        se = (max(spread, 0) / (images - 1) / images) ** 0.5 if images > 1 else float("nan")
        without = self.sums.sum(dim=0) - self.sums[self.sums[:, 0] > 0]
        replicates = tuple((without[:, 1] / without[:, 0]).tolist()) if len(without) > 1 else ()
        return Score(mean, se, self.undefined / self.seen, replicates)


class ImageScores:
    """Both kinds' scores; for equivariance the best channel per image, or one for all images."""

    def __init__(self, match: str, groups: Groups):
        self.groups = groups
        self.invariance = ImageMean(groups)
        self.equivariance = MatchedSums(groups) if match == "dataset" else BestMean(groups)

    def add(self, pairs: Pairs):
        complete = pairs.complete
        trace = self.equivariance.add(pairs, complete)
        if trace is not None and self.groups.count == 1 and complete:  # no se is asked for
            channels = pairs.f.shape[2]
            self.invariance.add_sum(trace / channels, len(pairs), channels)
            return
        s = torch.mul(pairs.g, pairs.f, out=pairs.scratch).sum(dim=1)  # (B, C)
        defined = None if complete else pairs.g_defined & pairs.f_defined
        self.invariance.add(s, defined, pairs.first)

    def scores(self) -> dict[str, Score]:
        return {"invariance": self.invariance.score(), "equivariance": self.equivariance.score()}


class BestMean(ImageMean):
    """`match="image"`: the best channel of each image."""

    def add(self, pairs: Pairs, complete: bool) -> None:
        best = []
        step = max(1, _CHUNK_BYTES // (4 * pairs.f.shape[2] ** 2))
        for start in range(0, len(pairs), step):
            some = pairs.images(start, start + step, start)
            s = torch.bmm(some.g.transpose(1, 2), some.f)  # (b, C, C')
            s.masked_fill_(~some.f_defined.unsqueeze(1), -torch.inf)
            best.append(s.amax(dim=2).nan_to_num(neginf=0))
        super().add(torch.cat(best), None if complete else pairs.has_match, pairs.first)


class MatchedSums:
    """`match="dataset"`: S averaged over images for every pair of channels, then the best (eq. 7).

    Keeps a (C, C) sum for each jackknife group, and a count only once a map is undefined.
    """

    def __init__(self, groups: Groups):
        self.groups = groups
        self.sums: Tensor | None = None  # (groups, C, C)
        self.images = torch.zeros(groups.count, dtype=torch.int64)
        self.missing: Tensor | None = None  # (groups, C, C): images where the pair has no S
        self.undefined = 0
        self.seen = 0

    def add(self, pairs: Pairs, complete: bool) -> float | None:
        """Add the images' products; with a single group, their trace is returned."""
        channels = pairs.f.shape[2]
        if self.sums is None:
            self.sums = pairs.f.new_zeros(self.groups.count, channels, channels)
        trace = None
        for group, run in self.groups.runs(pairs.first, len(pairs)):
            products = summed_products(pairs.g[run], pairs.f[run])
            self.sums[group] += products
            self.images[group] += run.stop - run.start
            if self.groups.count == 1:
                trace = products.trace().item()
        self.seen += pairs.g_defined.numel()
        if not complete:
            self._count_missing(pairs)
        return trace

    def _count_missing(self, pairs: Pairs):
        self.undefined += int((~pairs.has_match).sum())
        if self.missing is None:
            self.missing = torch.zeros_like(self.sums, dtype=torch.int16)
        if self.missing.dtype == torch.int16 and self.images.max() > torch.iinfo(torch.int16).max:
            self.missing = self.missing.int()  # more images than 2 bytes can count
        g, f = pairs.g_defined.to(self.sums.dtype), pairs.f_defined.to(self.sums.dtype)
        for group, run in self.groups.runs(pairs.first, len(pairs)):
            both = g[run].T @ f[run]
            self.missing[group] += (run.stop - run.start - both).to(self.missing.dtype)

    def score(self) -> Score:
        if self.sums is None:
            return Score()
        total, images = self.sums.sum(dim=0), self.images.sum()
        missing = None if self.missing is None else self.missing.sum(dim=0, dtype=torch.int32)
        best = _best(total[None], images[None], None if missing is None else missing[None])
        used = torch.nonzero(self.images).flatten()
        replicates = []
        for some in used.split(at_once(total)) if len(used) > 1 else ():
            lost = None if missing is None else missing - self.missing[some]
            replicates += _best(total - self.sums[some], images - self.images[some], lost)
        return Score(best[0], jackknife(replicates), self.undefined / self.seen, tuple(replicates))


def _best(sums: Tensor, images: Tensor, missing: Tensor | None) -> list[float]:
    """The mean over channels of the best average S; NaN when no pair was ever defined.

    Sums and counts of missing images (K, C, C), images (K,) -> K scores.
    """
    count = images.to(sums)[:, None, None]
    if missing is None:
        return (sums / count).amax(dim=2).clamp(-1, 1).double().mean(dim=1).tolist()
    count = count - missing
    best = (sums / count).masked_fill(count == 0, -torch.inf).amax(dim=2)  # (K, C)
    defined = best > -torch.inf
    best = best.clamp(-1, 1).double().masked_fill(~defined, 0)
    return (best.sum(dim=1) / defined.sum(dim=1)).tolist()
