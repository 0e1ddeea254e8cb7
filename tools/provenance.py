"""The tables of the page on reproducing: how long things took, read from what the runs left."""

import json

LEFT, RIGHT = ":--", "--:"


def write(stage, root, names):
    """Write book/_generated/chapters.inc and results.inc, which book/reproducing.md includes."""
    folder = stage / "book" / "_generated"
    folder.mkdir(exist_ok=True)
    notebooks = [stage / "notebooks" / f"{name}.ipynb" for name in names]
    (folder / "chapters.inc").write_text(chapters_table(notebooks), encoding="utf-8")
    results = root / "data" / "results"
    (folder / "results.inc").write_text(results_table(results), encoding="utf-8")


def table(columns, rows):
    """A Markdown table; columns is {head: LEFT or RIGHT}."""
    lines = [columns, columns.values(), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def chapters_table(notebooks):
    """Seconds that each executed notebook took, as papermill noted them."""
    rows = []
    for path in notebooks:
        ran = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("papermill", {})
        seconds = f"{ran['duration']:.0f}" if ran.get("duration") else "not noted"
        rows.append([f"[](../notebooks/{path.name})", seconds])
    return table({"chapter": LEFT, "seconds": RIGHT}, rows)


def results_table(results):
    """Of the committed results: how many runs, how long they took, on what."""
    rows = []
    for folder in sorted(path for path in results.glob("*/*") if path.is_dir()):
        notes = [json.loads(path.read_text()) for path in sorted(folder.glob("*/provenance.json"))]
        if notes:
            hours = sum(note["seconds"] for note in notes) / 3600
            devices = ", ".join(sorted({device(note) for note in notes}))
            rows.append([folder.name, folder.parent.name, len(notes), f"{hours:.2f}", devices])
    if not rows:
        return "No results are committed.\n"
    numbers = {"runs": RIGHT, "hours in all": RIGHT}
    return table({"chapter": LEFT, "profile": LEFT, **numbers, "made on": LEFT}, rows)


def device(note):
    """The device of a run, and how many threads it had."""
    plural = "" if note["threads"] == 1 else "s"
    return f"{note['device']}, {note['threads']} thread{plural}"
