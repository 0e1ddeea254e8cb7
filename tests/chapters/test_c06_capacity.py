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
