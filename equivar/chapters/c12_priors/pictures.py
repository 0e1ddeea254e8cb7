"""What is kept by depth, beside the weights saved and beside what is measured; the tied stages."""

from __future__ import annotations

from math import ceil

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from equivar.chapters.c12_priors.trained import PLAIN
from equivar.figures import COLOURS, WIDTH, first_to_last, half_interval, shared_legend
from equivar.names import BEFORE_POOLING
from equivar.orbits import FIRST

WAYS = {  # of a line: colour, words, how it is drawn
    # open squares about dots about small crosses: often two or three lie on each other
    "own": ("#2C6E9B", "own channel", {"marker": "s", "ms": 5.5, "mfc": "none", "lw": 1.2}),
    "matched": ("#C8443C", "matched", {"marker": "o", "ms": 4, "lw": 1.5, "zorder": 4}),
    "random": ("#444444", "random", {"marker": "x", "ms": 3, "lw": 0.8, "zorder": 5}),
    "blank": ("#777777", "mean maps", {"ls": ":", "lw": 1.3}),
}
PANELS = (  # of what is kept beside what is measured: title, operation, way, kind
    ("matched, turned", "turned", "matched", "equivariance"),
    ("matched, rescaled", "rescaled", "matched", "equivariance"),
    ("own channel, turned", "turned", "own", "invariance"),
)
COLUMNS = 4  # panels side by side, at most
SHARES = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)  # per cent, ticks of a logarithmic axis
SEED = r", seed \d+$"
SORTS = {  # of networks, in a scatter
    "residual": ("o", "ResNet, CIFAR-10"),
    "width": ("s", "WRN, CIFAR-10"),
    "task": ("^", "7-layer CNN, digits"),
}


def kept_by_depth(table: pd.DataFrame, operation: str, column: str = "kept") -> Figure:
    """What is kept by depth, a panel for each network; the seeds of a network are averaged.

    table: rows of `equivar.symmetrise`, with a column `network`, in chapters also `sort`. column:
    `kept` or `agreement`.
    """
    rows = table[(table["operation"] == operation) & table["way"].isin(WAYS)]
    rows = rows.assign(network=rows["network"].str.replace(SEED, "", regex=True))
    names = list(dict.fromkeys(rows["network"]))
    count = ceil(len(names) / COLUMNS)
    columns = ceil(len(names) / count)
    size = (WIDTH, 0.75 + 1.75 * count)
    fig, axes = plt.subplots(count, columns, figsize=size, sharey=True, squeeze=False)
    for ax in axes.flat[len(names) :]:
        ax.axis("off")
    for ax, name in zip(axes.flat, names, strict=False):
        _panel(ax, rows[rows["network"] == name], column)
        ax.set_title(_title(rows[rows["network"] == name]), fontsize="small")
    lowest = rows.groupby(["network", "index", "way"])[column].mean().min()
    axes.flat[0].set_ylim(min(-0.12, lowest - 0.05), 1.08)
    for ax in axes.flat[len(names) - (len(names) - 1) % columns - 1 : len(names)]:
        ax.set_xlabel("layer, by depth", fontsize="small")
    for ax in axes[:, 0]:
        ax.set_ylabel(column)
    shared_legend(fig, axes.flat[0])
    return fig


def _title(rows: pd.DataFrame) -> str:
    """What a panel is about: the network, and its task where several have one name."""
    first = rows.iloc[0]
    name = first["network"]
    return f"7-layer CNN, {name}" if first.get("sort") == "task" else name


def _panel(ax: Axes, rows: pd.DataFrame, column: str):
    means = rows.groupby(["index", "way"])[column].mean().unstack("way")
    for way, (colour, words, marks) in WAYS.items():
        if way in means:
            ax.plot(means.index, means[way], color=colour, label=words, **marks)
    ax.axhline(0, color="black", lw=0.6, zorder=0)
    ax.axhline(1, color="black", lw=0.4, ls=(0, (1, 3)), zorder=0)
    first_to_last(ax, means.index.min(), means.index.max(), fontsize="x-small")


def agreement_by_depth(table: pd.DataFrame) -> Figure:
    """The share of images with the same answer as before, for networks trained on ImageNet.

    A line at what own maps keep in the last layer: what comes after pools over the map, and so
    gives the answer to the turned image.
    """
    fig = kept_by_depth(table, "turned", "agreement")
    rows = table[(table["operation"] == "turned") & (table["way"] == "own")]
    for ax, (_, of) in zip(fig.axes, rows.groupby("network", sort=False), strict=False):
        last = of.loc[of["index"].idxmax(), "agreement"]
        ax.axhline(last, color="#2C6E9B", lw=0.9, ls="--", zorder=1)
    fig.axes[0].set_ylabel("same answer")
    return fig


