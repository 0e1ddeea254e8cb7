"""`over="dataset"`: S over the cells of all images at once, as running sums."""

from collections.abc import Sequence

import torch
from torch import Tensor

from equivar.measure.groups import Groups
from equivar.measure.score import Channels, Score
from equivar.names import KINDS
from equivar.similarity import FLAT, summed_products

_FEW_CHANNELS = 128  # up to so many, the products of every image are held at once
_NUMBERS_AT_ONCE = 2**20  # in the (C, C) matrices that are evaluated together
_ROUNDING = 1e-12  # share of a sum of squares that rounding may leave where all cancels


class DatasetScores:
    """`over="dataset"`: one vector per channel, of all cells of all images.

    Sums are taken about each channel's mean in the first images (cosine: about 0) and in units of
    its spread there, so that large means and extreme values cost no precision. `F` is given as it
    is, not as unit maps. kept: as for `MatchedSums`.
    """

    def __init__(
        self, similarity: str, groups: Groups, sign: str = "keep", kept: Tensor | None = None
    ):
        self.similarity, self.groups, self.kept = similarity, groups, kept
        self.least = 0 if sign == "clip" else -1
        self.references: Tensor | None = None  # (2, C): of F, of G
        self.scales: Tensor | None = None  # (2, C)
        self.cells = torch.zeros(groups.count, dtype=torch.float64)
        self.moments: Tensor | None = None  # (groups, 5, C): x, y, x^2, y^2, xy with x of F, y of G
        self.products: Tensor | None = None  # (groups, C, C): y x^T; (1, C, C) where some are kept
        self.parts: Tensor | None = None  # (groups, R, C): the rows that are kept for each group

    def add(self, g: Tensor, f: Tensor, first: int):
        """Add the maps `(B, n, C)` of some images; `first` is the number of the first image."""
        if self.references is None:
            self._start(g, f)
        x, y = (
            (z - reference) / scale
            for z, reference, scale in zip((f, g), self.references, self.scales, strict=True)
        )
        member = self.groups.membership(first, len(f))
        self.cells += member.sum(dim=1) * f.shape[1]
        moments = torch.stack([z.sum(dim=1) for z in (x, y, x * x, y * y, x * y)], dim=1)
        self.moments += (member.to(f.device) @ moments.double().flatten(1)).view_as(self.moments)
        if f.shape[2] <= _FEW_CHANNELS:
            products = torch.bmm(y.transpose(1, 2), x).flatten(1)
            products = (member.to(products) @ products).view(self.groups.count, *x.shape[2:] * 2)
            if self.kept is None:
                self.products += products
            else:
                self.parts += products[:, self.kept.to(products.device)]
                self.products += products.sum(dim=0)
            return
        for group, run in self.groups.runs(first, len(f)):
            products = summed_products(y[run], x[run])
            if self.kept is None:
                self.products[group] += products
            else:
                self.parts[group] += products[self.kept.to(products.device)]
                self.products[0] += products

    def _start(self, g: Tensor, f: Tensor):
        channels = f.shape[2]
        cells = torch.stack([f.flatten(0, 1), g.flatten(0, 1)])  # (2, B n, C)
        means = cells.double().mean(dim=1)
        about = means if self.similarity == "correlation" else torch.zeros_like(means)
        self.references = about.to(f.dtype)
        spread = (cells - self.references.unsqueeze(1)).abs().amax(dim=1)
        self.scales = torch.where(spread > 0, spread, 1)
        self.moments = f.new_zeros(self.groups.count, 5, channels, dtype=torch.float64)
        whole = 1 if self.kept is not None else self.groups.count
        self.products = f.new_zeros(whole, channels, channels)
        if self.kept is not None:
            self.parts = f.new_zeros(self.groups.count, len(self.kept), channels)

    def scores(self, channels: dict[str, Channels]) -> dict[str, Score]:
        """For each kind, the mean over channels of what `self.channels` gave."""
        if self.references is None:
            return {kind: Score() for kind in KINDS}
        return {
            kind: one.score(one.whole.isnan().double().mean().item())
            for kind, one in channels.items()
        }

    @property
    def used(self) -> list[int]:
        """The jackknife groups that have images."""
        return torch.nonzero(self.cells).flatten().tolist()

    def channels(self, groups: Sequence[int]) -> dict[str, Channels]:
        """For each kind the score of each channel; `groups` are left out in turn."""
        if self.references is None:
            return {kind: Channels() for kind in KINDS}
        cells, moments, products = (x.sum(dim=0) for x in (self.cells, self.moments, self.products))
        whole = self._evaluate(cells[None], moments[None], products[None], None)
        parts = self.products if self.kept is None else self.parts
        total = products if self.kept is None else parts.sum(dim=0)
        at_once = max(1, _NUMBERS_AT_ONCE // total.numel())
        without = [
            self._evaluate(
                cells - self.cells[some],
                moments - self.moments[some],
                total - parts[some],
                self.kept,
            )
            for some in torch.tensor(list(groups), dtype=torch.long).split(at_once)
        ]
        return {
            kind: Channels(values[0].cpu(), torch.cat([x[kind] for x in without]).cpu())
            for kind, values in whole.items()
        }

    def means(self, groups: Sequence[int] | None = None, least: int = 1) -> Tensor:
        """S over the cells of some groups' images (None: of all), (C, C), NaN where undefined.

        Row c belongs to G, column c' to F. `least` has no effect: here no image has an S of its
        own.
        """
        some = slice(None) if groups is None else list(groups)
        sums = (x[some].sum(dim=0, keepdim=True) for x in (self.cells, self.moments, self.products))
        s, _, _, defined = self._similarities(*sums)
        both = defined[0, 0, None, :] & defined[1, 0, :, None]
        return s[0].clamp(self.least, 1).masked_fill(~both, torch.nan)

    def _evaluate(self, cells: Tensor, moments: Tensor, products: Tensor, rows: Tensor | None):
        """For each kind, the scores of R channels, (K, R), from K sums over cells; NaN: undefined.

        cells (K,), moments (K, 5, C), products (K, R, C); rows: which channels R are, None for all.
        """
        s, xy, inverse, defined = self._similarities(cells, moments, products, rows)
        f_defined, g_defined = defined
        best = s.masked_fill_(~f_defined[:, None, :], -torch.inf).amax(dim=2)
        any_f = f_defined.any(dim=1, keepdim=True)
        own, both = xy * inverse[0] * inverse[1], f_defined & g_defined
        if rows is not None:
            own, both, g_defined = (x[:, rows] for x in (own, both, g_defined))
        values = {"invariance": (own, both), "equivariance": (best, g_defined & any_f)}
        return {
            kind: x.clamp(self.least, 1).masked_fill(~ok, torch.nan)
            for kind, (x, ok) in values.items()
        }

    def _similarities(
        self, cells: Tensor, moments: Tensor, products: Tensor, rows: Tensor | None = None
    ):
        """From K sums over cells, S of pairs of channels, (K, R, C), and what it is made of.

        That is: the covariance of each channel of F with the same channel of G (cosine: the mean
        product), (K, C); then, for F and for G, 1 / the deviation of each channel, and which
        channels are defined, (2, K, C) each.
        """
        x, y, xx, yy, xy = (moments / cells.to(moments.device)[:, None, None]).unbind(dim=1)
        products = products.double() / cells.to(moments.device)[:, None, None]
        some = slice(None) if rows is None else rows.to(moments.device)
        rounding = _ROUNDING * torch.stack([xx, yy])
        if self.similarity == "correlation":
            products = products - y[:, some, None] * x[:, None, :]
            xx, yy, xy = xx - x * x, yy - y * y, xy - x * y
        means = torch.stack([x, y]) + (self.references.double() / self.scales)[:, None]
        variances = torch.stack([xx, yy])  # (2, K, C)
        defined = (variances > FLAT**2 * (variances + means**2)) & (variances > rounding)
        inverse = torch.where(defined, variances, 1).rsqrt()
        return products * inverse[0][:, None, :] * inverse[1][:, some, None], xy, inverse, defined
