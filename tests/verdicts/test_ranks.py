"""Rank correlations: Spearman's, with intervals that hold the truth."""

import numpy as np
import pytest
from scipy import stats

from equivar.verdicts.ranks import p_value, rank


def test_the_rank_correlation_is_spearmans_and_ties_share_ranks():
    x, y = np.array([1, 2, 2, 5, 4.0, np.nan]), np.array([3, 1, 2, 9, 9.0, 0])
    one = rank("", "", x, y)
    assert (one.count, one.effect) == (5, pytest.approx(stats.spearmanr(x[:5], y[:5]).statistic))
    low, high = one.interval()
    assert -1 < low < one.effect < high < 1


def test_perfect_order_of_few_networks_is_not_certain():
    low, high = rank("", "", np.arange(6.0), np.arange(6.0)).interval()
    assert (low < 0.5, high) == (True, 1)
    low, _ = rank("", "", np.arange(30.0), np.arange(30.0)).interval()
    assert low > 0.9


def test_the_p_value_counts_all_orders_of_few():
    x = np.arange(4.0)
    assert p_value(x, x) == pytest.approx(2 / 24)
    assert p_value(np.arange(11.0), np.arange(11.0)) < 0.001


@pytest.mark.parametrize("count", [6, 11])
@pytest.mark.parametrize("rho", [0, 0.7])
def test_intervals_hold_the_truth(count, rho):
    """Of 500 tables of networks drawn with a known correlation, some 5 % miss it."""
    rng = np.random.default_rng(count)
    truth = 6 / np.pi * np.arcsin(rho / 2)  # Spearman's of a normal pair
    missed = 0
    for x, e in rng.normal(size=(500, 2, count)):
        low, high = rank("", "", x, rho * x + np.sqrt(1 - rho**2) * e).interval()
        missed += not low <= truth <= high
    assert missed / 500 < 0.08
