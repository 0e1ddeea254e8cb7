"""`over="image"`: S over the cells of each image, as running sums.

`F`, the feature map transformed, and `G`, the feature map of the transformed image, come for B
images at a time as `(B, n, C)` over the n compared cells. They are not kept once they are summed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from equivar.measure.groups import ONE_GROUP, Groups
from equivar.measure.score import Channels, Score
from equivar.names import KINDS
from equivar.similarity import summed_products


@dataclass(frozen=True)
class Defined:
    """Which maps of G and F have an S, (B, C) each; `first` is the number of the first image."""

    g: Tensor
    f: Tensor
    first: int

    @cached_property
    def everywhere(self) -> bool:
        """Whether all maps have an S."""
        return bool(self.g.all() and self.f.all())

    @property
    def both(self) -> Tensor | None:
        """Whether a channel can be compared with itself, (B, C); None where all can."""
        return None if self.everywhere else self.g & self.f

    @property
    def any_match(self) -> Tensor | None:
        """Whether a channel can be compared with any, (B, C); None where all can."""
        return None if self.everywhere else self.g & self.f.any(dim=1, keepdim=True)


@dataclass
class Pairs:
    """`G` beside `F`, both scaled so that S is a dot product."""

    g: Tensor  # (B, n, C)
    f: Tensor  # (B, n, C)
    defined: Defined
    scratch: Tensor | None = None  # (B, n, C), to be overwritten

    def images(self, start: int, stop: int, f_start: int) -> "Pairs":
        """Images start..stop of G, beside the images of F from `f_start` on."""
        g, f = slice(start, stop), slice(f_start, f_start + stop - start)
        of = self.defined
        return Pairs(self.g[g], self.f[f], Defined(of.g[g], of.f[f], of.first + start))

    def beside(self, f: Tensor, f_defined: Tensor) -> "Pairs":
        """The first image of G beside another image's F."""
        return Pairs(self.g[:1], f, Defined(self.defined.g[:1], f_defined, self.defined.first))

    def __len__(self) -> int:
        return self.g.shape[0]


@dataclass
class ImageMean:
    """The mean over an image's defined channels, then over images (section 3, eq. 4)."""

    groups: Groups
    by_channel: bool = False  # also keep the sum and count of each channel
    sums: Tensor = field(init=False)  # (groups, 3): images, sum, sum of squares
    totals: Tensor | None = None  # (groups, 2, C): sum, images where it is defined
    undefined: int = 0
    seen: int = 0

    def __post_init__(self):
        self.sums = torch.zeros(self.groups.count, 3, dtype=torch.float64)

    def add(self, s: Tensor, defined: Tensor | None, first: int):
        """Add S of each channel of each image, `s (B, C)`; `first` is the first image's number.

        `defined (B, C)` says which of them count; None means that all do.
        """
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
        member = self.groups.membership(first, len(s))
        self.sums += member @ rows
        if self.by_channel:
            has = torch.ones_like(s) if defined is None else defined
            rows = torch.stack([s * has, has.to(s)], dim=1).double().cpu()  # (B, 2, C)
            more = (member @ rows.flatten(1)).view(len(member), 2, -1)
            self.totals = more if self.totals is None else self.totals + more

    def add_sum(self, total: float, images: int, channels: int):
        """Add the sum of the means of `images` images in which every channel is defined.

        Their single values are not known, so that no standard error can be given afterwards.
        """
        self.seen += images * channels
        self.sums[0] += torch.tensor([images, total, torch.nan])

    def score(self) -> Score:
        """The mean over images, with its standard error and the means without each group."""
        images, total, squares = self.sums.sum(dim=0).tolist()
        if images == 0:
            return Score()
        mean = total / images
        spread = squares - images * mean**2
        se = (max(spread, 0) / (images - 1) / images) ** 0.5 if images > 1 else float("nan")
        without = self.sums.sum(dim=0) - self.sums[self.sums[:, 0] > 0]
        replicates = tuple((without[:, 1] / without[:, 0]).tolist()) if len(without) > 1 else ()
        mean = max(-1.0, min(1.0, mean))  # only rounding can lead beyond
        return Score(mean, se, self.undefined / self.seen, replicates)

    def channels(self, groups: Sequence[int]) -> Channels:
        """The mean of each channel over the images where it is defined."""
        if self.totals is None:
            return Channels()
        sums = torch.stack([self.totals.sum(dim=0), *(-self.totals[list(groups)])])
        sums[1:] += sums[0].clone()
        means = sums[:, 0] / sums[:, 1]  # 0 / 0 is NaN: the channel has no score
        return Channels(means[0], means[1:])


