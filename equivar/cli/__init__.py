"""The command line: `python -m equivar measure`, `layers`, `orbits`, `symmetrise` and `runs`."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence

from equivar.cli import measuring, orbits, runs, symmetrising
from equivar.cli.measuring import EXAMPLES
from equivar.features.defaults import UnknownStructure
from equivar.networks.errors import at_fault, first_line

_BAD_INPUT = (ValueError, FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit code: 0; 2 for bad input or usage; 1 for other errors; 130, Ctrl-C."""
    arguments = _parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_: print(f"note: {message}", file=sys.stderr)
            arguments.run(arguments)
    except KeyboardInterrupt:
        print("\nstopped: nothing was written", file=sys.stderr)
        return 130
    except Exception as error:
        if arguments.traceback:
            raise
        print(f"error: {_in_one_line(error)}", file=sys.stderr)
        return 2 if isinstance(error, _BAD_INPUT) else 1
    return 0


def _in_one_line(error: Exception) -> str:
    if isinstance(error, UnknownStructure):
        return f"{first_line(error)}: --layers; `python -m equivar layers` lists candidates"
    if isinstance(error, _BAD_INPUT):
        return " ".join(str(error).split())
    return f"{type(error).__name__}: {first_line(error)} ({at_fault(error)})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m equivar",
        description="How equivariant a network is inside, layer by layer.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        required=True, metavar="measure | layers | orbits | symmetrise | runs"
    )
    measuring.add_commands(commands)
    orbits.add_command(commands)
    symmetrising.add_command(commands)
    runs.add_command(commands)
    return parser
