"""The page of faults beside the tests that bring them about."""

import re

from places import ROOT, TESTS

ALL_NAMED = ("runs/test_stopped", "runs/test_faulty_machine", "book/test_stopped_book",
             "data/test_odd_servers")  # fmt: skip


def test_the_table_of_faults_names_tests_that_there_are():
    page = (ROOT / "book" / "faults.md").read_text()
    named = set(re.findall(r"`([\w/]+)::(test_\w+)`", page))
    assert len(named) > 30
    for file, test in named:
        assert test in names_in(file), f"{file}::{test}"
    for file in ALL_NAMED:
        assert not {(file, test) for test in names_in(file)} - named


def names_in(file):
    """The names of the tests of a file below tests/."""
    return re.findall(r"^def (test_\w+)", (TESTS / f"{file}.py").read_text(), re.MULTILINE)
