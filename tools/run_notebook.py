"""Run one chapter under a profile: python tools/run_notebook.py notebooks/01-name.ipynb

The result replaces an earlier one only when every cell ran. What fails is kept apart, in
_build/<profile>/failed, so that no half-run chapter can be taken for a whole one.
"""

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

from near import Stop, unknown
from parameters import for_chapter
from progress import Progress

ROOT = Path(__file__).resolve().parents[1]


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
        source, out, values,
        kernel_name="python3", cwd=ROOT, progress_bar=False,
        stdout_file=progress.stream(), stderr_file=progress.stream(),
        execution_timeout=timeout,
        on_cell_start=progress.cell_start, on_cell_executed=progress.cell_end,
        extra_arguments=["--IPKernelApp.log_level=50"],
    )  # fmt: skip


def run(options):
    """Run the chapter; raises Stop with a message of a few lines."""
    values = for_chapter(ROOT, existing(options.notebook), options.profile, options.overrides)
    out = target(options)
    failed = ROOT / "_build" / options.profile / "failed" / options.notebook.name
    progress = Progress(options.notebook, options.profile)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.stem}.{os.getpid()}.part.ipynb")
    try:
        execute(options.notebook, part, values, options.timeout, progress)
        os.replace(part, out)
    except BaseException as error:
        kept = ""
        if part.exists():
            failed.parent.mkdir(parents=True, exist_ok=True)
            os.replace(part, failed)
            kept = f"\n  the cells up to there: {shown(failed)}"
        raise Stop(progress.where() + why(error) + kept) from error
    failed.unlink(missing_ok=True)
    progress.say(f"done in {progress.elapsed():.1f} s -> {shown(out)}")


def why(error):
    """One line on what stopped the run, by the exceptions that papermill and nbclient raise."""
    name = type(error).__name__
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
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"


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
