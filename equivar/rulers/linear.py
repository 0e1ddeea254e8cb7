"""The ruler `linear`: the best linear map from the channels of `F` to those of `G`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equivar.rulers.about import Reading
from equivar.rulers.heldout import Tested, reading, tested
from equivar.rulers.sums import Gram, Pairing

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of the ridge, beside a variance of 1 of each channel
LEAST = 0.1  # of the median deviation: no channel counts as varying less


def linear(sums: Pairing) -> Reading:
    """How well a linear map over channels predicts `G` from `F` (Lenc and Vedaldi, CVPR 2015).

    Formula: W = C_gf (C_ff + a I)^-1, with the covariances over all cells of one half of the images
    and channels of F scaled to variance 1, but for those that hardly vary there: a channel that is
    active in a few cells of one half and in many of the other would spoil every prediction, so none
    counts as varying less than a tenth of the median channel. The score is the correlation of
    (W F)_c with G_c over the cells of the other half, averaged over channels c and over both ways
    to choose the half. The strength a of the ridge is the one, of `STRENGTHS`, that predicts best
    between two parts of the fitting half. Lenc and Vedaldi learn W by gradient descent on the loss
    of the network that it is put into; the least squares fit here needs no labels.

    Range: -1 to 1; 1 where the channels of the turned image are linear mixtures of the turned
    channels, in whatever way they are mixed. Larger is more equivariant. Chance: the same, fitted
    and judged on wrong pairs. Constant channels of G take no part.

    Cost: no forward pass of its own, the products of F with F and of G with F, and some C^3 of
    linear algebra; it needs more cells than channels (`images_needed`).
    """
    right, wrong = ([_of_half(sums, half, wrong) for half in (0, 1)] for wrong in (False, True))
    return reading("linear", right, wrong, paired=True)


def images_needed(channels: int, cells: int, least: int) -> int:
    """How many images a fitted ruler takes, so that half of them have two cells a channel."""
    return max(least, -(-4 * channels // cells))


@dataclass(frozen=True)
class Basis:
    """The principal axes of the channels of F over some folds, each channel scaled to variance 1.

    inverse: what each channel is scaled by, 0 where it is constant, (C,). values, vectors: of the
    covariances of the scaled channels, in ascending order.
    """

    inverse: Tensor
    values: Tensor
    vectors: Tensor


def basis(gram: Gram, folds: Sequence[int]) -> Basis:
    """The principal axes over some folds; worked out once."""
    key = "basis", tuple(folds)
    if key not in gram.kept:
        deviations = gram.deviations(folds)
        own, varies = deviations * gram.units.scale, deviations > 0
        least = LEAST * own[varies].median() if varies.any() else 1
        inverse = torch.where(varies, gram.units.scale / own.clamp(min=least), 0)
        scaled = gram.covariance(folds) * inverse[:, None] * inverse
        values, vectors = torch.linalg.eigh(scaled)
        gram.kept[key] = Basis(inverse, values.clamp(min=0), vectors)
    return gram.kept[key]


def _of_half(sums: Pairing, half: int, wrong: bool) -> Tested:
    """Fitted on one half of the images, judged on the other."""
    fit, test = sums.f.folds.halves[half], sums.f.folds.halves[1 - half]
    axes = basis(sums.f, fit)
    strength = _strength(sums, fit, wrong)
    weights = (sums.covariance(fit, wrong) * axes.inverse) @ axes.vectors
    weights = (weights / (axes.values + strength)) @ axes.vectors.T * axes.inverse  # (C of G, of F)
    rows = [_moments(sums, weights, fold, wrong) for fold in test]
    defined = (sums.g.deviations(fit) > 0) & (sums.g.deviations(test) > 0)
    return tested(sums.f.cells[list(test)], rows, defined)


def _moments(sums: Pairing, weights: Tensor, fold: int, wrong: bool) -> tuple[Tensor, ...]:
    """Sums over a fold of the prediction a, of G as b, and of a^2, b^2 and ab, (C,) each."""
    f, g = sums.f, sums.g
    return (
        weights @ f.sums[fold],
        g.sums[fold],
        ((weights @ f.products[fold].double()) * weights).sum(dim=1),
        g.of_squares(fold),
        (weights * sums.products(fold, wrong)).sum(dim=1),
    )


def _strength(sums: Pairing, fit: Sequence[int], wrong: bool) -> float:
    """The strength of the ridge that predicts best between two parts of the fitting half."""
    middle = len(fit) // 2
    parts = fit[:middle], fit[middle:]
    found = sum(_by_strength(sums, parts[one], parts[1 - one], wrong) for one in range(len(parts)))
    return STRENGTHS[int(found.argmax())]


def _by_strength(sums: Pairing, fit: Sequence[int], test: Sequence[int], wrong: bool) -> Tensor:
    """The mean correlation on some folds of what was fitted on others, for each strength.

    In single precision: it only serves to choose.
    """
    axes = basis(sums.f, fit)
    key = "seen", tuple(fit), tuple(test)
    if key not in sums.f.kept:
        turned = (axes.inverse[:, None] * axes.vectors).float()
        sums.f.kept[key] = turned, turned.T @ sums.f.covariance(test).float() @ turned
    turned, seen = sums.f.kept[key]
    learned, there = (sums.covariance(x, wrong).float() @ turned for x in (fit, test))
    deviations = sums.g.deviations(test).float()
    scores = []
    for strength in STRENGTHS:
        weights = learned / (axes.values + strength).float()
        power = ((weights @ seen) * weights).sum(dim=1)
        both = (deviations > 0) & (power > 0)
        length = torch.where(both, power.clamp(min=0).sqrt() * deviations, 1)
        scores.append(((weights * there).sum(dim=1) / length)[both].sum())
    return torch.stack(scores)
