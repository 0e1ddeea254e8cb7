"""Cycles as shares of channels, by network, part and kind."""

from __future__ import annotations

import pandas as pd

from equivar.orbits import FIRST, MATCHINGS, shares
from equivar.verdicts.corrected import require

ANYWHERE = (FIRST, "early", "middle", "late")
KIND_WORDS = {"fixed": "fixed channels", "pair": "channels in pairs", "orbit": "channels in orbits"}


def matched(table: pd.DataFrame) -> pd.DataFrame:
    """The rows matched by the maximum. ValueError: a column that is not there."""
    wanted = ["matching", "network", "part", "kind", "found", "layer", "channels", "length"]
    require(table, wanted)
    return table[table["matching"] == MATCHINGS[0]]


def shares_of(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Shares of the networks that have the columns `by`."""
    rows = matched(table).dropna(subset=by)
    if rows.empty:
        return pd.DataFrame(columns=[*by, "part", "kind", "share"])
    return shares(rows, tuple(by))
