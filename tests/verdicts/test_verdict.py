"""Verdicts: the rules for an interval, and verdicts as words and tables."""

import numpy as np
import pytest

from equivar import verdicts
from equivar.verdicts import kept


def test_a_verdict_tells_claim_verdict_and_reason():
    verdict = verdicts.Verdict("4.1a", 0.1, 0.0, 0.2, "supported", "it is so")
    assert str(verdict) == "4.1a supported: it is so"
    assert (verdict.count, np.isnan([verdict.above, verdict.below]).all()) == (0, True)


@pytest.mark.parametrize(
    ("low", "high", "above_zero", "none"),
    [
        (0.06, 0.07, "supported", "supported"),
        (0.01, 0.02, "negligible", "supported"),  # surely above zero, and of no interest
        (0.01, 0.06, "supported", "supported"),
        (-0.01, 0.06, "inconclusive", "supported"),
        (-0.07, -0.06, "contradicted", "supported"),
        (-0.05, 0.05, "negligible", "supported"),
        (-0.02, -0.01, "negligible", "supported"),
        (0.06, 0.2, "supported", "inconclusive"),
        (-0.2, 0.2, "inconclusive", "inconclusive"),
        (0.11, 0.2, "supported", "contradicted"),
        (-0.2, -0.11, "contradicted", "contradicted"),
    ],
)
def test_the_rules_for_one_interval(low, high, above_zero, none):
    assert verdicts.directional(low, high, smallest=0.05) == above_zero
    assert verdicts.within_margin(low, high, 0.1) == none


def test_what_a_claim_asks_for_may_be_more_than_zero():
    assert verdicts.directional(0.2, 0.4, smallest=0.1, above=0.1) == "supported"
    assert verdicts.directional(0.08, 0.4, smallest=0.1, above=0.1) == "inconclusive"
    assert verdicts.directional(-0.3, 0.09, smallest=0.1, above=0.1) == "contradicted"
    assert verdicts.directional(0.02, 0.08, smallest=0.1, above=0.1) == "negligible"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0.163, 0.144, 0.182), "+0.16 [0.14, 0.18]"),
        ((-0.0012, -0.0304, 0.028), "-0.001 [-0.030, 0.028]"),  # small: three decimals
        ((0, -1e-9, 1e-9), "+0.000 [0.000, 0.000]"),  # no minus before a zero
    ],
)
def test_an_effect_in_words(numbers, words):
    assert verdicts.effect_words(*numbers) == words


def test_counts_in_words():
    found = [verdicts.count_words(count, "run") for count in (0, 1, 3, 12)]
    assert found == ["no runs", "one run", "three runs", "12 runs"]


def test_the_bootstrap_interval_holds_the_mean():
    sample = np.random.default_rng(0).normal(size=30)
    low, high = verdicts.bootstrap(lambda x: float(x.mean()), [sample], seed=0)
    assert low < sample.mean() < high
    assert high - low == pytest.approx(2 * verdicts.SE_95 * sample.std() / 30**0.5, rel=0.15)


@pytest.mark.parametrize(
    "pairs, verdict",
    [
        ({"a": ("supported", "supported"), "b": ("inconclusive", "inconclusive")}, "supported"),
        ({"a": ("supported", "contradicted"), "b": ("supported", "supported")}, "contradicted"),
        ({"a": ("supported", "inconclusive")}, "inconclusive"),
        ({"a": ("inconclusive", "contradicted")}, "inconclusive"),
        ({"a": ("supported", "negligible")}, "inconclusive"),
        ({"a": ("negligible", "negligible")}, "supported"),
        ({"a": ("not judged", "supported")}, "not judged"),
        ({"a": ("inconclusive", "inconclusive")}, "not judged"),
    ],
)
def test_verdicts_that_are_kept(pairs, verdict):
    judged = kept("B2", pairs, "corrected for chance")
    assert judged.verdict == verdict
    if verdict == "contradicted":
        assert judged.effect == 0.5 and "opposite: a" in judged.reason


def test_what_changes_is_told_by_how_it_does():
    pairs = {
        "a": ("supported", "negligible"),
        "b": ("supported", "inconclusive"),
        "c": ("inconclusive", "contradicted"),
        "d": ("negligible", "negligible"),
    }
    assert kept("B3", pairs, "elsewhere").reason == (
        "1 of 3 settled verdicts are the same elsewhere; another verdict: a; no longer settled: "
        "b; settled only there: c."
    )


def test_open_verdicts_that_stay_open_are_counted_apart():
    pairs = {"a": ("supported", "contradicted"), "b": ("supported", "supported")}
    pairs |= dict.fromkeys("cde", ("inconclusive", "inconclusive"))
    judged = kept("B3", pairs, "elsewhere")
    assert judged.reason == (
        "1 of 2 settled verdicts are the same elsewhere; turned into its opposite: a; open both "
        "ways: 3."
    )
    assert judged.effect == 0.8
