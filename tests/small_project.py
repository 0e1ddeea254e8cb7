"""A small copy of the project, with one chapter, for programs that run chapters and build books."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
DECLARED = 'profile = "quick"\nsize = 7\nrate = 0.5\nshifts = [1, 2]\nname = "a"'
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
        (root / "equivar").mkdir()
        (root / "equivar" / "__init__.py").write_text('"""A package."""\n')
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

    def call(self, tool, *arguments):
        command = [sys.executable, f"tools/{tool}.py", *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True)

    def run(self, *arguments):
        return self.call("run_notebook", "notebooks/01-a.ipynb", *arguments)
