"""Chapters 04, 05 and 06: groups of trained networks, a line for each group.

Each run is first reduced to its mean over transformations (and over the layers of a part). A
group is drawn as the mean of its runs with their 95 % interval (Student's t; of two runs it may
reach out of the frame), each run as a small dot, and what chance scores as a dotted line in the
group's colour. Lines have their names at their right ends.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import offset_copy
from scipy import stats

from equivar.figures.labels import SMALL, end_labels
from equivar.figures.style import CHANCE, COLOURS, LABELS, MARKERS, WIDTH, shared_legend
from equivar.names import KINDS, PARTS, WITHOUT_CELLS, amount_of


def layer_scores(scores: pd.DataFrame, group: str) -> Figure:
    """Score by layer, a panel for each kind (figure 5). Pool and Final by name, others counted.

    Every second part of the network has a grey ground.
    """
    layers = scores.drop_duplicates("index").sort_values("index")
    names = [
        part.capitalize() if part in WITHOUT_CELLS else str(number + 1)
        for number, part in zip(layers["index"], layers["part"], strict=True)
    ]
    fig = _panels(scores, group, "index", list(layers["index"]), names, "layer")
    for ax in fig.axes:
        _shade(ax, list(layers["part"]))
    return fig


def _shade(ax: Axes, parts: Sequence[str]):
    """A ground for every second part, and the names of those that have several layers."""
    for number, part in enumerate(dict.fromkeys(parts)):
        first, last = parts.index(part), len(parts) - 1 - parts[::-1].index(part)
        if number % 2 == 0:
            ax.axvspan(first - 0.5, last + 0.5, color="#f1f1ef", lw=0, zorder=-1)
        if part not in WITHOUT_CELLS:  # those are named below the axis
            ax.text((first + last) / 2, 0.99, part, transform=ax.get_xaxis_transform(),
                    ha="center", va="top", fontsize=SMALL, color="#555555")  # fmt: skip
    ax.set_xlim(-0.5, len(parts) - 0.5)


def part_scores(scores: pd.DataFrame, group: str) -> Figure:
    """Score by part of the network, a panel for each kind (figures 4, 6 and 7)."""
    parts = [part for part in PARTS if part in set(scores["part"])]
    return _panels(scores, group, "part", parts, [part.capitalize() for part in parts], "part")


def _panels(
    scores: pd.DataFrame,
    group: str,
    along: str,
    places: Sequence[Hashable],
    names: Sequence[str],
    label: str,
) -> Figure:
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.3), sharey=True)
    groups = list(dict.fromkeys(scores[group]))
    lowest, highest = [], []
    for ax, kind in zip(axes, KINDS, strict=True):
        rows = scores[scores["kind"] == kind]
        runs = rows.groupby([group, "seed", along])[["score", "chance"]].mean().reset_index()
        for number, name in enumerate(groups):
            of = runs[runs[group] == name]
            step = 0.09 * (number - (len(groups) - 1) / 2)  # beside each other, not over
            _line(of, along, places, name, step, ax)
        ax.axhline(0, color="black", lw=0.6, zorder=0)
        ax.set(title=kind, xlabel=label, xticks=range(len(places)), xticklabels=names)
        lowest.append(min(0, runs["score"].min()))
        highest.append(runs["score"].max())
        if len(names) > 5:
            plt.setp(ax.get_xticklabels()[-2:], rotation=45, ha="right", rotation_mode="anchor")
    axes[0].set_ylabel("score")
    axes[0].set_ylim(min(lowest) - 0.05, max(highest) + 0.1)  # intervals may leave it
    end_labels(axes[-1])
    return fig


def _line(
    runs: pd.DataFrame,
    along: str,
    places: Sequence[Hashable],
    name: Hashable,
    step: float,
    ax: Axes,
):
    """One group: its mean with an interval, its runs, its chance."""
    colour = COLOURS[name]
    table = runs.pivot(index=along, columns="seed", values="score").reindex(places)
    x = np.arange(len(places)) + step
    mean, half = table.mean(axis=1), half_interval(table)
    ax.errorbar(x, mean, yerr=half, color=colour, lw=1.2, elinewidth=0.9, capsize=2,
                label=LABELS[name], **MARKERS[name])  # fmt: skip
    for values in table.T.to_numpy():
        ax.plot(x, values, ".", color=colour, ms=2.5, alpha=0.6)
    chance = runs.groupby(along)["chance"].mean().reindex(places)
    ax.plot(x, chance, color=colour, **CHANCE)


def shift_scores(scores: pd.DataFrame, group: str) -> Figure:
    """Equivariance by the length of the shift, a panel for each part that has several cells."""
    rows, parts = _by_pixels(scores)
    fig, axes = plt.subplots(1, len(parts), figsize=(WIDTH, 2.9), sharey=True, squeeze=False)
    for ax, part in zip(axes[0], parts, strict=True):
        of = rows[rows["part"] == part]
        for name, runs in of.groupby(group, sort=False):
            along = {"x": "pixels", "errorbar": None, "color": COLOURS[name], "legend": False}
            marks = {"lw": 1.2, "label": LABELS[name], **MARKERS[name]}
            sns.lineplot(runs, y="score", **along, **marks, ax=ax)
            sns.lineplot(runs, y="chance", **along, **CHANCE, ax=ax)
        ax.set(title=part, xlabel="shift in pixels", ylabel="equivariance")
    end_labels(axes[0, -1])
    return fig


def shift_changes(scores: pd.DataFrame, group: str, beside: Hashable) -> Figure:
    """What each group adds to the equivariance of the group `beside`, by the length of the shift.

    A column for each part that has several cells: above, the scores of `beside` and their chance;
    below, a group's mean minus that of `beside`, with 95 % intervals over runs (Welch). Without
    two groups of which `beside` is one there is no difference: then as `shift_scores`.
    """
    rows, parts = _by_pixels(scores)
    names = [name for name in dict.fromkeys(rows[group]) if name != beside]
    if not names or not (rows[group] == beside).any():
        return shift_scores(scores, group)
    fig, axes = plt.subplots(2, len(parts), figsize=(WIDTH, 4.2), sharex=True, sharey="row",
                             squeeze=False, height_ratios=[1, 1.9])  # fmt: skip
    changes = []
    for (above, below), part in zip(axes.T, parts, strict=True):
        of = rows[rows["part"] == part]
        chance = of[of[group] == beside].groupby("pixels")["chance"].mean()
        first = _runs_by_pixels(of[of[group] == beside])
        above.errorbar(first.index, first.mean(axis=1), yerr=half_interval(first), lw=1.2,
                       color=COLOURS[beside], marker="o", ms=2.5, elinewidth=0.8)  # fmt: skip
        above.plot(chance.index, chance, color=COLOURS["chance"], **CHANCE)
        above.set(title=part, ylim=(0, 1))
        for number, name in enumerate(names):
            change, half = _welch(_runs_by_pixels(of[of[group] == name]), first)
            step = 1.3 * (number - (len(names) - 1) / 2)  # points, beside each other, not over
            below.errorbar(change.index, change, yerr=half, color=COLOURS[name], lw=1.2,
                           elinewidth=0.6, label=LABELS[name],
                           transform=offset_copy(below.transData, fig, step, units="points"),
                           **(MARKERS[name] | {"ms": 2.5}))  # fmt: skip
            changes.append(change)
        below.axhline(0, color="black", lw=0.6, zorder=0)
        below.set(title=f"{part}, change", xlabel="shift in pixels")
    ends = np.append(np.concatenate(changes), 0)
    room = 0.4 * np.ptp(ends) or 0.01  # intervals of few runs may reach out of the frame
    axes[1, 0].set_ylim(ends.min() - room, ends.max() + room)
    axes[0, 0].set_ylabel(f"equivariance,\n{LABELS[beside]}", fontsize="small")
    axes[1, 0].set_ylabel(f"equivariance minus that\nwith {LABELS[beside]}", fontsize="small")
    end_labels(axes[1, -1])
    return fig


def _by_pixels(scores: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Equivariance of layers with several cells, with the `pixels` of shifts, and their parts."""
    rows = scores[(scores["kind"] == "equivariance") & (scores["height"] * scores["width"] > 1)]
    rows = rows.assign(pixels=rows["transform"].map(amount_of))
    return rows, [part for part in PARTS if part in set(rows["part"])]


