"""What a claim comes to, the rules for a single effect, and intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

SIGNS = {"supported": "✓", "contradicted": "✗", "inconclusive": "?", "not judged": "–"}
VERDICTS = tuple(SIGNS)
COLOURS = {  # the badges of book/_static/book.css have the same
    "supported": "#007A5A",
    "contradicted": "#B34700",
    "inconclusive": "#D0D0D0",
    "not judged": "#F2F2F2",
}
LEVEL = 0.95
SE_95 = float(stats.norm.ppf((1 + LEVEL) / 2))
RESOLUTION = 1e-7  # of single precision, in which scores are measured


@dataclass(frozen=True)
class Claim:
    """What is claimed, in the words of this book, and the name of the figure that shows it.

    built_in: it holds by construction, so that no run can tell anything new of it.
    """

    words: str
    figure: str = ""
    built_in: bool = False


@dataclass(frozen=True)
class Verdict:
    """What a run says about a claim: `effect` in the paper's direction, with its interval.

    All three are NaN where the verdict is `not judged`.
    """

    claim: str
    effect: float
    low: float
    high: float
    verdict: str
    reason: str

    def __str__(self) -> str:
        return f"{self.claim} {self.verdict}: {self.reason}"


def greater_than_zero(low: float, high: float) -> str:
    """The verdict on an effect that the paper says is positive."""
    if low > 0:
        return "supported"
    return "contradicted" if high < 0 else "inconclusive"


def within_margin(low: float, high: float, margin: float) -> str:
    """The verdict on a difference that the paper says is none, up to `margin`."""
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


def interval_words(low: float, high: float, digits: int = 2) -> str:
    """The interval, as reasons tell it."""
    return f"95 % interval {low:.{digits}f} to {high:.{digits}f}"


def bound_words(value: float) -> str:
    """A small bound, rounded up to a power of ten."""
    return f"{10.0 ** np.ceil(np.log10(max(value, RESOLUTION))):g}"
