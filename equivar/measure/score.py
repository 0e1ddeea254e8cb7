"""What running sums give: a layer's score, and the score of each of its channels."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from equivar.measure.groups import jackknife


@dataclass(frozen=True)
class Score:
    """A score with its standard error; NaN where no channel had one.

    `undefined`: the share of (image, channel) without a score. `replicates`: the score without
    each jackknife group of images.
    """

    score: float = float("nan")
    se: float = float("nan")
    undefined: float = 1.0
    replicates: tuple[float, ...] = ()


@dataclass(frozen=True)
class Channels:
    """The score of each channel, float64, NaN where a channel has none.

    whole: over all images, (C,). without: without each of K jackknife groups, (K, R): of all
    channels, R = C, or of some.
    """

    whole: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.float64))
    without: Tensor = field(default_factory=lambda: torch.empty(0, 0, dtype=torch.float64))

    def score(self, undefined: float) -> Score:
        """The mean over channels, with its error by the jackknife."""
        replicates = tuple(self.without.nanmean(dim=1).tolist())
        return Score(self.whole.nanmean().item(), jackknife(replicates), undefined, replicates)
