"""Where data and weights lie, and what to say when they do not."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


class DataMissing(FileNotFoundError):
    """A file of a data set or of trained weights is not there.

    The message names the file, the places it may lie in, and the way to get it.
    """


class DataDamaged(ValueError):
    """A file is there but does not hold what its name promises; the message names it."""


def data_root(root: str | Path | None = None) -> Path:
    """The folder of raw data: `root`, else the variable EQUIVAR_DATA, else data/raw."""
    if root is not None:
        return Path(root).expanduser()
    return Path(os.environ.get("EQUIVAR_DATA") or PROJECT / "data" / "raw").expanduser()


def first_existing(candidates: Iterable[Path], how_to_get: str) -> Path:
    """The first path that exists; DataMissing with all of them and `how_to_get` if none does."""
    candidates = list(candidates)
    for path in candidates:
        if path.exists():
            return path
    places = " or ".join(str(path) for path in candidates)
    raise DataMissing(
        f"{candidates[0].name} is missing: it belongs at {places}. {how_to_get} "
        "Files that lie elsewhere are found through the variable EQUIVAR_DATA (the data root)."
    )


def unknown_name(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """The error for a name that a table does not have: names near it, then all of them."""
    known = list(known)
    near = difflib.get_close_matches(str(name).lower(), known, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return ValueError(f"unknown {kind} {name!r}.{hint} Known: {', '.join(known)}.")
