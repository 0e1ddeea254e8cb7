"""Spearman's rank correlation over networks, with what a few networks can say of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import atanh, nan, sqrt, tanh

import numpy as np
from scipy import special, stats

from equivar.verdicts.components import Component
from equivar.verdicts.verdict import LEVEL, count_words

FEWEST = 4  # networks: three have no interval
EXACT = 8  # up to so many networks all orders are tried
ORDERS = 9999  # of more, that many random ones


@dataclass(frozen=True)
class Rank(Component):
    """A component whose effect is a rank correlation over `count` networks."""

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """By Fisher's z, with the variance of Bonett and Wright (2000).

        Networks in perfect order are taken as one exchange of neighbours away from it: so few can
        not show a correlation of exactly 1.
        """
        n = self.count
        nearest = 1 - 12 / (n * (n**2 - 1))
        rho = min(max(self.effect, -nearest), nearest)
        half = special.ndtri((1 + level) / 2) * sqrt((1 + rho**2 / 2) / (n - 3))
        low, high = tanh(atanh(rho) - half), tanh(atanh(rho) + half)
        return min(low, self.effect), max(high, self.effect)


def rank(name: str, words: str, x: np.ndarray, y: np.ndarray, **bounds: float) -> Rank:
    """The rank correlation of x and y, a value for each network; ties share their mean rank.

    Pairs with a NaN are left out. Lacking: fewer than four networks, or values that are all equal.
    """
    there = ~(np.isnan(x) | np.isnan(y))
    x, y = x[there], y[there]
    lacking = []
    if len(x) < FEWEST:
        lacking = [count_words(len(x), "network") + " with both values"]
    elif np.ptp(x) == 0 or np.ptp(y) == 0:
        lacking = ["networks that do not differ"]
    rho = nan if lacking else float(stats.spearmanr(x, y).statistic)
    over = count_words(len(x), "network")
    return Rank(name, words, rho, nan, nan, over, lacking=tuple(lacking), count=len(x), **bounds)


def p_value(x: np.ndarray, y: np.ndarray, seed: int = 0) -> float:
    """Of no rank correlation, two-sided, by permutation: exact for up to eight networks."""
    y = stats.rankdata(y)
    every = len(x) <= EXACT
    test = stats.permutation_test(
        [stats.rankdata(x)],
        lambda ranks, axis=-1: (ranks - ranks.mean(axis, keepdims=True)) @ (y - y.mean()),
        permutation_type="pairings",
        n_resamples=np.inf if every else ORDERS,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(test.pvalue)
