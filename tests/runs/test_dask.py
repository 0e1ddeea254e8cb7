"""Sweeps by the workers of a real dask scheduler on this machine."""

import pytest

pytestmark = pytest.mark.program("dask_sweeps.py", needs="distributed")


def test_workers_give_the_same_tables_and_a_failing_run_stops_none(told):
    found = told["same_tables"]
    assert found["equal"] and found["rows"] == 3
    assert found["seeds"] == [0, 1, 2, 3]  # each once, also over the second sweep
    assert found["processes"] >= 1  # and not in the process that asks
    assert found["error"] == "seed 3 is out of luck"
    assert "  trial, 3, seed 3: ArithmeticError: seed 3 is out of luck" in found["notes"]


def test_two_sweeps_at_once_make_each_run_once(told):
    assert told["two_sweeps"] == {"found": [4, 4], "seeds": [0, 1, 2, 3]}


def test_a_killed_worker_is_replaced_and_its_run_goes_on(told):
    found = told["killed_worker"]
    assert found["equal"] and found["replaced"]
    assert found["began"] == 0 and found["stood"] >= 20  # steps: from its checkpoint


def test_a_restarted_scheduler_repeats_no_finished_run(told):
    found = told["restarted_scheduler"]
    assert not found["hung"] and found["seconds"] < 40
    assert found["done"] >= 2 and found["again"] == [] and found["rows"] == 6
    assert any("the scheduler is gone, or was started anew" in note for note in found["said"])
