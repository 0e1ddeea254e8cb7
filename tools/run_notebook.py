"""Run one chapter under a profile: python tools/run_notebook.py notebooks/01-name.ipynb

The result replaces an earlier one only when every cell ran; beside it lie its verdicts, as JSON.
What fails is kept apart, in _build/<profile>/failed, so that no half-run chapter can be taken for a
whole one. papermill's own log has a line for every step of a progress bar, and does not say which
of two chapters it is of; so what a chapter is doing is told by `Progress`.
"""

import argparse
import logging
import os
import re
import signal
import sys
import time
from pathlib import Path

from chapters import Stop, for_chapter, injected, read, text, unknown

ROOT = Path(__file__).resolve().parents[1]
EVERY = 5.0  # seconds between two updates of one progress bar: logs stay readable


def arguments(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--profile", default="quick", help="a name in notebooks/profiles")
    parser.add_argument("--out", type=Path, help="where the executed notebook goes")
    parser.add_argument(
        "-p", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), dest="overrides",
        help="set a parameter otherwise than the profile does",
    )  # fmt: skip
    parser.add_argument("--timeout", type=int, metavar="SECONDS", help="longest time for a cell")
    return parser.parse_args(argv)


def existing(notebook):
    """The notebook's path, or an error with the nearest one."""
    if not notebook.is_file():
        there = [path.stem for path in (ROOT / "notebooks").glob("*.ipynb")]
        raise Stop(unknown("chapter", notebook.stem, there))
    return notebook


def target(options):
    """Where the executed notebook goes: one with values of one's own stays out of the book."""
    if options.out:
        return options.out
    folder = "runs" if options.overrides else "notebooks"
    return ROOT / "_build" / options.profile / folder / options.notebook.name


def execute(source, out, values, timeout, progress):
    """Run all cells into `out`. papermill is imported late: a mistyped name is told at once."""
    import papermill

    logging.getLogger("papermill").setLevel(logging.CRITICAL)  # what it says, why() says shorter
    papermill.execute_notebook(
        unformatted(source), unformatted(out), values,
        kernel_name="python3", cwd=ROOT, progress_bar=False,
        stdout_file=progress.stream(), stderr_file=progress.stream(),
        execution_timeout=timeout,
        on_cell_start=progress.cell_start, on_cell_executed=progress.cell_end,
        extra_arguments=["--IPKernelApp.log_level=50"],
    )  # fmt: skip


def unformatted(path):
    """A path as papermill takes it, which fills in what stands in braces."""
    return str(path).replace("{", "{{").replace("}", "}}")


def run(options):
    """Run the chapter; raises Stop with a message of a few lines."""
    values = for_chapter(ROOT, existing(options.notebook), options.profile, options.overrides)
    out = target(options)
    if out.is_dir():
        raise Stop(f"--out {out} is a folder: name a file in it")
    failed = ROOT / "_build" / options.profile / "failed" / options.notebook.name
    progress = Progress(options.notebook, options.profile)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.stem}.{os.getpid()}.part.ipynb")
    judged = verdicts_of(part)
    os.environ["EQUIVAR_VERDICTS"] = str(judged)  # where equivar.verdicts.report writes them
    try:
        execute(options.notebook, part, values, options.timeout, progress)
        verdicts_of(out).unlink(missing_ok=True)
        if judged.exists():
            os.replace(judged, verdicts_of(out))
        os.replace(part, out)
    except BaseException as error:
        kept = ""
        judged.unlink(missing_ok=True)
        if part.exists():
            failed.parent.mkdir(parents=True, exist_ok=True)
            os.replace(part, failed)
            kept = f"\n  the cells up to there: {shown(failed)}"
        raise Stop(progress.where() + why(error) + kept) from error
    failed.unlink(missing_ok=True)
    progress.say(f"done in {progress.elapsed():.1f} s -> {shown(out)}")


def verdicts_of(notebook):
    """The file beside an executed chapter that holds its verdicts."""
    return notebook.with_suffix(".verdicts.json")


def why(error):
    """One line on what stopped the run, by the exceptions that papermill and nbclient raise."""
    name = type(error).__name__
    if name == "PapermillExecutionError" and error.ename == "WrongParameter":
        return "\n".join(f"  {line}" for line in error.evalue.splitlines())
    if name == "PapermillExecutionError":
        return f"  {error.ename}: {last_line(error.evalue)}".rstrip(": ")
    if name == "DeadKernelError":
        return "  the kernel died (killed, or out of memory)"
    if name == "CellTimeoutError":
        return "  the cell took longer than --timeout allows"
    if isinstance(error, KeyboardInterrupt):
        return "  stopped from outside"
    return f"  {name}: {last_line(str(error))}"


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def shown(path):
    """A path as people type it."""
    try:
        return Path(path).resolve().relative_to(ROOT)
    except ValueError:
        return path


def interrupt(_signal, _frame):
    """End as with Ctrl-C: the way out of papermill shuts the kernel down."""
    raise KeyboardInterrupt


def isolate():
    """Keep the person's own IPython start-up files and kernels of the same name out of a run."""
    os.environ["IPYTHONDIR"] = str(ROOT / "_build" / "ipython")
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ.pop("JUPYTER_PATH", None)
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"


class Progress:
    """Lines such as `01-name  cell 3 of 12  scores = ...`, each with the chapter before it.

    No cursor movement: the same lines suit a terminal, a log, and two chapters side by side.
    """

    def __init__(self, notebook, profile):
        self.name = Path(notebook).stem
        self.began = time.monotonic()
        self.number, self.first_line, self.cell_began = 0, "", self.began
        cells = read(Path(notebook))["cells"]
        self.total = sum(counts(cell["cell_type"], text(cell)) for cell in cells)
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


def main(argv=None):
    signal.signal(signal.SIGTERM, interrupt)
    options = arguments(argv)
    isolate()
    try:
        run(options)
    except Stop as stop:
        print(f"\n{options.notebook.stem} failed: {stop}\n", file=sys.stderr, flush=True)
        return 130 if isinstance(stop.__cause__, KeyboardInterrupt) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
