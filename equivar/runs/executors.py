"""Where runs are made: in this process, or by workers that share the store.

    make_all(runs, store)                               # here, one after the other
    with opened("tcp://10.0.0.1:8786") as executor:     # by the workers of a dask scheduler
        make_all(runs, store, executor)

A worker is given a run's parameters and the path of the store, and answers that it is done: tables,
weights and checkpoints lie in the store and never go through the wire. The store's locks see to it
that no run is made twice, whoever asks for it.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import contextmanager, nullcontext
from pathlib import Path

from equivar.data import DataMissing
from equivar.runs.folder import Made, Run
from equivar.runs.listing import being_made
from equivar.runs.store import Busy, Store, Stored

VARIABLE = "EQUIVAR_SCHEDULER"
LOOK_EVERY = 5.0  # seconds between two looks at what is running


class StoreNotShared(RuntimeError):
    """A worker made a run, but into another store than this process reads."""


class InThisProcess(Executor):
    """Calls what it is given at once; Ctrl-C goes through."""

    def submit(self, function, /, *arguments, **named) -> Future:
        """Call the function now; the future has its result, or the exception it raised."""
        future: Future = Future()
        try:
            future.set_result(function(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def opened(scheduler: str = "") -> Iterator[Executor]:
    """The executor that `scheduler` names, else the variable EQUIVAR_SCHEDULER, else this process.

    "tcp://host:port" (or tls://): the workers of that dask scheduler; "local:N": N processes of
    this machine. ValueError: neither. OSError: nothing answers there. ImportError: no dask.
    """
    scheduler = scheduler or os.environ.get(VARIABLE, "")
    kind, _, rest = scheduler.partition(":")
    if not scheduler:
        yield InThisProcess()
    elif re.fullmatch(r"(tcp|tls)://\S+:\d+", scheduler):
        with _clients_executor(scheduler) as executor:
            yield executor
    elif kind == "local" and rest.isdigit() and int(rest):
        with _cluster(int(rest)) as address, _clients_executor(address) as executor:
            yield executor
    else:
        raise ValueError(f"scheduler {scheduler!r}: tcp://host:port, or local:N for N processes")


def _distributed():
    try:
        import distributed
    except ImportError as error:
        raise ImportError(
            "several workers need dask: pip install -e '.[cluster]', or leave the scheduler out"
        ) from error
    return distributed


@contextmanager
def _cluster(workers: int) -> Iterator[str]:
    """The address of a scheduler on this machine, with workers that are replaced when they die."""
    options = {"n_workers": workers, "threads_per_worker": 1, "memory_limit": 0}
    with _distributed().LocalCluster(**options, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


@contextmanager
def _clients_executor(address: str) -> Iterator[Executor]:
    try:
        client = _distributed().Client(address, timeout="20 s", set_as_default=False)
    except OSError as error:
        raise OSError(f"no dask scheduler answers at {address}: {error}") from error
    with client:
        executor = client.get_executor(pure=False)
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)  # what has not begun is taken back


def make_all(
    runs: Sequence[Stored], store: Store, executor: Executor | None = None
) -> tuple[dict[int, Run], dict[int, Exception]]:
    """Make the runs that the store does not have: (finished runs, what the others failed with).

    Both by number in `runs`. A run that fails is told, and the others are made all the same. Those
    that other processes are making are waited for last. executor: None for the one of `opened`.
    """
    sweep = _Sweep(runs, Store(store.root.absolute(), store.results.absolute()))
    todo = sweep.missing()
    if todo:
        with nullcontext(executor) if executor else opened() as executor:
            busy = sweep.make(todo, executor, wait=False)
            sweep.make(busy, executor, wait=True)
    return sweep.done, dict(sorted(sweep.failed.items()))


def make_one(one: Stored, store: Store, wait: bool, place: str) -> None:
    """What a worker does: make a run into the store. Busy (`wait=False`): another is at it."""

    def make(work: Path) -> Made:
        print(f"{place}: {one}", file=sys.stderr, flush=True)
        return one.make(work, store)

    store.get(one.spec, make, wait=wait)


class _Sweep:
    """A list of runs on its way into the store."""

    def __init__(self, runs: Sequence[Stored], store: Store) -> None:
        self.runs, self.store = runs, store
        self.done: dict[int, Run] = {}
        self.failed: dict[int, Exception] = {}
        self.began, self.said = time.monotonic(), ""

    def missing(self) -> list[list[int]]:
        """The numbers of the runs that are to be made, those of equal runs together."""
        equal: dict[str, list[int]] = {}
        for i, one in enumerate(self.runs):
            try:
                equal.setdefault(one.spec.name, []).append(i)
            except DataMissing as error:
                self.failed[i] = error
        missing = [numbers for numbers in equal.values() if not self._found(numbers)]
        self.before = len(self.done)
        return missing

    def make(self, todo: list[list[int]], executor: Executor, wait: bool) -> list[list[int]]:
        """Make them; those that other processes are making, with `wait=False`, come back."""
        busy: list[list[int]] = []
        futures: dict[Future, list[int]] = {}
        for numbers in todo:
            place = f"run {numbers[0] + 1} of {len(self.runs)}"
            one = self.runs[numbers[0]]
            futures[executor.submit(make_one, one, self.store, wait, place)] = numbers
            busy += self._settle(futures, timeout=0)
        while futures:
            busy += self._settle(futures, timeout=LOOK_EVERY)
        return busy

    def _settle(self, futures: dict[Future, list[int]], timeout: float) -> list[list[int]]:
        """Take out the futures that have ended; the runs that turned out busy."""
        ended = wait(futures, timeout, FIRST_COMPLETED).done
        pairs = [(future, futures.pop(future)) for future in ended]
        busy = [numbers for future, numbers in pairs if self._is_busy(future, numbers)]
        for future, numbers in list(futures.items()):
            # an executor may lose the word that a run is done; the run itself is not lost
            folder = self.store.root / self.runs[numbers[0]].spec.name
            if folder.is_dir() and self._found(numbers):
                del futures[future]
        self._say()
        return busy

    def _is_busy(self, future: Future, numbers: list[int]) -> bool:
        one = self.runs[numbers[0]]
        try:
            future.result()
            if not self._found(numbers):
                raise StoreNotShared(
                    f"{one} was made, but not into {self.store.root}: workers must see that folder"
                )
        except Busy:
            return True
        except Exception as error:  # whatever it is, the other runs go on
            self.failed |= dict.fromkeys(numbers, error)
            if not isinstance(error, DataMissing):
                print(f"failed: {one}: {in_words(error)}", file=sys.stderr, flush=True)
        return False

    def _found(self, numbers: list[int]) -> bool:
        run = self.store.find(self.runs[numbers[0]].spec)
        if run:
            self.done |= dict.fromkeys(numbers, run)
        return run is not None

    def _say(self) -> None:
        """How far all runs are, where that has changed."""
        open_ = [i for i in range(len(self.runs)) if i not in self.done and i not in self.failed]
        running = sum(being_made(self.store.root, self.runs[i].spec.name) for i in open_)
        no_data = sum(isinstance(error, DataMissing) for error in self.failed.values())
        failed = len(self.failed) - no_data
        words = f"{len(self.done)} done, {running} running, {len(open_) - running} waiting"
        words += f", {failed} failed" + (f", {no_data} without data" if no_data else "")
        if words != self.said:
            self.said = words
            print(f"runs: {words}{self._left(len(open_))}", file=sys.stderr, flush=True)

    def _left(self, count: int) -> str:
        """The time left, from what the runs of this sweep took so far."""
        made = len(self.done) - self.before
        if not made or not count:
            return ""
        seconds = (time.monotonic() - self.began) / made * count
        return f", about {span(seconds)} left"


def span(seconds: float) -> str:
    """A time in the unit that people would use."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def in_words(error: Exception) -> str:
    """What a run failed with, in a line."""
    if isinstance(error, CancelledError):
        return "it was given back unmade: the scheduler is gone, or was started anew"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
