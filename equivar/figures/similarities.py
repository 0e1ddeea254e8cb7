"""Chapter 02: both similarities, on random maps and on residual blocks."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from equivar.claims import SE_95
from equivar.figures.style import COLOURS, LABELS, MARKERS, WIDTH, shared_legend


def random_maps(maps: pd.DataFrame, offset: float) -> Figure:
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
    """Figure 2b: mean activation and both similarities' scores, block by block."""
    kinds = ("invariance", "equivariance")
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.1), sharey=True)
    for ax, kind in zip(axes, kinds, strict=True):
        rows = table[table["kind"] == kind]
        for similarity, part in rows.groupby("similarity"):
            ax.errorbar(
                part["index"] + 1,
                part["score"],
                yerr=SE_95 * part["se"],
                color=COLOURS[similarity],
                label=f"{LABELS[similarity]} (left axis)",
                **MARKERS[similarity],
            )
            ax.plot(part["index"] + 1, part["chance"], color=COLOURS[similarity], ls=":", lw=1.3,
                    label=f"{LABELS[similarity]}, chance")  # fmt: skip
        ax.set(title=kind, xlabel="residual block", ylim=(-0.1, 1.05))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        right = ax.twinx()
        colour = COLOURS["mean activation"]
        first = rows.drop_duplicates("index")
        right.plot(first["index"] + 1, first["mean_activation"], color=colour, ls="--",
                   label="mean activation (right axis)")  # fmt: skip
        right.set_ylim(0, 1.15 * first["mean_activation"].max())
        right.tick_params(axis="y", colors=colour)
        right.spines["right"].set(visible=True, color=colour)
        if kind == kinds[-1]:
            right.set_ylabel("mean activation", color=colour)
        else:
            right.set_yticklabels([])
    axes[0].set_ylabel("score")
    shared_legend(fig, axes[0], right)
    return fig


def activation_scatter(table: pd.DataFrame) -> Figure:
    """Score against mean activation, a point per block, with the least-squares line."""
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
        ax.set(title=kind, xlabel="mean activation", ylabel="score")
    axes[1].set_ylabel("")
    shared_legend(fig, axes[0])
    return fig
