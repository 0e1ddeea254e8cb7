"""Names beside lines and points instead of a legend, moved apart where they would overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from scipy.optimize import isotonic_regression

SMALL = 7.5  # points: about ten pixels where the text is 720 pixels wide
LINE = 1.25  # a line's height, in sizes of its letters


def spread(heights: Sequence[float], gap: float, low: float = 0, high: float = 1) -> np.ndarray:
    """Heights moved as little as possible, so that neighbours are at least `gap` apart.

    Their order stays. All lie between low and high as long as there is room for them.
    """
    heights = np.asarray(heights, dtype=float)
    order = np.argsort(heights, kind="stable")
    steps = gap * np.arange(len(heights))
    # with the gaps taken out, heights must only not fall: least squares under that condition
    placed = isotonic_regression(heights[order] - steps).x if len(heights) else heights
    placed = np.clip(placed, low, max(low, high - steps[-1] if len(steps) else high)) + steps
    found = np.empty(len(heights))
    found[order] = placed
    return found


def names_beside(
    ax: Axes,
    x: Sequence[float],
    y: Sequence[float],
    names: Sequence[str],
    colours: Sequence[str],
    size: float = SMALL,
):
    """A column of names on the right of the Axes, each with a thin line to its point.

    Limits and scales of the Axes must be set before. x, y: of the points, in data coordinates.
    """
    ax.figure.draw_without_rendering()  # so that the Axes have their height
    inches = ax.get_window_extent().height / ax.figure.dpi
    at = ax.transAxes.inverted().transform(ax.transData.transform(np.column_stack([x, y])))
    heights = spread(at[:, 1], LINE * size / 72 / inches)
    for point, height, name, colour in zip(zip(x, y, strict=True), heights, names, colours,
                                           strict=True):  # fmt: skip
        line = {"arrowstyle": "-", "color": colour, "lw": 0.7, "shrinkA": 0, "shrinkB": 2}
        line["relpos"] = (0, 0.5)  # from the middle of the name's left edge
        ax.annotate(name, point, xytext=(1.06, height), textcoords="axes fraction", va="center",
                    fontsize=size, arrowprops=line, annotation_clip=False)  # fmt: skip


def end_labels(ax: Axes, size: float = SMALL):
    """The name of each line that has a label, at its last point."""
    ends = []
    for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
        line = handle.lines[0] if isinstance(handle, ErrorbarContainer) else handle
        x, y = (np.asarray(values, dtype=float) for values in line.get_data(orig=False))
        there = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        if len(there):
            ends.append((x[there[-1]], y[there[-1]], label, line.get_color()))
    if ends:
        names_beside(ax, *zip(*ends, strict=True), size)
