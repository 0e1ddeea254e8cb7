"""Show docstrings as they are written: plain text, shapes and formulas aligned.

autodoc would read them as reStructuredText, where an asterisk or an indented line has a
meaning and a warning of its own.
"""

import re


def escape(line):
    """The line without the characters that reStructuredText gives a meaning to."""
    return re.sub(r"([\\*_`|])", r"\\\1", line.strip())


def as_written(_app, _what, _name, _object, _options, lines):
    """The first paragraph as a paragraph, the rest as a literal block."""
    blank = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
    first, rest = lines[:blank], lines[blank:]
    lines[:] = [escape(line) for line in first]
    if any(line.strip() for line in rest):
        lines += ["", ".. code-block:: text", "", *("   " + line for line in rest), ""]


def setup(app):
    app.connect("autodoc-process-docstring", as_written)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
