"""Show docstrings as they are written: prose, lists and sections, everything else as it stands.

autodoc would read them as reStructuredText, where an asterisk or an indented line has a
meaning and a warning of its own.
"""

import re

PROSE = re.compile(r"(?!\w{1,2}[.)]\s)[\w`(]")  # how it starts; not as an item of a list does
RULE = re.compile(r"\W+\Z")  # a line of signs alone, such as one under a heading
HEADING = re.compile(r"-{3,}\Z")  # the line under the name of a section (numpydoc)
ITEM = re.compile(r"(?:-|\d\.) ")
FENCE = "```"
PROMPT = ">>> "  # of an example, which a test runs
CODE = re.compile(r"`([^`\s](?:[^`]*[^`\s])?)`")


def paragraphs(lines):
    """The lines in groups, cut at the blank ones."""
    text = "\n".join(line.rstrip() for line in lines).strip("\n")
    return [part.splitlines() for part in re.split(r"\n\n+", text) if part.strip()]


def is_prose(paragraph):
    plain = all(not line[0].isspace() and not RULE.match(line) for line in paragraph)
    return plain and bool(PROSE.match(paragraph[0])) and not paragraph[-1].endswith("::")


def is_section(paragraph):
    return len(paragraph) > 2 and bool(HEADING.match(paragraph[1]))


def is_list(paragraph):
    """Whether all lines are items, or go on with one right below its text."""
    item = ITEM.match(paragraph[0])
    if not item:
        return False
    return all(ITEM.match(line) or indent(line) == item.end() for line in paragraph)


def indent(line):
    return len(line) - len(line.lstrip())


def definitions(section):
    """A section such as Parameters: its name, then each entry above what is said of it."""
    name, _, *lines = section
    yield from (f".. rubric:: {name}", "")
    for line in lines:
        if indent(line):
            yield "   " + marked_up(line.strip())
            continue
        entry, colon, kind = line.partition(" : ")
        yield f"**{entry}**{colon}{marked_up(kind)}"
    yield ""


def marked_up(line):
    """Prose with `names` as code, and without a meaning for any other sign."""
    pieces = CODE.split(line)
    pieces[::2] = [re.sub(r"([\\*_`|])", r"\\\1", piece) for piece in pieces[::2]]
    pieces[1::2] = [rf"\ ``{piece}``\ " for piece in pieces[1::2]]
    return "".join(pieces)


def block(language, lines):
    return [f".. code-block:: {language}", "", *("   " + line for line in lines), ""]


def as_written(_app, _what, _name, _object, _options, lines):
    """Turn the docstring's lines into sections, paragraphs, lists and literal blocks."""
    done = []
    for paragraph in paragraphs(lines):
        if is_section(paragraph):
            done += definitions(paragraph)
        elif is_prose(paragraph) or is_list(paragraph):
            done += [*map(marked_up, paragraph), ""]
        elif paragraph[0].startswith(PROMPT):
            done += block("pycon", paragraph)
        elif len(paragraph) > 2 and paragraph[0] == paragraph[-1] == FENCE:
            done += block("python", paragraph[1:-1])
        else:
            done += block("text", paragraph)
    lines[:] = done


def setup(app):
    app.connect("autodoc-process-docstring", as_written)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