class ImageScores:
    """The scores of both kinds; for equivariance with the best channel per image or for all.

    kept: the channels of G of which sums are also held for each group; see `MatchedSums`.
    """

    def __init__(self, match: str, groups: Groups, sign: str = "keep", kept: Tensor | None = None):
        self.clip, self.kept = sign == "clip", kept
        if match == "dataset":
            self.invariance = ImageMean(groups if kept is None else ONE_GROUP)
            self.equivariance = MatchedSums(groups, kept)
        else:
            self.invariance = ImageMean(groups, by_channel=True)
            self.equivariance = BestMean(groups, by_channel=True)

    def add_each(self, s: Tensor, defined: Defined):
        """Add S of every pair of channels of each image, `s (B, C, C)`, 0 where undefined.

        `s` is overwritten.
        """
        if self.clip:
            s = s.clamp_(min=0)
        self.invariance.add(s.diagonal(dim1=1, dim2=2), defined.both, defined.first)
        self.equivariance.add_each(s, defined)

    def add_together(self, pairs: Pairs):
        """Add images through the sum of their S.

        This is for images for which a matrix (C, C) is larger than the maps (n, C).
        """
        trace = self.equivariance.add_together(pairs)
        if trace is not None and pairs.defined.everywhere:  # no standard error is needed
            channels = pairs.f.shape[2]
            self.invariance.add_sum(trace / channels, len(pairs), channels)
            return
        s = torch.mul(pairs.g, pairs.f, out=pairs.scratch).sum(dim=1)  # (B, C)
        self.invariance.add(s, pairs.defined.both, pairs.defined.first)

    def scores(self, channels: dict[str, Channels]) -> dict[str, Score]:
        """The score of each kind; channels: what `self.channels` gave."""
        best = self.equivariance
        if isinstance(best, MatchedSums):
            return {
                "invariance": self.invariance.score(),
                "equivariance": best.score(channels["equivariance"]),
            }
        return {"invariance": self.invariance.score(), "equivariance": best.score()}

    def channels(self, groups: Sequence[int]) -> dict[str, Channels]:
        """For each kind the score of each channel, averaged over the images where it has one.

        groups: the jackknife groups that are left out in turn.
        """
        if isinstance(self.equivariance, MatchedSums):
            return self.equivariance.channels(groups)
        means = self.invariance.channels(groups), self.equivariance.channels(groups)
        if self.kept is not None and self.invariance.totals is not None:
            means = (Channels(one.whole, one.without[:, self.kept]) for one in means)
        return dict(zip(KINDS, means, strict=True))

    @property
    def used(self) -> list[int]:
        """The jackknife groups that have images."""
        if isinstance(self.equivariance, MatchedSums):
            return self.equivariance.used
        return torch.nonzero(self.invariance.sums[:, 0]).flatten().tolist()


class BestMean(ImageMean):
    """`match="image"`: the best channel of each image."""

    def add_each(self, s: Tensor, defined: Defined):
        """Add the best S of each channel of each image; `s (B, C, C)` is overwritten."""
        if not defined.everywhere:
            s = s.masked_fill_(~defined.f.unsqueeze(1), -torch.inf)
        self.add(s.amax(dim=2).nan_to_num(neginf=0), defined.any_match, defined.first)


class MatchedSums:
    """`match="dataset"`: S averaged over images for every pair of channels, then the best (eq. 7).

    There is a matrix (C, C) for each jackknife group. Where `kept` names some channels of G, as
    for chance, there is one matrix (C, C) in all, and for each group one of the kept rows alone,
    (R, C): many channels of many groups would take too much memory, and the error that images
    bring in is common to all channels.
    """

    def __init__(self, groups: Groups, kept: Tensor | None = None):
        self.groups, self.kept = groups, kept
        self.whole = PairSums()
        self.parts = self.whole if kept is None else PairSums(kept)
        self.undefined = 0
        self.seen = 0

    def add_each(self, s: Tensor, defined: Defined):
        """Add S of every pair of channels of each image, `s (B, C, C)`, 0 where undefined."""
        for group, run in self.groups.runs(defined.first, len(s)):
            self._add(group, run, s[run].sum(dim=0), defined)
        self._count(defined)

    def add_together(self, pairs: Pairs) -> float | None:
        """Add S summed over images; where only some rows are kept, return the trace of that sum."""
        trace = None if self.kept is None else 0.0
        for group, run in self.groups.runs(pairs.defined.first, len(pairs)):
            products = summed_products(pairs.g[run], pairs.f[run])
            if trace is not None:
                trace += products.trace().item()
            self._add(group, run, products, pairs.defined)
        self._count(pairs.defined)
        return trace

    def _add(self, group: int, run: slice, products: Tensor, defined: Defined):
        images, missing = run.stop - run.start, None
        if not defined.everywhere:
            g, f = (d[run].to(products.dtype) for d in (defined.g, defined.f))
            missing = images - g.T @ f
        if self.kept is not None:  # first, as the sum of all may go on in `products` itself
            rows = self.kept.to(products.device)
            some = None if missing is None else missing[rows]
            self.parts.add(group, products[rows], images, some)
            group = 0
        self.whole.add(group, products, images, missing)

    def _count(self, defined: Defined):
        self.seen += defined.g.numel()
        if not defined.everywhere:
            self.undefined += int((~defined.any_match).sum())

    @property
    def used(self) -> list[int]:
        """The jackknife groups that have images."""
        return sorted(self.parts.sums)

    def means(self, groups: Sequence[int] | None = None, least: int = 1) -> Tensor:
        """S averaged over the images of some groups (None: of all), (C, C), float64.

        NaN where a pair of channels has an S in fewer than `least` images. Row c belongs to G,
        column c' to F.
        """
        return self.whole.means(groups, least)

    def channels(self, groups: Sequence[int]) -> dict[str, Channels]:
        """As `ImageScores.channels`."""
        if not self.whole.sums:
            return {kind: Channels() for kind in KINDS}
        parts = self.parts.channels(groups)
        whole = parts if self.kept is None else self.whole.channels(())
        return {kind: Channels(x[0], y[1:]) for kind, x, y in zip(KINDS, whole, parts, strict=True)}

    def score(self, channels: Channels) -> Score:
        """The mean over channels of the best average S (eq. 7), with a jackknife error."""
        if not self.whole.sums:
            return Score()
        return channels.score(self.undefined / self.seen)


