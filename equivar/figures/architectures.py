"""Chapters 03 and 07: networks of several architectures.

The colour tells a network's family, the marker the network within it.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equivar.claims import SE_95
from equivar.figures.style import CHANCE, COLOURS, KINDS, LABELS, PARTS, WIDTH, shared_legend

SORTS = {"shift": "translation", "rotation": "rotation"}
SHAPES = "osD^v<>PX*dph"  # of the networks of a family, in their order


def accuracy_scatter(parts: pd.DataFrame, transforms: str) -> Figure:
    """Score against top-1, a panel for each kind and part, a point for each network (figure 4)."""
    rows = parts[(parts["transforms"] == transforms) & parts["top1"].notna()]
    marks = _marks(parts)
    fig, axes = plt.subplots(2, len(PARTS), figsize=(WIDTH, 4.6), sharex=True, sharey="row")
    for ax, part in zip(axes[0], PARTS, strict=True):
        ax.set_title(part.capitalize())
    for row, kind in zip(axes, KINDS, strict=True):
        for ax, part in zip(row, PARTS, strict=True):
            of = rows[(rows["kind"] == kind) & (rows["part"] == part)]
            for point in of.itertuples():
                ax.errorbar(point.top1, point.score, yerr=SE_95 * point.se, label=point.network,
                            ls="", elinewidth=0.8, **marks[point.network])  # fmt: skip
                ax.plot(point.top1, point.chance, "_", color=COLOURS["chance"], ms=5)
        row[0].set_ylabel(kind)
    for ax in axes[1]:
        ax.set_xlabel("top-1 in %")
    axes[0, 0].plot([], [], "_", color=COLOURS["chance"], label="chance")
    shared_legend(fig, axes[0, 0], ncols=3)
    return fig


def rank_intervals(correlations: pd.DataFrame) -> Figure:
    """Spearman's correlation with top-1 by part, with 95 % intervals."""
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.8), sharey=True)
    for ax, (transforms, words) in zip(axes, SORTS.items(), strict=True):
        for step, kind in zip((-0.1, 0.1), KINDS, strict=True):
            of = correlations[
                (correlations["transforms"] == transforms) & (correlations["kind"] == kind)
            ]
            x = np.array([PARTS.index(part) for part in of["part"]]) + step
            reach = [of["rho"] - of["low"], of["high"] - of["rho"]]
            ax.errorbar(x, of["rho"], yerr=reach, ls="", marker="o" if step < 0 else "s", ms=5,
                        color=COLOURS[kind], label=LABELS[kind], capsize=2)  # fmt: skip
        ax.axhline(0, color="black", lw=0.6, zorder=0)
        ax.set(title=words, ylim=(-1.05, 1.05), xticks=range(len(PARTS)),
               xticklabels=[part.capitalize() for part in PARTS])  # fmt: skip
    axes[0].set_ylabel("rank correlation with top-1")
    shared_legend(fig, axes[0])
    return fig


def architecture_profiles(parts: pd.DataFrame) -> Figure:
    """Score by part, a line for each network (figure 7); dotted: its family's mean chance."""
    marks = _marks(parts)
    fig, axes = plt.subplots(2, 2, figsize=(WIDTH, 5.8), sharex=True, sharey="row")
    for row, (transforms, words) in zip(axes, SORTS.items(), strict=True):
        for ax, kind in zip(row, KINDS, strict=True):
            of = parts[(parts["transforms"] == transforms) & (parts["kind"] == kind)]
            for name, line in of.groupby("network", sort=False):
                line = line.set_index("part").reindex(PARTS)
                ax.errorbar(range(len(PARTS)), line["score"], yerr=SE_95 * line["se"], label=name,
                            lw=1, elinewidth=0.8, **marks[name])  # fmt: skip
            for family, lines in of.groupby("family", sort=False):
                chance = lines.groupby("part")["chance"].mean().reindex(PARTS)
                ax.plot(range(len(PARTS)), chance, color=COLOURS[family], **CHANCE)
            ax.set(title=f"{words} {kind}", xticks=range(len(PARTS)),
                   xticklabels=[part.capitalize() for part in PARTS])  # fmt: skip
        row[0].set_ylabel("score")
    _legend(fig, axes[0, 0])
    return fig


