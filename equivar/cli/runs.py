"""`python -m equivar runs`: what the store holds."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from equivar.runs import listing, runs_root


def add_command(commands: argparse._SubParsersAction):
    """`runs`."""
    runs = commands.add_parser("runs", help="list or remove stored training runs")
    add = runs.add_argument
    add(
        "--remove",
        nargs="+",
        metavar="NAME",
        help="a name, the beginning of some, or all that are unfinished, damaged or done",
    )
    add("--store", type=Path, metavar="DIR", help="default: EQUIVAR_RUNS, else data/cache/runs")
    add("--traceback", action="store_true", help="show where an error came from")
    runs.set_defaults(run=_runs)


def _runs(arguments: argparse.Namespace):
    root = runs_root(arguments.store)
    if arguments.remove:
        gone = listing.remove(root, arguments.remove)
        for entry in gone:
            print(f"removed {entry.name}")
        print(f"{len(gone)} runs removed, {_megabytes(gone):.1f} MB")
        return
    found = listing.entries(root)
    if not found:
        print(f"no runs in {root}")
        return
    rows = [
        {
            "run": entry.name,
            "state": entry.state,
            "MB": f"{_megabytes([entry]):.1f}",
            "changed": f"{entry.changed:%Y-%m-%d %H:%M}",
            "what": entry.what,
        }
        for entry in found
    ]
    print(pd.DataFrame(rows).to_string(index=False))
    print(f"{len(found)} runs, {_megabytes(found):.1f} MB, in {root}")


def _megabytes(entries: list[listing.Listed]) -> float:
    return sum(entry.size for entry in entries) / 1e6
