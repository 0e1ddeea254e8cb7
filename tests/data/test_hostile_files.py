"""Files with mutations, read by every loader: what they held before, or a clear error."""

import os

import pytest

MUTATIONS = int(os.environ.get("EQUIVAR_MUTATIONS", "100"))  # of each loader


@pytest.mark.program("fuzzed_loaders.py", str(MUTATIONS))
def test_mutated_files_are_refused_or_mean_the_same(told):
    """No crash, no hang, no other value, no error but the loaders' own: tests/fuzzed_loaders.py."""
    assert set(told) >= {"table", "checkpoint", "weights", "scores.csv"}
    for name, counts in told.items():
        assert counts["strange"] == [], name
        assert counts["same"] + counts["refused"] == MUTATIONS
        assert counts["refused"] > MUTATIONS / 2  # most mutations are damage
