"""`over="dataset"`: S over the cells of all images at once, as running sums."""

from collections.abc import Sequence

import torch
from torch import Tensor

from equivar.measure.groups import Groups, jackknife
from equivar.measure.score import Score
from equivar.names import KINDS
from equivar.similarity import FLAT, summed_products

_FEW_CHANNELS = 128  # up to so many, the products of every image are held at once
_NUMBERS_AT_ONCE = 2**20  # in the (C, C) matrices that are evaluated together
_ROUNDING = 1e-12  # share of a sum of squares that rounding may leave where all cancels


class DatasetScores:
    """`over="dataset"`: one vector per channel, of all cells of all images.

    Sums are taken about each channel's mean in the first images (cosine: about 0) and in units of
    its spread there, so that large means and extreme values cost no precision. `F` is given as it
    is, not as unit maps.
    """

    def __init__(self, similarity: str, groups: Groups, sign: str = "keep"):
        self.similarity, self.groups = similarity, groups
        self.least = 0 if sign == "clip" else -1
        self.references: Tensor | None = None  # (2, C): of F, of G
        self.scales: Tensor | None = None  # (2, C)
        self.cells = torch.zeros(groups.count, dtype=torch.float64)
        self.moments: Tensor | None = None  # (groups, 5, C): x, y, x^2, y^2, xy with x of F, y of G
        self.products: Tensor | None = None  # (groups, C, C): y x^T

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
            self.products += (member.to(products) @ products).view_as(self.products)
            return
        for group, run in self.groups.runs(first, len(f)):
            self.products[group] += summed_products(y[run], x[run])

    def _start(self, g: Tensor, f: Tensor):
        channels = f.shape[2]
        cells = torch.stack([f.flatten(0, 1), g.flatten(0, 1)])  # (2, B n, C)
        means = cells.double().mean(dim=1)
        about = means if self.similarity == "correlation" else torch.zeros_like(means)
        self.references = about.to(f.dtype)
        spread = (cells - self.references.unsqueeze(1)).abs().amax(dim=1)
        self.scales = torch.where(spread > 0, spread, 1)
        self.moments = f.new_zeros(self.groups.count, 5, channels, dtype=torch.float64)
        self.products = f.new_zeros(self.groups.count, channels, channels)

    def scores(self) -> dict[str, Score]:
        """For each kind, the score over all images and its standard error by the jackknife."""
        if self.references is None:
            return {kind: Score() for kind in KINDS}
        cells, moments, products = (x.sum(dim=0) for x in (self.cells, self.moments, self.products))
        whole = self._evaluate(cells[None], moments[None], products[None])
        used = torch.nonzero(self.cells).flatten()
        replicates: dict[str, list[float]] = {kind: [] for kind in KINDS}
        at_once = max(1, _NUMBERS_AT_ONCE // products.numel())
        for some in used.split(at_once) if len(used) > 1 else ():
            rest = (
                cells - self.cells[some],
                moments - self.moments[some],
                products - self.products[some],
            )
            for kind, (values, _) in self._evaluate(*rest).items():
                replicates[kind] += values.tolist()
        return {
            kind: Score(
                values.item(), jackknife(replicates[kind]), share.item(), tuple(replicates[kind])
            )
            for kind, (values, share) in whole.items()
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

    def _evaluate(self, cells: Tensor, moments: Tensor, products: Tensor):
        """For each kind, K scores and K shares of undefined channels, from K sums over cells.

        cells (K,), moments (K, 5, C), products (K, C, C).
        """
        s, xy, inverse, defined = self._similarities(cells, moments, products)
        best = s.masked_fill_(~defined[0][:, None, :], -torch.inf).amax(dim=2)
        any_f = defined[0].any(dim=1, keepdim=True)
        values = {"invariance": xy * inverse[0] * inverse[1], "equivariance": best}
        has = {"invariance": defined[0] & defined[1], "equivariance": defined[1] & any_f}
        return {
            kind: (
                values[kind].clamp(self.least, 1).masked_fill(~ok, 0).sum(dim=1) / ok.sum(dim=1),
                1 - ok.double().mean(dim=1),
            )
            for kind, ok in has.items()
        }

    def _similarities(self, cells: Tensor, moments: Tensor, products: Tensor):
        """From K sums over cells, S of every pair of channels, (K, C, C), and what it is made of.

        That is: the covariance of each channel of F with the same channel of G (cosine: the mean
        product), (K, C); then, for F and for G, 1 / the deviation of each channel, and which
        channels are defined, (2, K, C) each.
        """
        x, y, xx, yy, xy = (moments / cells.to(moments.device)[:, None, None]).unbind(dim=1)
        products = products.double() / cells.to(moments.device)[:, None, None]
        rounding = _ROUNDING * torch.stack([xx, yy])
        if self.similarity == "correlation":
            products = products - y[:, :, None] * x[:, None, :]
            xx, yy, xy = xx - x * x, yy - y * y, xy - x * y
        means = torch.stack([x, y]) + (self.references.double() / self.scales)[:, None]
        variances = torch.stack([xx, yy])  # (2, K, C)
        defined = (variances > FLAT**2 * (variances + means**2)) & (variances > rounding)
        inverse = torch.where(defined, variances, 1).rsqrt()
        return products * inverse[0][:, None, :] * inverse[1][:, :, None], xy, inverse, defined
