"""What is judged: scores as they are, corrected for chance, or equivariance beyond invariance.

Tables of the first edition lack the columns `corrected` and `excess`, which `equivar.measure` takes
channel by channel. There both are made from the means of a row, and that is said to be an
approximation: the corrected score `(score - chance) / (1 - chance)`, and for the excess
`e - max(i, c)`, which may tell that two things are equal and never that one is the larger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np
import pandas as pd

from equivar.verdicts.verdict import Verdict

SCORE, CORRECTED, EXCESS = "score", "corrected", "excess"
NO_EXCESS = "no excess of equivariance, which the first edition did not measure"
HIGH_CHANCE = 0.95  # as in `equivar.measure`
ROW = ["layer", "index", "part", "transform", "transforms", "reading"]  # what tells rows apart


class MissingColumn(ValueError):
    """A table lacks a column that a claim needs; the message names it."""


def require(table: pd.DataFrame, columns: Sequence[str]) -> None:
    """MissingColumn: the table lacks one of the columns."""
    missing = [one for one in columns if one not in table.columns]
    if missing:
        raise MissingColumn(f"the table has no column {missing[0]!r}; it has {list(table.columns)}")


@dataclass(frozen=True)
class Values:
    """A column to judge. approximate: which rows are approximated; of the table's index."""

    values: pd.Series
    approximate: pd.Series


def values_of(table: pd.DataFrame, column: str, runs: Sequence[str]) -> Values:
    """A column of a table; `runs`: the columns that tell runs or networks apart.

    MissingColumn names one that the table needs and does not have.
    """
    require(table, [SCORE] if column == SCORE else [SCORE, "chance"])
    if column == SCORE:
        return Values(table[SCORE], pd.Series(False, index=table.index))
    measured = table[column] if column in table.columns else pd.Series(np.nan, index=table.index)
    # a run that has not one value was measured by the first edition
    keys = [table[name] for name in runs if name in table.columns]
    old = measured.isna().groupby(keys, dropna=False).transform("all")
    made = _corrected(table) if column == CORRECTED else _excess(table, list(runs))
    if column == EXCESS:
        old &= made.notna()
    return Values(measured.where(~old, made), old)


def note_of(column: str, approximate: bool) -> str:
    """What is said first of a verdict on a column."""
    if column == SCORE:
        return ""
    return (
        "Corrected for chance, by the means of layers:" if approximate else "Corrected for chance:"
    )


def _corrected(table: pd.DataFrame) -> pd.Series:
    chance = table["chance"].mask(table["chance"] > HIGH_CHANCE)
    return (table["score"] - chance) / (1 - chance)


def _excess(table: pd.DataFrame, runs: list[str]) -> pd.Series:
    place = [name for name in [*runs, *ROW] if name in table.columns]
    invariance = table[table["kind"] == "invariance"].set_index(place)["score"]
    invariance = invariance[~invariance.index.duplicated()]
    keys = pd.MultiIndex.from_frame(table[place]) if len(place) > 1 else table[place[0]]
    own = pd.Series(invariance.reindex(keys).to_numpy(), index=table.index)
    made = table["score"] - np.fmax(own, table["chance"])
    return made.where((table["kind"] == "equivariance") & table["chance"].notna())


def judged(
    claims: Sequence[Callable[..., Verdict]],
    table: pd.DataFrame,
    removed: pd.DataFrame | None,
    corrected: bool,
    runs: Sequence[str],
    **of_table: object,
) -> list[Verdict]:
    """The verdicts of some claims on a table, each called with it and the column to judge.

    corrected: on the scores corrected for chance, beside which the same is judged on `removed`,
    where each channel's mean map is taken away. runs: columns that tell runs apart. of_table: what
    claims are given beside `table`, and not beside `removed`.
    """
    if not corrected:
        return [_or_not_judged(claim, table, SCORE, **of_table) for claim in claims]
    found = [_or_not_judged(claim, table, CORRECTED, **of_table) for claim in claims]
    if removed is None or removed.empty:
        return found
    names = [name for name in runs if name in removed.columns]
    every = len(removed[names].drop_duplicates()) == len(table[names].drop_duplicates())
    others = [_or_not_judged(claim, removed, CORRECTED) for claim in claims]
    return [beside(one, other, every) for one, other in zip(found, others, strict=True)]


def _or_not_judged(
    claim: Callable[..., Verdict], table: pd.DataFrame, column: str, **more
) -> Verdict:
    """The verdict of a claim; `not judged`, and no exception, where the table lacks a column."""
    try:
        return claim(table, column, **more)
    except MissingColumn as error:
        name = claim.__name__.removeprefix("claim_").replace("_", ".")
        reason = f"It is judged on tables of equivar.measure, and {error}."
        return Verdict(name, nan, nan, nan, "not judged", reason)


def beside(verdict: Verdict, removed: Verdict, every: bool = True) -> Verdict:
    """A verdict on corrected scores, beside that with mean maps taken away.

    Where the two disagree it is `inconclusive`, and says so. every: the second has the same runs;
    one that has fewer of them, and can not decide, does not disagree.
    """
    words, unsettled = removed.verdict, ("inconclusive", "not judged")
    if "not judged" in (verdict.verdict, words) or words == verdict.verdict:
        return verdict
    if not every and words in unsettled:
        return verdict
    if verdict.verdict in unsettled:
        said = f"{verdict.reason} With mean maps taken away it is {words}."
        return replace(verdict, reason=said)
    said = f"{verdict.verdict.capitalize()} on corrected scores, and {words} with mean maps taken "
    said += f"away, so nothing is concluded. {verdict.reason} Without mean maps: {removed.reason}"
    return replace(verdict, verdict="inconclusive", reason=said)
