"""Figures of the chapter: a panel for each ruler, how alike they order, and verdicts by ruler."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from equivar.figures import CHANCE, COLOURS, SMALL, WIDTH, first_to_last, shared_legend
from equivar.names import SORTS, WITHOUT_CELLS, sort_of
from equivar.rulers import CORRELATION, RULERS
from equivar.verdicts import SIGNS

STATES = {"trained": COLOURS["cnn"], "untrained": "#8c8c8c"}
CAN_NOT = "can not"  # a verdict of `judged_by_rulers`
GRID = np.linspace(0, 1, 41)
SHORT = {
    "channel": "best channel",
    "channel-dataset": "channel, jointly",
    "linear": "linear map",
    "cca": "SVCCA",
    "variance": "normalised variance",
    "lie": "local error",
    "consistency": "same answer",
}
CLAIMS = {  # in few words, for the side of a grid
    "4.2a": "shifts: goes with accuracy inside",
    "4.2b": "shifts: goes with accuracy at the end",
    "4.2c": "turns: hardly goes with accuracy",
    "4.3a": "turns: falls with depth",
    "4.3b": "turns: rises at the end if asked for",
    "4.3c": "turns: the task changes little inside",
    "4.3d": "turns: far above invariance",
    "4.4a": "shifts: raised by crops, RandAugment",
    "4.4b": "shifts: not raised by flips, CutMix",
    "4.4c": "shifts: the same as invariance",
    "4.5a": "shifts: less in wider networks",
    "4.5b": "shifts: invariance as in narrow ones",
    "4.6a": "shifts: less in ViT, Mixer inside",
    "4.6b": "shifts: the same as invariance",
    "4.6c": "turns: less in ViT, Mixer inside",
    "4.6d": "turns: most in ViT at the end",
    "4.6e": "turns: not invariance, early",
    "4.6f": "turns: much inside, little at the end",
}
HATCH = {"facecolor": "white", "edgecolor": "#b5b5b5", "hatch": "////", "lw": 0}
MARKED = {"vit": "--", "task": "-."}  # networks told apart: by family, by chapter
AMONG = {"layers": "layers of a network", "networks": "networks"}


def ruler_panels(table: pd.DataFrame, sort: str) -> Figure:
    """A panel for each ruler of layers: its own number by depth, more equivariant always upwards.

    Thin lines are networks, thick ones their mean; the ViT is dashed, and the 7-layer CNN dashes
    and dots. sort: of transformations.
    """
    rows = table[(table["transform"].map(sort_of) == sort) & ~table["part"].isin(WITHOUT_CELLS)]
    rulers = [name for name in RULERS if name in set(rows["ruler"])]
    columns = min(3, len(rulers))
    lines = -(-len(rulers) // columns)
    fig, axes = plt.subplots(lines, columns, figsize=(WIDTH, 0.7 + 2.3 * lines), squeeze=False)
    for ax, name in zip(axes.flat, rulers, strict=False):
        one = RULERS[name]
        _panel(rows[(rows["ruler"] == name) & (rows["kind"] == one.kinds[-1])], ax)
        _scaled(ax, name)
    for ax in axes.flat[len(rulers) :]:
        ax.axis("off")
    axes[-1, columns // 2].set_xlabel("depth, layers before pooling", fontsize="small")
    fig.supylabel("more equivariant  \N{RIGHTWARDS ARROW}", fontsize="small")
    shared_legend(fig, axes[0, 0])
    return fig


def _panel(rows: pd.DataFrame, ax: Axes):
    """The networks of each state, their mean, and the mean of what chance scores."""
    for state, colour in STATES.items():
        means, chances = [], []
        of_state = rows[rows["state"] == state]
        for name, of in of_state.groupby("network", sort=False):
            layers = of.groupby("index")[["score", "chance"]].mean().dropna()
            if len(layers) < 2:
                continue
            depth = np.linspace(0, 1, len(layers))
            ls = MARKED.get(of["family"].iloc[0]) or MARKED.get(of["sort"].iloc[0])
            marks = {"ls": ls, "lw": 1.1} if ls else {"lw": 0.7, "alpha": 0.45}
            label = name if ls and state == "trained" else None
            ax.plot(depth, layers["score"], color=colour, label=label, **marks)
            means.append(np.interp(GRID, depth, layers["score"]))
            chances.append(np.interp(GRID, depth, layers["chance"]))
        if means:
            ax.plot(GRID, np.mean(means, axis=0), color=colour, lw=2.2, label=state)
        if means and not of_state["ruler"].eq("lie").all():  # its chance hangs on the step
            label = f"chance, {state}"
            ax.plot(GRID, np.mean(chances, axis=0), color=colour, label=label, **CHANCE)


def _scaled(ax: Axes, name: str):
    """The axis of a ruler: one for all correlations, turned where smaller is more equivariant."""
    one = RULERS[name]
    if one.scale == CORRELATION:
        ax.set(ylim=(-0.1, 1.05), yticks=[0, 0.5, 1])
    if name == "lie":
        ax.set_yscale("log")
        ax.minorticks_off()
        ax.text(0.03, 0.03, "no chance here", transform=ax.transAxes, va="bottom",
                fontsize="x-small", color="#555555")  # fmt: skip
    if not one.larger:
        ax.invert_yaxis()
    kind = "invariance" if one.kinds == ("invariance",) else "equivariance"
    words = {"lie": "error, log scale"}
    ax.set_ylabel(words.get(name, kind), fontsize="small", labelpad=2)
    ax.set_title(one.title.replace(", ", ",\n"), fontsize="small")
    first_to_last(ax)
    ax.tick_params(labelsize="small")


def ruler_agreement(orders: Mapping[tuple[str, str], pd.DataFrame]) -> Figure:
    """Rank correlations of the rulers, a row for each sort of transformation.

    orders: (sort, "layers" or "networks") -> rulers by rulers.
    """
    sorts = list(dict.fromkeys(sort for sort, _ in orders))
    fig, axes = plt.subplots(len(sorts), 2, figsize=(WIDTH, 3.3 * len(sorts)), squeeze=False)
    for line, sort in zip(axes, sorts, strict=True):
        for ax, (among, words) in zip(line, AMONG.items(), strict=True):
            matrix = orders[sort, among]
            there = matrix.notna().any()
            matrix = matrix.loc[there, there]
            names = [SHORT[name] for name in matrix]
            if len(matrix) < 2:
                ax.axis("off")
                continue
            half = matrix.to_numpy()[1:, :-1]  # each pair once, and no ruler beside itself
            above = np.triu(np.ones_like(half, dtype=bool), 1)
            sns.heatmap(half, ax=ax, vmin=-1, vmax=1, cmap="PuOr_r", cbar=False, mask=above,
                        annot=True, fmt=".2f", annot_kws={"fontsize": SMALL}, square=True,
                        linewidths=0.5, xticklabels=names[:-1],
                        yticklabels=names[1:])  # fmt: skip
            ax.set_title(f"{SORTS[sort]}: {words}", fontsize="small")
            ax.tick_params(labelsize="x-small", length=0)
            plt.setp(ax.get_xticklabels(), rotation=45, ha="right", rotation_mode="anchor")
            plt.setp(ax.get_yticklabels(), rotation=0)
    return fig


def with_verdicts(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Claims by rulers, without claims and rulers of which no cell has a verdict.

    verdicts: rows of `judged_by_rulers`. All of them where there is no verdict at all.
    """
    wide = verdicts.pivot(index="claim", columns="ruler", values="verdict").fillna("not judged")
    wide = wide[[name for name in RULERS if name in wide]]
    told = ~wide.isin([CAN_NOT, "not judged"])
    return wide.loc[told.any(axis=1), told.any(axis=0)] if told.any(axis=None) else wide


