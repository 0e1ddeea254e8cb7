"""Scores corrected for chance: as they were measured, approximated, and beside another reading."""

import numpy as np
import pandas as pd
import pytest

from equivar.verdicts import CORRECTED, EXCESS, SCORE, Verdict, beside, judged
from equivar.verdicts.corrected import note_of, values_of
from equivar.verdicts.samples import Runs

# A layer of a run of the first edition, and one that was measured channel by channel.


def layers(seed, rows, **columns):
    """Rows (kind, score, chance) of a layer of one run of task plain."""
    found = pd.DataFrame(rows, columns=["kind", "score", "chance"])
    return found.assign(task="plain", seed=seed, layer="a", part="early", **columns)


OLD = layers(0, [("invariance", 0.4, 0.2), ("equivariance", 0.7, 0.5)])
NEW = layers(1, [("invariance", 0.4, 0.2), ("equivariance", 0.7, 0.5)],
             corrected=[0.3, 0.6], excess=[np.nan, 0.1])  # fmt: skip


def values(table, column):
    return values_of(table, column, ["task", "seed"])


def test_scores_are_taken_as_they_are():
    found = values(OLD, SCORE)
    assert list(found.values) == [0.4, 0.7] and not found.approximate.any()


def test_the_first_edition_is_corrected_by_the_means_of_rows():
    found = values(OLD, CORRECTED)
    np.testing.assert_allclose(found.values, [0.25, 0.4])
    assert found.approximate.all()
    np.testing.assert_allclose(values(OLD, EXCESS).values, [np.nan, 0.7 - 0.5])
    less_by_chance = OLD.assign(chance=0.1)
    np.testing.assert_allclose(values(less_by_chance, EXCESS).values, [np.nan, 0.7 - 0.4])


def test_what_was_measured_is_not_approximated():
    both = pd.concat([OLD, NEW], ignore_index=True)
    found = values(both, CORRECTED)
    np.testing.assert_allclose(found.values, [0.25, 0.4, 0.3, 0.6])
    assert list(found.approximate) == [True, True, False, False]
    # a value that is missing in a run that has others was measured, and is undefined
    gap = NEW.assign(corrected=[0.3, np.nan])
    np.testing.assert_allclose(values(gap, CORRECTED).values, [0.3, np.nan])


@pytest.mark.parametrize("chance", [np.nan, 0.99])
def test_without_chance_or_with_nothing_left_to_gain_nothing_is_corrected(chance):
    assert values(OLD.assign(chance=chance), CORRECTED).values.isna().all()
    if np.isnan(chance):
        assert values(OLD.assign(chance=chance), EXCESS).values.isna().all()


@pytest.mark.parametrize("column", [CORRECTED, EXCESS])
def test_the_column_that_it_takes_is_named(column):
    for missing in ("chance", "score"):
        with pytest.raises(ValueError, match=f"no column '{missing}'"):
            values(OLD.drop(columns=missing), column)


def test_a_note_tells_how_it_was_corrected():
    assert note_of(SCORE, False) == ""
    assert note_of(CORRECTED, False) == "Corrected for chance:"
    assert note_of(CORRECTED, True) == "Corrected for chance, by the means of layers:"


def test_excess_is_that_of_measured_runs_where_each_group_has_two():
    more = [NEW.assign(seed=seed, excess=[np.nan, seed / 10]) for seed in (1, 2)]
    for index in (None, 0):  # labels of rows may repeat
        both = pd.concat([OLD, *more], ignore_index=True)
        both = both if index is None else both.set_axis([0] * len(both))
        runs = Runs(both, "task", EXCESS)
        assert list(runs.score("plain", "equivariance", "early").values) == [0.1, 0.2]
        assert not runs.approximate
    mixed = Runs(pd.concat([OLD, NEW]), "task", EXCESS)
    assert mixed.approximate
    assert mixed.note == "Corrected for chance, by the means of layers:"


# Beside the same with mean maps taken away.


def verdict(word, reason="Because."):
    numbers = (np.nan,) * 3 if word == "not judged" else (0.1, 0.0, 0.2)
    return Verdict("4.3a", *numbers, word, reason)


@pytest.mark.parametrize(
    ("word", "other", "every", "expected"),
    [
        ("supported", "supported", True, "supported"),
        ("supported", "contradicted", True, "inconclusive"),
        ("supported", "negligible", True, "inconclusive"),
        ("negligible", "supported", False, "inconclusive"),
        ("contradicted", "inconclusive", True, "inconclusive"),
        # fewer runs: that they can not decide is no disagreement
        ("contradicted", "inconclusive", False, "contradicted"),
        ("supported", "not judged", True, "supported"),
        ("not judged", "supported", True, "not judged"),
        ("inconclusive", "supported", True, "inconclusive"),
    ],
)
def test_where_the_two_disagree_nothing_is_concluded(word, other, every, expected):
    told = beside(verdict(word, "One."), verdict(other, "Two."), every)
    assert told.verdict == expected
    settled = word not in ("inconclusive", "not judged")
    if expected == "inconclusive" and settled:
        assert told.reason == (
            f"{word.capitalize()} on corrected scores, and {other} with mean maps taken away, so "
            "nothing is concluded. One. Without mean maps: Two."
        )
    elif (word, other) == ("inconclusive", "supported"):
        assert told.reason == "One. With mean maps taken away it is supported."
    else:
        assert told == verdict(word, "One.")


def test_each_claim_is_judged_on_both_tables_and_only_where_it_is_corrected():
    seen = []

    def claim(table, column, **more):
        seen.append((len(table), column, more))
        return verdict("supported" if len(table) == 2 else "contradicted")

    def call(removed, corrected):
        seen.clear()
        return judged([claim], OLD, removed, corrected, ["task", "seed"], replicates=7)[0].verdict

    removed = NEW[:1]
    assert call(removed, False) == "supported" and seen == [(2, SCORE, {"replicates": 7})]
    assert call(removed, True) == "inconclusive"
    assert seen == [(2, CORRECTED, {"replicates": 7}), (1, CORRECTED, {})]
    for none in (None, removed[:0]):
        assert call(none, True) == "supported" and len(seen) == 1


def test_a_reading_of_fewer_runs_that_can_not_decide_changes_nothing():
    def claim(table, column):
        return verdict("supported" if set(table["seed"]) == {0, 1} else "inconclusive")

    both = pd.concat([OLD, NEW])
    for removed, word in ((OLD, "supported"), (both.assign(seed=[0, 2, 0, 2]), "inconclusive")):
        assert judged([claim], both, removed, True, ["task", "seed"])[0].verdict == word
