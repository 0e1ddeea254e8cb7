"""What share of a layer's channels is fixed, in a pair, in an orbit, or in none."""

from __future__ import annotations

import pandas as pd

from equivar.orbits.matching import KINDS

FIRST = "first"  # the part of the first convolution
SHARES = (*KINDS.values(), "none")
_LAYER = ["layer", "index", "part", "channels"]


def shares(table: pd.DataFrame, by: tuple[str, ...] = ()) -> pd.DataFrame:
    """The share of a layer's channels in found cycles of each kind: one row per layer and kind.

    table: rows of `equivar.orbits`. by: columns that tell networks apart. The kinds are fixed,
    pair, orbit and none; their shares sum to 1. A channel without a score counts as none.
    """
    layer = [*by, *_LAYER]
    counted = table.assign(members=table["length"].where(table["found"], 0))
    wide = counted.pivot_table(
        index=layer, columns="kind", values="members", aggfunc="sum", sort=False, observed=True
    )
    wide = wide.reindex(columns=list(KINDS.values())).fillna(0)
    wide = wide.div(wide.index.get_level_values("channels"), axis=0)
    wide["none"] = 1 - wide.sum(axis=1)
    long = wide.reset_index().melt(layer, list(SHARES), var_name="kind", value_name="share")
    return long.sort_values([*by, "index"], kind="stable").reset_index(drop=True)
