"""Which cycles are more than chance.

Every map of channels to channels has cycles, so a cycle alone is no finding. What counts is its
weakest score, compared with what chance gives. Two sorts of chance are added up.

Scores permuted. Two channels that do not belong together reach the cycle's weakest score with some
probability t. It is estimated as the share of the layer's other scores that reach it. For pairs and
orbits a score must also be high for its two channels: it is divided by the root mean square of
their scores with others, and must then reach the cycle's weakest quotient too. Where a few channels
are all alike, their scores are high and mean little. If scores were independent, N t^L of the N
possible cycles of length L would be as strong. They are not independent. Where three edges of an
orbit hold, the fourth follows, since four quarter turns are no turn: an orbit counts t^3. The two
edges of a pair become one where features are alike after half a turn: a pair counts t^(2 / (1 +
r)), which is the joint tail of two normal variables with correlation r. Here r is the correlation
of the scores (c, c') and (c', c).

Wrong images. These are the cycles of the same length that reach the weakest score in the map of
scores with the image before.

The sum is the number of such cycles expected by chance. From it follow q values as in Benjamini and
Hochberg (1995), where fixed channels have half of the weight and pairs and orbits a quarter each.
Among the cycles with q of at most 5 %, at most 5 % are expected to be false. The scores of cycles
that are found no longer count among the other scores, and the rest is decided again.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from math import comb

import numpy as np
from scipy.stats import rankdata

from equivar.orbits.matching import KINDS, cycles, edges

Cycle = tuple[int, ...]
WEIGHTS = {1: 1 / 2, 2: 1 / 4, 4: 1 / 4}  # shares of the false ones allowed, by length
_ROUNDING = 1e-5  # of scores in single precision


def decide(
    scores: np.ndarray,
    wrong: np.ndarray,
    wrong_match: np.ndarray,
    found: Sequence[Cycle],
    rate: float,
) -> tuple[np.ndarray, np.ndarray]:
    """For each cycle, the number that chance would make as strong, and its q: (len(found),) each.

    scores, wrong: (C, C), with the right and with the wrong image. wrong_match: the map of channels
    (C,) that follows from `wrong`. rate: the largest q of a cycle that is found. Both results are
    NaN for lengths that no turn gives, and where a score is not defined.
    """
    known: set[Cycle] = set()
    while True:
        expected = expected_by_chance(scores, wrong, wrong_match, found, known)
        q = q_values(expected, [len(cycle) for cycle in found])
        more = {cycle for cycle, of in zip(found, q, strict=True) if of <= rate}
        if more <= known:
            return expected, q
        known |= more


def expected_by_chance(
    scores: np.ndarray,
    wrong: np.ndarray,
    wrong_match: np.ndarray,
    found: Sequence[Cycle],
    known: Set[Cycle] = frozenset(),
) -> np.ndarray:
    """For each cycle, the number of cycles of its length that chance would make as strong.

    known: cycles whose scores say nothing about chance. The other arguments are as in `decide`.
    Returns (len(found),).
    """
    both = np.stack([scores, _for_its_channels(scores)])  # (2, C, C)
    turned = [c for c in found if len(c) in KINDS and not np.isnan(edges(scores, c)).any()]
    weakest = {cycle: np.array([edges(s, cycle).min() for s in both]) for cycle in turned}
    powers = {1: 1, 2: 2 / (1 + _likeness(both[1], turned)), 4: 3}
    decoys = [(len(cycle), edges(wrong, cycle).min()) for cycle in cycles(wrong_match)]
    tails = _Tails(both, weakest, known)
    expected = []
    for cycle in found:
        length = len(cycle)
        if cycle not in weakest:
            expected.append(np.nan)
            continue
        permuted = possible(len(scores), length) * tails.of(cycle) ** powers[length]
        wrong_ones = sum(n == length and w >= weakest[cycle][0] for n, w in decoys)
        expected.append(permuted + wrong_ones)
    levels = np.array([weakest.get(cycle, (np.nan, np.nan)) for cycle in found])
    return _no_more_than_weaker(np.array(expected), levels, [len(cycle) for cycle in found])


def _no_more_than_weaker(
    expected: np.ndarray, levels: np.ndarray, lengths: Sequence[int]
) -> np.ndarray:
    """Lower the number of each cycle to that of any weaker cycle of its length.

    A stronger cycle cannot be more likely by chance. levels: (n, 2), for each cycle the weakest
    score and the weakest score divided for its channels.
    """
    lengths, least = np.array(lengths), expected.copy()
    for i in np.flatnonzero(~np.isnan(expected)):
        weaker = (lengths == lengths[i]) & (levels <= levels[i] + _ROUNDING).all(axis=1)
        least[i] = expected[weaker].min()
    return least


def possible(channels: int, length: int) -> int:
    """The number of cycles of a length among so many channels: C, C (C - 1) / 2, ..."""
    orders = {1: 1, 2: 1, 4: 6}  # different cycles through the same channels
    return comb(channels, length) * orders[length]


def q_values(expected: np.ndarray, lengths: Sequence[int]) -> np.ndarray:
    """The share of false ones expected among the cycles at least as unlikely as each: (n,).

    expected: (n,), as `expected_by_chance` gives it. NaN stays NaN.
    """
    weights = np.array([WEIGHTS.get(length, np.nan) for length in lengths])
    weighted = expected / weights
    q = np.full(len(expected), np.nan)
    order = np.argsort(weighted, kind="stable")[: int((~np.isnan(weighted)).sum())]
    share = weighted[order] / np.arange(1, len(order) + 1)
    q[order] = np.minimum.accumulate(np.minimum(share, 1)[::-1])[::-1]
    return q


class _Tails:
    """The share of two channels' scores that reach a cycle's weakest score.

    The cycle itself counts as one more score. The diagonal, the edges of `known` cycles and the
    edges of cycles that are as strong are left out; the last would hide each other. both: (2, C,
    C), the scores, and the scores divided for their channels.
    """

    def __init__(self, both: np.ndarray, weakest: dict[Cycle, np.ndarray], known: Set[Cycle]):
        self.both, self.weakest = both, weakest
        self.others = ~np.isnan(both[0]) & ~np.eye(both.shape[1], dtype=bool)
        groups = [cycle for cycle in weakest if len(cycle) > 1]
        for cycle in groups:
            if cycle in known:
                self.others[_places(cycle)] = False
        self.groups = [cycle for cycle in groups if cycle not in known]
        self.sorted = np.sort(both[0][self.others])

    def of(self, cycle: Cycle) -> float:
        """The share for one cycle, above 0 and at most 1."""
        if len(cycle) == 1:
            return self._of_fixed(self.weakest[cycle][0])
        level = self.weakest[cycle]
        others = self.others.copy()
        for other in self.groups:
            if (self.weakest[other] >= level - _ROUNDING).all():
                others[_places(other)] = False
        reaching = (self.both >= level[:, None, None]).all(axis=0) & others
        return (1 + int(reaching.sum())) / (1 + int(others.sum()))

    def _of_fixed(self, level: float) -> float:
        """The share for a fixed channel, by the sorted scores, since it may be asked for often."""
        strong = [c for c in self.groups if self.weakest[c][0] >= level - _ROUNDING]
        hidden = [self.both[0][_places(cycle)] for cycle in strong]
        reaching = len(self.sorted) - np.searchsorted(self.sorted, level, side="left")
        reaching -= sum(int((scores >= level).sum()) for scores in hidden)
        return (1 + reaching) / (1 + len(self.sorted) - sum(map(len, hidden)))


def _places(cycle: Cycle) -> tuple[list[int], list[int]]:
    """Where the edges of a cycle stand in a matrix of scores."""
    return list(cycle), [*cycle[1:], cycle[0]]


def _for_its_channels(scores: np.ndarray) -> np.ndarray:
    """Scores divided by how high their two channels score with others in general."""
    off = np.where(np.eye(len(scores), dtype=bool), np.nan, scores)
    rows, columns = (np.sqrt(np.nanmean(off**2, axis=axis)) for axis in (1, 0))
    return scores / np.maximum(np.sqrt(np.outer(rows, columns)), _ROUNDING)


def _likeness(scores: np.ndarray, found: Sequence[Cycle]) -> float:
    """The rank correlation of scores (c, c') and (c', c), without those of cycles; 0 to 1."""
    rest = np.where(np.eye(len(scores), dtype=bool), np.nan, scores)
    for cycle in found:
        rest[list(cycle), [*cycle[1:], cycle[0]]] = np.nan
    both = ~np.isnan(rest) & ~np.isnan(rest.T)
    if both.sum() < 6:  # fewer than three pairs of channels are too few
        return 1.0
    x, y = rankdata(rest[both]), rankdata(rest.T[both])
    spread = x.std() * y.std()
    return 1.0 if spread == 0 else max(0.0, ((x * y).mean() - x.mean() * y.mean()) / spread)
