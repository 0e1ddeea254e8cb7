"""Score by layer of one network."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from equivar.claims import SE_95
from equivar.figures.style import COLOURS, LABELS, MARKERS


def depth_profile(table: pd.DataFrame, ax: Axes, chance: bool = True):
    """Score by layer for both kinds, averaged over transformations, with 95 % intervals.

    The interval takes the transformations' errors as equal (they share the images). Chance is
    dashed in the same colour.
    """
    for kind, rows in table.groupby("kind", sort=False):
        mean = rows.groupby("index")[["score", "se", "chance"]].mean()
        colour = COLOURS[kind]
        ax.errorbar(
            mean.index,
            mean["score"],
            yerr=SE_95 * mean["se"].fillna(0),
            color=colour,
            label=LABELS[kind],
            capsize=2,
            **MARKERS[kind],
        )
        if chance:
            ax.plot(
                mean.index, mean["chance"], color=colour, ls=":", lw=1.3, label=f"{kind}, chance"
            )
    ax.set(xlabel="layer, by depth", ylabel="score")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
