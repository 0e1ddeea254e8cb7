"""The comparisons that a claim about runs is made of, and the verdict on them together.

The rule is told in `equivar.verdicts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan

import numpy as np
from scipy import special, stats

from equivar.verdicts.samples import Sample
from equivar.verdicts.verdict import LEVEL, RESOLUTION, Verdict, interval_words


@dataclass(frozen=True)
class Component:
    """One comparison: an effect that the paper says lies between `above` and `below`.

    words: the effect, as in "`words` is 0.1". error, freedom: its standard error and degrees of
    freedom; runs: how many it is taken from, `unit` what they are. lacking: what is missing to
    take it.
    """

    words: str
    effect: float
    error: float
    freedom: float
    runs: int
    lacking: tuple[str, ...] = ()
    above: float = -inf
    below: float = inf
    unit: str = "runs"

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Student's t. Never narrower than what the scores resolve, though all runs be alike."""
        half = max(special.stdtrit(self.freedom, (1 + level) / 2) * self.error, RESOLUTION)
        return self.effect - half, self.effect + half

    def inside(self, level: float = LEVEL) -> float:
        """By how much the interval lies on the paper's side; negative where it does not."""
        low, high = self.interval(level)
        return min(low - self.above, self.below - high)

    def outside(self, level: float = LEVEL) -> float:
        """By how much the whole interval lies on the other side; negative where it does not."""
        low, high = self.interval(level)
        return max(self.above - high, low - self.below)

    def __str__(self) -> str:
        if self.above == -inf:
            side = f"less than {self.below:g}"
        elif self.below == inf:
            side = f"more than {self.above:g}"
        else:
            side = f"{self.above:g} to {self.below:g}"
        interval = interval_words(*self.interval(), digits=3)
        effect = f"{self.words} is {self.effect:.3f} over {self.runs} {self.unit}, {interval}"
        return f"{effect}, where the claim asks for {side}"


def mean(words: str, sample: Sample, above: float = -inf, below: float = inf) -> Component:
    """The mean of a quantity over the runs of one group."""

    def estimate() -> tuple[float, float, float]:
        return sample.mean, stats.sem(sample.values), len(sample.values) - 1

    return _component(words, [sample], estimate, above, below)


def difference(
    words: str, sample: Sample, other: Sample, above: float = -inf, below: float = inf
) -> Component:
    """The mean over one group minus that over another, whose spread may differ (Welch).

    Runs of two groups with the same seed are not taken as pairs.
    """

    def estimate() -> tuple[float, float, float]:
        pair = sample.values, other.values
        error = np.hypot(*map(stats.sem, pair))
        # where nothing varies the interval is a point, whatever the degrees of freedom
        freedom = stats.ttest_ind(*pair, equal_var=False).df if error > 0 else 1
        return sample.mean - other.mean, error, freedom

    return _component(words, [sample, other], estimate, above, below)


def doubling(
    words: str,
    samples: Mapping[float, Sample],
    scale: float = 1,
    above: float = -inf,
    below: float = inf,
) -> Component:
    """The change with a doubling of the width, times `scale`; `samples`: {width: values}.

    The least-squares slope of all runs against log2 of the width. One spread is taken for all
    widths; what is not straight counts to it and widens the interval.
    """

    def estimate() -> tuple[float, float, float]:
        x = np.repeat(np.log2(list(samples)), [len(one.values) for one in samples.values()])
        y = np.concatenate([one.values for one in samples.values()])
        line = stats.linregress(x, y)
        return scale * line.slope, abs(scale) * line.stderr, len(x) - 2

    few = () if len(samples) > 1 else ("fewer than two widths",)
    return _component(words, list(samples.values()), estimate, above, below, few)


RUNS_NEEDED = "it takes two runs of each group"


def judge(
    claim: str,
    components: Sequence[Component],
    above_chance: bool = False,
    needs: str = RUNS_NEEDED,
) -> Verdict:
    """The verdict on a claim that says all of its components; `needs`: what that takes."""
    lacking = list(dict.fromkeys(words for one in components for words in one.lacking))
    if lacking:
        return not_judged(claim, lacking, needs)
    count = len(components)
    corrected = 1 - (1 - LEVEL) / count
    against = [one for one in components if one.outside(corrected) > 0]
    if against:
        shown = max(against, key=lambda one: one.outside(corrected))
        verdict, start = "contradicted", f"{len(against)} of {count} comparisons say the opposite, "
        start += "corrected for their number, most clearly: "
    else:
        shown = min(components, key=lambda one: one.inside())
        held = sum(one.inside() > 0 for one in components)
        verdict = "supported" if held == count else "inconclusive"
        start = "all" if held == count else f"{held} of"
        start += f" {count} comparisons hold, the least certain: "
    chance = "above chance, " if above_chance else ""
    reason = chance + (start if count > 1 else "") + str(shown)
    return Verdict(claim, shown.effect, *shown.interval(), verdict, reason)


def not_judged(claim: str, lacking: Sequence[str], needs: str = RUNS_NEEDED) -> Verdict:
    """The verdict where the table does not hold what the claim is about."""
    reason = f"{needs}, and the table has " + ", ".join(lacking)
    return Verdict(claim, nan, nan, nan, "not judged", reason)


def _component(
    words: str,
    samples: Sequence[Sample],
    estimate: Callable[[], tuple[float, float, float]],
    above: float,
    below: float,
    lacking: tuple[str, ...] = (),
) -> Component:
    """A component of these samples; `estimate`: its effect, error and degrees of freedom."""
    lacking += tuple(sample.lacking for sample in samples if sample.lacking)
    numbers = (nan, nan, nan) if lacking else tuple(float(number) for number in estimate())
    runs = sum(len(sample.values) for sample in samples)
    return Component(words, *numbers, runs, lacking, above, below)
