"""The pages of a small book in a real browser, opened from disk as a reader would.

Skipped where there is no Chromium. CHROME names one that is not found by itself.
"""

import base64
import io
import json
import subprocess
from dataclasses import replace

import pytest
from browser import CHROME, chromium
from chapter_pages import BADGES, badge
from generated import html
from PIL import Image
from small_project import Project, notebook

from equivar.verdicts import Verdict
from equivar.verdicts.cards import card, forest

pytestmark = pytest.mark.skipif(not CHROME, reason="no Chromium or Chrome is found; see CHROME")

DRAWING = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"
ROW = '["words that need some room " * 3] * 9'
WIDE = f"import pandas as pd\npd.DataFrame([{ROW}], columns=list('abcdefghi'))"
ALT = "A line that rises"
LOCAL = ("file:", "data:", "blob:")
HOST = "https://github.com/someone/some-book"
FOUND = Verdict("4.3a", 0.1, 0.05, 0.2, "supported", "It falls.", above=0)
INDEX = f"""# Start

The word zebrafish, and {{cite:t}}`cohen2016`.

{" ".join(map(badge, BADGES))}

```{{dropdown}} This chapter ran with
:class-container: ran

| parameter | value |
|---|---|
| name | {"value " * 60} |
```

| claim | what is claimed | quick | standard |
|---|---|---|---|
| 4.3a | {"It falls with depth. " * 6} | yes | no |

{html(card("It falls.", {way: replace(FOUND, verdict=way) for way in BADGES}))}
{html(forest([("4.3a It falls.", FOUND, 0.05)]))}
"""
PAGES = ("book/index", "notebooks/01-a", "book/api", "book/references")


def figure(source):
    """A chapter whose second cell is a figure with a caption and a description."""
    made = notebook("print('x' * 400)", source, WIDE)
    made["cells"][0]["source"] += "\n\nWhat the chapter asks."
    made["cells"][3]["metadata"]["mystnb"] = {
        "figure": {"name": "fig-a", "caption": "A figure."},
        "image": {"alt": ALT},
    }
    return made


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The folder of the small book's pages."""
    project = Project(tmp_path_factory.mktemp("a book"))  # with a space, as paths may have
    project.source.write_text(json.dumps(figure(DRAWING)))
    for command in (["init", "-q"], ["remote", "add", "origin", f"{HOST}.git"]):
        subprocess.run(["git", "-C", project.root, *command], check=True)
    index = project.root / "book" / "index.md"
    index.write_text(INDEX + "x" * 300)
    for done in (project.run(), project.call("build_book")):
        assert done.returncode == 0, done.stderr
    return project.html.parent


@pytest.fixture(scope="module")
def tab(book):
    with chromium() as browser:
        yield browser


@pytest.fixture(params=PAGES)
def page(request, book, tab):
    """A page of the book, open in the tab on a wide screen."""
    tab.size(1280)
    tab.open((book / f"{request.param}.html").as_uri())
    tab.until("!window.MathJax || !!MathJax.startup")
    return tab


# What each page has to do.


def test_nothing_is_asked_of_the_network_and_nothing_goes_wrong(page):
    assert any(address.startswith("file:") for address in page.requests)
    assert not [address for address in page.requests if not address.startswith(LOCAL)]
    assert not page.complaints


def test_every_picture_is_there_and_has_words(page):
    script = "[...document.images].map(i => [i.src, i.complete && i.naturalWidth > 0, i.alt])"
    for source, shown, words in page.evaluate(script):
        assert shown and words.strip(), source


def test_a_phone_never_scrolls_sideways(page):
    page.size(390)
    page.until("document.documentElement.clientWidth <= 390")
    script = "(scrollTo(1e4, 0), [scrollX, document.documentElement.scrollWidth])"
    assert page.evaluate(script) == [0, 390]


def test_a_page_says_what_it_is_about_once(page):
    words = page.evaluate("[...document.querySelectorAll('meta[name=description]')]"
                          ".map(one => one.content)")  # fmt: skip
    assert len(words) == 1 and 0 < len(words[0]) <= 204
    assert page.evaluate("document.title").count("A small book") <= 1


def test_the_keyboard_reaches_the_content(page):
    page.press("Tab", 9)
    assert page.evaluate("document.activeElement.hash") == "#main-content"
    page.press("Enter", 13)
    page.until("location.hash === '#main-content'")
    page.press("Tab", 9)
    assert page.evaluate("!!document.activeElement.closest('main')")


