"""Verdicts: the rules for an interval, and verdicts as words and tables."""

import numpy as np
import pytest

from equivar import verdicts
from equivar.verdicts import kept
from equivar.verdicts.report import table


def test_a_verdict_tells_claim_verdict_and_reason():
    verdict = verdicts.Verdict("4.1a", 0.1, 0.0, 0.2, "supported", "it is so")
    assert str(verdict) == "4.1a supported: it is so"
    frame = table([("worded", verdict)]).data
    assert list(frame.columns) == ["verdict", "effect", "95 % interval", "reason"]
    assert frame.loc[("4.1a", "as worded"), "95 % interval"] == "0.000 to 0.200"


@pytest.mark.parametrize(
    ("low", "high", "positive", "none"),
    [
        (0.01, 0.02, "supported", "supported"),
        (-0.01, 0.02, "inconclusive", "supported"),
        (-0.02, -0.01, "contradicted", "supported"),
        (0.01, 0.2, "supported", "inconclusive"),
        (0.11, 0.2, "supported", "contradicted"),
        (-0.2, -0.11, "contradicted", "contradicted"),
    ],
)
def test_the_rules_for_one_interval(low, high, positive, none):
    assert verdicts.greater_than_zero(low, high) == positive
    assert verdicts.within_margin(low, high, 0.1) == none


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
        ({"a": ("not judged", "supported")}, "not judged"),
    ],
)
def test_verdicts_that_are_kept(pairs, verdict):
    judged = kept("B2", pairs, "above chance")
    assert judged.verdict == verdict
    if verdict == "contradicted":
        assert judged.effect == 0.5 and "opposite: a" in judged.reason
