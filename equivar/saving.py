"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path


def check_target(path: Path, endings: tuple[str, ...]):
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
def all_or_nothing(paths: list[Path]):
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
