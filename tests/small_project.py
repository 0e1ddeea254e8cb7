"""A small copy of the project, with one chapter, for programs that run chapters and build books."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
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


class Project:
    """A copy of the tools and the book's settings, with one chapter `01-a`."""

    def __init__(self, root):
        self.root = root
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "tools", root / "tools", ignore=skip)
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

    def run(self, *arguments):
        return self.call("run_notebook", "notebooks/01-a.ipynb", *arguments)
