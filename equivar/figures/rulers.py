"""The numbers of several rulers by layer, of one network."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equivar.figures.profile import depth_profile
from equivar.figures.style import WIDTH, shared_legend
from equivar.names import SORTS, sort_of


def ruler_profile(table: pd.DataFrame, rulers: Mapping[str, object], title: str = "") -> Figure:
    """A row of panels for each ruler of layers, a column for each sort of transformation.

    Upwards is more equivariant. table: rows of `equivar.rulers.compare`; rulers: its `RULERS`.
    ValueError: no ruler of layers among them.
    """
    rows = table[table["layer"] != ""].assign(sort=lambda t: t["transform"].map(sort_of))
    names, sorts = list(dict.fromkeys(rows["ruler"])), list(dict.fromkeys(rows["sort"]))
    if not names:
        raise ValueError("these rulers look at the answer alone: there are no layers to draw")
    fig, axes = plt.subplots(
        len(names),
        len(sorts),
        figsize=(WIDTH, 0.8 + 2.2 * len(names)),
        sharex=True,
        sharey="row",
        squeeze=False,
    )
    for line, name in zip(axes, names, strict=True):
        for ax, sort in zip(line, sorts, strict=True):
            some = rows[(rows["ruler"] == name) & (rows["sort"] == sort)]
            if some["score"].notna().any():
                depth_profile(some, ax)
            ax.set(title=f"{rulers[name].title}: {SORTS[sort]}", xlabel="")
        _towards_the_best(line[0], rulers[name])
        line[0].set_ylabel(rulers[name].scale.split(",")[0])
        for ax in line[1:]:
            ax.set_ylabel("")
    for ax in axes[-1]:
        ax.set_xlabel("layer, by depth")
    if title:
        fig.suptitle(title, x=0.01, ha="left", fontsize="medium")
    shared_legend(fig, *axes.flat)
    return fig


def _towards_the_best(ax: Axes, ruler):
    """The axis turned where smaller is more equivariant; errors by their order of magnitude."""
    if ruler.name == "lie" and ax.lines:
        ax.set_yscale("log")
    if not ruler.larger:
        ax.invert_yaxis()
