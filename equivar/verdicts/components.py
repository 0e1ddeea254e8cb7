"""The comparisons that a claim is made of, and the verdict on them together.

The rule is told in `equivar.verdicts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan

import numpy as np
from scipy import special, stats

from equivar.verdicts.corrected import EXCESS
from equivar.verdicts.samples import Runs, Sample
from equivar.verdicts.verdict import (
    LEVEL,
    RESOLUTION,
    Verdict,
    count_words,
    digits_for,
    effect_words,
)


@dataclass(frozen=True)
class Component:
    """One comparison: an effect that the paper says lies between `above` and `below`.

    name: what tells it from the others of its claim, as in "middle part, random crops". words: a
    clause with the levels compared as {0}, {1}, as in "random crops change the middle part from {1}
    to {0}"; `levels` fills them in. error, freedom: of the effect. over: what it is taken over, as
    in "three runs each". smallest: the smallest effect of interest of a directional claim; 0 for a
    claim that two things are equal. lacking: what is missing to take it. count: runs or networks of
    the smallest group; 0 for images.
    """

    name: str
    words: str
    effect: float
    error: float
    freedom: float
    over: str
    levels: tuple[float, ...] = ()
    lacking: tuple[str, ...] = ()
    above: float = -inf
    below: float = inf
    smallest: float = 0.0
    count: int = 0

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Student's t. Never narrower than what the scores resolve, though all runs be alike."""
        half = max(special.stdtrit(self.freedom, (1 + level) / 2) * self.error, RESOLUTION)
        return self.effect - half, self.effect + half

    @property
    def negligible(self) -> bool:
        """Whether the whole interval is smaller than what is of interest."""
        low, high = self.interval()
        return self.smallest > 0 and -self.smallest <= low and high <= self.smallest

    def inside(self, level: float = LEVEL) -> float:
        """By how much the interval lies on the paper's side; negative where it does not."""
        low, high = self.interval(level)
        return min(low - self.above, self.below - high)

    def outside(self, level: float = LEVEL) -> float:
        """By how much the whole interval lies on the other side; negative where it does not."""
        low, high = self.interval(level)
        return max(self.above - high, low - self.below)

    @property
    def asked(self) -> str:
        """What the claim asks of the effect, where that is not just its sign."""
        if isfinite(self.above) and isfinite(self.below):
            return f"from {self.above:g} to {self.below:g} counts as none"
        bound = self.above if isfinite(self.above) else self.below
        if bound == 0 or not isfinite(bound):
            return ""
        return f"the claim asks for {'more' if bound == self.above else 'less'} than {bound:g}"

    def sentence(self, level: float = LEVEL) -> str:
        """The comparison in a sentence, with the levels, the effect and its interval."""
        low, high = self.interval(level)
        digits = digits_for(self.effect, low, high)
        words = self.words.format(*(f"{one:z.{digits}f}" for one in self.levels))
        colon = "" if words.endswith((" is", " by")) else ":"
        found = f"{words}{colon} {effect_words(self.effect, low, high, digits)}, {self.over}"
        return _capital(found) + (f"; {self.asked}" if self.asked else "") + "."


def mean(
    name: str,
    words: str,
    sample: Sample,
    levels: Sequence[Sample] = (),
    unit: str = "run",
    **bounds: float,
) -> Component:
    """The mean of a quantity over the runs of one group."""

    def estimate() -> tuple[float, float, float]:
        return sample.mean, stats.sem(sample.values), len(sample.values) - 1

    over = count_words(len(sample.values), unit)
    return _component(name, words, [sample], estimate, over, levels or [sample], bounds)


