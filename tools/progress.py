"""What a chapter is doing while it runs: its cells, its time, what its cells print."""

import json
import re
import time
from pathlib import Path

EVERY = 5.0  # seconds between two updates of one progress bar: logs stay readable


class Progress:
    """Lines such as `01-name  cell 3 of 12  scores = ...`, each with the chapter before it.

    No cursor movement: the same lines suit a terminal, a log, and two chapters side by side.
    """

    def __init__(self, notebook, profile):
        self.name = Path(notebook).stem
        self.began = time.monotonic()
        self.number, self.first_line, self.cell_began = 0, "", self.began
        cells = json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]
        self.total = sum(counts(cell["cell_type"], "".join(cell["source"])) for cell in cells)
        self.say(f"profile {profile}, {self.total} cells")

    def say(self, text):
        print(f"{self.name}  {text}", flush=True)

    def elapsed(self):
        return time.monotonic() - self.began

    def cell_start(self, cell, **_):
        """papermill's own cell with the values is not counted: numbers are the source's."""
        if not counts(cell.cell_type, cell.source) or injected(cell):
            return
        self.number += 1
        self.first_line = next(line for line in cell.source.splitlines() if line.strip())
        self.cell_began = time.monotonic()
        self.say(f"cell {self.number} of {self.total}  {self.first_line}")

    def cell_end(self, cell, **_):
        took = time.monotonic() - self.cell_began
        if took >= 1 and counts(cell.cell_type, cell.source) and not injected(cell):
            self.say(f"cell {self.number} of {self.total}  took {took:.1f} s")

    def where(self):
        """The cell that runs, for the first lines of an error."""
        if not self.number:
            return "before its first cell\n"
        return f"code cell {self.number} of {self.total}\n  {self.first_line}\n"

    def stream(self):
        return Stream(self.say)


class Stream:
    """Takes what a cell prints: whole lines are passed on, progress bars now and then.

    A bar rewrites its line with carriage returns, up to ten times a second.
    """

    def __init__(self, say):
        self.say, self.rest, self.last = say, "", float("-inf")

    def write(self, text):
        *pieces, self.rest = re.split(r"(?<=[\r\n])", self.rest + text)
        for piece in pieces:
            self.show(piece.rstrip("\r\n"), piece.endswith("\n"))

    def show(self, line, whole):
        if not line.strip() or (not whole and time.monotonic() - self.last < EVERY):
            return
        if not whole:
            self.last = time.monotonic()
        self.say("  " + line)

    def flush(self):
        """Nothing is held back but unfinished lines."""


def counts(cell_type, source):
    return cell_type == "code" and bool(source.strip())


def injected(cell):
    return "injected-parameters" in cell.metadata.get("tags", [])
