"""The chapters as notebooks: their parameters under a profile, and whether one may go into a book.

papermill only warns of a parameter that a notebook does not have, so names are checked here; values
are checked by the chapter itself, in its first cell with code. Jupyter Book prints an error in a
cell like any other output, and papermill calls a notebook complete whose kernel was killed, so
every cell of an executed notebook is looked at.
"""

import ast
import json
from pathlib import Path

import yaml

from equivar.names import unknown_name


class Stop(Exception):
    """An error of the person's making: shown as its message alone, without a traceback."""


def unknown(kind, name, known):
    """The sentence for a name that is not among the known ones."""
    return str(unknown_name(kind, name, sorted(known)))


def declared(notebook):
    """The names and default values in the cell tagged `parameters`, a mapping."""
    cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
    tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
    if len(tagged) != 1:
        raise Stop(f"{notebook}: {len(tagged)} cells are tagged 'parameters', not one")
    defaults = {}
    for line in ast.parse("".join(tagged[0]["source"])).body:
        if not isinstance(line, ast.Assign) or len(line.targets) != 1:
            raise Stop(f"{notebook}: the parameters cell may hold assignments only")
        try:
            defaults[line.targets[0].id] = ast.literal_eval(line.value)
        except (AttributeError, ValueError):
            found = ast.unparse(line)
            raise Stop(f"{notebook}: not a name and a literal value: {found}") from None
    return defaults


def of_profile(root, profile):
    """What a profile sets, {chapter: {parameter: value}}."""
    folder = Path(root) / "notebooks" / "profiles"
    there = [path.stem for path in folder.glob("*.yaml")]
    if profile not in there:  # also where it is a path: folders are named by it
        raise Stop(unknown("profile", profile, there))
    path = folder / f"{profile}.yaml"
    try:
        chapters = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise Stop(f"{path.name} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(chapters, dict) or not all(
        isinstance(value, dict) for value in chapters.values()
    ):
        raise Stop(f"{path.name} must map each chapter to a mapping (an empty one is {{}})")
    return chapters


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


def for_chapter(root, notebook, profile, overrides=()):
    """What to run a chapter with beside its defaults: the profile's values, and `overrides`.

    overrides: (name, text) as on a command line. Names are checked here, values by the chapter's
    `Parameters`, which also read a text that is a list or a number.
    """
    stem = Path(notebook).stem
    chapters = of_profile(root, profile)
    if stem not in chapters:
        raise Stop(
            f"profiles/{profile}.yaml: no entry for this chapter ('{stem}: {{}}' runs its "
            f"defaults): " + unknown("chapter", stem, chapters)
        )
    values = {**chapters[stem], **dict(overrides), "profile": profile}
    defaults = declared(notebook)
    for name in values:
        if name not in defaults:
            raise Stop(str(unknown_name("parameter", str(name), defaults)))
    return values


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def text(cell):
    return "".join(cell["source"])


def code(notebook):
    """The cells that a run executes, papermill's own cell with the values left out."""
    return [
        cell
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and text(cell).strip() and not injected(cell)
    ]


def injected(cell):
    return "injected-parameters" in cell["metadata"].get("tags", [])


def check(root, path, profile, values):
    """Raise Stop unless the chapter ran to its end, as it is now, with the profile's values."""
    source = root / "notebooks" / path.name
    again = f"; run: make notebooks/{path.stem} PROFILE={profile}"
    if not path.is_file():
        raise Stop(f"chapter {path.stem} has not been run under profile {profile}{again}")
    executed = read(path)
    for number, cell in enumerate(code(executed), 1):
        problem = trouble(cell)
        if problem:
            first = text(cell).strip().splitlines()[0]
            raise Stop(f"chapter {path.stem}, code cell {number}: {problem}\n  {first}{again}")
    originals = [text(cell) for cell in read(source)["cells"]]
    if originals != [text(cell) for cell in executed["cells"] if not injected(cell)]:
        raise Stop(f"chapter {path.stem} was changed after it was run{again}")
    ran_with = executed["metadata"].get("papermill", {}).get("parameters", {})
    expected = {**declared(source), **values.get(path.stem, {}), "profile": profile}
    for name, value in {**declared(source), **ran_with}.items():
        if value != expected.get(name):
            raise Stop(
                f"chapter {path.stem} was run with {name} = {value!r}, but profile {profile} "
                f"says {expected.get(name)!r}{again}"
            )


def trouble(cell):
    """What is wrong with a cell that was to run, or None."""
    for output in cell["outputs"]:
        if output["output_type"] == "error":
            return f"it failed with {output['ename']}: {output['evalue']}".splitlines()[0]
    return "it was never run" if cell.get("execution_count") is None else None
