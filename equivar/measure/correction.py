"""Scores corrected for chance, channel by channel, with what the jackknife needs for their errors.

Let a share `a` of the variance of a channel's maps be a pattern that is common to all images, such
as a border, and let the rest have the equivariance `rho`. Then the score is `a + (1 - a) rho` and
chance is `a`; the corrected score `(score - chance) / (1 - chance)` is `rho`. The correction is
taken channel by channel: where channels differ, the means over a layer mislead.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from equivar.measure.score import Channels, Score

HIGH_CHANCE = 0.95  # nothing can be said of a channel that scores more than this by chance
_PERFECT = 1 - 1e-4  # a channel with this score has nothing left to gain


@dataclass(frozen=True)
class Result:
    """What is known of a layer under a transformation, for one kind; NaN where it is not.

    score: with its error. chance: the same score against another image. corrected, excess: means
    over channels. left_out: the share of channels whose chance is above `HIGH_CHANCE`.
    groups: jackknife groups that have images. replicates: `score`, `chance`, `corrected` and
    `excess` without each of them.
    """

    score: Score = field(default_factory=Score)
    chance: float = float("nan")
    corrected: float = float("nan")
    excess: float = float("nan")
    left_out: float = float("nan")
    groups: int = 0
    replicates: dict[str, list[float]] = field(default_factory=dict)


def corrected(score: Tensor, chance: Tensor) -> Tensor:
    """The mean over channels of `(score - chance) / (1 - chance)`: 1 is perfect, 0 is chance.

    score, chance: (..., C), NaN where a channel has none. Channels with a chance above
    `HIGH_CHANCE` take no part; NaN where none is left.
    """
    return ((score - chance) / (1 - _usable(chance))).nanmean(dim=-1)


def excess(equivariance: Tensor, invariance: Tensor, chance: Tensor) -> Tensor:
    """What equivariance adds to invariance: the mean over channels of `(e - m) / (1 - m)`.

    `m` is the larger of the channel's invariance and the chance of its equivariance, (..., C): a
    channel whose best match is its own, or no better than another image's, adds nothing.
    Channels without a score of their own have `m` from chance alone.
    """
    base = torch.fmax(invariance, _usable(chance))
    base = base.masked_fill(_usable(chance).isnan(), torch.nan)
    share = (equivariance - base) / (1 - base)
    return share.masked_fill(base > _PERFECT, 0).nanmean(dim=-1)


def _usable(chance: Tensor) -> Tensor:
    return chance.masked_fill(chance > HIGH_CHANCE, torch.nan)


def results_of(real, chance, kept: Tensor) -> dict[str, Result]:
    """For each kind, the results of two sums: of an image with itself, and with another one.

    chance: None where it was not asked for. kept: the channels whose chance is also known without
    each group; the errors of what is corrected come from them.
    """
    groups = real.used
    several = groups if len(groups) > 1 else []
    channels = real.channels(several)
    scores = real.scores(channels)
    by_chance = None if chance is None else chance.channels(several)
    if by_chance is None or not len(by_chance["invariance"].whole):  # or there is one image only
        return {
            kind: Result(score, groups=len(groups), replicates={"score": list(score.replicates)})
            for kind, score in scores.items()
        }
    levels = chance.scores(by_chance)
    found = {}
    for kind, score in scores.items():
        mine, other = channels[kind], by_chance[kind]
        fair, fair_replicates = _jackknifed(corrected, kept, mine, other)
        more, more_replicates = float("nan"), []
        if kind == "equivariance":
            more, more_replicates = _jackknifed(excess, kept, mine, channels["invariance"], other)
        level = levels[kind].score
        about = level - other.whole[kept].nanmean()
        found[kind] = Result(
            score,
            level,
            fair,
            more,
            left_out=(other.whole > HIGH_CHANCE).double().mean().item(),
            groups=len(groups),
            replicates={
                "score": list(score.replicates),
                "chance": (other.without.nanmean(dim=-1) + about).tolist(),
                "corrected": fair_replicates,
                "excess": more_replicates,
            },
        )
    return found


def _jackknifed(statistic, kept: Tensor, *channels: Channels) -> tuple[float, list[float]]:
    """A statistic over all channels, and without each group; chance is the last of `channels`.

    Without a group it is known of the kept channels alone: that gives its changes.
    """
    value = statistic(*(one.whole for one in channels))
    changes = statistic(*(one.without[:, kept] for one in channels[:-1]), channels[-1].without)
    changes = changes - statistic(*(one.whole[kept] for one in channels))
    return value.item(), (value + changes).tolist()
