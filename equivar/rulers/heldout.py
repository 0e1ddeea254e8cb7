"""Correlations of what was fitted on one half of the images, on the other half."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equivar.rulers.about import Reading, corrected
from equivar.similarity import FLAT


@dataclass(frozen=True)
class Tested:
    """D correlations on the K folds of one half: over all of them, and without each.

    whole (D,), without (K, D); NaN where one side is constant.
    """

    whole: Tensor
    without: Tensor


def tested(cells: Tensor, sums: list[tuple[Tensor, ...]], defined: Tensor | None = None) -> Tested:
    """Correlations from sums over K folds: cells (K,), and of a, b, a^2, b^2 and ab, (D,) each.

    Where only a, the prediction, is constant, the correlation counts as 0: it tells nothing.
    defined: which of the D have one, (D,); None: all whose b varies.
    """
    sums = [torch.stack(x) for x in zip(*sums, strict=True)]  # (K, D) each
    cells = cells.to(sums[0].device)
    whole = _correlation(cells.sum(), *(x.sum(dim=0) for x in sums))
    left = (cells.sum() - cells)[:, None]
    without = _correlation(left, *(x.sum(dim=0) - x for x in sums))
    if defined is not None:
        whole, without = (x.masked_fill(~defined, torch.nan) for x in (whole, without))
    return Tested(whole, without)


def _correlation(cells: Tensor, a, b, aa, bb, ab) -> Tensor:
    a, b, aa, bb, ab = (x / cells for x in (a, b, aa, bb, ab))
    of_a, of_b = (aa - a * a).clamp(min=0), bb - b * b
    flat_a, flat_b = of_a <= FLAT**2 * aa, of_b <= FLAT**2 * bb
    found = (ab - a * b) / torch.where(flat_a | flat_b, 1, of_a * of_b).sqrt()
    return found.masked_fill(flat_a, 0).masked_fill(flat_b, torch.nan).clamp(-1, 1)


def reading(ruler: str, right: list[Tested], wrong: list[Tested], paired: bool) -> Reading:
    """The mean of what two halves say, with its error and chance.

    paired: the correlations of both halves belong to the same channels, and are corrected for
    chance one by one. The error is that of judging: a jackknife over the folds of each half, with
    the fits as they are.
    """
    score, chance = (_mean([one.whole.nanmean() for one in halves]) for halves in (right, wrong))
    spread = torch.zeros(())
    for half in right:
        means = half.without.nanmean(dim=1).cpu() / len(right)
        k = len(means)
        spread = spread + (k - 1) / k * ((means - means.mean()) ** 2).sum()
    if not paired:
        return Reading(score, spread.sqrt().item(), chance, corrected(ruler, score, chance))
    own, other = (torch.stack([one.whole for one in x]).nanmean(dim=0) for x in (right, wrong))
    other = other.masked_fill(other > 0.95, torch.nan)
    fair = ((own - other) / (1 - other)).nanmean().item()
    return Reading(score, spread.sqrt().item(), chance, fair)


def _mean(values: list[Tensor]) -> float:
    return torch.stack(values).nanmean().item()
