"""Show docstrings as they are written: prose as prose, everything else with its layout kept.

autodoc would read them as reStructuredText, where an asterisk or an indented line has a
meaning and a warning of its own.
"""

import re

PROSE = re.compile(r"(?!\w{1,2}[.)]\s)[\w`(]")  # how it starts; not as an item of a list does
RULE = re.compile(r"\W+\Z")  # a line of signs alone, such as one under a heading
CODE = re.compile(r"`([^`\s](?:[^`]*[^`\s])?)`")


def paragraphs(lines):
    """The lines in groups, cut at the blank ones."""
    text = "\n".join(line.rstrip() for line in lines).strip("\n")
    return [part.splitlines() for part in re.split(r"\n\n+", text) if part.strip()]


def is_prose(paragraph):
    plain = all(not line[0].isspace() and not RULE.match(line) for line in paragraph)
    return plain and bool(PROSE.match(paragraph[0])) and not paragraph[-1].endswith("::")


def marked_up(line):
    """Prose with `names` as code, and without a meaning for any other sign."""
    pieces = CODE.split(line)
    pieces[::2] = [re.sub(r"([\\*_`|])", r"\\\1", piece) for piece in pieces[::2]]
    pieces[1::2] = [rf"\ ``{piece}``\ " for piece in pieces[1::2]]
    return "".join(pieces)


def as_written(_app, _what, _name, _object, _options, lines):
    """Turn the docstring's lines into paragraphs and literal blocks."""
    done = []
    for paragraph in paragraphs(lines):
        if is_prose(paragraph):
            done += [*map(marked_up, paragraph), ""]
        else:
            done += [".. code-block:: text", "", *("   " + line for line in paragraph), ""]
    lines[:] = done


def setup(app):
    app.connect("autodoc-process-docstring", as_written)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
