"""What lies in a store, and taking it away again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import Timeout

from equivar.names import unknown_name
from equivar.runs.folder import Run, RunDamaged
from equivar.runs.store import CHECKPOINT, LOCKS, WORK, lock_of
from equivar.training.checkpoint import progress_of

STATES = ("done", "unfinished", "being made", "damaged")


@dataclass(frozen=True)
class Listed:
    """One folder of a store. state: of `STATES`; what: in words; size: bytes."""

    path: Path
    state: str
    what: str
    size: int
    changed: datetime

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name


def entries(root: Path) -> list[Listed]:
    """Every run under `root`, finished or not, by name; a folder that does not exist has none."""
    folders = (path for path in root.glob("*") if path.is_dir() and path.name != LOCKS)
    return [_entry(path) for path in sorted(folders)]


def remove(root: Path, names: list[str]) -> list[Listed]:
    """Remove runs by name, by the beginning of a name, or all of one state of `STATES`.

    ValueError: a name that nothing has, or a run that a process is making; then nothing goes.
    """
    there = entries(root)
    chosen = {entry.name: entry for name in names for entry in _matching(name, there)}
    with ExitStack() as locks:
        for entry in chosen.values():
            try:
                locks.enter_context(lock_of(root, entry.name.removesuffix(WORK)).acquire(timeout=0))
            except Timeout:
                raise ValueError(f"{entry.name} is being made; stop its process first") from None
        for entry in chosen.values():
            shutil.rmtree(entry.path)
    return list(chosen.values())


def _matching(name: str, there: list[Listed]) -> list[Listed]:
    found = [entry for entry in there if entry.state == name]
    if not found and name not in STATES:
        found = [entry for entry in there if entry.name.startswith(name)]
        if not found:
            raise unknown_name("run", name, [entry.name for entry in there])
    return found


def _entry(path: Path) -> Listed:
    files = [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    changed = datetime.fromtimestamp(max([file.stat().st_mtime for file in [*files, path]]))
    return Listed(path, *_state(path), size, changed)


def _state(path: Path) -> tuple[str, str]:
    """The state of a run, and what it is."""
    if path.name.endswith(WORK):
        name = path.name.removesuffix(WORK)
        busy = being_made(path.parent, name)
        return "being made" if busy else "unfinished", ", ".join(_under_way(path)) or "not begun"
    try:
        run = Run(path)
        numbers = (f"{name} {value:g}" for name, value in run.facts.items()
                   if name in ("accuracy",))  # fmt: skip
        return "done", ", ".join([run.provenance["label"], *numbers])
    except (RunDamaged, json.JSONDecodeError, KeyError) as error:
        return "damaged", str(error)


def _under_way(path: Path) -> Iterator[str]:
    """How far a run is by its checkpoint."""
    progress = progress_of(path / CHECKPOINT)
    if progress is not None:
        yield f"{len(progress.rows)} epochs and {progress.steps} steps"


def being_made(root: Path, name: str) -> bool:
    """Whether a process is making the run `name` of the store `root`."""
    lock = lock_of(root, name)
    if not (root / f"{name}{WORK}").is_dir() or not Path(lock.lock_file).exists():
        return False
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True
