"""Figures of the chapter: scores against accuracy, their correlations, and what is compared."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from equivar.figures import COLOURS, LABELS, WIDTH, names_beside, shared_legend
from equivar.names import KINDS, PARTS, SORTS
from equivar.verdicts import CORRECTED, FAMILIES, SE_95, Networks, rank


def accuracy_scatter(parts: pd.DataFrame, transforms: str) -> Figure:
    """Equivariance, corrected for chance, against top-1: a panel for each part (figure 4).

    A point for each network, in the colour of its family, with its name on the right; rho is the
    rank correlation. The part after pooling is left out.
    """
    networks = Networks(parts, CORRECTED)
    top1, names = networks.top1.to_numpy(), np.asarray(networks.names)
    colours = np.array([COLOURS[networks.family[name]] for name in names])
    shown = [name for name in PARTS if name != "pool"]
    height = 0.9 + 2 * max(2.1, 0.14 * len(names))  # two columns of names below each other
    fig, axes = plt.subplots(2, 2, figsize=(WIDTH, height), sharex=True)
    for ax, part in zip(axes.flat, shown, strict=True):
        scores = networks.scores(transforms, "equivariance", part)
        one = rank("", "", scores, top1)
        rho = "" if one.lacking else f",  rho = {one.effect:.2f}"
        ax.set_title(f"{part.capitalize()}{rho}")
        ax.margins(x=0.06, y=0.08)
        there = ~np.isnan(top1) & ~np.isnan(scores)
        points = top1[there], scores[there], names[there], colours[there]
        for x, y, name, colour in zip(*points, strict=True):
            ax.plot(x, y, "o", color=colour, ms=4.5, label=name)
        if there.any():
            names_beside(ax, *points[:3], ["#b5b5b5"] * int(there.sum()), size=7)
    for ax in axes[1]:
        ax.set_xlabel("top-1 in %")
    for ax in axes[:, 0]:
        ax.set_ylabel("equivariance, corrected")
    handles = [
        Line2D([], [], ls="", marker="o", color=COLOURS[family], label=FAMILIES[family])
        for family in dict.fromkeys(networks.family[name] for name in names)
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles))
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
    map. Hatched: cells that take no part, into which black has come, or whose content has gone. The
    frames hold the same content; that of x is read between cells.
    """
    moved = np.zeros_like(image)
    moved[pixels:, pixels:] = image[: image.shape[0] - pixels, : image.shape[1] - pixels]
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.5))
    stride = image.shape[0] / cells
    lost = -(-pixels // stride)  # cells that a part of the shift falls into
    gone = pixels // stride  # cells that are pushed out as a whole
    for ax, shown, title, frame, hatched in (
        (axes[0], image, "x: cells of f(x)", lost - pixels / stride, (cells - gone, gone)),
        (axes[1], moved, "T x: cells of f(T x)", lost, (0, lost)),
    ):
        ax.imshow(shown, extent=(0, cells, cells, 0))
        _cells(ax, cells, hatched)
        ax.add_patch(plt.Rectangle((frame, frame), cells - lost, cells - lost, fill=False, lw=2,
                                   edgecolor=COLOURS["equivariance"]))  # fmt: skip
        ax.set(title=title, xlabel="cells of the map", ylabel="")
    return fig


def _cells(ax: Axes, cells: int, hatched: tuple[float, float]):
    """The grid of a map; hatched: the first row and column that take no part, and how many."""
    start, count = hatched
    for edge in range(cells + 1):
        ax.axhline(edge, color="white", lw=0.6)
        ax.axvline(edge, color="white", lw=0.6)
    style = {"facecolor": "none", "edgecolor": COLOURS["equivariance"], "hatch": "///", "lw": 0}
    if count:
        ax.add_patch(plt.Rectangle((0, start), cells, count, **style))
        ax.add_patch(plt.Rectangle((start, 0 if start else count), count, cells - count, **style))
    ax.set(xlim=(0, cells), ylim=(cells, 0))
