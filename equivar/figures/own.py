"""Chapter 09: any network's scores by layer, and its channels beside their matches."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equivar.figures.profile import depth_profile
from equivar.figures.style import COLOURS, WIDTH, bare, shared_legend


def own_profile(table: pd.DataFrame, title: str = "") -> Figure:
    """Scores of any network by layer, a panel for each sort of transformation, parts marked.

    The bands reach from 0 to what chance scores, in the colour of the kind.
    """
    sorts = table["transform"].str.partition("-")[0]
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
        slim = part in ("pool", "final")
        ax.text((first + last) / 2, 1.01, part, transform=ax.get_xaxis_transform(), va="bottom",
                ha="center", fontsize="x-small", rotation=30 if slim else 0)  # fmt: skip


def channel_pairs(examples) -> Figure:
    """F = T f(x) beside G = f(T x): the most equivariant channels above, the least below.

    The number of each map's channel stands beside F and G; S is the pair's correlation on this
    image. Every map is on its own scale.
    """
    fig, axes = plt.subplots(2, 2 * len(examples.most) + 2, figsize=(WIDTH, 2.7))
    for row, (word, channels) in enumerate((("most", examples.most), ("least", examples.least))):
        panels = [("x", examples.image, None), ("T x", examples.moved, None)]
        for one in channels:
            panels.append((f"F {one.match + 1}", one.f, None))
            panels.append(
                (f"G {one.channel + 1}", one.g, f"S = {round(one.similarity, 2) + 0:.2f}")
            )
        for ax, (name, values, text) in zip(axes[row], panels, strict=True):
            limits = {"vmin": 0, "vmax": 1} if name.endswith("x") else {"cmap": "viridis"}
            ax.imshow(values, **limits)
            ax.set_title(name, fontsize="small", loc="center", pad=3)
            ax.set_xlabel(text or " ", fontsize="x-small")
            bare(ax)
        axes[row, 0].set_ylabel(f"{word} equivariant", fontsize="small")
    return fig
