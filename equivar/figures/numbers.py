"""The numbers of a figure as a table, out of what was drawn.

A notebook that has called `figures.style` keeps them as CSV beside each figure that it shows, and
the book puts a link to them below the figure.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure

COLUMNS = ["panel", "series", "x", "y", "low", "high", "value"]
MIME = "text/csv"
MOST = 5000  # rows; a cloud of more points is no table that anyone reads


def numbers(fig: Figure) -> pd.DataFrame:
    """What a figure shows, a row a point: `panel`, `series`, `x`, `y`, and an interval of y.

    Lines, error bars, dots, bars and segments, and cells of a heat map with their `value`; x and y
    are words where the axis has words. What spans a panel, such as a line at zero, is no number.
    Empty for pictures.
    """
    axes = [ax for ax in fig.axes if ax.axison and not ax.images]
    rows = [row for place, ax in enumerate(axes) for row in _of_axes(ax, place)]
    return pd.DataFrame(rows, columns=COLUMNS).dropna(axis=1, how="all")


def as_csv(fig: Figure) -> str | None:
    """The numbers as text; None where there are none, or too many to read."""
    table = numbers(fig)
    return table.to_csv(index=False, float_format="%.4g") if 0 < len(table) <= MOST else None


def keep_numbers():
    """In a notebook: give each figure that is shown its numbers as a further format of output."""
    from IPython import get_ipython
    from IPython.core.formatters import BaseFormatter

    class Numbers(BaseFormatter):
        """Not `for_type(Figure, ...)`: the inline backend takes that away after the first cell."""

        def __call__(self, shown: object) -> str | None:
            return as_csv(shown) if isinstance(shown, Figure) else None

    shell = get_ipython()
    if shell is not None:
        formats = shell.display_formatter.formatters
        formats[MIME] = Numbers(parent=shell.display_formatter, format_type=MIME)


def _of_axes(ax: Axes, place: int) -> Iterator[tuple]:
    panel = ax.get_title(loc="left") or ax.get_title() or ax.get_title(loc="right")
    panel = " ".join((panel or ax.get_ylabel() or f"panel {place + 1}").split())
    words = _words(ax.xaxis), _words(ax.yaxis)
    for series, x, y, *more in _drawn(ax):
        more = [*more, *([np.full(len(x), np.nan)] * (3 - len(more)))]
        for one in zip(x, y, *more, strict=True):
            yield (panel, series, _word(one[0], words[0]), _word(one[1], words[1]), *one[2:])


def _drawn(ax: Axes) -> Iterator[tuple]:
    """(series, x, y), with low and high, and value, of what lies in the data's coordinates."""
    inside = set()
    for box in ax.containers:
        inside |= set(box.get_children())
        if isinstance(box, ErrorbarContainer) and box.lines[0] is not None:
            x, y = _data(box.lines[0])
            yield _name(box), x, y, *_interval(box, x, y)
        elif isinstance(box, BarContainer):
            upright = box.orientation != "horizontal"
            middles = [
                bar.get_x() + bar.get_width() / 2 if upright else bar.get_y() + bar.get_height() / 2
                for bar in box
            ]
            lengths = [bar.get_height() if upright else bar.get_width() for bar in box]
            yield _name(box), *((middles, lengths) if upright else (lengths, middles))
    for line in ax.lines:
        if line not in inside and line.get_transform() == ax.transData:
            x, y = _data(line)
            yield _name(line), x, y
    for one in ax.collections:
        if one in inside or isinstance(one, PolyCollection):
            continue
        if isinstance(one, QuadMesh):
            corners = one.get_coordinates()  # (rows + 1, columns + 1, 2)
            centres = (corners[:-1, :-1] + corners[1:, 1:]) / 2
            values = np.ma.filled(one.get_array().astype(float), np.nan).ravel()
            shown = np.isfinite(values)  # not what is masked
            none = np.full(shown.sum(), np.nan)
            yield _name(one), *centres.reshape(-1, 2)[shown].T, none, none, values[shown]
        elif isinstance(one, PathCollection):
            x, y = np.ma.getdata(one.get_offsets()).T.reshape(2, -1)
            yield _name(one), x, y
        elif isinstance(one, LineCollection) and one.get_transform() == ax.transData:
            for segment in filter(len, one.get_segments()):  # one with a NaN has no points
                yield _name(one), segment[:, 0], segment[:, 1]


def _data(line) -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.asarray(values, dtype=float) for values in line.get_data(orig=False))


def _interval(box: ErrorbarContainer, x: np.ndarray, y: np.ndarray) -> tuple:
    """The ends of an error bar's lines, of those that stand upright; NaN where there are none."""
    for bars in box.lines[2]:
        segments = np.array([one for one in bars.get_segments() if len(one) == 2])
        if 0 < len(segments) == len(x) and (segments[:, 0, 0] == segments[:, 1, 0]).all():
            return segments[:, 0, 1], segments[:, 1, 1]
    return ()


def _name(artist) -> str:
    label = str(artist.get_label())
    return "" if label.startswith("_") else label


def _words(axis) -> dict[float, str]:
    """Where an axis has words, {place: word}; empty where its labels are numbers."""
    places, labels = axis.get_ticklocs(), [one.get_text() for one in axis.get_ticklabels()]
    found = {
        round(float(place), 6): " ".join(label.split())
        for place, label in zip(places, labels, strict=False)
        if label and not _is_number(label)
    }
    return found if len(found) > 1 else {}


def _is_number(text: str) -> bool:
    try:
        float(text.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        return text.startswith("$")  # of a logarithmic axis
    return True


def _word(value: float, words: dict[float, str]) -> object:
    """The word at a place, also where points are drawn a little beside it; else the number."""
    if not words or not np.isfinite(value):
        return value
    near = min(words, key=lambda place: abs(place - value))
    return words[near] if abs(near - value) < 0.5 else value
