"""Files: where data and weights lie, what to say when they do not, and writing whole ones."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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


def check_target(path: Path, endings: tuple[str, ...]) -> None:
    """Whether a result may be written there, before the work starts.

    FileNotFoundError: its folder does not exist. ValueError: it is a folder, or ends otherwise.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: no folder {path.parent} to write to")
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a file in it")
    if path.suffix.lower() not in endings:
        raise ValueError(f"{path} should end in {', '.join(endings)}")


@contextmanager
def all_or_nothing(paths: list[Path]) -> Iterator[list[Path]]:
    """Temporary names for `paths`, beside them; renamed when all are written, else removed.

    What was written is on the disk before it gets its name.
    """
    parts = [path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}") for path in paths]
    try:
        yield parts
        for part in parts:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        for part, path in zip(parts, paths, strict=True):
            os.replace(part, path)
    finally:
        for part in parts:
            part.unlink(missing_ok=True)
