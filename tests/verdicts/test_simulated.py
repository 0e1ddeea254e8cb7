"""How often verdicts are wrong: less than they may be, and as the committed table says."""

import pandas as pd
import pytest
from places import ROOT

from equivar.verdicts import VERDICTS
from equivar.verdicts.simulated import KINDS, rates

BY_WORDS = {kind.words: kind for kind in KINDS}
# 5 %, and what 500 tables leave open: two standard errors of a share of .05 are .02
ALLOWED = 37 / 500
CHEAP = ("a mean of 3 runs", "no slope, 3 runs of 4 widths", "2 rank correlations, 14 networks")


@pytest.fixture(scope="module")
def committed():
    return pd.read_csv(ROOT / "data" / "results" / "error-rates.csv")


def test_the_committed_table_has_every_kind_and_no_verdict_is_often_wrong(committed):
    tried = [(kind.words, kind.claims, effect) for kind in KINDS for effect in kind.tried]
    found = committed[["kind", "claims", "effect"]].itertuples(index=False)
    assert [tuple(row) for row in found] == tried
    assert committed["wrong"].max() <= ALLOWED
    shares = committed[list(VERDICTS[:-1])]
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1, abs=0.002)


@pytest.mark.parametrize("words", CHEAP)
def test_verdicts_are_seldom_wrong(words):
    for effect in BY_WORDS[words].tried:
        assert rates(BY_WORDS[words], effect, seed=1)["wrong"] <= ALLOWED


def test_the_committed_table_is_what_the_rule_gives(committed):
    kind = BY_WORDS["no slope, 3 runs of 4 widths"]
    rows = committed[committed["kind"] == kind.words].set_index("effect")
    for effect in kind.tried:
        for name, share in rates(kind, effect).items():
            assert rows.loc[effect, name] == pytest.approx(share, abs=0.0005)


def test_which_verdicts_are_wrong():
    directed, equal = BY_WORDS["a mean of 3 runs"], BY_WORDS["6 equal, of 3 runs"]
    assert directed.wrong(0) == {"supported", "contradicted"}
    assert directed.wrong(0.05) == {"negligible", "contradicted"}
    assert equal.wrong(0) == {"contradicted"}
    assert equal.wrong(0.2) == {"supported"}
    assert equal.wrong(0.1) == {"supported", "contradicted"}  # at the margin neither may be said
    much = BY_WORDS["6 means of 3 runs, much larger"]
    assert much.wrong(0) == {"supported"} and much.wrong(0.2) == {"negligible", "contradicted"}


def test_what_is_there_is_found_with_enough_runs():
    kind = BY_WORDS["3 means of 10 runs"]
    assert rates(kind, 0, 50)["negligible"] > 0.9
    assert rates(kind, 0.1, 50)["supported"] > 0.9
