"""Scores of architectures by part and by depth: a family's colour, its networks as thin lines."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equivar.figures import CHANCE, COLOURS, WIDTH, half_interval, shared_legend
from equivar.names import PARTS, SORTS, WITHOUT_CELLS, sort_of
from equivar.verdicts import FAMILIES

INVARIANCE = {"ls": "--", "lw": 1.3}


def architecture_profiles(parts: pd.DataFrame) -> Figure:
    """Equivariance by part (figure 7): networks as thin lines, a thick one for a family's mean.

    Its interval is over the family's networks (95 %, Student's t). Dashed: the family's mean
    invariance; dotted: its mean chance of equivariance. A family of one network is that network,
    named in the legend. parts: rows of `Compared.parts`.
    """
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.6), sharey=True)
    for ax, (transforms, words) in zip(axes, SORTS.items(), strict=True):
        rows = parts[parts["transforms"] == transforms]
        families = list(dict.fromkeys(rows["family"]))
        for number, family in enumerate(families):
            step = 0.07 * (number - (len(families) - 1) / 2)  # intervals beside each other
            _family(ax, rows[rows["family"] == family], family, np.arange(len(PARTS)) + step)
        ax.set(title=words, xticks=range(len(PARTS)),
               xticklabels=[part.capitalize() for part in PARTS])  # fmt: skip
        ax.set_ylim(min(-0.05, parts["score"].min() - 0.03), 1)  # intervals may leave it
    axes[0].set_ylabel("score")
    _legend(fig, axes[0])
    return fig


def _family(ax: Axes, rows: pd.DataFrame, family: str, x: np.ndarray):
    """One family's networks, its mean with an interval, its invariance and its chance."""
    colour, means = COLOURS[family], rows.groupby(["kind", "part"])[["score", "chance"]].mean()
    of = rows[rows["kind"] == "equivariance"]
    table = of.pivot(index="part", columns="network", values="score").reindex(PARTS)
    ax.plot(x, table, color=colour, lw=0.7, alpha=0.35)
    ax.errorbar(x, table.mean(axis=1), yerr=half_interval(table), color=colour, lw=2.2, marker="o",
                ms=4, elinewidth=1.2, capsize=2.5,
                label=family_words(family, list(table)))  # fmt: skip
    ax.plot(x, means.loc["invariance", "score"].reindex(PARTS), color=colour, **INVARIANCE)
    ax.plot(x, means.loc["equivariance", "chance"].reindex(PARTS), color=colour, **CHANCE)


def family_words(family: str, names: list[str]) -> str:
    """A family in a legend: its networks' number, or the name of its only one."""
    if len(names) == 1:
        return names[0]
    return f"{FAMILIES[family]}, mean of {len(names)}"


def relative_depth(scores: pd.DataFrame) -> Figure:
    """Equivariance by layer, from the first (0) to the last before pooling (1)."""
    rows = before_pooling(scores)
    grid = np.linspace(0, 1, 41)
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.4), sharey=True)
    for ax, (transforms, words) in zip(axes, SORTS.items(), strict=True):
        of = rows[rows["transforms"] == transforms]
        for family, networks in of.groupby("family", sort=False):
            lines = []
            for _, layers in networks.groupby("network", sort=False):
                depth, mean = by_depth(layers)
                ax.plot(depth, mean, lw=0.7, alpha=0.45, color=COLOURS[family])
                lines.append(np.interp(grid, depth, mean))
            names = list(dict.fromkeys(networks["network"]))
            ax.plot(grid, np.mean(lines, axis=0), lw=2.2, color=COLOURS[family],
                    label=family_words(family, names))  # fmt: skip
        ax.set(title=f"{words} equivariance", xlabel="relative depth")
    axes[0].set_ylabel("score")
    shared_legend(fig, axes[0], ncols=3)
    return fig


def before_pooling(scores: pd.DataFrame) -> pd.DataFrame:
    """Equivariance of the layers that have maps, with the column `transforms`."""
    return scores.assign(transforms=scores["transform"].map(sort_of))[
        (scores["kind"] == "equivariance") & ~scores["part"].isin(WITHOUT_CELLS)
    ]


def by_depth(layers: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Relative depth, from 0 to 1, and the mean score of each layer of one network."""
    mean = layers.groupby("index")["score"].mean().to_numpy()
    return np.linspace(0, 1, len(mean)), mean


def _legend(fig: Figure, ax: Axes):
    of_all = {"color": "#555555", "label": "invariance, mean of a family"}
    ax.errorbar([], [], **of_all, **INVARIANCE)  # after the families in the legend
    ax.plot([], [], color="#555555", **CHANCE, label="chance, mean of a family")
    shared_legend(fig, ax, ncols=3)