def difference(
    name: str, words: str, sample: Sample, other: Sample, unit: str = "run", **bounds: float
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

    counts = [len(one.values) for one in (sample, other)]
    over = f"{count_words(counts[0], unit)} each"
    if counts[0] != counts[1]:
        over = f"{count_words(counts[0], unit)} and {count_words(counts[1], unit)}"
    both = [sample, other]
    return _component(name, words, both, estimate, over, both, bounds)


def doubling(
    name: str, words: str, samples: Mapping[float, Sample], scale: float = 1, **bounds: float
) -> Component:
    """The change with a doubling of the width, times `scale`; `samples`: {width: values}.

    The least-squares slope of all runs against log2 of the width. One spread is taken for all
    widths; what is not straight counts to it and widens the interval. The levels are those of the
    widest and of the narrowest networks.
    """
    widths = sorted(samples)

    def estimate() -> tuple[float, float, float]:
        x = np.repeat(np.log2(widths), [len(samples[width].values) for width in widths])
        y = np.concatenate([samples[width].values for width in widths])
        line = stats.linregress(x, y)
        return scale * line.slope, abs(scale) * line.stderr, len(x) - 2

    few = () if len(samples) > 1 else ("fewer than two widths",)
    runs = sum(len(one.values) for one in samples.values())
    over = f"{count_words(runs, 'run')} of {count_words(len(samples), 'width')}"
    ends = [samples[widths[-1]], samples[widths[0]]] if samples else []
    every = list(samples.values())
    return _component(name, words, every, estimate, over, ends, bounds, few)


def gap(
    scores: Runs, group: object, name: str, where: str, part: str, **bounds: float
) -> Component:
    """By how much equivariance of a part is larger than invariance, in each run of a group.

    Where the runs are read by their excess, it is that. where: of what, as in "in MNIST6".
    """
    if scores.column == EXCESS:
        words = f"{where} the {part} part's equivariance adds {{0}} to its invariance"
        return mean(name, words, scores.score(group, "equivariance", part), **bounds)
    both = [scores.score(group, kind, part) for kind in ("equivariance", "invariance")]
    weights = {("equivariance", part): 1, ("invariance", part): -1}
    words = f"{where} the {part} part's equivariance is {{0}} and its invariance {{1}}"
    return mean(name, words, scores.sample(group, weights), both, **bounds)


RUNS_NEEDED = "It takes two runs of each group"


def judge(
    claim: str, components: Sequence[Component], needs: str = RUNS_NEEDED, note: str = ""
) -> Verdict:
    """The verdict on a claim that says all of its components; `needs`: what that takes.

    note: what is said first, such as how the scores were corrected.
    """
    lacking = list(dict.fromkeys(words for one in components for words in one.lacking))
    if lacking or not components:
        return not_judged(claim, lacking or ["nothing to compare"], needs)
    verdict, shown, level, lead = _together(components)
    interval = shown.interval(level)
    reason = " ".join(part for part in (note, lead, shown.sentence(level)) if part)
    side = (bound if isfinite(bound) else nan for bound in (shown.above, shown.below))
    return Verdict(claim, shown.effect, *interval, verdict, reason, shown.count, *side)


def _together(components: Sequence[Component]) -> tuple[str, Component, float, str]:
    """The verdict, the comparison that decides it, the level of its interval, and a lead."""
    count = len(components)
    corrected = 1 - (1 - LEVEL) / count
    against = [one for one in components if one.outside(corrected) > 0 and not one.negligible]
    held = [one for one in components if one.inside() > 0 and not one.negligible]
    slight = [one for one in components if one.negligible]
    if against:
        shown = max(against, key=lambda one: one.outside(corrected))
        lead = (
            f"{len(against)} of {count} comparisons {'says' if len(against) == 1 else 'say'} the "
            "opposite, most clearly (its interval "
        )
        lead += f"corrected for {count} comparisons):"
        return "contradicted", shown, corrected, lead if count > 1 else ""
    if len(slight) == count:
        shown = max(components, key=lambda one: max(map(abs, one.interval())))
        lead = f"All {count} effects are smaller than is of interest, the largest:"
        return "negligible", shown, LEVEL, lead if count > 1 else ""
    shown = min(components, key=lambda one: one.inside())
    if len(held) == count:
        lead = f"All {count} comparisons hold, the least certain:"
        return "supported", shown, LEVEL, lead if count > 1 else ""
    open_parts = [one for one in components if one not in held]
    names = "; ".join(one.name for one in open_parts)
    lead = f"{len(held)} of {count} comparisons {'holds' if len(held) == 1 else 'hold'}; "
    lead += f"open: {names}. Farthest from holding:"
    return "inconclusive", shown, LEVEL, lead if count > 1 else ""


def not_judged(claim: str, lacking: Sequence[str], needs: str = RUNS_NEEDED) -> Verdict:
    """The verdict where the table does not hold what the claim is about.

    >>> not_judged("4.3a", ["no run of rot-eq"]).reason
    'It takes two runs of each group; the table has no run of rot-eq.'
    """
    reason = f"{needs}; the table has {', '.join(lacking)}."
    return Verdict(claim, nan, nan, nan, "not judged", reason)


def _component(
    name: str,
    words: str,
    samples: Sequence[Sample],
    estimate: Callable[[], tuple[float, float, float]],
    over: str,
    levels: Sequence[Sample],
    bounds: Mapping[str, float],
    lacking: tuple[str, ...] = (),
) -> Component:
    """A component of these samples; `estimate`: its effect, error and degrees of freedom."""
    lacking += tuple(sample.lacking for sample in samples if sample.lacking)
    numbers = (nan, nan, nan) if lacking else tuple(float(number) for number in estimate())
    means = tuple(one.mean for one in levels)
    count = min((len(sample.values) for sample in samples), default=0)
    return Component(name, words, *numbers, over, means, lacking, count=count, **bounds)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
