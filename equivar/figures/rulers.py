"""The numbers of several rulers by layer, of one network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equivar.figures.profile import count_from_one, depth_profile
from equivar.figures.style import CHANCE, WIDTH, shared_legend
from equivar.names import SORTS, sort_of
from equivar.verdicts.verdict import SE_95

TOGETHER = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00")  # of rulers in one panel


def ruler_profile(table: pd.DataFrame, rulers: Mapping[str, object], title: str = "") -> Figure:
    """A row of panels for each scale of rulers of layers, a column for each sort of transformation.

    Rulers of one scale stand in one panel, then with their equivariance alone. Upwards is more
    equivariant. table: rows of `equivar.rulers.compare`; rulers: its `RULERS`. ValueError: no ruler
    of layers among them.
    """
    rows = table[table["layer"] != ""].assign(sort=lambda t: t["transform"].map(sort_of))
    sorts, scales = list(dict.fromkeys(rows["sort"])), {}
    for name in dict.fromkeys(rows["ruler"]):
        scales.setdefault((rulers[name].scale, rulers[name].larger), []).append(rulers[name])
    if not scales:
        raise ValueError("these rulers look at the answer alone: there are no layers to draw")
    fig, axes = plt.subplots(
        len(scales),
        len(sorts),
        figsize=(WIDTH, 1.1 + 2.4 * len(scales)),
        sharex=True,
        sharey="row",
        squeeze=False,
    )
    for line, of in zip(axes, scales.values(), strict=True):
        for ax, sort in zip(line, sorts, strict=True):
            _panel(ax, rows[rows["sort"] == sort], of)
            name = SORTS[sort] if len(of) > 1 else f"{of[0].title}: {SORTS[sort]}"
            ax.set(title=name, xlabel="", ylabel="")
        _towards_the_best(line[0], of[0])
        line[0].set_ylabel(of[0].scale.split(",")[0])
    for ax in axes[-1]:
        ax.set_xlabel("layer, by depth")
    if title:
        fig.suptitle(title, x=0.01, ha="left", fontsize="medium")
    shared_legend(fig, *axes.flat, ncols=2 if len(scales) < rows["ruler"].nunique() else 4)
    return fig


def _panel(ax: Axes, rows: pd.DataFrame, of: Sequence):
    """Both kinds of a single ruler; of several, a line of equivariance and its chance for each."""
    for number, ruler in enumerate(of):
        some = rows[(rows["ruler"] == ruler.name) & rows["score"].notna()]
        if some.empty:
            continue
        if len(of) == 1:
            depth_profile(some, ax)
            continue
        kind = "equivariance" if "equivariance" in set(some["kind"]) else some["kind"].iloc[0]
        mean = some[some["kind"] == kind].groupby("index")[["score", "se", "chance"]].mean()
        colour = TOGETHER[number % len(TOGETHER)]
        ax.errorbar(mean.index, mean["score"], yerr=SE_95 * mean["se"].fillna(0), color=colour,
                    label=ruler.title, capsize=2, marker="os^Dv"[number % 5], ms=4)  # fmt: skip
        ax.plot(mean.index, mean["chance"], color=colour, **CHANCE, label=f"{ruler.title}, chance")
    count_from_one(ax)


def _towards_the_best(ax: Axes, ruler):
    """The axis turned where smaller is more equivariant; errors by their order of magnitude."""
    if ruler.name == "lie" and ax.lines:
        ax.set_yscale("log")
    if not ruler.larger:
        ax.invert_yaxis()
