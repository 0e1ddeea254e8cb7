"""Which channel each channel turns into, and the cycles of that map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

MATCHINGS = ("maximum", "assignment")
KINDS = {1: "fixed", 2: "pair", 4: "orbit"}  # by length, a divisor of 4 quarter turns
OTHER = "other"


def live_channels(*scores: np.ndarray) -> np.ndarray:
    """The channels that have a score as `G` and as `F` in every matrix (C, C), sorted: (c,)."""
    has = [(~np.isnan(s)).any(axis=axis) for s in scores for axis in (0, 1)]
    return np.flatnonzero(np.logical_and.reduce(has))


def matched(scores: np.ndarray, matching: str = "maximum") -> np.ndarray:
    """The match of every channel, (C,), from the scores (C, C) of `G_c` with `F_c'`.

    With "maximum" it is the best one, as in eq. 7; a channel may be the match of several. With
    "assignment" each channel is matched once, so that the sum of scores is largest. A pair without
    a score (NaN) comes last.
    """
    if matching == "maximum":
        return np.where(np.isnan(scores), -np.inf, scores).argmax(axis=1)
    never = -2.0 * len(scores) - 1  # so low that all other scores cannot make up for it
    return linear_sum_assignment(np.nan_to_num(scores, nan=never), maximize=True)[1]


def cycles(match: Sequence[int]) -> list[tuple[int, ...]]:
    """The cycles of a map of channels, each from its lowest channel on: c, match[c], ..."""
    found, seen = [], set()
    for start in range(len(match)):
        path: dict[int, int] = {}
        at = start
        while at not in seen and at not in path:
            path[at] = len(path)
            at = int(match[at])
        if at in path:
            cycle = list(path)[path[at] :]
            lowest = cycle.index(min(cycle))
            found.append((*cycle[lowest:], *cycle[:lowest]))
        seen |= path.keys()
    return sorted(found)


def edges(scores: np.ndarray, cycle: Sequence[int]) -> np.ndarray:
    """The scores along a cycle: of its first channel with the second, and so on to the first."""
    return scores[list(cycle), [*cycle[1:], cycle[0]]]


def members(text: str) -> tuple[int, ...]:
    """The channel numbers of a cycle, read from the text in the column `members`.

    >>> members("3 0 7 5")
    (3, 0, 7, 5)
    """
    return tuple(int(number) for number in str(text).split())
