"""Build the book of one profile: python tools/build_book.py --profile quick

Stages the book and the executed chapters in the layout of the repository, checks the chapters,
runs Jupyter Book on them, checks the pages, and only then puts them in place of the last ones.
The stage is a folder of its own because the pages need what is made from the runs (`generated`),
and so that relative paths, and the links to the sources made from them, mean the same in both.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import generated
import pages
import yaml
from chapters import Stop, chapters_of, check, of_profile, read, text
from filelock import FileLock
from run_notebook import verdicts_of

ROOT = Path(__file__).resolve().parents[1]
WORK = "jupyter-book-"


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profile", default="quick", help="a name in notebooks/profiles")
    return parser.parse_args(argv)


def build(profile):
    """Make _build/<profile>/html; raises Stop, and then leaves the last one as it was.

    A chapter that is not complete gets a page that says what is missing, and Stop comes last.
    """
    began = time.monotonic()
    folder = ROOT / "_build" / profile
    with alone(profile) as work:
        stage, names, problems = staged(profile)
        html = jupyter_book(stage, work)
        pages.finish(ROOT, html, names)
        swap(html, folder / "html")
    print(f"book  done in {time.monotonic() - began:.1f} s", flush=True)
    if problems:
        raise Stop("the other pages are there, but\n" + "\n".join(map(str, problems.values())))


@contextmanager
def alone(profile):
    """A new folder to work in, while no other process builds this profile: builds share a stage."""
    of_profile(ROOT, profile)  # a mistyped one is told before it has a folder
    folder = ROOT / "_build" / profile
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".building.lock"):
        for left in folder.glob(f"{WORK}*"):  # of a build that was killed
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=WORK, dir=folder) as work:
            yield Path(work)


def staged(profile):
    """The folder that Jupyter Book reads, its chapters, and what is wrong with some of them."""
    values = of_profile(ROOT, profile)
    names = chapters_of(ROOT)
    folder = ROOT / "_build" / profile
    problems = {}
    for name in names:
        try:
            check(ROOT, folder / "notebooks" / f"{name}.ipynb", profile, values)
        except Stop as stop:
            problems[name] = stop
    done = [name for name in names if name not in problems]
    if not done:
        raise next(iter(problems.values()))
    print(f"book  {len(done)} of {len(names)} chapters of {profile} are complete", flush=True)
    stage = make_stage(ROOT, folder, profile, done)
    for name, problem in problems.items():
        in_its_place(ROOT / "notebooks" / f"{name}.ipynb", problem, stage)
    generated.write(stage, ROOT, profile, done)
    return stage, names, problems


def jupyter_book(stage, work, builder="html"):
    """Run Jupyter Book, warnings being errors; its folder of pages."""
    print("book  Jupyter Book makes the pages", flush=True)
    entry = "from jupyter_book.cli.main import main; main()"  # it has no python -m
    command = [sys.executable, "-c", entry, "build", str(stage)]
    command += ["--path-output", str(work), "--config", str(stage / "_config.yml")]
    command += ["--toc", str(stage / "_toc.yml"), "-W", "--keep-going", "--quiet"]
    command += ["--builder", builder]
    done = subprocess.run(
        command, cwd=stage, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise Stop("Jupyter Book found:\n" + complaints(done.stdout, stage))
    html = work / "_build" / builder
    if not (html / "index.html").is_file():
        raise Stop("Jupyter Book made no pages:\n" + complaints(done.stdout, stage))
    return html


def complaints(output, stage):
    """The lines that say what is wrong, with paths as they are in the repository."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output).replace(f"{stage}{os.sep}", "")
    lines = [line for line in plain.splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"WARNING|ERROR|CRITICAL|Error|Exception", line)]
    return "\n".join("  " + line for line in (told or lines)[-20:])


def swap(new, old):
    """Put the new pages where the old ones are; the old ones come back if that fails."""
    before = old.with_name("html.before")
    shutil.rmtree(before, ignore_errors=True)
    if old.exists():
        old.rename(before)
    try:
        new.rename(old)
    except OSError:
        if before.exists():
            before.rename(old)
        raise
    shutil.rmtree(before, ignore_errors=True)


def make_stage(root, folder, profile, names):
    """Fill _build/<profile>/stage from nothing; its path."""
    stage = folder / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    skip = shutil.ignore_patterns("__pycache__", "_generated")
    shutil.copytree(root / "book", stage / "book", ignore=skip)
    shutil.copytree(root / "equivar", stage / "equivar", ignore=skip)
    (stage / "notebooks").mkdir()
    for name in names:
        executed = folder / "notebooks" / f"{name}.ipynb"
        for path in (executed, verdicts_of(executed)):
            if path.exists():
                shutil.copy2(path, stage / "notebooks")
    shutil.copy2(root / "book" / "_toc.yml", stage / "_toc.yml")
    settings = settings_of(stage / "book", profile)
    (stage / "_config.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return stage


def in_its_place(source, problem, stage):
    """A page with the chapter's title that says what is wrong with it, and how to mend it."""
    notebook = read(source)
    title = text(notebook["cells"][0]).splitlines()[0]
    words = "\n".join(["```{warning}", "This chapter is missing.", "", str(problem), "```"])
    page = {"cell_type": "markdown", "id": "missing", "metadata": {}}
    notebook["cells"] = [page | {"source": f"{title}\n\n{words}"}]
    target = stage / "notebooks" / source.name
    target.write_text(json.dumps(notebook), encoding="utf-8")


def settings_of(book, profile):
    """The settings, with the profile on top of every page, and links to a public repository."""
    settings = yaml.safe_load((book / "_config.yml").read_text(encoding="utf-8"))
    notes = yaml.safe_load((book / "profiles.yml").read_text(encoding="utf-8"))
    note = notes.get(profile, "")
    line = f"Made under the profile <strong>{profile}</strong>" + (f": {note}" if note else "")
    settings["html"]["announcement"] = line
    settings["sphinx"]["config"]["html_theme_options"]["announcement"] = line
    url = public_origin()
    if url:  # without it there are no such buttons
        settings["repository"] = {"url": url, "branch": "main", "path_to_book": ""}
        settings["html"] |= {"use_repository_button": True, "use_edit_page_button": True}
    if url and url.startswith("https://github.com/"):  # which is all that Colab opens
        settings["launch_buttons"] = {"colab_url": "https://colab.research.google.com"}
    return settings


def public_origin():
    """The address of the repository that this checkout comes from, for a browser; "" if it is none.

    Of the hosts whose addresses Jupyter Book knows.
    """
    command = ["git", "-C", str(ROOT), "remote", "get-url", "origin"]
    if not shutil.which("git"):
        return ""
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.fullmatch(
        r"(?:https://|ssh://git@|git@)((?:github|gitlab)\.com)[:/]([\w.-]+/[\w./-]+?)(?:\.git)?/?",
        done.stdout.strip(),
    )
    return f"https://{found[1]}/{found[2]}" if found else ""


def main(argv=None):
    profile = arguments(argv).profile
    try:
        build(profile)
    except Stop as stop:
        print(f"\nbook failed: {stop}\n", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
