"""What is checked and put right in the finished pages, before anyone sees them."""

import re
import shutil
from html.parser import HTMLParser

from chapters import Stop

OUTSIDE = re.compile(r"\s*(https?:)?//", re.IGNORECASE)
LOADED = {  # what a browser fetches by itself; an <a href> is only followed on a click
    "script": ("src",), "img": ("src", "srcset"), "iframe": ("src",), "embed": ("src",),
    "object": ("data",), "source": ("src", "srcset"), "audio": ("src",), "track": ("src",),
    "video": ("src", "poster"), "input": ("src",), "image": ("href", "xlink:href"),
}  # fmt: skip
FETCHING = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "modulepreload", "manifest"}
IN_CSS = re.compile(r"(?:url\(\s*|@import\s+)['\"]?\s*((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)
IN_SCRIPT = re.compile(  # module imports, and the paths that require.js is given
    r"(?:\bfrom|\bimport|\bimport\s*\(|\bfetch\s*\(|paths\b[^}]*:|\.src\s*=)"
    r"\s*['\"`]((?:https?:)?//[^'\"`\s]+)",
    re.IGNORECASE,
)


class Page(HTMLParser):
    """Collects the outside addresses that a page would load, and pictures without words."""

    def __init__(self):
        super().__init__()
        self.outside, self.wordless, self.inside = [], [], None

    def handle_starttag(self, tag, attributes):
        given = {name: value or "" for name, value in attributes}
        self.inside = tag
        watched = [given.get(name, "") for name in LOADED.get(tag, ())]
        if tag == "link" and FETCHING & set(given.get("rel", "").lower().split()):
            watched.append(given.get("href", ""))
        self.outside += [address for address in watched if OUTSIDE.match(address)]
        self.outside += IN_CSS.findall(given.get("style", ""))
        if tag == "img" and wordless(given):
            self.wordless.append(given.get("src", "")[:80])

    def handle_endtag(self, _tag):
        self.inside = None

    def handle_data(self, data):
        if self.inside == "style":
            self.outside += IN_CSS.findall(data)
        elif self.inside == "script":
            self.outside += IN_SCRIPT.findall(data)


def wordless(image):
    """Sphinx puts the file's own name where a figure was given no alt text.

    An empty text is left alone: it is how a decorative picture is marked.
    """
    name = image.get("src", "").split("/")[-1]
    return "alt" not in image or (name and image["alt"].split("/")[-1] == name)


def problems(html):
    """Everything wrong with the pages and style sheets under a folder, a line each."""
    for path in sorted(html.rglob("*.html")):
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        name = path.relative_to(html)
        yield from (f"{name} would load {address}" for address in page.outside)
        yield from (f"{name} has a figure without alt text: {src}" for src in page.wordless)
    for path in sorted(html.rglob("*.css")):
        for address in IN_CSS.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(html)} would load {address}"


def lighten(html):
    """Leave out what no page loads: MathJax's bundles for other inputs and outputs, source maps.

    They are half of the book.
    """
    text = "".join(path.read_text(encoding="utf-8") for path in html.rglob("*.html"))
    bundles = html.glob("_static/mathjax/*-*.js")
    unused = [path for path in bundles if f"mathjax/{path.name}" not in text]
    for path in [*unused, *html.rglob("*.map")]:
        path.unlink()


def finish(root, html, names):
    """Give the downloads the sources of the repository, and refuse pages with problems."""
    lighten(html)
    for name in names:
        source = root / "notebooks" / f"{name}.ipynb"
        shutil.copy2(source, html / "_sources" / "notebooks" / f"{name}.ipynb")
    found = list(problems(html))
    if found:
        raise Stop("the pages were not put in place:\n" + "\n".join("  " + f for f in found[:20]))
