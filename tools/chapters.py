"""Whether an executed chapter may go into the book.

Jupyter Book prints an error in a cell like any other output, and papermill calls a notebook
complete whose kernel was killed. So every cell is looked at.
"""

import json

from near import Stop
from parameters import declared


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
