"""The ruler `cca`: canonical correlations of the channels of `F` and of `G`."""

from __future__ import annotations

import torch
from torch import Tensor

from equivar.rulers.about import Reading
from equivar.rulers.heldout import Tested, reading, tested
from equivar.rulers.sums import Gram, Pairing

KEPT = 0.99  # share of the variance that the leading directions have together
_LEAST = 1e-6  # of the largest variance: directions below it are rounding
_TINY = 1e-30


def cca(sums: Pairing) -> Reading:
    """The mean canonical correlation of `F` and `G` over channels, denoised: SVCCA (Raghu 2017).

    Formula: the channels of F, and those of G, are first reduced to the principal directions that
    have 99 % of their variance; between the two spaces come the canonical pairs of directions, in
    number as many as the smaller space has dimensions, all from the covariances over the cells of
    one half of the images; the score is the mean correlation of the pairs over the cells of the
    other half, averaged over both ways to choose the half. Raghu et al. (NeurIPS 2017) take the
    mean on the data that it was fitted on.

    Range: -1 to 1; 1 where both sets of channels span the same functions, however mixed. Larger is
    more equivariant. It is symmetric in F and G, and every direction counts the same, however
    little variance it has. Chance: the same, fitted and judged on wrong pairs.

    Cost: as for `linear`, and the products of G with G.
    """
    right, wrong = ([_of_half(sums, half, wrong) for half in (0, 1)] for wrong in (False, True))
    return reading("cca", right, wrong, paired=False)


def _of_half(sums: Pairing, half: int, wrong: bool) -> Tested:
    """Fitted on one half of the images, judged on the other."""
    fit, test = sums.f.folds.halves[half], sums.f.folds.halves[1 - half]
    of_f, of_g = whitening(sums.f, fit), whitening(sums.g, fit)
    left, _, right = torch.linalg.svd(
        of_g.T @ sums.covariance(fit, wrong) @ of_f, full_matrices=False
    )
    a, b = of_f @ right.T, of_g @ left  # (C, D): canonical directions of F and of G
    rows = [_moments(sums, a, b, fold, wrong) for fold in test]
    return tested(sums.f.cells[list(test)], rows)


def whitening(gram: Gram, folds: tuple[int, ...]) -> Tensor:
    """The leading principal directions, each scaled to variance 1: (C, D). Worked out once.

    Channels count in their own units, as they enter the next layer; constant ones are left out.
    """
    key = "white", folds
    if key not in gram.kept:
        own = gram.units.scale.double() * (gram.deviations(folds) > 0)
        own = own / own.max().clamp(min=_TINY)
        values, vectors = torch.linalg.eigh(gram.covariance(folds) * own[:, None] * own)
        values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
        share = values.cumsum(0) / values.sum().clamp(min=_TINY)
        count = min(int((share < KEPT).sum()) + 1, int((values > _LEAST * values[0]).sum()))
        some = slice(0, max(1, count))
        gram.kept[key] = own[:, None] * vectors[:, some] / values[some].clamp(min=_TINY).sqrt()
    return gram.kept[key]


def _moments(sums: Pairing, a: Tensor, b: Tensor, fold: int, wrong: bool) -> tuple[Tensor, ...]:
    """Sums over a fold of both sides of each pair, of their squares, and of their product."""
    f, g = sums.f, sums.g
    return (
        f.sums[fold] @ a,
        g.sums[fold] @ b,
        ((f.products[fold].double() @ a) * a).sum(dim=0),
        ((g.products[fold].double() @ b) * b).sum(dim=0),
        ((sums.products(fold, wrong) @ a) * b).sum(dim=0),
    )
