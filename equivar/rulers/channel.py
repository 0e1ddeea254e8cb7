"""The ruler of the paper, from the same sums as the others: `channel-dataset`."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from equivar.measure.correction import corrected as over_channels
from equivar.measure.groups import jackknife
from equivar.names import KINDS
from equivar.rulers.about import Reading
from equivar.rulers.sums import Pairing


def channel_dataset(sums: Pairing) -> dict[str, Reading]:
    """The paper's measure with S taken over the cells of all images at once (eqs. 4 and 7).

    Formula: S(G_c, F_c) for invariance, the largest S(G_c, F_c') over c' for equivariance, averaged
    over channels c, with S the correlation over all cells of all images; `equivar.measure` gives
    the same by `over="dataset"`. The ruler `channel` is `equivar.measure` with its defaults: S over
    the cells of each image. Beside `linear` and `cca`, which are fitted over the data set, this one
    is like with like.

    Range: -1 to 1, larger is more equivariant; 1 where each channel has a partner that it turns
    into. Chance: the same with F of the image before. Source: Bruintjes, Motyka and van Gemert,
    CVPR Workshops 2023, section 3.

    Cost: no forward pass of its own; one product of G with F, and one for chance.
    """
    every = range(sums.f.folds.count)
    right, wrong = (_channels(sums, every, wrong) for wrong in (False, True))
    parts = [_channels(sums, [k for k in every if k != fold], False) for fold in every]
    return {
        kind: Reading(
            right[kind].nanmean().item(),
            jackknife([part[kind].nanmean().item() for part in parts]),
            wrong[kind].nanmean().item(),
            over_channels(right[kind], wrong[kind]).item(),
        )
        for kind in KINDS
    }


def _channels(sums: Pairing, folds: Sequence[int], wrong: bool) -> dict[str, Tensor]:
    """Invariance and equivariance of each channel over some folds, (C,), NaN where undefined."""
    of_f, of_g = sums.f.deviations(folds), sums.g.deviations(folds)
    lengths = of_g[:, None] * of_f
    defined = lengths > 0
    s = sums.covariance(folds, wrong) / torch.where(defined, lengths, 1)
    s = s.clamp(-1, 1)
    best = s.masked_fill(~defined, -torch.inf).amax(dim=1)
    own = s.diagonal().masked_fill(~defined.diagonal(), torch.nan)
    best = best.masked_fill(best.isinf(), torch.nan)
    return {"invariance": own.cpu(), "equivariance": best.cpu()}
