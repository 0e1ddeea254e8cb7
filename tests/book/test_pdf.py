"""The book of a small project as one PDF, and what is said where no browser can print it."""

import re
import shutil
import sys

import make_pdf
import pytest
import yaml
from browser import CHROME
from chapters import Stop
from small_project import EARLIER


def test_without_a_browser_the_error_says_what_to_install(monkeypatch):
    monkeypatch.delenv("CHROME", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(Stop, match=r"none is found: install one .* CHROME="):
        make_pdf.chrome()


def test_a_named_browser_must_be_there(monkeypatch):
    monkeypatch.setenv("CHROME", "/no/such/browser")
    with pytest.raises(Stop, match="CHROME is /no/such/browser, which is no program"):
        make_pdf.chrome()


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for a browser is a script")
def test_a_browser_that_prints_nothing_leaves_the_last_pdf(project, monkeypatch):
    """It is given one page with every chapter, and one in the place of a chapter not run."""
    project.second_chapter()
    project.ran()
    last = project.root / "_build" / "quick" / "book.pdf"
    project.earlier(last)
    browser, given = project.root / "browser", project.root / "given.html"
    script = ["#!/bin/sh", "for page; do :; done", f"cp \"${{page#file://}}\" '{given}'", "exit 1"]
    browser.write_text("\n".join(script))
    browser.chmod(0o755)
    monkeypatch.setenv("CHROME", str(browser))
    done = project.call("make_pdf")
    assert done.returncode == 1
    assert "printed nothing" in done.stderr and "Traceback" not in done.stderr
    assert last.read_text() == EARLIER
    page = given.read_text()
    assert page.count("A title</h1>") + page.count("A title<a") == 2
    assert page.count("This chapter is missing") == 1


@pytest.mark.skipif(not CHROME, reason="no Chromium or Chrome is found; see CHROME")
def test_every_chapter_begins_on_a_page_of_its_own(project):
    short = {"format": "jb-book", "root": "book/index", "chapters": [{"file": "notebooks/01-a"}]}
    (project.root / "book" / "_toc.yml").write_text(yaml.safe_dump(short))
    (project.root / "book" / "index.md").write_text("# Start\n")
    project.ran()
    done = project.call("make_pdf")
    assert done.returncode == 0, done.stderr
    printed = (project.root / "_build" / "quick" / "book.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2  # the start and the chapter


def test_links_of_the_long_page_stay_in_it(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "index.html").write_text('<a href="book/index.html#x">to x</a>')
    assert make_pdf.on_one_page(tmp_path).read_text() == '<a href="#x">to x</a>'
