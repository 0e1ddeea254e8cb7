"""Figures of the chapter: profiles, all networks by part, and training."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equivar.figures import COLOURS, LABELS, WIDTH, end_labels, first_to_last, shared_legend
from equivar.names import PARTS, SORTS, WITHOUT_CELLS
from equivar.verdicts import FAMILIES, count_words

LONG = 14  # letters of a title that touches the next one
GAIN, LOSS, BEFORE = "#4DAF6E", "#E69F00", "#8c8c8c"  # what training adds, takes, begins with


def before_and_after(scores: pd.DataFrame, networks: Sequence[str]) -> Figure:
    """Equivariance by depth, trained and untrained, with what is learned shaded between them.

    A row for each sort of transformation, a column for each network. Corrected for chance.
    """
    fig, axes = plt.subplots(
        len(SORTS), len(networks), figsize=(WIDTH, 3.9), sharey=True, squeeze=False
    )
    rows = scores[(scores["kind"] == "equivariance") & ~scores["part"].isin(WITHOUT_CELLS)]
    for line, (sort, words) in zip(axes, SORTS.items(), strict=True):
        for ax, name in zip(line, networks, strict=True):
            of = rows[(rows["network"] == name) & (rows["transforms"] == sort)]
            table = of.pivot_table(index="index", columns="state", values="corrected")
            _shaded(table, ax)
        line[0].set_ylabel(f"{words}\nequivariance")
    for ax, name in zip(axes[0], networks, strict=True):
        ax.set_title(_in_lines(name), fontsize="small")
    for ax in axes[-1]:
        ax.set_xlabel("depth", fontsize="small")
    shared_legend(fig, axes[0, 0])
    return fig


def _in_lines(name: str) -> str:
    """A name of a narrow panel: "ResNet-20, trained here" and long ones in two lines."""
    lines = name.replace(", ", ",\n")
    return lines.replace("-", "-\n", 1) if "\n" not in lines and len(name) > LONG else lines


def _shaded(table: pd.DataFrame, ax: Axes):
    depth = np.linspace(0, 1, len(table)) if len(table) > 1 else np.zeros(len(table))
    trained, untrained = table["trained"].to_numpy(), table["untrained"].to_numpy()
    shade = {"interpolate": True, "lw": 0, "alpha": 0.45}
    ax.fill_between(depth, untrained, trained, where=trained >= untrained, color=GAIN,
                    label="training adds", **shade)  # fmt: skip
    ax.fill_between(depth, untrained, trained, where=trained <= untrained, color=LOSS,
                    label="training takes", **shade)  # fmt: skip
    ax.plot(depth, untrained, color=BEFORE, lw=1.4, label="untrained")
    ax.plot(depth, trained, color="black", lw=1.4, label="trained")
    ax.axhline(0, color="black", lw=0.5, zorder=0)
    ax.set_ylim(-0.1, 1.05)
    first_to_last(ax)
    ax.tick_params(labelsize="small")


def learned_by_part(changed: pd.DataFrame, sort: str) -> Figure:
    """All networks by part: from the untrained twin (grey) to the trained network (its family).

    changed: rows of `changes`; sort: "shift" or "rotation".
    """
    rows = changed[(changed["transforms"] == sort) & (changed["kind"] == "equivariance")]
    rows = rows.sort_values("family", key=lambda of: of.map([*FAMILIES].index), kind="stable")
    names = list(dict.fromkeys(rows["network"]))
    fig, axes = plt.subplots(
        1, len(PARTS), figsize=(WIDTH, 0.9 + 0.19 * len(names)), sharey=True, sharex=True
    )
    for ax, part in zip(axes, PARTS, strict=True):
        of = rows[rows["part"] == part].set_index("network").reindex(names)
        y = np.arange(len(names))
        gain = of["change"].to_numpy() > 0
        ax.hlines(y, of["untrained"], of["trained"], lw=2.4, alpha=0.6,
                  color=np.where(gain, GAIN, LOSS))  # fmt: skip
        ax.plot(of["untrained"], y, "o", ms=3.5, color=BEFORE, label="untrained")
        for family, some in rows.groupby("family", sort=False):
            inside = np.array([name in set(some["network"]) for name in names])
            ax.plot(of["trained"][inside], y[inside], "o", ms=4.5, color=COLOURS[family],
                    label=f"trained {_family(family)}")  # fmt: skip
        ax.set_title(part.capitalize(), loc="center")
        ax.set(xlim=(-0.08, 1.05), xticks=[0, 0.5, 1], xticklabels=["0", ".5", "1"])
        ax.grid(axis="x", lw=0.4, alpha=0.6)
        ax.tick_params(axis="y", length=0)
    axes[0].set(yticks=range(len(names)), yticklabels=names)
    axes[0].tick_params(axis="y", labelsize="x-small")
    axes[0].set_ylim(len(names) - 0.4, -0.6)
    shared_legend(fig, axes[0])
    return fig


def _family(family: str) -> str:
    return {"cnn": "CNN", "vit": "ViT", "mixer": "Mixer"}[family]


def along_training(dynamics: pd.DataFrame, groups: Sequence[str], column: str) -> Figure:
    """A score by part against the epoch, and the accuracy; a column for each group of runs.

    Means over seeds; where there are several, the ground of a line spans them all. The epoch axis
    is logarithmic after 1, with the beginning at 0.
    """
    rows = dynamics[(dynamics["kind"] == "equivariance") & dynamics["group"].isin(groups)]
    names = [*SORTS, "accuracy"]
    fig, axes = plt.subplots(
        len(names), len(groups), figsize=(WIDTH, 5.4), sharex="col", sharey="row", squeeze=False,
        height_ratios=[1, 1, 0.6],
    )  # fmt: skip
    for place, group in enumerate(groups):
        of = rows[rows["group"] == group]
        for ax, sort in zip(axes[:, place], names, strict=True):
            if sort == "accuracy":
                line = of.groupby("epoch")["accuracy"].mean().dropna()
                ax.plot(line.index, line, color="black", lw=1.4)
                ax.set_xlabel("epoch")
                continue
            some = of[of["transforms"] == sort]
            for part in PARTS:
                seeds = some[some["part"] == part].groupby("epoch")[column]
                line = seeds.mean()
                ax.fill_between(line.index, seeds.min(), seeds.max(), color=COLOURS[part], lw=0,
                                alpha=0.25)  # fmt: skip
                ax.plot(line.index, line, color=COLOURS[part], lw=1.6, marker="o", ms=2.5,
                        label=part)  # fmt: skip
        ticks = _apart(sorted(set(of["epoch"])))
        ax.set_xscale("symlog", linthresh=1, linscale=0.3)
        ax.set_xticks(ticks, [str(tick) for tick in ticks], fontsize="small")
        ax.minorticks_off()
        runs = count_words(of["seed"].nunique(), "seed")
        axes[0, place].set_title(f"{LABELS.get(group, group)},\n{runs}", fontsize="small")
    for ax, words in zip(axes[:, 0], [*SORTS.values(), "test accuracy"], strict=True):
        ax.set_ylabel(words if words == "test accuracy" else f"{words}\nequivariance",
                      fontsize="small")  # fmt: skip
    for ax in axes[: len(SORTS), -1]:
        end_labels(ax)
    return fig


def _apart(epochs: list[int]) -> list[int]:
    """The epochs that have room for a label: the last one, and those not just before it."""
    return [epoch for epoch in epochs if epoch * 1.5 < epochs[-1] or epoch == epochs[-1]]
