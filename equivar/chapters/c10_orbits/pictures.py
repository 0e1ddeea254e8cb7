"""Filters in the order of their orbits, maps along one, and shares by depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Patch

from equivar.figures import SMALL, WIDTH, bare, end_labels, first_to_last
from equivar.orbits import KINDS

KIND_COLOURS = {"fixed": "#2C6E9B", "pair": "#E0A526", "orbit": "#C8443C", "none": "#E9E6E1"}
KIND_LABELS = {"fixed": "fixed", "pair": "in pairs", "orbit": "in orbits", "none": "in none"}
LEAST_CYCLES = 5  # of a point of the figure of the group law
_TILE = 0.62  # inches, a filter's side
_STEP = {1: 1.35, 2: 2.85, 4: 5.75}  # tiles from one group to the next
_GAP = 1.42  # tiles from one filter to the next of its group
_ROW = 1.5  # tiles from one row to the next


def filter_pixels(kernel: np.ndarray) -> np.ndarray:
    """A filter (I, k, k) as pixels in 0..1: colour for three inputs, else grey; 0 is mid-grey."""
    shown = kernel if len(kernel) == 3 else kernel.mean(axis=0, keepdims=True).repeat(3, axis=0)
    largest = np.abs(shown).max() or 1.0
    return (0.5 + 0.5 * shown / largest).transpose(1, 2, 0)


def orbit_filters(
    filters: Mapping[int, np.ndarray], cycles: pd.DataFrame, title: str = ""
) -> Figure:
    """The filters of a first layer in the order they were found: orbits, then pairs, then fixed.

    An arrow stands for the turn by 90 degrees, clockwise, that carries each filter to the next.

    filters: channel -> (I, k, k). cycles: rows of `equivar.orbits` of that layer, found ones.
    """
    rows = _in_rows(_groups(cycles))
    height = _ROW * len(rows)
    fig = plt.figure(figsize=(WIDTH, height * _TILE + 0.35 * bool(title)), layout="none")
    ax = fig.add_axes((0, 0, 1, height * _TILE / fig.get_figheight()))
    ax.axis("off")
    for y, row in enumerate(rows):
        for place, (members, weakest) in enumerate(row):
            x = place * _STEP[len(members)]
            _draw_group(ax, filters, members, weakest, x, y * _ROW)
    ax.set(xlim=(-0.62, WIDTH / _TILE - 0.62), ylim=(height - 0.7, -0.7), aspect="equal")
    if title:
        fig.suptitle(title, x=0.012, ha="left", fontsize="medium")
    return fig


def orbit_wheels(
    filters: Mapping[int, np.ndarray], cycles: pd.DataFrame, columns: int = 4
) -> Figure:
    """Each orbit as a wheel: a quarter round it, the filter is turned by a quarter.

    Within it the mean of the four, turned back to the first. filters, cycles: as in
    `orbit_filters`. ValueError: no orbit was found.
    """
    wheels = [members for members, _ in _groups(cycles) if len(members) == 4]
    if not wheels:
        raise ValueError("no orbits of four were found: there are no wheels to draw")
    columns = min(columns, len(wheels))
    count = -(-len(wheels) // columns)
    side = WIDTH / max(columns, 2)
    fig, axes = plt.subplots(count, columns, figsize=(side * columns, side * count), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, members in zip(axes.flat, wheels, strict=False):
        _wheel(ax, [filters[c] for c in members])
    return fig


def orbit_picture(
    filters: Mapping[int, np.ndarray],
    image: np.ndarray,
    maps: np.ndarray,
    turned: np.ndarray,
    members: Sequence[int],
) -> Figure:
    """An orbit of a first layer: its filters, and what they see of one image.

    Where the claim holds, the two maps of each column are alike: what a channel sees of the upright
    image, and what the first channel sees of the image turned, turned back. filters: channel ->
    (I, k, k). image: (H, W, 3) or (H, W). maps, turned: (L, h, w), as
    `equivar.orbits.along_orbit` gives them, each drawn on its own scale, as a correlation sees it.
    """
    count = len(members)
    fig = plt.figure(figsize=(WIDTH, 0.62 * WIDTH))
    grid = fig.add_gridspec(3, count + 1, width_ratios=[1.5, *[1] * count])
    photograph = fig.add_subplot(grid[:, 0])
    photograph.imshow(image, cmap="gray", interpolation="nearest")
    photograph.set_title("the image x", fontsize="small")
    bare(photograph)
    for turns, member in enumerate(members):
        column = [fig.add_subplot(grid[row, turns + 1]) for row in range(3)]
        column[0].imshow(filter_pixels(filters[member]), interpolation="nearest")
        column[0].set_title(f"channel {member}", fontsize="small")
        for ax, shown in zip(column[1:], (maps[turns], turned[turns]), strict=True):
            ax.imshow(shown, cmap="magma")
        column[2].set_xlabel(f"x turned by {90 * turns}°" if turns else "x as it is",
                             fontsize="x-small")  # fmt: skip
        if not turns:
            for ax, words in zip(column, ("filter", "map of x",
                                          f"map of channel {member},\nturned back"),
                                 strict=True):  # fmt: skip
                ax.set_ylabel(words, fontsize="x-small")
        for ax in column:
            bare(ax)
    return fig


def orbit_shares(shares: pd.DataFrame, by: str = "network") -> Figure:
    """A row for each network: the shares of channels by depth, and beside them orbits alone.

    On the left channels fixed, in pairs, in orbits and in none, on the right those in orbits on a
    scale of their own, which all networks share.

    shares: rows of `equivar.orbits.shares`, with a column `by` where there are several.
    """
    table = shares if by in shares else shares.assign(**{by: ""})
    names = list(dict.fromkeys(table[by]))
    most = max(0.1, np.ceil(10 * table["share"][table["kind"] == "orbit"].max()) / 10)
    size = (WIDTH, 1.05 + 0.33 * len(names))
    fig, axes = plt.subplots(len(names), 2, figsize=size, squeeze=False, width_ratios=[1.5, 1])
    for (every, orbits), name in zip(axes, names, strict=True):
        wide = table[table[by] == name].pivot(index="index", columns="kind", values="share")
        _strip(every, wide[list(KIND_COLOURS)], 1, str(name))
        _strip(orbits, wide[["orbit"]], most, str(name), " alone")
        _name_highest(orbits, wide["orbit"].to_numpy(), most)
        orbits.yaxis.label.set_visible(False)  # it is told on the left, and in the table
        orbits.axhline(0, color="#888888", lw=0.6)
    titles = "all channels, from 0 to 1", f"those in orbits, from 0 to {most:.1f}"
    for ax, words in zip(axes[0], titles, strict=True):
        ax.text(0, 1.15, words, transform=ax.transAxes, va="bottom")
    for ax in axes[-1]:
        first_to_last(ax, name="first layer", fontsize="small")
    handles = [Patch(color=KIND_COLOURS[k], label=KIND_LABELS[k]) for k in KIND_COLOURS]
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig


def group_law(table: pd.DataFrame) -> Figure:
    """How often the maps of 180 and 270 degrees are the square and cube of the one of 90.

    The share of pairs and orbits for which that holds of all members, by the cycle's weakest score:
    those that are found, and those that are not. table: rows of `equivar.orbits`.
    """
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.9), sharey=True)
    edges = np.linspace(0, 1, 11)
    rows = table[table["kind"].isin(["pair", "orbit"])]
    for ax, degrees in zip(axes, (180, 270), strict=True):
        holds = rows[f"law_{degrees}"] == 1
        for found, colour, words in (
            (True, KIND_COLOURS["orbit"], "found"),
            (False, "#8c8c8c", "not found"),
        ):
            of = rows["found"].astype(bool) == found
            bins = pd.cut(rows["weakest"][of], edges)
            share = holds[of].groupby(bins, observed=True).agg(["mean", "size"])
            share = share[share["size"] >= LEAST_CYCLES]
            x = [interval.mid for interval in share.index]
            label = f"{words} ({int(of.sum())})"
            ax.plot(x, share["mean"], color=colour, marker="o", ms=4, label=label)
        ax.set(title=f"{degrees}°", xlabel="weakest score of the cycle", xlim=(0, 1))
        ax.set_ylim(-0.03, 1.05)
    axes[0].set_ylabel("share with the law kept")
    end_labels(axes[1])
    return fig


def _groups(cycles: pd.DataFrame) -> list[tuple[tuple[int, ...], float]]:
    """(members, weakest score): long cycles first, strong ones first."""
    rows = cycles[cycles["kind"].isin(["orbit", "pair", "fixed"])]
    rows = rows.sort_values(["length", "weakest"], ascending=False)
    groups = [
        (tuple(int(c) for c in str(row.members).split()), row.weakest) for row in rows.itertuples()
    ]
    if not groups:
        raise ValueError("no cycle was found in this layer: there is nothing to draw")
    return groups


def _in_rows(groups: list[tuple[tuple[int, ...], float]], most: float = 11.6) -> list[list]:
    """Each row of one kind, as many groups as fit."""
    rows: list[list] = []
    for group in groups:
        row = rows[-1] if rows else None
        fits = row and len(row[0][0]) == len(group[0]) and _ends([*row, group]) <= most
        if fits:
            row.append(group)
        else:
            rows.append([group])
    return rows


def _ends(row: list) -> float:
    """Where a row ends, in tiles."""
    return sum(_STEP[len(members)] for members, _ in row[:-1]) + _GAP * len(row[-1][0])


def _draw_group(ax: Axes, filters, members: Sequence[int], weakest: float, x: float, y: float):
    """The filters of a group side by side, with the turn between them and channel numbers."""
    colour, small = KIND_COLOURS[KINDS[len(members)]], {"fontsize": 5.5, "va": "top"}
    for place, channel in enumerate(members):
        left = x + _GAP * place - 0.5
        _tile(ax, filters[channel], (left, left + 1, y + 0.5, y - 0.5))
        ax.text(left, y + 0.55, str(channel), color="#666666", **small)
        if place:
            _turn_arrow(ax, left - (_GAP - 1) / 2, y)
    end = x + _GAP * (len(members) - 1) + 0.5
    ax.text(end, y + 0.55, f"{weakest:.2f}".replace("0.", "."), color=colour, ha="right", **small)
    ax.plot([x - 0.5, end], [y - 0.57, y - 0.57], color=colour, lw=1.6, solid_capstyle="butt")


def _tile(ax: Axes, kernel: np.ndarray, extent: tuple[float, float, float, float]):
    ax.imshow(filter_pixels(kernel), extent=extent, interpolation="nearest", zorder=2)


def _turn_arrow(ax: Axes, x: float, y: float):
    """A quarter turn, clockwise."""
    bow = {"connectionstyle": "arc3,rad=-1.1", "arrowstyle": "-|>", "mutation_scale": 5}
    start, end = (x - 0.11, y + 0.1), (x + 0.12, y + 0.12)
    ax.add_patch(FancyArrowPatch(start, end, color="#888888", lw=0.8, **bow))


def _wheel(ax: Axes, kernels: Sequence[np.ndarray]):
    """Four filters round a circle, clockwise from the top; their mean, turned back, within."""
    angles = np.pi / 2 - np.arange(4) * np.pi / 2
    for angle, kernel in zip(angles, kernels, strict=True):
        x, y = 1.1 * np.cos(angle), 1.1 * np.sin(angle)
        _tile(ax, kernel, (x - 0.5, x + 0.5, y - 0.5, y + 0.5))
    bow = {"connectionstyle": "arc3,rad=-0.16", "arrowstyle": "-|>", "mutation_scale": 9}
    for angle in angles:
        both = ((1.32 * np.cos(a), 1.32 * np.sin(a)) for a in (angle - 0.6, angle - 0.97))
        ax.add_patch(FancyArrowPatch(*both, color=KIND_COLOURS["orbit"], lw=1.3, **bow))
    back = [np.rot90(kernel, turns, axes=(1, 2)) for turns, kernel in enumerate(kernels)]
    _tile(ax, np.mean(back, axis=0), (-0.34, 0.34, -0.34, 0.34))
    ax.set(xlim=(-1.68, 1.68), ylim=(-1.68, 1.68), aspect="equal")


def _name_highest(ax: Axes, shares: np.ndarray, most: float):
    """The share of the layer that has most, beside its bar; nothing where all are 0."""
    if shares.max() > 0:
        share = shares.max()
        place = np.flatnonzero(np.isclose(shares, share))[-1]
        ax.text((place + 1.2) / len(shares), min(share, 0.6 * most), f"{share:.2f}",
                fontsize=SMALL)  # fmt: skip


def _strip(ax: Axes, wide: pd.DataFrame, most: float, name: str, more: str = ""):
    """Shares of one network, a bar a layer without gaps. wide: layers by kinds."""
    edges = np.linspace(0, 1, len(wide) + 1)
    below = np.zeros(len(wide))
    for kind in wide:
        ax.bar(edges[:-1], wide[kind], width=np.diff(edges), bottom=below, align="edge", lw=0.4,
               color=KIND_COLOURS[kind], edgecolor="white",
               label=KIND_LABELS[kind] + more)  # fmt: skip
        below = below + wide[kind].to_numpy()
    ax.set(xlim=(0, 1), ylim=(0, most), yticks=[], xticks=[])
    ax.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=SMALL)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(length=0)