def _runs_by_pixels(rows: pd.DataFrame) -> pd.DataFrame:
    """The mean score over layers: shifts by runs."""
    return rows.pivot_table(index="pixels", columns="seed", values="score")


def _welch(one: pd.DataFrame, other: pd.DataFrame) -> tuple[pd.Series, np.ndarray]:
    """The mean of each row of `one` minus that of `other`, and half of its 95 % interval.

    0 where one of the two has a single run.
    """
    change = one.mean(axis=1) - other.mean(axis=1)
    if min(one.shape[1], other.shape[1]) < 2:
        return change, np.zeros(len(change))
    test = stats.ttest_ind(one.T, other.T, equal_var=False, nan_policy="omit")
    interval = test.confidence_interval(0.95)
    return change, np.nan_to_num((interval.high - interval.low) / 2)


def half_interval(table: pd.DataFrame) -> np.ndarray:
    """Half of the 95 % interval of each row's mean over runs (Student's t); 0 for a single run."""
    count = table.notna().sum(axis=1)
    factor = stats.t.ppf(0.975, (count - 1).clip(lower=1))
    return np.nan_to_num(factor * table.sem(axis=1).to_numpy())


def training_curves(history: pd.DataFrame, group: str) -> Figure:
    """Loss in training and accuracy on the test images by epoch.

    A line for the mean of each group, with a band from its lowest run to its highest.
    """
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.7))
    columns = {"loss": "loss in training", "validation_accuracy": "accuracy on test images"}
    drawn = {"errorbar": ("pi", 100), "lw": 1.2, "err_kws": {"alpha": 0.2, "lw": 0}}
    for ax, (column, words) in zip(axes, columns.items(), strict=True):
        for name, runs in history.groupby(group, sort=False):
            sns.lineplot(runs, x="epoch", y=column, color=COLOURS[name], label=LABELS[name],
                         legend=False, ax=ax, **drawn)  # fmt: skip
        ax.set(ylabel=words)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if history["loss"].max() > 10 * history["loss"].min():
        axes[0].set_yscale("log")
    shared_legend(fig, axes[0], ncols=5)
    return fig


def accuracies(summary: pd.DataFrame, group: str) -> pd.DataFrame:
    """Accuracy of each group: mean over runs, half 95 % interval, what is reported, and cost.

    `in training`: on the images it was trained on, as they are, where the runs have kept it.
    """
    rows = {}
    for name, runs in summary.groupby(group, sort=False):
        half = half_interval(runs[["accuracy"]].T)[0]
        rows[LABELS[name]] = {
            "accuracy": runs["accuracy"].mean(),
            "±": round(half, 3) if len(runs) > 1 else np.nan,
            "in training": runs["train_accuracy"].mean() if "train_accuracy" in runs else np.nan,
            "reported": runs["reported"].iloc[0] if "reported" in runs else np.nan,
            "runs": len(runs),
            "parameters": int(runs["parameters"].iloc[0]),
            "seconds a run": round(runs["seconds"].mean()),
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(group)
    unknown = [name for name in ("in training", "reported") if table[name].isna().all()]
    return table.drop(columns=unknown)
