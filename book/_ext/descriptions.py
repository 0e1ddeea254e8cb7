"""What a page is about, for search engines and previews: the beginning of its first paragraph.

A page that says it by itself (`html_meta` in MyST) keeps its own words.
"""

import re
from html import escape

from docutils import nodes

LONGEST = 200  # characters; search engines show about so many
SENTENCE = re.compile(r"(?<!\bal)[.?!](?= )")  # its end; "et al." goes on


def description(doctree):
    """The beginning of the first paragraph that stands by itself; "" without one."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section):
            return shortened(" ".join(paragraph.astext().split()))
    return ""


def shortened(text):
    """Whole sentences where one fits, else whole words and dots."""
    if len(text) <= LONGEST:
        return text
    ends = [end.end() for end in SENTENCE.finditer(text[:LONGEST]) if end.end() > LONGEST // 2]
    return text[: ends[-1]] if ends else text[:LONGEST].rpartition(" ")[0].rstrip(",;:") + " ..."


def describe(app, page, _template, context, doctree):
    """Give a page its description; the first page's title is the book's, and needs it only once."""
    if page == app.config.root_doc:
        context["docstitle"] = ""
    if doctree is None or 'name="description"' in context.get("metatags", ""):
        return
    words = description(doctree)
    if words:
        tag = f'<meta name="description" content="{escape(words)}">'
        context["metatags"] = f"{context.get('metatags', '')}\n{tag}"


def setup(app):
    app.connect("html-page-context", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
