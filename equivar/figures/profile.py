"""Scores by layer of one network."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from equivar.figures.style import COLOURS, LABELS, MARKERS, WIDTH, shared_legend
from equivar.names import WITHOUT_CELLS, sort_of
from equivar.verdicts.verdict import SE_95

FEW = 12  # layers: markers of more than that must be smaller, or they touch


def depth_profile(table: pd.DataFrame, ax: Axes, chance: bool = True):
    """Score by layer for both kinds, averaged over transformations, with 95 % intervals.

    The interval takes the transformations' errors as equal (they share the images). Chance is
    dotted in the same colour.
    """
    smaller = 0.6 if table["index"].nunique() > FEW else 1
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
            **(MARKERS[kind] | {"ms": smaller * MARKERS[kind]["ms"]}),
        )
        if chance:
            ax.plot(
                mean.index, mean["chance"], color=colour, ls=":", lw=1.3, label=f"{kind}, chance"
            )
    ax.set(xlabel="layer, by depth", ylabel="score")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def network_profile(table: pd.DataFrame, title: str = "") -> Figure:
    """Scores of any network by layer, a panel for each sort of transformation, parts marked.

    The bands reach from 0 to what chance scores, in the colour of the kind.
    """
    sorts = table["transform"].map(sort_of)
    fig, axes = plt.subplots(1, sorts.nunique(), figsize=(WIDTH, 3.2), sharey=True, squeeze=False)
    for ax, (sort, rows) in zip(axes[0], table.groupby(sorts, sort=False), strict=True):
        depth_profile(rows, ax)
        for kind, values in rows.groupby("kind", sort=False):
            chance = values.groupby("index")["chance"].mean()
            ax.fill_between(chance.index, 0, chance, color=COLOURS[kind], alpha=0.12, lw=0)
        ax.axhline(0, color="black", lw=0.6, zorder=0)
        _mark_parts(rows, ax)
        of = rows["transform"].unique()
        ax.set_title(of[0] if len(of) == 1 else f"mean of {len(of)} {sort}s", pad=16)
    for ax in axes[0, 1:]:
        ax.set_ylabel("")
    if title:
        fig.suptitle(title, x=0.01, ha="left", fontsize="medium")
    shared_legend(fig, axes[0, 0])
    return fig


def _mark_parts(rows: pd.DataFrame, ax: Axes):
    """The parts' names above the layers, with lines between them."""
    spans = rows.groupby("part")["index"].agg(["min", "max"]).sort_values("min")
    for part, (first, last) in spans.iterrows():
        if first > rows["index"].min():
            ax.axvline(first - 0.5, color="black", lw=0.5, ls=(0, (1, 3)), zorder=0)
        slim = part in WITHOUT_CELLS
        ax.text((first + last) / 2, 1.01, part, transform=ax.get_xaxis_transform(), va="bottom",
                ha="center", fontsize="x-small", rotation=30 if slim else 0)  # fmt: skip
