"""Runs on a machine where things go wrong: nothing that was finished is lost, and it says so."""

import signal

import pytest

pytestmark = pytest.mark.program("faulty_runs.py")


def test_killed_in_measuring_the_network_is_not_trained_again(told):
    assert told["killed_in_measuring"] == {
        "code": -signal.SIGKILL, "kept": ["checkpoint.safetensors", "snapshots"], "again": 0,
        "equal": True,
    }  # fmt: skip


def test_killed_in_publishing_no_half_result_is_there(told):
    assert told["killed_in_publishing"] == {"deaths": 8, "sound": True}


def test_a_clock_that_jumps_back_changes_no_result(told):
    found = told["backward_clock"]
    assert (found["code"], found["equal"], found["left"]) == (0, True, True)
    assert 0 <= found["seconds"] < 60


def test_a_read_only_store_is_read_and_named(told):
    found = told["read_only"]
    assert found["there"] == [0, ""] and found["left"]
    for place in ("new", "below"):
        code, said = found[place]
        assert code == 0 and said.startswith("PermissionError")
        assert "runs can not be kept there; EQUIVAR_RUNS names another folder" in said


def test_a_disk_that_is_full_at_the_end_costs_no_training(told):
    found = told["full_disk"]
    assert (found["code"], found["made"]) == (0, [])  # an error, and no half run
    assert "the results could not be written; started again, the run goes on" in found["said"]
    assert "No space left" in found["said"] or not found["tmpfs"]
    assert (found["kept"], found["again"], found["equal"]) == ("checkpoint.safetensors", 0, True)
