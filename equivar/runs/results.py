"""What the chapters' runs have in common: each is made once, kept in the store, and put in a table.

A chapter lists its runs (a network trained, or one measured); `run_all` makes those that the store
does not have and puts the tables of all into one, with columns that tell the runs apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import pandas as pd

from equivar.data import DataMissing
from equivar.runs.executors import Stored, in_words, make_all
from equivar.runs.folder import Run
from equivar.runs.store import Store


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
    def removed(self) -> pd.DataFrame | None:
        """Means by part with mean maps taken away; None where no run has been measured so."""
        return self.tables.get("removed")

    @property
    def history(self) -> pd.DataFrame:
        """Rows of `training.train`."""
        return self.tables["history"]


def run_all(
    runs: Sequence[Stored], store: Store | None = None, executor: Executor | None = None
) -> Results:
    """Every run from the store, or made now by `executor` (None: that of `executors.opened`).

    Runs that other processes make are waited for last. What a run fails with is raised when all
    others are made, with notes that name every run that failed. DataMissing where no run is there
    and the data to make one are not either; where some are, the others are named in `missing`.
    """
    done, failed = make_all(runs, store or Store(), executor)
    missing = {i: error for i, error in failed.items() if isinstance(error, DataMissing)}
    broken = {i: error for i, error in failed.items() if i not in missing}
    if broken:
        raise _noted(runs, broken)
    if missing and not done:
        raise next(iter(missing.values()))
    words = tuple(f"{runs[i]}: {error}" for i, error in missing.items())
    return _together([(runs[i], done[i]) for i in sorted(done)], words)


def _noted(runs: Sequence[Stored], failed: Mapping[int, Exception]) -> Exception:
    """The first of the errors, with a note of each."""
    first = next(iter(failed.values()))
    first.add_note(f"{len(failed)} of {len(runs)} runs failed; the others are in the store:")
    for i, error in failed.items():
        first.add_note(f"  {runs[i]}: {in_words(error)}")
    return first


def _together(pairs: Sequence[tuple[Stored, Run]], missing: tuple[str, ...]) -> Results:
    tables: dict[str, list[pd.DataFrame]] = {}
    rows = []
    for one, run in pairs:
        for name in run.tables:
            tables.setdefault(name, []).append(run.table(name).assign(**one.columns))
        rows.append({**one.columns, **run.facts, "seconds": run.provenance["seconds"]})
    whole = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    return Results(whole, pd.DataFrame(rows), missing)
