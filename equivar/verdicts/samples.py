"""A table of training runs, reduced to one value for each run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan
from statistics import fmean

import numpy as np
import pandas as pd

from equivar.verdicts.corrected import EXCESS, SCORE, note_of, require, values_of


@dataclass(frozen=True)
class Sample:
    """One quantity of a group of runs: a value for each run that has it.

    lacking: where these are fewer than two, what the table has instead, in words; "" otherwise.
    """

    values: np.ndarray  # (runs,)
    lacking: str

    @property
    def mean(self) -> float:
        """The mean over runs; NaN where there is none."""
        return float(self.values.mean()) if len(self.values) else float("nan")


def without_seed(names: pd.Series) -> pd.Series:
    """The names of networks without what tells their seeds apart."""
    return names.astype(str).str.replace(r", seed \d+$", "", regex=True)


class Runs:
    """A table of `equivar.measure` rows of many runs, by group, kind and part.

    A run's score of a part is its mean over the part's layers and the transformations, rows that
    are NaN left out. `group` is the column that tells sorts of runs apart, `seed` the runs of a
    sort. column: what is judged, of `equivar.verdicts.corrected`. ValueError for a column that the
    table does not have.
    """

    def __init__(self, table: pd.DataFrame, group: str, column: str = SCORE):
        wanted = [group, "kind", "part", "seed"]
        require(table, wanted)
        table = table[table[group].notna()]  # rows of other chapters
        found = values_of(table, column, [group, "seed"])
        scores, old = found.values, found.approximate
        self.partly = False
        exact = table[~old & scores.notna()].groupby(group)["seed"].nunique()
        if column == EXCESS and old.any() and (exact.reindex(table[group].unique()) > 1).all():
            # those that were measured channel by channel
            table, scores, old = table[~old], scores[~old], old[~old]
            self.partly = True
        self.group, self.column = group, column
        self.approximate = bool(old.any())
        cells: dict[tuple[object, str, str], dict[object, list[float]]] = {}
        columns = [table[one].tolist() for one in wanted]
        for name, kind, part, seed, score in zip(*columns, scores.tolist(), strict=True):
            cells.setdefault((name, kind, part), {}).setdefault(seed, []).append(score)
        # {(group, kind, part): {seed: score}}
        self._scores = {
            place: {seed: _mean(of) for seed, of in runs.items()} for place, runs in cells.items()
        }
        self.names = sorted({name for name, *_ in cells})

    @property
    def note(self) -> str:
        """What is said first of a verdict on corrected scores."""
        if self.partly:
            return "Corrected for chance, by the runs that were measured channel by channel:"
        return note_of(self.column, self.approximate)

    def sample(self, name: object, weights: Mapping[tuple[str, str], float]) -> Sample:
        """The weighted sum of scores, {(kind, part): weight}, of each run that has them all."""
        scores = [self._scores.get((name, *place), {}) for place in weights]
        seeds = sorted(set.intersection(*map(set, scores)))
        table = np.array([[of[seed] for of in scores] for seed in seeds]).reshape(-1, len(weights))
        values = table @ np.array(list(weights.values()))
        values = values[~np.isnan(values)]
        return Sample(values, "" if len(values) > 1 else self._lacking(name, list(weights)))

    def score(self, name: object, kind: str, part: str) -> Sample:
        """One score of each run."""
        return self.sample(name, {(kind, part): 1})

    def _lacking(self, name: object, places: list[tuple[str, str]]) -> str:
        of = f"{self.group} {name}"
        found = [scores for (other, *_), scores in self._scores.items() if other == name]
        seeds = {seed for scores in found for seed in scores}
        if len(seeds) < 2:
            return f"a single run of {of}" if seeds else f"no run of {of}"
        scored = {seed for scores in found for seed in scores if not np.isnan(scores[seed])}
        if len(scored) < 2:
            return f"scores in fewer than two runs of {of}"
        quantity = " and ".join(f"{part} {kind}" for kind, part in places)
        return f"{quantity} in fewer than two runs of {of}"


def _mean(scores: list[float]) -> float:
    defined = [score for score in scores if not isnan(score)]
    return fmean(defined) if defined else nan
