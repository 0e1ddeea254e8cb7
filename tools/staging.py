"""The folder that Jupyter Book reads: a copy in the layout of the repository.

book/, notebooks/ (executed) and equivar/ lie as they do in the repository, so that relative
paths, and the links to the sources made from them, mean the same in both.
"""

import json
import shutil

import yaml
from near import Stop, unknown


def contents(root):
    """book/_toc.yml."""
    return yaml.safe_load((root / "book" / "_toc.yml").read_text(encoding="utf-8"))


def files_of(toc):
    """Every page that the table of contents names, in order, from all its levels."""
    for key in ("parts", "chapters", "sections"):
        for entry in toc.get(key, []):
            if "file" in entry:
                yield entry["file"]
            yield from files_of(entry)


def chapters_of(root):
    """The names of the chapters in the table of contents; each notebook must be one."""
    named = [
        file.removeprefix("notebooks/")
        for file in files_of(contents(root))
        if file.startswith("notebooks/")
    ]
    there = {path.stem for path in (root / "notebooks").glob("*.ipynb")}
    for name in named:
        if name not in there:
            raise Stop("book/_toc.yml: " + unknown("chapter", name, there))
    left_out = sorted(there.difference(named))
    if left_out:
        raise Stop(f"book/_toc.yml leaves out notebooks/{left_out[0]}")
    return named


def make(root, folder, profile, names):
    """Fill _build/<profile>/stage from nothing; its path."""
    stage = folder / "stage"
    shutil.rmtree(stage, ignore_errors=True)
    skip = shutil.ignore_patterns("__pycache__", "_generated")
    shutil.copytree(root / "book", stage / "book", ignore=skip)
    shutil.copytree(root / "equivar", stage / "equivar", ignore=skip)
    (stage / "notebooks").mkdir()
    for name in names:
        shutil.copy2(folder / "notebooks" / f"{name}.ipynb", stage / "notebooks")
    shutil.copy2(root / "book" / "_toc.yml", stage / "_toc.yml")
    settings = with_profile(stage / "book", profile)
    (stage / "_config.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return stage


def in_its_place(source, problem, stage):
    """A page with the chapter's title that says what is wrong with it, and how to mend it."""
    notebook = json.loads(source.read_text(encoding="utf-8"))
    title = "".join(notebook["cells"][0]["source"]).splitlines()[0]
    words = "\n".join(["```{warning}", "This chapter is missing.", "", str(problem), "```"])
    page = {"cell_type": "markdown", "id": "missing", "metadata": {}}
    notebook["cells"] = [page | {"source": f"{title}\n\n{words}"}]
    target = stage / "notebooks" / source.name
    target.write_text(json.dumps(notebook), encoding="utf-8")


def with_profile(book, profile):
    """The settings, with a line on top of every page that says which profile made it."""
    settings = yaml.safe_load((book / "_config.yml").read_text(encoding="utf-8"))
    notes = yaml.safe_load((book / "profiles.yml").read_text(encoding="utf-8"))
    note = notes.get(profile, "")
    line = f"Made under the profile <strong>{profile}</strong>" + (f": {note}" if note else "")
    settings["html"]["announcement"] = line
    settings["sphinx"]["config"]["html_theme_options"]["announcement"] = line
    return settings
