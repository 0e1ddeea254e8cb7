"""What a page says of itself to a search engine (book/_ext/descriptions.py)."""

import sys

import pytest
from docutils.core import publish_doctree
from places import ROOT

sys.path.insert(0, str(ROOT / "book" / "_ext"))

import descriptions


def test_the_first_paragraph_that_stands_by_itself_is_taken():
    page = ".. note:: A note.\n\nTitle\n=====\n\nThe *first*\nparagraph.\n\nThe second."
    doctree = publish_doctree("Book\n====\n\n" + page)
    assert descriptions.description(doctree) == "The first paragraph."
    assert descriptions.description(publish_doctree("- an item")) == ""


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Short.", "Short."),
        ("A" * 99 + " b. " + "word " * 60, "A" * 99 + " b."),
        ("A" * 120 + " by X et al. " + "word, " * 60, "A" * 120 + " by X et al." + " word," * 11),
    ],
)
def test_it_is_cut_after_a_sentence_or_else_a_word(text, kept):
    found = descriptions.shortened(text)
    assert len(found) <= descriptions.LONGEST + 4
    assert found in (kept, kept.rstrip(",") + " ...")
