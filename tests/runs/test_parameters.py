"""Parameters of chapters: what a text is read as, and what is refused."""

import pytest
from small_project import a_room

from equivar.runs.parameters import WrongParameter


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("shifts", "[3, 4]", (3, 4)),
        ("shifts", "(3,)", (3,)),
        ("size", "5", 5),
        ("size", "'4'", 4),
        ("size", "true", "it should be a whole number"),
        ("size", "5.0", "it should be a whole number"),
        ("rate", "1e-3", 1e-3),
        ("rate", "2", 2.0),
        ("rate", "fast", "it should be a number"),
        ("shifts", "3", "it should be a list"),
        ("shifts", "a", "it should be a list"),
        ("name", "7", "7"),
        ("name", "[1]", "[1]"),
    ],
)
def test_a_text_is_read_as_what_belongs_there(name, text, value):
    values = {"profile": "quick", "size": 7, "rate": 0.5, "shifts": [1, 2], "name": "a"}
    if isinstance(value, str) and "should" in value:
        with pytest.raises(WrongParameter, match=f"parameter '{name}.*{value}"):
            a_room().of(values | {name: text})
    else:
        assert getattr(a_room().of(values | {name: text}), name) == value
