"""Orbits: the groups of channels that turn into one another, found by program (section 3.2).

    table = equivar.orbits(model, images)
    table[table["found"] & (table["kind"] == "orbit")]

With `match="dataset"`, the measure gives a map of channels: channel c of the turned image looks
like the turned channel c'. Where this map leads back to its start there is a group: one channel is
an invariant feature, two are alike after half a turn, four are an orbit of the quarter turns.
"""

from equivar.orbits.finding import COLUMNS, LEAST_CHANNELS, LEAST_IMAGES, orbits
from equivar.orbits.first import (
    along_orbit,
    filters_of,
    first_and_blocks,
    first_convolution,
)
from equivar.orbits.layer import LayerScores, layer_cycles
from equivar.orbits.matching import KINDS, MATCHINGS, members
from equivar.orbits.shares import FIRST, SHARES, shares

__all__ = [
    "COLUMNS",
    "FIRST",
    "KINDS",
    "LEAST_CHANNELS",
    "LEAST_IMAGES",
    "MATCHINGS",
    "SHARES",
    "LayerScores",
    "along_orbit",
    "filters_of",
    "first_and_blocks",
    "first_convolution",
    "layer_cycles",
    "members",
    "orbits",
    "shares",
]
