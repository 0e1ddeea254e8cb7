"""How docstrings are set on the API page (book/_ext/plain_docstrings.py)."""

import inspect
import sys

import pytest
from places import ROOT

import equivar
from equivar.chapters import c04_tasks
from equivar.features import CellTracker

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import api_listing
import plain_docstrings


def as_set(text):
    lines = inspect.cleandoc(text).splitlines()
    plain_docstrings.as_written(None, "function", "name", None, None, lines)
    return "\n".join(lines)


def test_arguments_are_a_list_of_names_and_what_is_said_of_them():
    page = as_set(equivar.measure.__doc__)
    assert ".. rubric:: Parameters\n\n**model** : nn.Module\n   Any network;" in page
    for name in inspect.signature(equivar.measure).parameters:
        assert f"\n**{name}** : " in page
    assert "code-block:: text" not in page and "---" not in page


def test_lists_stay_lists():
    assert "\n- pool: the output" in as_set(equivar.default_layers.__doc__)
    assert as_set("- one\n  goes on\n- two_").startswith("- one\n  goes on\n- two\\_")


@pytest.mark.parametrize("odd", ["- one\nnot below its text", "a  b\n  c\nd", "Table\n====="])
def test_any_other_layout_is_kept(odd):
    kept = "".join(f"   {line}\n" for line in odd.splitlines())
    assert as_set(odd) == f".. code-block:: text\n\n{kept}"


def test_examples_are_code():
    page = as_set(CellTracker.__doc__)
    assert ".. code-block:: python\n\n   with CellTracker(images) as tracker:" in page
    assert "```" not in page


def test_examples_that_are_run_keep_their_prompts():
    page = as_set("What it does.\n\n>>> 1 + 1\n2")
    assert ".. code-block:: pycon\n\n   >>> 1 + 1\n   2" in page


def test_checked_parameters_are_told_by_their_docstring_alone():
    listed = api_listing.section(c04_tasks, set())
    place = listed.index(f".. autoclass:: {c04_tasks.__name__}::Parameters")
    assert "   :members:" not in listed[place : place + 2]
    given = (None, "class", "", c04_tasks.Parameters, None, "(*, seeds: Annotated[...])", None)
    assert api_listing.without_rules(*given) == ("", None)
    given = (None, "function", "", c04_tasks.runs, None, "(p)", "list")
    assert api_listing.without_rules(*given) == ("(p)", "list")
