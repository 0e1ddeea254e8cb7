"""A small copy of the project, with one chapter, for programs that run chapters and build books."""

import json
import os
import shutil
import subprocess
import sys

import yaml
from places import ROOT

DECLARED = 'profile = "quick"\nsize = 7\nrate = 0.5\nshifts = [1, 2]\nname = "a"'
CHECKED = "from equivar.chapters.c01_a import Parameters\np = Parameters.of(globals())\nprint(p)"
A_ROOM = '''"""The room of a chapter."""

from equivar.runs.parameters import ChapterParameters, Count, Number
from equivar.verdicts import Claim

CLAIMS = {"4.3a": Claim("It falls.", "fig-task-layers"), "4.4c": Claim("They are equal.")}


class Parameters(ChapterParameters):
    """What the chapter is made with."""

    size: Count
    rate: Number
    shifts: tuple[Count, ...]
    name: str
'''
EARLIER = "the result of an earlier run"
QUICK_BUILD = '''"""build_book.py, but for the pages, which are made in no time."""

import sys
import time

import build_book


def made(stage, work):
    note("begins")
    time.sleep(0.3)
    (work / "_sources" / "notebooks").mkdir(parents=True)
    (work / "notebooks").mkdir()
    (work / "index.html").write_text((stage / "_config.yml").read_text())
    for chapter in (stage / "notebooks").glob("*.ipynb"):
        (work / "notebooks" / f"{chapter.stem}.html").write_text(chapter.read_text())
    note("ends")
    return work


def note(word):
    with (build_book.ROOT / "builds.txt").open("a") as file:
        print(word, file=file)


build_book.jupyter_book = made
sys.exit(build_book.main())
'''


def cell(source, tags=()):
    return {
        "cell_type": "code", "id": f"c{abs(hash(source)) % 10**8}", "source": source,
        "metadata": {"tags": list(tags)}, "outputs": [], "execution_count": None,
    }  # fmt: skip


def notebook(*sources):
    title = {"cell_type": "markdown", "id": "title", "source": "# A title", "metadata": {}}
    cells = [title, cell(DECLARED, ["parameters"]), *(cell(source) for source in sources)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    meta = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": meta, "nbformat": 4, "nbformat_minor": 5}


def stops(done, *words):
    """The program failed with a message of a few lines that holds the words."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) <= 8
    for word in words:
        assert word in done.stderr


def a_room():
    """The parameters of the chapter."""
    namespace = {"__name__": "a_room"}
    exec(A_ROOM, namespace)
    return namespace["Parameters"]


class Project:
    """A copy of the tools and the book's settings, with one chapter `01-a`."""

    def __init__(self, root):
        self.root = root
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "tools", root / "tools", ignore=skip)
        (root / "tools" / "quick_build.py").write_text(QUICK_BUILD)
        shutil.copytree(ROOT / "book", root / "book", ignore=skip)
        shutil.copy2(ROOT / "Makefile", root)
        self.package(skip)
        (root / "notebooks" / "profiles").mkdir(parents=True)
        toc = {"format": "jb-book", "root": "book/index"}
        toc["chapters"] = [{"file": f} for f in ("notebooks/01-a", "book/api", "book/references")]
        (root / "book" / "_toc.yml").write_text(yaml.safe_dump(toc))
        (root / "book" / "index.md").write_text("# Start\n\n{cite:t}`cohen2016`\n")
        self.executed = root / "_build" / "quick" / "notebooks" / "01-a.ipynb"
        self.failed = root / "_build" / "quick" / "failed" / "01-a.ipynb"
        self.html = root / "_build" / "quick" / "html" / "index.html"
        self.profile({"size": 9})
        self.chapter("print(size)")

    def second_chapter(self):
        """Another chapter, `02-b`, that has not been run."""
        (self.root / "notebooks" / "02-b.ipynb").write_text(self.source.read_text())
        toc = self.root / "book" / "_toc.yml"
        contents = yaml.safe_load(toc.read_text())
        contents["chapters"].insert(1, {"file": "notebooks/02-b"})
        toc.write_text(yaml.safe_dump(contents))
        profile = self.root / "notebooks" / "profiles" / "quick.yaml"
        profile.write_text(yaml.safe_dump({"01-a": {"size": 9}, "02-b": {}}))

    def package(self, skip):
        """As much of the package as the tools need, with a room for the chapter."""
        root, of = self.root / "equivar", ROOT / "equivar"
        shutil.copytree(of / "verdicts", root / "verdicts", ignore=skip)
        for folder in ("chapters", "runs"):
            (root / folder).mkdir()
        for empty in ("__init__.py", "runs/__init__.py"):
            (root / empty).write_text('"""A package."""\n')
        for file in ("names.py", "chapters/__init__.py", "runs/parameters.py"):
            shutil.copy2(of / file, root / file)
        (root / "chapters" / "c01_a.py").write_text(A_ROOM)

    def profile(self, values, name="quick"):
        path = self.root / "notebooks" / "profiles" / f"{name}.yaml"
        path.write_text(yaml.safe_dump({"01-a": values}))

    def chapter(self, *sources):
        self.source = self.root / "notebooks" / "01-a.ipynb"
        self.source.write_text(json.dumps(notebook(*sources)))

    def ran(self, *, values=(), **changes):
        """Leave the chapter `print(size)` as a run does; with other values, or a changed cell."""
        ran = notebook("print(size)")
        for number, one in enumerate(ran["cells"][1:], 1):
            one["execution_count"] = number
        ran["metadata"]["papermill"] = {
            "parameters": {"size": 9, "profile": "quick"} | dict(values)
        }
        ran["cells"][2].update(changes)
        self.executed.parent.mkdir(parents=True, exist_ok=True)
        self.executed.write_text(json.dumps(ran))

    def earlier(self, path):
        """An earlier result, which a failure must leave alone."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(EARLIER)

    @property
    def env(self):
        return os.environ | {"PYTHONPATH": str(self.root)}

    def call(self, tool, *arguments):
        command = [sys.executable, f"tools/{tool}.py", *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, env=self.env)

    def started(self, tool, *arguments, **pipes):
        """The running program; what it prints has its errors too, unless `pipes` say otherwise."""
        command = [sys.executable, f"tools/{tool}.py", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} | pipes
        return subprocess.Popen(command, cwd=self.root, env=self.env, **pipes)

    def run(self, *arguments):
        return self.call("run_notebook", "notebooks/01-a.ipynb", *arguments)
