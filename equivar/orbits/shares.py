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

    >>> import torch, equivar
    >>> from equivar import networks
    >>> model = networks.build("toy-equivariant", in_channels=1, channels=(8, 8), kernel_size=5)
    >>> images = torch.rand(24, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    >>> shares(equivar.orbits(model, images, progress=False))[["layer", "kind", "share"]]
          layer   kind  share
    0  layers.0  fixed    0.0
    1  layers.0   pair    0.0
    2  layers.0  orbit    1.0
    3  layers.0   none    0.0
    4  layers.1  fixed    0.0
    5  layers.1   pair    0.0
    6  layers.1  orbit    1.0
    7  layers.1   none    0.0
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
