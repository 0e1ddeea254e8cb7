"""Where runs are kept: each made once, whole or not at all, and found again.

A run that is being made works in `<name>.work`, under a lock that dies with its process. Its
files are written there too, and renamed to `<name>` when all are on the disk.
"""

from __future__ import annotations

import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from equivar.files import PROJECT
from equivar.runs.folder import Made, Run, RunDamaged, write
from equivar.runs.provenance import provenance
from equivar.runs.spec import Spec
from equivar.training.checkpoint import CheckpointDamaged

CHECKPOINT = "checkpoint.safetensors"
WORK, LOCKS = ".work", ".locks"  # the folder of a run that is being made, and that of the locks
A_LOOK = 0.2  # seconds: `listing.being_made` holds the lock for less than a thousandth of them
RESULTS = PROJECT / "data" / "results"  # committed: tables, no weights


class Stored(Protocol):
    """One run: what it is stored under, and how it is made in a folder of its own.

    columns: what tells it apart from the other runs of its chapter.
    """

    @property
    def columns(self) -> Mapping[str, object]:
        """What tells the run apart from the other runs of its chapter."""

    @property
    def spec(self) -> Spec:
        """What it is stored under."""

    def make(self, work: Path, store: Store) -> Made:
        """Make it in the folder `work`; runs that it needs are in `store`."""


class MeasuredAgain(Stored, Protocol):
    """A run whose tables can be made again from its weights."""

    def measured_again(self, run: Run) -> Made:
        """The run, with its tables made anew."""


class Busy(RuntimeError):
    """Another process is making the run."""


def runs_root(root: str | Path | None = None) -> Path:
    """The folder of runs: `root`, else the variable EQUIVAR_RUNS, else data/cache/runs."""
    if root is not None:
        return Path(root).expanduser()
    return Path(os.environ.get("EQUIVAR_RUNS") or PROJECT / "data" / "cache" / "runs").expanduser()


