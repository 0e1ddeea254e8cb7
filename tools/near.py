"""Errors that name what was asked for, what there is, and the nearest name."""

import difflib
import sys


class Stop(Exception):
    """An error of the person's making: shown as its message alone, without a traceback."""


def unknown(kind, name, known):
    """The sentence for a name that is not among the known ones."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    listed = ", ".join(known) if known else "none"
    return f"unknown {kind} '{name}'.{hint} Known: {listed}."


if __name__ == "__main__":
    print(unknown(sys.argv[1], sys.argv[2], sys.argv[3:]).rstrip("."))
