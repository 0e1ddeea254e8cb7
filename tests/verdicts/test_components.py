"""The verdict on several comparisons together, and the sentence that tells it."""

import numpy as np
import pytest
from scipy import stats

from equivar.verdicts import Component, Sample, difference, doubling, judge, mean

MANY = 1e9  # degrees of freedom: the normal distribution
DIRECTED = {"above": 0.0, "smallest": 0.05}


def comparison(low, high, name="one", **bounds):
    """A comparison with this interval."""
    error = (high - low) / 2 / stats.norm.ppf(0.975)
    middle = (low + high) / 2
    return Component(name, "{0} is by", middle, error, MANY, "two runs", (middle,), **bounds)


def verdict(*intervals, **bounds):
    found = [comparison(*one, str(i), **(bounds or DIRECTED)) for i, one in enumerate(intervals)]
    return judge("4.3a", found)


UP, SLIGHT, OPEN, DOWN = (0.1, 0.2), (0.01, 0.04), (-0.1, 0.2), (-0.3, -0.2)


@pytest.mark.parametrize(
    ("intervals", "word"),
    [
        ([UP], "supported"),
        ([DOWN], "contradicted"),
        ([OPEN], "inconclusive"),
        ([SLIGHT], "negligible"),
        ([(-0.04, -0.01)], "negligible"),  # below zero, but of no interest
        ([(-0.049, 0.049)], "negligible"),
        ([UP, UP], "supported"),
        ([SLIGHT, (-0.02, 0.03)], "negligible"),
        ([UP, SLIGHT], "inconclusive"),  # not all are of interest
        ([UP, OPEN], "inconclusive"),
        ([SLIGHT, OPEN], "inconclusive"),
        ([UP, DOWN], "contradicted"),
        ([SLIGHT, DOWN], "contradicted"),
        ([UP, (-0.04, -0.03)], "inconclusive"),
    ],
)
def test_one_verdict_on_several_comparisons(intervals, word):
    assert verdict(*intervals).verdict == word


def test_what_is_equal_is_never_negligible():
    bounds = {"above": -0.1, "below": 0.1}
    assert verdict((-0.01, 0.01), **bounds).verdict == "supported"
    assert verdict((-0.01, 0.01), (0.05, 0.2), **bounds).verdict == "inconclusive"
    assert verdict((-0.01, 0.01), (0.15, 0.2), **bounds).verdict == "contradicted"


def test_what_is_negligible_shows_the_largest_of_the_effects():
    judged = verdict((0.0, 0.01), (-0.04, -0.02), (0.01, 0.02))
    assert judged.effect == pytest.approx(-0.03)
    assert judged.reason.startswith("All 3 effects are smaller than is of interest, the largest:")


def test_what_is_open_is_named():
    judged = verdict(UP, OPEN, SLIGHT)
    assert judged.reason.startswith("1 of 3 comparisons holds; open: 1; 2. Farthest from holding:")
    assert (judged.low, judged.high) == pytest.approx(OPEN)


def test_what_is_contradicted_shows_the_corrected_interval():
    judged = verdict(UP, DOWN)
    assert judged.reason.startswith("1 of 2 comparisons says the opposite, most clearly (its inter")
    half = stats.norm.ppf(1 - 0.05 / 4) / stats.norm.ppf(0.975) * 0.05
    assert (judged.low, judged.high) == pytest.approx((-0.25 - half, -0.25 + half))


def test_a_single_comparison_is_told_in_one_sentence():
    early, late = (Sample(np.array(values), "") for values in ([0.5, 0.53, 0.56], [0.1, 0.14, 0.2]))
    fall = Sample(early.values - late.values, "")
    words = "in MNIST6 equivariance is {0} in the early part and {1} in the late"
    one = judge("4.3a", [mean("MNIST6", words, fall, [early, late], **DIRECTED)])
    assert one.reason == (
        "In MNIST6 equivariance is 0.53 in the early part and 0.15 in the late: "
        f"+0.38 [{one.low:.2f}, {one.high:.2f}], three runs."
    )
    assert one.count == 3


def test_what_is_asked_for_beside_a_sign_is_told():
    reasons = {
        "from -0.1 to 0.1 counts as none": {"above": -0.1, "below": 0.1},
        "the claim asks for more than 0.8": {"above": 0.8, "smallest": 0.2},
        "the claim asks for less than 0.05": {"below": 0.05},
    }
    for words, bounds in reasons.items():
        assert verdict((0.3, 0.4), **bounds).reason.endswith(f"0.40], two runs; {words}.")
    assert verdict((0.3, 0.4), **DIRECTED).reason.endswith("0.40], two runs.")


def test_words_that_lead_to_the_number_have_no_colon():
    assert verdict(UP).reason == "0.15 is by +0.15 [0.10, 0.20], two runs."


def test_a_note_stands_first_and_what_lacks_is_named_once():
    single = Sample(np.array([1.0]), "a single run of task plain")
    both = [mean(name, "", single, **DIRECTED) for name in "ab"]
    assert judge("4.3a", both, note="Corrected:").reason == (
        "It takes two runs of each group; the table has a single run of task plain."
    )
    assert judge("4.3a", [], "It takes more").reason == (
        "It takes more; the table has nothing to compare."
    )
    noted = judge("4.3a", [comparison(*UP, **DIRECTED)], note="Corrected:")
    assert noted.reason.startswith("Corrected: 0.15 is by +0.15")


def test_groups_of_other_sizes_are_counted_and_the_smaller_one_is_kept():
    two, three = (Sample(np.arange(float(count)), "") for count in (2, 3))
    assert difference("", "", two, two).over == "two runs each"
    one = difference("", "", three, two, unit="network")
    assert (one.over, one.count) == ("three networks and two networks", 2)
    slope = doubling("", "", {1: two, 2: three})
    assert (slope.over, slope.count) == ("five runs of two widths", 2)