class PairSums:
    """S of pairs of channels, summed over images: a matrix (R, C) for each group of images.

    rows: which channels of G the R rows belong to; None: to all, R = C. There is a matrix of
    counters beside the sums once a map is undefined.
    """

    def __init__(self, rows: Tensor | None = None):
        self.rows = rows
        self.sums: dict[int, Tensor] = {}  # group -> (R, C)
        self.images: dict[int, int] = {}
        self.missing: dict[int, Tensor] = {}  # group -> (R, C): images where a pair has no S

    def add(self, group: int, products: Tensor, images: int, missing: Tensor | None):
        """Add a sum over `images` images, `missing` of which have no S (None: all have one)."""
        _add_to(self.sums, group, products)
        self.images[group] = self.images.get(group, 0) + images
        if missing is None:
            return
        # counters take 2 bytes until a group has more images than they can count
        small = self.images[group] <= torch.iinfo(torch.int16).max
        if not small and group in self.missing:
            self.missing[group] = self.missing[group].int()
        _add_to(self.missing, group, missing.to(torch.int16 if small else torch.int32))

    def means(self, groups: Sequence[int] | None, least: int) -> Tensor:
        """As `MatchedSums.means`."""
        some = [group for group in self.sums if groups is None or group in groups]
        if not some:
            return torch.full_like(next(iter(self.sums.values())), torch.nan, dtype=torch.float64)
        images = sum(self.images[group] for group in some)
        total = sum(self.sums[group].double() for group in some)
        missing = sum(self.missing[group].double() for group in some if group in self.missing)
        scored = images - missing
        means = (total / scored).clamp(-1, 1)
        few = torch.as_tensor(scored, device=means.device) < max(least, 1)
        return means.masked_fill(few, torch.nan)

    def channels(self, groups: Sequence[int]) -> tuple[Tensor, Tensor]:
        """For each row, the average S with its own channel, and the best: (1 + K, R), float64.

        First over all images, then without each of the K groups; NaN where there is none.
        """
        total, missing = _total(self.sums), _total(self.missing, torch.int32)
        images = sum(self.images.values())
        rows = torch.arange(len(total)) if self.rows is None else self.rows
        at = torch.arange(len(total), device=total.device), rows.to(total.device)
        found = [_own_and_best(total.clone(), images, missing, at)]
        rest = torch.empty_like(total)
        for group in groups:
            if group not in self.sums:  # of chance, whose first image has no partner
                found.append(found[0])
                continue
            torch.sub(total, self.sums[group], out=rest)
            lost = missing - self.missing[group] if group in self.missing else missing
            found.append(_own_and_best(rest, images - self.images[group], lost, at))
        return tuple(torch.stack(x) for x in zip(*found, strict=True))


def _own_and_best(sums: Tensor, images: int, missing: Tensor | None, at) -> tuple[Tensor, Tensor]:
    """For each row, the average S of the pair named by `at` and the best; `sums` is overwritten."""
    if missing is None:
        pair = sums[at] / images, sums.amax(dim=1) / images
    else:
        sums.div_(images - missing).nan_to_num_(nan=-torch.inf, posinf=-torch.inf)  # 0 / 0
        pair = sums[at], sums.amax(dim=1)
    return tuple(
        x.clamp(-1, 1).masked_fill(x == -torch.inf, torch.nan).double().cpu() for x in pair
    )


def _add_to(sums: dict[int, Tensor], group: int, more: Tensor):
    """Add a matrix to the sum of a group.

    The first matrix becomes the sum itself: with many channels, filling one with 0 takes long.
    """
    if group in sums:
        sums[group] += more
    else:
        sums[group] = more.contiguous()


def _total(sums: dict[int, Tensor], dtype: torch.dtype | None = None) -> Tensor | None:
    """The sum of the groups' matrices, None where there are none."""
    total = None
    for matrix in sums.values():
        total = matrix.to(dtype or matrix.dtype, copy=True) if total is None else total.add_(matrix)
    return total
