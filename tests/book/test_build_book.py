"""tools/build_book.py: what goes into the book, and what keeps the last one."""

import subprocess

import build_book
import chapters
import pages
import pytest
from chapters import Stop
from places import ROOT
from small_project import EARLIER, stops

ERROR = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"outputs": [ERROR]}, "code cell 2: it failed with ValueError: no"),
        ({"execution_count": None}, "code cell 2: it was never run"),
        ({"source": "print(size + 1)"}, "changed after it was run"),
        ({"values": {"size": 8}}, "was run with size = 8, but profile quick says 9"),
    ],
    ids=["failed", "unfinished", "stale", "other-values"],
)
def test_an_incomplete_chapter_stays_out_of_the_book(project, changes, words):
    project.ran(**changes)
    values = chapters.of_profile(project.root, "quick")
    with pytest.raises(Stop) as stop:
        chapters.check(project.root, project.executed, "quick", values)
    assert words in str(stop.value)
    assert "01-a" in str(stop.value)


def test_a_missing_chapter_leaves_the_last_book(project):
    project.earlier(project.html)
    stops(project.call("build_book"), "01-a has not been run", "make notebooks/01-a")
    assert project.html.read_text() == EARLIER


def test_a_book_with_a_wrong_page_leaves_the_last_one(project, monkeypatch):
    def made(_stage, work):
        (work / "_sources" / "notebooks").mkdir(parents=True)
        (work / "a.html").write_text('<img src="https://example.org/x.png" alt="x">')
        return work

    project.ran()
    project.earlier(project.html)
    monkeypatch.setattr(build_book, "ROOT", project.root)
    monkeypatch.setattr(build_book, "jupyter_book", made)
    with pytest.raises(Stop, match=r"a\.html would load https://example\.org/x\.png"):
        build_book.build("quick")
    assert project.html.read_text() == EARLIER


def test_a_book_replaces_the_last_one(project):
    project.ran()
    project.earlier(project.html)
    done = project.call("build_book")
    assert done.returncode == 0, done.stderr
    page = (project.html.parent / "notebooks" / "01-a.html").read_text()
    assert "Made under the profile <strong>quick</strong>" in page
    assert "/edit/main/" not in page and "colab.research" not in page  # of no public repository
    download = project.html.parent / "_sources" / "notebooks" / "01-a.ipynb"
    assert download.read_text() == project.source.read_text()
    assert EARLIER not in project.html.read_text()


@pytest.mark.parametrize(
    ("origin", "url"),
    [
        ("https://github.com/someone/some-book.git", "https://github.com/someone/some-book"),
        ("git@github.com:someone/book", "https://github.com/someone/book"),
        ("ssh://git@gitlab.com/group/sub/book.git", "https://gitlab.com/group/sub/book"),
        ("https://token@github.com/someone/book", ""),
        ("https://git.example.org/someone/book", ""),
        ("/srv/git/book.git", ""),
        ("", ""),
    ],
)
def test_links_lead_to_the_checkouts_own_public_origin(tmp_path, monkeypatch, origin, url):
    monkeypatch.setattr(build_book, "ROOT", tmp_path)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    if origin:
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", origin], check=True)
    assert build_book.public_origin() == url
    settings = build_book.settings_of(ROOT / "book", "quick")
    assert settings.get("repository", {}).get("url", "") == url
    assert ("launch_buttons" in settings) == url.startswith("https://github.com")


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ('<script src="//cdn.example.org/a.js"></script>', "//cdn.example.org/a.js"),
        ('<link rel="stylesheet" href="https://example.org/a.css">', "example.org/a.css"),
        ("<style>@font-face{src:url(https://example.org/f.woff)}</style>", "f.woff"),
        ("<script>require.config({paths: {p: 'https://example.org/p'}})</script>", "example.org/p"),
        ('<script>import "https://example.org/m.js"</script>', "m.js"),
        ('<img src="_images/abc.png" alt="../_images/abc.png">', "without alt text"),
        ('<img src="_images/abc.png">', "without alt text"),
    ],
)
def test_pages_that_load_from_outside_or_lack_words_are_found(tmp_path, page, words):
    (tmp_path / "a.html").write_text(page)
    assert [problem for problem in pages.problems(tmp_path) if words in problem]


def test_links_and_local_files_are_no_problem(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="https://example.org">x</a><img src="_images/a.png" alt="A line">'
        '<script src="_static/a.js"></script><link rel="canonical" href="https://example.org">'
    )
    (tmp_path / "a.css").write_text("a { background: url(data:image/png;base64,xx) }")
    assert not list(pages.problems(tmp_path))


def test_what_no_page_loads_is_left_out(tmp_path):
    bundles = tmp_path / "_static" / "mathjax"
    bundles.mkdir(parents=True)
    for name in ("tex-chtml.js", "tex-svg.js", "core.js", "core.js.map"):
        (bundles / name).write_text("")
    (tmp_path / "a.html").write_text('<script src="_static/mathjax/tex-chtml.js"></script>')
    pages.lighten(tmp_path)
    assert {path.name for path in bundles.iterdir()} == {"tex-chtml.js", "core.js"}