class Store:
    """Runs under `root` (see `runs_root`), and results committed under `results`/<profile>.

    results: None for data/results.
    """

    def __init__(self, root: str | Path | None = None, results: Path | None = None) -> None:
        self.root, self.results = runs_root(root), results or RESULTS

    def find(self, spec: Spec, weights: bool = False) -> Run | None:
        """The finished run, here or among the committed results (unless `weights` are needed).

        A damaged one is named in a warning, put aside if it lies here, and counts as absent.
        """
        places = [self.root / spec.name]
        if not weights:
            places += sorted(self.results.glob(f"*/*/{spec.name}"))
        for path in places:
            try:
                if path.is_dir():
                    return _of(spec, path)
            except RunDamaged as error:
                kept = f"; put aside as {_put_aside(path).name}" if path.parent == self.root else ""
                warnings.warn(f"{error}: it is made again{kept}", stacklevel=2)
        return None

    def get(
        self,
        spec: Spec,
        make: Callable[[Path], Made],
        *,
        weights: bool = False,
        wait: bool = True,
    ) -> Run:
        """The run of `spec`, made by `make` if it is not there.

        `make` gets a folder that outlives a process: what it leaves there (a checkpoint named
        `CHECKPOINT`) is there again when it is called after having been stopped. While another
        process makes the run, wait for it, or raise Busy (`wait=False`).
        OSError: a store that can not be written; what was there stays.
        """
        work = self.root / f"{spec.name}{WORK}"
        found = self.find(spec, weights)
        if found:
            if found.path.parent == self.root and work.is_dir():
                self._clear(spec, work)
            return found
        with self._alone(spec, wait):
            found = self.find(spec, weights)  # made while we waited
            if found:
                return found
            work.mkdir(exist_ok=True)
            began = time.perf_counter()
            made = _make(make, work)
            self._finish(spec, work, made, time.perf_counter() - began)
        return _of(spec, self.root / spec.name)

    def make(self, one: Stored, *, weights: bool = False, wait: bool = True) -> Run:
        """A run that knows its spec and how it is made; the rest as in `get`.

        A run that needs the network of another one takes it from this store.
        """
        return self.get(one.spec, lambda work: one.make(work, self), weights=weights, wait=wait)

    def measure_again(self, one: MeasuredAgain) -> Run:
        """A finished run with weights, with its tables measured as this version does.

        For tables that lack a column which later versions measure. Its key, its weights and what
        made it stay. FileNotFoundError: it is not in this store, or without weights.
        """
        spec = one.spec
        with self._alone(spec, wait=True):
            run = self.find(spec, weights=True)
            if run is None:
                raise FileNotFoundError(f"{spec}: no run with weights in {self.root}")
            made = one.measured_again(run)
            facts = {name: value for name, value in run.provenance.items() if name != "facts"}
            facts["measured_again"] = provenance(spec, 0)["commit"]
            work = self.root / f"{spec.name}{WORK}"
            work.mkdir(exist_ok=True)
            shutil.rmtree(work / "final", ignore_errors=True)
            write(work / "final", made, facts)
            before = work / "before"  # moved, so that no moment of a kill leaves half of it
            shutil.rmtree(before, ignore_errors=True)
            os.replace(run.path, before)
            os.replace(work / "final", run.path)
            shutil.rmtree(work)
        return _of(spec, run.path)

    def _finish(self, spec: Spec, work: Path, made: Made, seconds: float) -> None:
        final = work / "final"
        shutil.rmtree(final, ignore_errors=True)  # of a process that was stopped while writing
        try:
            write(final, made, provenance(spec, seconds))
            os.replace(final, self.root / spec.name)
        except OSError as error:
            shutil.rmtree(final, ignore_errors=True)
            words = "the results could not be written; started again, the run goes on from there"
            raise _worded(error, words, work) from error
        shutil.rmtree(work)

    def _clear(self, spec: Spec, work: Path) -> None:
        """Remove what a process left that was killed when its run had just been finished."""
        with suppress(Busy, OSError), self._alone(spec, wait=False):
            shutil.rmtree(work, ignore_errors=True)

    @contextmanager
    def _alone(self, spec: Spec, wait: bool) -> Iterator[None]:
        """One process at a time for each run; the lock is the system's and dies with its owner."""
        try:
            lock = lock_of(self.root, spec.name)
            lock.acquire(timeout=A_LOOK, poll_interval=0.01)
        except Timeout:
            if not wait:
                raise Busy(f"another process is making {spec}") from None
            print(f"waiting for another process that is making {spec}", flush=True)
            lock.acquire(poll_interval=0.2)
        except OSError as error:
            words = "runs can not be kept there; EQUIVAR_RUNS names another folder"
            raise _worded(error, words, self.root) from error
        try:
            yield
        finally:
            lock.release()


def lock_of(root: Path, name: str) -> FileLock:
    """The lock of the run `name` of the store `root`, whose folder is made."""
    (root / LOCKS).mkdir(parents=True, exist_ok=True)
    return FileLock(root / LOCKS / f"{name}.lock")


def _worded(error: OSError, words: str, path: Path) -> OSError:
    """The same error, with what it means here."""
    return type(error)(error.errno, f"{error.strerror}: {words}", str(path))


def _make(make: Callable[[Path], Made], work: Path) -> Made:
    """Call `make`; once more from nothing if the state that it left turns out damaged."""
    try:
        return make(work)
    except CheckpointDamaged as error:
        aside = work / f"{CHECKPOINT}.damaged"
        os.replace(work / CHECKPOINT, aside)
        warnings.warn(f"{error}: the run begins anew; the file is now {aside.name}", stacklevel=2)
        return make(work)


def _of(spec: Spec, path: Path) -> Run:
    run = Run(path)
    if run.provenance.get("key") != spec.key:
        raise RunDamaged(f"{path} holds another run")
    return run


def _put_aside(path: Path) -> Path:
    """Rename a damaged run; the one that was put aside before it goes."""
    aside = path.with_name(f"{path.name}.damaged")
    shutil.rmtree(aside, ignore_errors=True)
    with suppress(FileNotFoundError):  # another process was first
        os.replace(path, aside)
    return aside
