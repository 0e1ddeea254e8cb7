"""What the chapters' runs have in common: each is made once, kept in the store, and put in a table.

A chapter lists its runs (a network trained, or one measured); `run_all` makes those that the store
does not have and puts the tables of all into one, with columns that tell the runs apart.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd

from equivar.datasets import DataMissing
from equivar.store import Busy, Made, Run, Spec, Store


class Stored(Protocol):
    """One run: what it is stored under, and how it is made in a folder of its own.

    columns: what tells it apart from the other runs of its chapter.
    """

    @property
    def columns(self) -> Mapping[str, object]: ...

    @property
    def spec(self) -> Spec: ...

    def make(self, work: Path) -> Made: ...


@dataclass(frozen=True)
class Results:
    """The runs of a chapter.

    tables: those of all runs, by name, with the runs' `columns`. summary: a row for each run with
    its `columns`, facts (accuracy, parameters, ...) and seconds. missing: the runs that are not
    there, in words, with the reason.
    """

    tables: Mapping[str, pd.DataFrame]
    summary: pd.DataFrame
    missing: tuple[str, ...] = ()

    @property
    def scores(self) -> pd.DataFrame:
        """Rows of `equivar.measure`."""
        return self.tables["scores"]

    @property
    def history(self) -> pd.DataFrame:
        """Rows of `training.train`."""
        return self.tables["history"]


def run_all(runs: Sequence[Stored], store: Store | None = None) -> Results:
    """Every run from the store, or made now; runs that other processes make are waited for last.

    DataMissing where no run is there and the data to make one are not either; where some are,
    the others are named in `missing`.
    """
    store = store or Store()
    done: dict[int, Run] = {}
    missing: dict[int, DataMissing] = {}
    for wait in (False, True):
        for i, one in enumerate(runs):
            if i in done or i in missing:
                continue
            try:
                done[i] = _get(one, store, wait, f"run {i + 1} of {len(runs)}")
            except Busy:
                continue
            except DataMissing as error:
                missing[i] = error
    if missing and not done:
        raise next(iter(missing.values()))
    words = tuple(f"{runs[i]}: {error}" for i, error in sorted(missing.items()))
    return _together([(runs[i], done[i]) for i in sorted(done)], words)


def _get(one: Stored, store: Store, wait: bool, place: str) -> Run:
    def make(work: Path) -> Made:
        print(f"{place}: {one}", file=sys.stderr, flush=True)
        return one.make(work)

    return store.get(one.spec, make, wait=wait)


def _together(pairs: Sequence[tuple[Stored, Run]], missing: tuple[str, ...]) -> Results:
    tables: dict[str, list[pd.DataFrame]] = {}
    rows = []
    for one, run in pairs:
        for name in run.tables:
            tables.setdefault(name, []).append(run.table(name).assign(**one.columns))
        rows.append({**one.columns, **run.facts, "seconds": run.provenance["seconds"]})
    whole = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    return Results(whole, pd.DataFrame(rows), missing)
