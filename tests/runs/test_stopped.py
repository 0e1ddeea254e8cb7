"""Runs that are really stopped from outside: started again, they give the same bytes."""

import pytest

from equivar.runs.store import CHECKPOINT

pytestmark = pytest.mark.program("faulty_runs.py")


def test_killed_at_random_moments_and_started_again_gives_the_same_bytes(told):
    found = told["kill_at_random"]
    assert found["equal"] and found["kills"] >= 20 and found["resumed"] >= 5


def test_killed_before_and_after_each_write_gives_the_same_bytes(told):
    snapshots = [f"snapshot-{epoch:04d}.safetensors" for epoch in (0, 1, 2)]
    found = told["kill_at_writes"]
    *files, run = found["writes"]
    assert files == [
        snapshots[0], snapshots[1], CHECKPOINT, snapshots[2], CHECKPOINT,
        "scores.csv", "history.csv", "weights.safetensors", *snapshots,
        "provenance.json", "manifest.json",
    ]  # fmt: skip
    assert run.startswith("trial-")  # the folder, when all is in it
    assert found["deaths"] and found["equal"] and found["kills"] == 2 * (len(files) + 1)


def test_processes_that_want_the_same_run_make_it_once(told):
    assert told["two_at_once"] == {"codes": [0, 0, 0], "made": 1}


def test_a_full_disk_keeps_the_last_good_state(told):
    found = told["no_room"]
    assert "the one of before is kept" in found["told"]
    assert found["kept"] == [CHECKPOINT, "snapshots"]
    assert found["equal"]