def savings(rows: pd.DataFrame) -> Figure:
    """What is kept beside the share of a network's weights that a tied layer would save.

    Right and high is where a prior would pay; the layers beside which no other does are named.
    rows: `saved_rows`.
    """
    fig, ax = plt.subplots(figsize=(WIDTH, 3.6))
    _scatter(ax, rows, "saved", "kept")
    ax.set(xlabel="weights saved by a tied layer, % of the network's", ylabel="kept, turned")
    ax.set_xscale("log")
    low, high = rows["saved"].min() / 1.3, rows["saved"].max() * 1.9
    ticks = [tick for tick in SHARES if low <= tick <= high]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.set_xlim(low, high)
    for row in rows[rows["front"]].itertuples():
        name = f"{row.network}\n{row.layer}"
        ax.annotate(name, (row.saved, row.kept), (6, 2), fontsize="x-small",
                    textcoords="offset points", va="center")  # fmt: skip
    _legends(fig, rows)
    return fig


def measured_against_kept(table: pd.DataFrame, measured: pd.DataFrame) -> Figure:
    """What is kept beside what is measured, corrected for chance.

    Matched channels beside equivariance (eq. 7), as they are and with mean and deviation made those
    of the channel that they stand for; own maps beside invariance (eq. 4).
    """
    fig, axes = plt.subplots(1, len(PANELS), figsize=(WIDTH, 3.1), sharey=True)
    for ax, (title, operation, way, kind) in zip(axes, PANELS, strict=True):
        column = f"{kind}_corrected"
        scores = measured[["network", "layer", column]]
        rows = _matched(table, way, operation).merge(scores, on=["network", "layer"])
        _scatter(ax, rows, column, "kept")
        ax.set_title(title, fontsize="small")
        ax.set_xlabel(f"corrected {kind}", fontsize="small")
    axes[0].set_ylabel("kept")
    _legends(fig, rows)
    return fig


def _matched(table: pd.DataFrame, way: str = "matched", operation: str = "turned") -> pd.DataFrame:
    return table[(table["operation"] == operation) & (table["way"] == way)]


def _scatter(ax: Axes, rows: pd.DataFrame, x: str, y: str):
    """A point for each layer, by part and sort of network; seeds averaged."""
    rows = rows.assign(
        network=rows["network"].str.replace(SEED, "", regex=True),
        part=rows["part"].replace(FIRST, "early"),
    )
    keys = ["sort", "network", "index", "part"]
    for row in rows.groupby(keys)[[x, y]].mean().reset_index().itertuples():
        marker, name = SORTS[row.sort][0], f"{row.network}, {row.part}"
        ax.plot(getattr(row, x), getattr(row, y), marker, color=COLOURS[row.part], ms=5,
                mec="white", mew=0.4, label=name)  # fmt: skip
    ax.axhline(0, color="black", lw=0.6, zorder=0)


def _legends(fig: Figure, rows: pd.DataFrame):
    """Colours of parts above markers of sorts, in one legend."""
    there = [one for sort, one in SORTS.items() if sort in set(rows["sort"])]
    handles = []
    for number, part in enumerate(BEFORE_POOLING):  # a legend is filled column by column
        handles.append(Line2D([], [], ls="", marker="o", color=COLOURS[part], label=part))
        marker, words = there[number] if number < len(there) else ("", "")
        handles.append(Line2D([], [], ls="", marker=marker, color="#666666", label=words))
    fig.legend(handles=handles, loc="outside lower center", ncols=len(BEFORE_POOLING))


def trained_stages(table: pd.DataFrame) -> Figure:
    """Beside what the profile says of each stage, what tying it from the start does to accuracy.

    table: `stage_table`. Intervals are 95 %, Student's t over seeds, whose dots stand beside them.
    """
    stages = [stage for stage in dict.fromkeys(table["stage"]) if stage != PLAIN]
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.9))
    titles = {"kept": "what the profile of the plain network says",
              "gain": "what training with the stage tied does"}  # fmt: skip
    for ax, (column, title) in zip(axes, titles.items(), strict=True):
        wide = table.pivot(index="stage", columns="seed", values=column).loc[stages]
        x, middle, half = np.arange(len(stages)), wide.mean(axis=1), half_interval(wide)
        for seed, values in wide.items():
            ax.plot(x + 0.2, values, ".", color="#777777", ms=5, label=f"seed {seed:g}")
        for place, stage in enumerate(stages):
            ax.errorbar(place, middle[stage], yerr=half[place], fmt="_", ms=16, mew=2.5, capsize=4,
                        lw=1.4, label="mean", color=COLOURS[stage])  # fmt: skip
        ax.axhline(0, color="black", lw=0.6, zorder=0)
        ax.set_title(title, fontsize="small")
        ax.set(xticks=x, xlim=(-0.5, len(stages) - 0.5), xlabel="stage that is tied")
        ax.set_xticklabels(stages)
        ax.set_ylim(_with_intervals(wide))
    axes[0].set_ylabel("kept, turned")
    axes[1].set_ylabel("accuracy minus plain")
    return fig


def _with_intervals(wide: pd.DataFrame) -> tuple[float, float]:
    """Limits of an axis with zero, all runs, and their intervals as long as these are not huge."""
    ends = np.append(wide.to_numpy(), 0.0)
    span = np.ptp(ends) or 0.01
    mean, half = wide.mean(axis=1), half_interval(wide)
    low = max((mean - half).min(), ends.min() - 1.5 * span)
    high = min((mean + half).max(), ends.max() + 1.5 * span)
    return min(low, ends.min()) - 0.1 * span, max(high, ends.max()) + 0.1 * span
