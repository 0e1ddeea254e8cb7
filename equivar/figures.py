"""Tidy tables and arrays to pictures; one table of colours and labels for the whole book.

Every function draws into Axes that it is given, or makes a figure of them and returns it.
Colours are Okabe and Ito's, told apart by colour-blind readers; markers and dashes repeat what
they say, for print in grey.
"""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from equivar.claims import SE_95

COLOURS = {
    "invariance": "#0072B2",
    "equivariance": "#D55E00",
    "chance": "#8c8c8c",
    "correlation": "#0072B2",
    "cosine": "#E69F00",
    "mean activation": "#CC3311",
}
MARKERS = {
    "invariance": {"marker": "o", "ms": 4, "zorder": 3},
    "equivariance": {"marker": "s", "ms": 8, "mfc": "none"},  # open: often just behind the other
    "correlation": {"marker": "o", "ms": 4},
    "cosine": {"marker": "D", "ms": 4},
}
LABELS = {
    "invariance": "invariance",
    "equivariance": "equivariance",
    "correlation": "correlation",
    "cosine": "cosine",
}
WIDTH = 7.2  # inches, the text's width


def style():
    """Set the book's style for all figures and tables that follow."""
    pd.set_option("display.max_colwidth", None)
    pd.set_option("display.float_format", "{:.3g}".format)
    sns.set_theme(context="notebook", style="ticks", font_scale=0.85)
    mpl.rcParams.update(
        {
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "axes.titlelocation": "left",
            "figure.constrained_layout.use": True,
            "figure.dpi": 110,
            "image.cmap": "gray",
            "legend.frameon": False,
            "savefig.dpi": 220,
            "svg.fonttype": "path",
        }
    )


def depth_profile(table: pd.DataFrame, ax: Axes, chance: bool = True):
    """Score by layer for both kinds, averaged over transformations, with 95 % intervals.

    The interval takes the transformations' errors as equal (they share the images). Chance is
    dashed in the same colour.
    """
    for kind, rows in table.groupby("kind", sort=False):
        mean = rows.groupby("index")[["score", "se", "chance"]].mean()
        colour = COLOURS[kind]
        ax.errorbar(
            mean.index,
            mean["score"],
            yerr=SE_95 * mean["se"].fillna(0),
            color=colour,
            label=LABELS[kind],
            capsize=2,
            **MARKERS[kind],
        )
        if chance:
            ax.plot(
                mean.index, mean["chance"], color=colour, ls=":", lw=1.3, label=f"{kind}, chance"
            )
    ax.set(xlabel="layer, by depth", ylabel="score")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def toy_profiles(networks: dict) -> Figure:
    """Scores of both toy networks by layer, side by side."""
    fig, axes = plt.subplots(1, len(networks), figsize=(WIDTH, 2.7), sharey=True)
    for ax, (name, network) in zip(axes, networks.items(), strict=True):
        depth_profile(network.table, ax)
        names = network.table.drop_duplicates("index")["index"]
        ax.set(title=f"{name} network", ylim=(-0.1, 1.08), xticks=names, xticklabels=names + 1)
    axes[1].set_ylabel("")
    _shared_legend(fig, axes[0])
    return fig


def filters(networks: dict, channel: int = 0, shown: int = 8) -> Figure:
    """The filters of each layer that read one input channel, one row a layer."""
    fig, axes = plt.subplots(
        sum(len(n.filters) for n in networks.values()),
        shown,
        figsize=(WIDTH, 0.82 * sum(len(n.filters) for n in networks.values())),
    )
    row = 0
    for name, network in networks.items():
        for depth, weight in enumerate(network.filters):
            for ax, kernel in zip(axes[row], weight[:shown, channel], strict=True):
                signed_image(kernel, ax)
            title = f"{name} network, layer {depth + 1}"
            axes[row, 0].set_title(title, fontsize="small")
            row += 1
    return fig


def signed_image(values: np.ndarray, ax: Axes):
    """An image of positive (orange) and negative (purple) values about white."""
    limit = np.abs(values).max() or 1.0
    ax.imshow(values, cmap="PuOr_r", vmin=-limit, vmax=limit)
    bare(ax)


def bare(ax: Axes):
    """Neither ticks nor frame."""
    ax.set(xticks=[], yticks=[])
    sns.despine(ax=ax, left=True, bottom=True)


def turned_maps(network, channels: int = 4, name: str = "") -> Figure:
    """One image and its quarter turn: T f(x) above f(T x), for the first channels.

    In an invariant network each column holds the same map twice. In an equivariant one the map
    below stands above in another column.
    """
    fig, axes = plt.subplots(2, channels + 1, figsize=(WIDTH, 3.2))
    turned = np.rot90(network.maps, axes=(-2, -1))
    for row, (image, maps, text) in enumerate(
        (
            (network.image, turned, "F = T f(x)"),
            (np.rot90(network.image), network.turned_maps, "G = f(T x)"),
        )
    ):
        axes[row, 0].imshow(image, vmin=0, vmax=1)
        axes[row, 0].set_ylabel(text)
        axes[row, 0].set_title("x" if row == 0 else "T x", fontsize="small")
        bare(axes[row, 0])
        for c in range(channels):
            ax = axes[row, c + 1]
            ax.imshow(maps[c], cmap="viridis", vmin=0)
            ax.set_title(f"{'F' if row == 0 else 'G'}, channel {c + 1}", fontsize="small")
            bare(ax)
    if name:
        fig.suptitle(f"{name} network, last layer", x=0.01, ha="left", fontsize="medium")
    return fig


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
    _shared_legend(fig, axes[0], right)
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
    _shared_legend(fig, axes[0])
    return fig


def _shared_legend(fig: Figure, *axes: Axes):
    """One legend below all Axes, each label once."""
    entries = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    fig.legend(
        entries.values(), entries.keys(), loc="outside lower center", ncols=min(len(entries), 4)
    )


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
    _shared_legend(fig, axes[0, 0])
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
