"""The result of running sums."""

from dataclasses import dataclass


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
