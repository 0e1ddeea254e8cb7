"""Figures of the chapter: both similarities of random maps, and block by block."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from equivar.figures import CHANCE, COLOURS, LABELS, MARKERS, WIDTH, end_labels, shared_legend
from equivar.names import KINDS
from equivar.verdicts import SE_95


def random_maps_histogram(maps: pd.DataFrame, offset: float) -> Figure:
    """Figure 2a: both similarities of random maps, before and after a constant is added."""
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.6), sharex=True, sharey=True)
    bins = np.linspace(-0.6, 1, 81)
    for ax, similarity in zip(axes, ("correlation", "cosine"), strict=True):
        rows = maps[maps["similarity"] == similarity]
        ax.hist(rows["before"], bins, color=COLOURS[similarity], alpha=0.45, label="random maps")
        ax.hist(
            rows["after"], bins, histtype="step", color="black", lw=1.2, label=f"both + {offset:g}"
        )
        ax.set(title=similarity, xlabel="similarity of a pair", xlim=(-0.65, 1.02))
        ax.legend(loc="upper left")
    axes[0].set_ylabel("pairs")
    return fig


def similarity_by_block(table: pd.DataFrame) -> Figure:
    """Figure 2b: both similarities' scores, block by block, above the mean activation.

    table: rows of one network.
    """
    name = table["network"].iloc[0]
    fig, axes = plt.subplots(2, 2, figsize=(WIDTH, 3.9), sharex=True, sharey="row",
                             height_ratios=[2.6, 1])  # fmt: skip
    for (above, below), kind in zip(axes.T, KINDS, strict=True):
        rows = table[table["kind"] == kind]
        for similarity, of in rows.groupby("similarity"):
            colour = COLOURS[similarity]
            above.errorbar(of["index"] + 1, of["score"], yerr=SE_95 * of["se"], color=colour,
                           label=LABELS[similarity], **MARKERS[similarity])  # fmt: skip
            above.plot(of["index"] + 1, of["chance"], color=colour, **CHANCE,
                       label=f"{LABELS[similarity]} by chance")  # fmt: skip
        above.set(title=f"{name}: {kind}", ylim=(-0.1, 1.05))
        first = rows.drop_duplicates("index")
        below.fill_between(first["index"] + 1, 0, first["mean_activation"], lw=0, alpha=0.25,
                           color=COLOURS["mean activation"])  # fmt: skip
        below.plot(first["index"] + 1, first["mean_activation"], lw=1.2,
                   color=COLOURS["mean activation"], label="mean activation")  # fmt: skip
        below.set_title("mean activation", fontsize="small")
        below.set(xlabel="residual block", ylim=(0, 1.15 * first["mean_activation"].max()))
        below.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set_ylabel("score")
    end_labels(axes[0, 1])
    return fig


def activation_scatter(table: pd.DataFrame) -> Figure:
    """Score against mean activation, a point per block, with the least-squares line.

    table: rows of one network.
    """
    name = table["network"].iloc[0]
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.8), sharex=True, sharey=True)
    for ax, (kind, rows) in zip(axes, table.groupby("kind", sort=False), strict=True):
        for similarity, part in rows.groupby("similarity"):
            sns.regplot(
                data=part,
                x="mean_activation",
                y="score",
                ci=None,
                ax=ax,
                color=COLOURS[similarity],
                marker=MARKERS[similarity]["marker"],
                label=LABELS[similarity],
                scatter_kws={"s": 18},
                line_kws={"lw": 1},
            )
        ax.set(title=f"{name}: {kind}", xlabel="mean activation", ylabel="score")
    axes[1].set_ylabel("")
    shared_legend(fig, axes[0])
    return fig