def relative_depth(scores: pd.DataFrame) -> Figure:
    """Equivariance by layer, from the first (0) to the last before pooling (1)."""
    marks = _marks(scores)
    sort = scores["transform"].str.partition("-")[0]
    rows = scores.assign(transforms=sort)[
        (scores["kind"] == "equivariance") & ~scores["part"].isin(["pool", "final"])
    ]
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.4), sharey=True)
    for ax, (transforms, words) in zip(axes, SORTS.items(), strict=True):
        of = rows[rows["transforms"] == transforms]
        for name, layers in of.groupby("network", sort=False):
            mean = layers.groupby("index")["score"].mean()
            depth = np.linspace(0, 1, len(mean))
            ax.plot(depth, mean, label=name, lw=1, **marks[name])
        ax.set(title=f"{words} equivariance", xlabel="relative depth")
    axes[0].set_ylabel("score")
    shared_legend(fig, axes[0], ncols=3)
    return fig


def convergence(parts: pd.DataFrame) -> Figure:
    """Equivariance of one network by the number of images, with 95 % intervals."""
    rows = parts[parts["kind"] == "equivariance"]
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.8), sharey=True)
    for ax, (transforms, words) in zip(axes, SORTS.items(), strict=True):
        for part in PARTS:
            of = rows[(rows["transforms"] == transforms) & (rows["part"] == part)]
            of = of.sort_values("images")
            ax.errorbar(of["images"], of["score"], yerr=SE_95 * of["se"], marker="o", ms=4, lw=1,
                        capsize=2, color=COLOURS[part], label=part.capitalize())  # fmt: skip
        counts = sorted(set(rows["images"]))
        ax.set(title=words, xlabel="images", xscale="log")
        ax.set_xticks(counts, [str(count) for count in counts], minor=False)
        ax.minorticks_off()
    axes[0].set_ylabel("equivariance")
    shared_legend(fig, axes[0], ncols=5)
    return fig


def compared_cells(image: np.ndarray, pixels: int, cells: int) -> Figure:
    """What a network is given, and which cells of its map are compared after a shift.

    image: (H, W, 3) or (H, W). pixels: of the shift, down and right. cells: along a side of the
    map. Cells that the shift has brought in, and those that it has pushed out, are hatched.
    """
    moved = np.zeros_like(image)
    moved[pixels:, pixels:] = image[: image.shape[0] - pixels, : image.shape[1] - pixels]
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.5))
    stride = image.shape[0] / cells
    lost = -(-pixels // stride)  # cells that a part of the shift falls into
    for ax, shown, title, first in (
        (axes[0], image, "x: cells of f(x)", 0),
        (axes[1], moved, "T x: cells of f(T x)", lost),
    ):
        ax.imshow(shown, extent=(0, cells, cells, 0))
        _cells(ax, cells, lost, first)
        ax.set(title=title, xlabel="cells of the map", ylabel="")
    return fig


def _cells(ax: Axes, cells: int, lost: float, first: float):
    """The grid of a map; hatched what takes no part: rows and columns outside first..first+kept."""
    kept = cells - lost
    for edge in range(cells + 1):
        ax.axhline(edge, color="white", lw=0.6)
        ax.axvline(edge, color="white", lw=0.6)
    style = {"facecolor": "none", "edgecolor": COLOURS["equivariance"], "hatch": "///", "lw": 0}
    start = 0 if first else kept
    if lost:
        ax.add_patch(plt.Rectangle((0, start), cells, lost, **style))
        ax.add_patch(plt.Rectangle((start, first), lost, kept, **style))
    ax.add_patch(plt.Rectangle((first, first), kept, kept, fill=False, lw=2,
                               edgecolor=COLOURS["equivariance"]))  # fmt: skip
    ax.set(xlim=(0, cells), ylim=(cells, 0))


def _marks(table: pd.DataFrame) -> dict[str, dict[str, object]]:
    """Colour and marker of each network."""
    marks = {}
    for family, rows in table.groupby("family", sort=False):
        for number, name in enumerate(dict.fromkeys(rows["network"])):
            shape = SHAPES[number % len(SHAPES)]
            marks[name] = {"color": COLOURS[family], "marker": shape, "ms": 5, "mfc": "none"}
    return marks


def _legend(fig: Figure, ax: Axes):
    ax.plot([], [], color="#555555", **CHANCE, label="chance, mean of a family")
    shared_legend(fig, ax, ncols=3)
