"""The book of one profile as one PDF: python tools/make_pdf.py --profile quick

Jupyter Book makes one long page of all chapters, and a Chromium without a window prints it.
"""

import os
import shutil
import subprocess
import sys
import tempfile

import build_book
from chapters import Stop

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ON_A_MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
PATIENCE = 300  # seconds; the formulas of a whole book are set before it is printed


def chrome():
    """The browser that CHROME names, or the first that is there; raises Stop."""
    named = os.environ.get("CHROME")
    if named and not shutil.which(named):
        raise Stop(f"CHROME is {named}, which is no program; name a Chromium or Chrome")
    found = [named] if named else [name for name in (*BROWSERS, ON_A_MAC) if shutil.which(name)]
    if not found:
        raise Stop(
            "the PDF is printed by Chromium or Google Chrome, and none is found: install one "
            "(Debian, Ubuntu: apt install chromium), or name it: make pdf CHROME=/path/to/chrome"
        )
    return found[0]


def print_page(browser, page, target):
    """Print an HTML file with its own print styles, A4 with page numbers, to a PDF."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        command += [f"--user-data-dir={profile}", "--no-pdf-header-footer"]
        command += ["--virtual-time-budget=60000", f"--print-to-pdf={target}", page.as_uri()]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Stop(f"{browser} had not printed the book after {PATIENCE} s") from None
    if not target.is_file():
        told = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise Stop(f"{browser} printed nothing:\n{told}")


def on_one_page(pages):
    """The long page where its links point to: beside its pictures, and into itself.

    Sphinx writes addresses as if the first page of a book always lay at the top.
    """
    text = (pages / "book" / "index.html").read_text(encoding="utf-8")
    page = pages / "index.html"
    page.write_text(text.replace('href="book/index.html#', 'href="#'), encoding="utf-8")
    return page


def make(profile):
    """Make _build/<profile>/book.pdf; raises Stop, and then leaves the last one as it was."""
    browser = chrome()
    folder = build_book.ROOT / "_build" / profile
    with build_book.alone(profile) as work:
        stage, *_ = build_book.staged(profile)
        pages = build_book.jupyter_book(stage, work, builder="singlehtml")
        target = work / "book.pdf"
        print(f"pdf   {browser} prints the pages", flush=True)
        print_page(browser, on_one_page(pages), target)
        target.replace(folder / "book.pdf")
    print(f"pdf   {(folder / 'book.pdf').relative_to(build_book.ROOT)}", flush=True)


def main(argv=None):
    profile = build_book.arguments(argv).profile
    try:
        make(profile)
    except Stop as stop:
        print(f"\npdf failed: {stop}\n", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
