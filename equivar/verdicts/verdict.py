"""What a claim comes to, the rules for a single effect, and intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

SIGNS = {
    "supported": "✓",
    "contradicted": "✗",
    "negligible": "≈",
    "inconclusive": "?",
    "not judged": "–",
}
VERDICTS = tuple(SIGNS)
COLOURS = {  # the badges of book/_static/book.css have the same
    "supported": "#007A5A",
    "contradicted": "#B34700",
    "negligible": "#4A5F7F",
    "inconclusive": "#D0D0D0",
    "not judged": "#F2F2F2",
}
LEVEL = 0.95
SE_95 = float(stats.norm.ppf((1 + LEVEL) / 2))
RESOLUTION = 1e-7  # of single precision, in which scores are measured


@dataclass(frozen=True)
class Claim:
    """What is claimed, in the words of this book, and the name of the figure that shows it.

    smallest: the smallest effect of interest; for a claim that two things are equal, the margin
    within which they are. why: the reason for it. unit: what a verdict generalises to. built_in: it
    holds by construction, so that no run can tell anything new of it.

    >>> claim = Claim("It falls.", smallest=0.05, why="seeds differ by it", unit="training runs")
    >>> claim.smallest
    0.05
    """

    words: str
    figure: str = ""
    smallest: float = math.nan
    why: str = ""
    unit: str = ""
    built_in: bool = False


@dataclass(frozen=True)
class Verdict:
    """What a run says about a claim: `effect` in the paper's direction, with its interval.

    All three are NaN where the verdict is `not judged`. reason: a sentence. count: how many runs or
    networks of each group the interval is over; 0 where it is over something else. above, below:
    where the paper's side begins and ends, for the comparison that is shown; NaN: nowhere.
    """

    claim: str
    effect: float
    low: float
    high: float
    verdict: str
    reason: str
    count: int = 0
    above: float = math.nan
    below: float = math.nan

    def __str__(self) -> str:
        return f"{self.claim} {self.verdict}: {self.reason}"


def directional(low: float, high: float, smallest: float, above: float = 0.0) -> str:
    """The verdict on an effect that the paper says is above `above`.

    `negligible` first, where the whole interval lies within -smallest to smallest.

    >>> directional(0.14, 0.18, smallest=0.02), directional(-0.004, 0.005, smallest=0.02)
    ('supported', 'negligible')
    """
    if -smallest <= low and high <= smallest:
        return "negligible"
    if low > above:
        return "supported"
    return "contradicted" if high < above else "inconclusive"


def within_margin(low: float, high: float, margin: float) -> str:
    """The verdict on a difference that the paper says is none, up to `margin`.

    >>> within_margin(-0.02, 0.03, margin=0.05), within_margin(-0.02, 0.08, margin=0.05)
    ('supported', 'inconclusive')
    """
    if -margin <= low and high <= margin:
        return "supported"
    return "contradicted" if low > margin or high < -margin else "inconclusive"


def bootstrap(statistic: Callable[..., float], samples: list, seed: int) -> tuple[float, float]:
    """The 95 % interval of a statistic of paired samples: bias-corrected, accelerated."""
    with np.errstate(all="ignore"):
        interval = stats.bootstrap(
            samples,
            statistic,
            paired=True,
            vectorized=False,
            confidence_level=LEVEL,
            n_resamples=2000,
            method="BCa",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return float(interval.low), float(interval.high)


def digits_for(*values: float) -> int:
    """How many decimals a sentence has: two, or three where its interval is small."""
    known = [abs(value) for value in values if math.isfinite(value)]
    return 3 if known and max(known) < 0.095 else 2


def effect_words(effect: float, low: float, high: float, digits: int | None = None) -> str:
    """An effect with its 95 % interval, as in "+0.16 [0.14, 0.18]".

    >>> effect_words(0.16, 0.14, 0.18)
    '+0.16 [0.14, 0.18]'
    """
    digits = digits_for(effect, low, high) if digits is None else digits
    return f"{effect:+z.{digits}f} [{low:z.{digits}f}, {high:z.{digits}f}]"


def bound_words(value: float) -> str:
    """A small bound, rounded up to a power of ten.

    >>> bound_words(0.00004)
    '0.0001'
    """
    return f"{10.0 ** np.ceil(np.log10(max(value, RESOLUTION))):g}"


def count_words(count: int, unit: str) -> str:
    """A number of things, in words up to ten: "three runs".

    >>> count_words(3, "run"), count_words(1, "network")
    ('three runs', 'one network')
    """
    words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    plural = unit if count == 1 else f"{unit}s"
    return f"{words[count] if count < len(words) else count} {plural}"
