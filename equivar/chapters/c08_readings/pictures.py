"""Scores and verdicts under other readings of the measure, and what chance gives."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from equivar.figures import COLOURS, SMALL, WIDTH, depth_profile, end_labels, shared_legend
from equivar.measure import CHOICES
from equivar.names import KINDS, PARTS
from equivar.verdicts import SIGNS
from equivar.verdicts.cards import LIGHT

MATCHINGS = {  # (over, match) -> what it does
    ("image", "dataset"): "one match for all images",
    ("dataset", "dataset"): "all images' cells at once",
    ("image", "image"): "a match for each image",
}
PLAIN = {"sign": "keep", "border": "zero", "subpixel": "bilinear"}
ROWS = {"rotation": "quarter turns", "shift": "shifts"}


def matching_profiles(scores: pd.DataFrame) -> Figure:
    """Scores by layer: a column for each way to match channels, a row for each sort of transform.

    `scores`: the table `grid`.
    """
    fig, axes = plt.subplots(2, 3, figsize=(WIDTH, 4.6), sharex=True, sharey=True)
    plain = _chosen(scores, PLAIN)
    for row, (sort, words) in zip(axes, ROWS.items(), strict=True):
        for ax, ((over, match), title) in zip(row, MATCHINGS.items(), strict=True):
            rows = _chosen(plain, {"over": over, "match": match, "transforms": sort})
            depth_profile(rows, ax)
            ax.set(xlabel="", ylabel="", ylim=(-0.1, 1.05))
            if sort == "rotation":
                ax.set_title(title)
        row[0].set_ylabel(f"score, {words}")
    axes[-1, 1].set_xlabel("layer, by depth")
    shared_legend(fig, axes[0, 0])
    return fig


def reading_changes(scores: pd.DataFrame, sort: str) -> Figure:
    """What each choice changes when it alone is changed: scores by part, minus those by default.

    Columns: invariance, equivariance, and the chance of equivariance; the row "by default" has the
    scores themselves. scores: the table `grid`.
    """
    rows = scores[scores["transforms"] == sort]
    names = ["over", "match", "sign", *(["border", "subpixel"] if sort == "shift" else [])]
    choices = {"by default": {}} | {
        f"{name} = {choice}": {name: choice} for name in names for choice in CHOICES[name][1:]
    }
    default = {name: choices[0] for name, choices in CHOICES.items() if name in rows}
    blocks = {kind: ("score", kind) for kind in KINDS} | {"chance of it": ("chance", KINDS[1])}
    parts = [part for part in PARTS if part in set(rows["part"])]
    fig, axes = plt.subplots(1, 3, figsize=(WIDTH, 1.3 + 0.34 * len(choices)), sharey=True)
    for ax, (title, (column, kind)) in zip(axes, blocks.items(), strict=True):
        of = rows[rows["kind"] == kind]
        means = [
            _chosen(of, default | choice).groupby("part")[column].mean().reindex(parts)
            for choice in choices.values()
        ]
        table = np.array([means[0], *(one - means[0] for one in means[1:])])
        image = ax.imshow(table[1:], cmap="PuOr_r", vmin=-0.5, vmax=0.5, aspect="auto",
                          extent=(-0.5, len(parts) - 0.5, len(choices) - 0.5, 0.5))  # fmt: skip
        ax.set(title=title, xticks=range(len(parts)), yticks=range(len(choices)))
        ax.set_ylim(len(choices) - 0.5, -0.5)
        ax.set_xticklabels(parts, rotation=45, ha="right", rotation_mode="anchor")
        ax.set_yticklabels(list(choices))
        ax.tick_params(length=0)
        for (y, x), value in np.ndenumerate(table):
            if not np.isnan(value):
                text = f"{value:.2f}" if y == 0 else f"{value:+.2f}"
                ax.text(x, y, text.replace("0.", "."), ha="center", va="center", fontsize=7,
                        color="white" if y and abs(value) > 0.35 else "black")  # fmt: skip
    fig.colorbar(image, ax=axes, label="change", shrink=0.9, pad=0.01)
    return fig


def chance_curves(noise: pd.DataFrame, scores: pd.DataFrame) -> Figure:
    """The best match by chance against the cells of a map, and what the network's layers have.

    noise: of `chance_of_best`. scores: the table `grid`.
    """
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.2), sharey=True)
    layers = _chosen(scores, PLAIN | {"transforms": "rotation", "kind": "equivariance"})
    layers = layers[layers["height"] * layers["width"] > 1]
    titles = {"image": "a match for each image", "dataset": "one match for all images"}
    for ax, (match, title) in zip(axes, titles.items(), strict=True):
        rows = noise[noise["match"] == match]
        shades = np.linspace(0.7, 0, rows["channels"].nunique())  # the more channels, the darker
        for shade, (channels, of) in zip(shades, rows.groupby("channels"), strict=True):
            colour = str(shade)
            ax.plot(of["cells"], of["formula"], color=colour, lw=1.3, label=f"{channels} channels")
            ax.plot(of["cells"], of["simulated"], "o", ms=3.5, color=colour)
        found = _chosen(layers, {"over": "image", "match": match})
        cells = found["height"] * found["width"]
        ax.scatter(cells, found["chance"], marker="x", s=22, lw=1, color=COLOURS["equivariance"],
                   zorder=3)  # fmt: skip
        ticks = sorted({*rows["cells"], *cells})
        ax.set(xscale="log", xlabel="cells of a map", title=title, ylim=(-0.02, 1.02))
        ax.set_xticks(ticks, [str(tick) for tick in ticks], fontsize="small")
        ax.minorticks_off()
        if match == "image" and len(found):
            top = found.loc[found["chance"].idxmax()]
            ax.annotate("layers of the network", (top["height"] * top["width"], top["chance"]),
                        xytext=(6, 0), textcoords="offset points", va="center",
                        fontsize=SMALL)  # fmt: skip
    axes[0].set_ylabel("equivariance by chance")
    end_labels(axes[0])
    return fig


def verdict_grid(worded: pd.DataFrame, corrected: pd.DataFrame) -> Figure:
    """The verdict on each claim under each reading, as worded and corrected for chance.

    Both of a section, as `verdicts_by_reading` gives them.
    """
    readings = list(dict.fromkeys(worded["reading"]))
    claims = list(dict.fromkeys(worded["claim"]))
    height = 1.5 + 0.27 * len(readings)
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, height), sharey=True)
    titles = ("as worded", "corrected for chance")
    for ax, title, table in zip(axes, titles, (worded, corrected), strict=True):
        for row in table.itertuples():
            x, y = claims.index(row.claim), readings.index(row.reading)
            ax.add_patch(
                plt.Rectangle((x - 0.47, y - 0.44), 0.94, 0.88, color=COLOURS[row.verdict])
            )
            dark = row.verdict not in LIGHT
            ax.text(x, y, SIGNS[row.verdict], ha="center", va="center", fontsize="small",
                    color="white" if dark else "black")  # fmt: skip
        ax.set(title=title, xticks=range(len(claims)), yticks=range(len(readings)))
        ax.set(xlim=(-0.6, len(claims) - 0.4), ylim=(len(readings) - 0.4, -0.6))
        ax.set_xticklabels(claims)
        ax.set_yticklabels(readings)
        ax.tick_params(length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
    fig.legend(
        handles=[
            Patch(color=COLOURS[name], label=f"{sign}  {name}") for name, sign in SIGNS.items()
        ],
        loc="outside lower center",
        ncols=5,
    )
    return fig


def chance_shares(table: pd.DataFrame, group: str) -> pd.DataFrame:
    """The share of equivariance that chance scores too, by group and part, per match."""
    rows = table[(table["kind"] == "equivariance")]
    means = rows.groupby(["reading", group, "part"], sort=False)[["score", "chance"]].mean()
    parts = [part for part in PARTS if part in set(rows["part"])]
    return (means["chance"] / means["score"]).unstack("part")[parts]


def _chosen(table: pd.DataFrame, values: dict[str, str]) -> pd.DataFrame:
    """The rows that have these values."""
    return table[np.logical_and.reduce([table[name] == value for name, value in values.items()])]