def verdict_grid(verdicts: pd.DataFrame) -> Figure:
    """Claims by rulers: what each ruler makes of each claim; a dot where it can not judge it.

    verdicts: rows of `judged_by_rulers`.
    """
    wide = with_verdicts(verdicts)
    fig, ax = plt.subplots(figsize=(WIDTH, 1.5 + 0.28 * len(wide)))
    for y, (_, row) in enumerate(wide.iterrows()):
        for x, verdict in enumerate(row):
            if verdict == CAN_NOT:
                ax.text(x, y, "·", ha="center", va="center", color="#888888")
                continue
            ax.add_patch(plt.Rectangle((x - 0.46, y - 0.44), 0.92, 0.88, **_filled(verdict)))
            light = verdict in ("inconclusive", "not judged")
            words = "" if verdict == "not judged" else SIGNS[verdict]
            ax.text(x, y, words, ha="center", va="center", fontsize="small",
                    color="#222222" if light else "white")  # fmt: skip
    ax.set(xlim=(-0.5, len(wide.columns) - 0.5), ylim=(len(wide) - 0.5, -0.5))
    ax.xaxis.tick_top()
    names = [SHORT[name].replace(" ", "\n", 1) for name in wide]
    ax.set_xticks(range(len(names)), names, fontsize="small")
    claims = [f"{name}  {CLAIMS.get(name, '')}" for name in wide.index]
    ax.set_yticks(range(len(wide)), claims, fontsize="small", ha="left")
    ax.tick_params(length=0)
    ax.tick_params(axis="y", pad=4 + 4.4 * max(map(len, claims)))
    for spine in ax.spines.values():
        spine.set_visible(False)
    there = [one for one in SIGNS if (wide == one).any(axis=None)]
    handles = [Patch(**_filled(one), label=_legend(one)) for one in there]
    handles.append(Patch(color="none", label="· can not judge it"))
    fig.legend(handles=handles, loc="outside lower center", ncols=3, fontsize="small")
    return fig


def _filled(verdict: str) -> dict[str, object]:
    """How the cell of a verdict is filled: hatched where nothing is judged."""
    return HATCH if verdict == "not judged" else {"color": COLOURS[verdict]}


def _legend(verdict: str) -> str:
    return verdict if verdict == "not judged" else f"{SIGNS[verdict]} {verdict}"
