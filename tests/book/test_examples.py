"""The examples of the API page, run as they stand."""

import doctest
import importlib
import inspect
import sys

import pytest
from places import ROOT

import equivar

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import api_listing

HOW = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def with_examples():
    """{name: thing} of what has an example, each under the first name that the page lists."""
    found = {}
    for module in api_listing.modules(equivar):
        for name, thing in api_listing.public(module):
            if ">>> " in (thing.__doc__ or "") and thing not in found.values():
                found[f"{module.__name__}.{name}"] = thing
    return found


def failures(thing):
    """How many lines of a thing's examples give something else; printed where they do."""
    known = vars(importlib.import_module(thing.__module__)).copy()
    text = inspect.cleandoc(thing.__doc__)
    test = doctest.DocTestParser().get_doctest(text, known, thing.__name__, None, 0)
    return doctest.DocTestRunner(optionflags=HOW, verbose=False).run(test).failed


EXAMPLES = with_examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_what_it_says(name):
    assert not failures(EXAMPLES[name])


def test_what_a_notebook_needs_has_an_example():
    names = [f"equivar.{name}" for name, _ in api_listing.public(equivar)]
    assert "equivar.measure" in names
    assert not set(names) - set(EXAMPLES)
    assert "equivar.rulers.compare" in EXAMPLES


def test_a_wrong_example_is_noticed():
    def wrong():
        """Wrong.

        >>> 1 + 1
        3
        """

    assert failures(wrong) == 1