# How much lighter the lighter one of text and ground is, as WCAG 2 has it; the smallest of a page,
# of every element with text of its own, words in pictures of SVG too.
CONTRASTS = """
(() => {
  const parts = c => c.match(/[0-9.]+/g).map(Number);
  const light = c => c.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const over = (a, b) => [0, 1, 2].map(i => a[i] * (a[3] ?? 1) + b[i] * (1 - (a[3] ?? 1)));
  const ground = e => !e ? [255, 255, 255] : over(
    parts(getComputedStyle(e).backgroundColor), ground(e.parentElement));
  const opacity = e => e ? getComputedStyle(e).opacity * opacity(e.parentElement) : 1;
  const ink = e => parts(e.ownerSVGElement ? getComputedStyle(e).fill : getComputedStyle(e).color);
  return [...document.querySelectorAll("article *, header *, .bd-header-announcement *")]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
    .filter(e => e.getClientRects().length && e.checkVisibility({visibilityProperty: true}))
    .filter(e => !e.matches("script, style, .headerlink, .headerlink *"))
    .map(e => [ink(e), ground(e.ownerSVGElement || e), opacity(e), e.textContent.slice(0, 40)])
    .map(([a, b, seen, text]) => [over([...a.slice(0, 3), (a[3] ?? 1) * seen], b), b, text])
    .map(([a, b, text]) => [light(a), light(b), text])
    .map(([a, b, text]) => [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text])
    .sort((a, b) => a[0] - b[0]).slice(0, 3);
})()
"""


@pytest.fixture(params=["light", "dark"])
def scheme(request, tab):
    """A tab that prefers a colour scheme, for pages opened from now on."""
    preferred = {"name": "prefers-color-scheme", "value": request.param}
    tab.call("Emulation.setEmulatedMedia", features=[preferred])
    yield request.param
    tab.call("Emulation.setEmulatedMedia", features=[])


def test_text_is_legible_in_both_colour_schemes(scheme, page):
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert page.evaluate("!!document.querySelector('article h1')")
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.until("document.getAnimations().every(one => one.playState !== 'running')")
    smallest = page.evaluate(CONTRASTS)
    assert smallest[0][0] >= 4.5, smallest


# What the book has to do.


def test_on_a_phone_no_row_of_a_table_is_a_tall_strip(tab, book):
    tab.size(390)
    tab.open((book / "book" / "index.html").as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    heights = tab.evaluate(
        "[...document.querySelectorAll('article tr')].map(e => e.getBoundingClientRect().height)"
    )
    assert len(heights) >= 4 and max(heights) < 400


def test_a_figure_keeps_a_light_ground_in_both_colour_schemes(scheme, tab, book):
    tab.open((book / "notebooks" / "01-a.html").as_uri())
    box = tab.evaluate(f"""(() => {{
        const figure = document.querySelector('img[alt="{ALT}"]');
        figure.scrollIntoView({{behavior: "instant"}});
        const {{x, y, width, height}} = figure.getBoundingClientRect();
        return {{x: x + scrollX, y: y + scrollY, width, height, scale: 1}};
    }})()""")
    shot = tab.call("Page.captureScreenshot", format="png", clip=box, captureBeyondViewport=True)
    picture = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("L")
    width, height = picture.size
    edge = [picture.getpixel((x, height // 2)) for x in (3, 6, 9, 12, width - 4)]
    assert min(edge) > 180, f"{scheme}: axis labels in black on {edge}"


def test_the_start_leads_to_the_first_page(tab, book):
    tab.open((book / "index.html").as_uri())
    tab.until("location.pathname.endsWith('/book/index.html')")


def test_search_finds_a_word_from_disk(tab, book):
    tab.open((book / "search.html").as_uri() + "?q=zebrafish")
    tab.until("document.querySelector('#search-results li a')")
    found = tab.evaluate("document.querySelector('#search-results li a').href")
    assert found.partition("?")[0] == (book / "book" / "index.html").as_uri()
    assert not tab.complaints


def test_the_pages_follow_each_other_in_the_order_of_the_contents(tab, book):
    script = "[...document.querySelectorAll('a.left-prev, a.right-next')].map(a => a.href)"
    places = [(book / f"{name}.html").as_uri() for name in PAGES]
    for number, place in enumerate(places):
        tab.open(place)
        beside = places[max(number - 1, 0) : number] + places[number + 1 : number + 2]
        assert [link.partition("#")[0] for link in tab.evaluate(script)] == beside


def test_links_lead_to_the_sources(tab, book):
    tab.open((book / "notebooks" / "01-a.html").as_uri())
    links = tab.evaluate(
        "[...document.querySelectorAll('header a, .bd-header-article a, a.btn')].map(a => a.href)"
    )
    assert f"{HOST}/edit/main/notebooks/01-a.ipynb" in links
    here = HOST.removeprefix("https://github.com")
    assert f"https://colab.research.google.com/github{here}/blob/main/notebooks/01-a.ipynb" in links
    download = book / "_sources" / "notebooks" / "01-a.ipynb"
    assert download.as_uri() in links
    assert not json.loads(download.read_text())["cells"][2]["outputs"]
