"""Chapter 06: networks of several widths, measured under shifts."""

import pytest
from schedules import UNDER_SHIFTS

from equivar.chapters import c06_capacity


def test_widths_have_a_column_of_their_own(small_runs):
    more = {"depth": 10, "widths": (1, 2), "augment": ("crop",), "seeds": (0,)}
    p = c06_capacity.Parameters(**UNDER_SHIFTS | more)
    assert [one.network for one in c06_capacity.runs(p)] == ["wrn-10-1", "wrn-10-2"]
    found = c06_capacity.tables(p, small_runs)
    channels = found.scores.query("layer == 'layer3.0'").groupby("widening")["channels"].first()
    assert channels.to_dict() == {1: 64, 2: 128}
    assert set(found.scores.query("layer == 'layer3.0'")["width"]) == {8}  # cells


def test_a_width_that_does_not_exist_is_refused(small_runs):
    more = {"depth": 10, "widths": (3,), "augment": (), "seeds": (0,)}
    p = c06_capacity.Parameters(**UNDER_SHIFTS | more)
    with pytest.raises(ValueError, match="unknown model 'wrn-10-3'"):
        c06_capacity.tables(p, small_runs)


def test_what_is_said_of_width_is_in_the_table(small_runs):
    more = {"depth": 10, "widths": (1, 2), "augment": ("crop",), "seeds": (0,)}
    p = c06_capacity.Parameters(**UNDER_SHIFTS | more)
    found = c06_capacity.tables(p, small_runs)
    late = found.scores.query("kind == 'equivariance' and part == 'late'")
    mean = late.groupby("widening")["score"].mean()
    told = c06_capacity.seen(found)
    assert f"the late part changes by {mean[2] - mean[1]:+z.2f}" in told
    accuracy = found.summary.groupby("widening")["accuracy"].mean()
    assert f"{accuracy[1]:.2f} of the test images" in c06_capacity.learned(found)
    own = found.summary.set_index("widening")["train_accuracy"]
    assert f"trained on it is {own[1]:.3f} and {own[2]:.3f}" in c06_capacity.learned(found)
    shifted = late.groupby(["transform", "widening"])["score"].mean().unstack().loc["shift-4"]
    assert f"late {late[late['transform'] == 'shift-1']['score'].mean():.2f} and" in (
        c06_capacity.by_length(found)
    )
    assert shifted.notna().all()
    before = "part in ('early', 'middle', 'late')"
    strided = found.scores.query(f"kind == 'equivariance' and stride > 1 and {before}")
    whole = strided["transform"].str.removeprefix("shift-").astype(int) % strided["stride"] == 0
    mean = strided[whole].groupby("widening")["score"].mean()
    told = f"whole cells is {mean[1]:.2f} at width 1 and {mean[2]:.2f} at width 2"
    assert told in c06_capacity.by_whole_cells(found)
    meaning = c06_capacity.meaning(found, p)
    assert "too few runs to tell" in meaning and "with random crops; the paper's" in meaning
