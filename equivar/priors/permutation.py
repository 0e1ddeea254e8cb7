"""Which channel takes the place of which under a quarter turn: one permutation with P^4 = 1.

The best matches for 90, 180 and 270 degrees, each by itself, are no such thing: two quarter turns
must do what one does twice, or what is made by them is not equivariant. So the channels are cut
into cycles of 1, 2 and 4. What is looked for is the permutation with the largest sum of S over
channels and turns; a good one is found, not always the best.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from equivar.orbits.matching import cycles, live_channels, matched

TURNS = (1, 2, 3)
LENGTHS = (1, 2, 4)
_NEVER = -1.0  # the score of two channels that have none
_ROUNDS = 20  # of improvement; three or four are usual
_ORDERS = np.array(
    [(0, 1, 2, 3), (0, 1, 3, 2), (0, 2, 1, 3), (0, 2, 3, 1), (0, 3, 1, 2), (0, 3, 2, 1)]
)  # in which a cycle of four may go
_LEAST = 1e-9  # a smaller gain is rounding

Scores = Mapping[int, np.ndarray]  # quarter turns -> S of `G_c` with `F_c'`, (C, C)


def representation(scores: Scores) -> np.ndarray:
    """The permutation (C,): channel c of the turned image is like the turned channel `match[c]`.

    scores: for 1, 2 and 3 quarter turns, NaN where undefined. A channel without scores stays where
    it is.
    """
    live = live_channels(*scores.values())
    match = np.arange(len(scores[1]))
    if len(live):
        some = np.ix_(live, live)
        of = {turns: np.nan_to_num(scores[turns][some], nan=_NEVER) for turns in TURNS}
        match[live] = live[_found(of)]
    return match


def powers(match: np.ndarray) -> np.ndarray:
    """Where 0, 1, 2 and 3 quarter turns take each channel: (4, C)."""
    return np.stack([np.arange(len(match)), match, match[match], match[match[match]]])


def total(scores: Scores, match: np.ndarray) -> float:
    """The sum of S of each channel with the one that its turn leads to, over the three turns."""
    along = powers(match)
    return float(sum(scores[k][along[0], along[k]].sum() for k in TURNS))


def drawn(match: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A permutation with cycles of the same lengths, of channels that are drawn."""
    order = generator.permutation(len(match))
    other = np.empty_like(match)
    other[order] = order[match]
    return other


def _found(scores: Scores) -> np.ndarray:
    """The better of two: from the one-to-one match for a quarter turn, and from no groups at all.

    Of the first, cycles of other lengths are grouped anew.
    """
    one_to_one = _with_cycles_that_fit(matched(_edges(scores), "assignment"))
    found = [_improved(scores, start) for start in (one_to_one, np.arange(len(one_to_one)))]
    return max(found, key=lambda match: total(scores, match))


def _improved(scores: Scores, match: np.ndarray) -> np.ndarray:
    """Steps that each are a gain, as long as there are any."""
    match = _regrouped(scores, match)
    best = total(scores, match)
    for _ in range(_ROUNDS):
        for step in (_swapped, _merged, _reordered, _split, _regrouped):
            match = step(scores, match)
        found = total(scores, match)
        if found <= best + _LEAST:
            break
        best = found
    return match


def _edges(scores: Scores) -> np.ndarray:
    """What the step from channel c to c' is worth under one and three quarter turns: (C, C)."""
    return scores[1] + scores[3].T


def _fixed(scores: Scores) -> np.ndarray:
    """What a channel is worth that stays where it is: (C,)."""
    return sum(scores[turns].diagonal() for turns in TURNS)


def _worth(scores: Scores, groups: np.ndarray) -> np.ndarray:
    """What cycles of one length are worth: (n, L) channels -> (n,)."""
    return sum(scores[k][groups, np.roll(groups, -k, axis=1)].sum(axis=1) for k in TURNS)


def _with_cycles_that_fit(match: np.ndarray) -> np.ndarray:
    """The cycles of 1, 2 and 4 channels; the other channels stay where they are."""
    kept = np.arange(len(match))
    for cycle in cycles(match):
        if len(cycle) in LENGTHS:
            kept[list(cycle)] = match[list(cycle)]
    return kept


def _regrouped(scores: Scores, match: np.ndarray) -> np.ndarray:
    """Group the channels that stay where they are, the strongest step first, where it is a gain."""
    match = match.copy()
    edges, alone = _edges(scores), _fixed(scores)
    free = np.flatnonzero(match == np.arange(len(match)))
    while len(free) > 1:
        steps = edges[np.ix_(free, free)].copy()
        np.fill_diagonal(steps, -np.inf)
        first, second = np.unravel_index(steps.argmax(), steps.shape)
        a, b = free[first], free[second]
        rest = np.setdiff1d(free, (a, b))
        groups = [np.array([a, b])]
        if len(rest) > 1:
            groups.append(np.array([a, b, *_best_two(scores, a, b, rest)]))
        gains = [_worth(scores, group[None])[0] - alone[group].sum() for group in groups]
        group, gain = max(zip(groups, gains, strict=True), key=lambda pair: pair[1] / len(pair[0]))
        if gain > _LEAST:
            match[group] = np.roll(group, -1)
        else:
            group = np.array([a])  # its strongest step is no gain: it stays
        free = np.setdiff1d(free, group)
    return match


def _best_two(scores: Scores, a: int, b: int, rest: np.ndarray) -> tuple[int, int]:
    """The c and d of the rest with which a, b, c, d is worth most."""
    edges, halves = _edges(scores), scores[2] + scores[2].T
    c, d = edges[b, rest] + halves[a, rest], edges[rest, a] + halves[b, rest]
    worth = edges[np.ix_(rest, rest)] + c[:, None] + d[None, :]
    np.fill_diagonal(worth, -np.inf)
    first, second = np.unravel_index(worth.argmax(), worth.shape)
    return rest[first], rest[second]


def _swapped(scores: Scores, match: np.ndarray) -> np.ndarray:
    """Let channels of different cycles change places, as long as that is a gain."""
    match = match.copy()
    for _ in range(len(match)):
        number = _cycle_numbers(match)
        gains = _gains(scores, match)
        gains[number[:, None] == number[None, :]] = -np.inf
        partners = gains.argmax(axis=1)
        best = gains[np.arange(len(match)), partners]
        touched: set[int] = set()
        for a in np.argsort(-best, kind="stable"):
            b = partners[a]
            if best[a] <= _LEAST:
                break
            if not touched & {number[a], number[b]}:  # the gains of others stay as they are
                touched |= {number[a], number[b]}
                _change_places(match, a, b)
        if not touched:
            break
    return match


def _gains(scores: Scores, match: np.ndarray) -> np.ndarray:
    """What it is worth that two channels of different cycles change places: (C, C)."""
    along = powers(match)
    cost = np.zeros_like(scores[1])  # of channel c in the place of channel c'
    for turns in TURNS:
        s, ahead, behind = scores[turns], along[turns], along[4 - turns]
        stays = ahead == along[0]
        cost += np.where(stays[None, :], s.diagonal()[:, None], s[:, ahead] + s[behind].T)
    now = cost.diagonal()
    return cost + cost.T - now[:, None] - now[None, :]


def _change_places(match: np.ndarray, a: int, b: int):
    """Put channel a where b is in its cycle, and b where a is, in place."""
    other = np.arange(len(match))
    other[[a, b]] = b, a
    match[:] = other[match[other]]


def _cycle_numbers(match: np.ndarray) -> np.ndarray:
    """The number of each channel's cycle: its lowest channel."""
    return powers(match).min(axis=0)


def _fours(match: np.ndarray) -> np.ndarray:
    """The cycles of four channels, (n, 4)."""
    along = powers(match)
    first = (along[0] == along.min(axis=0)) & (along[2] != along[0])
    return along[:, first].T


def _reordered(scores: Scores, match: np.ndarray) -> np.ndarray:
    """The best order of the channels of each cycle of four."""
    match, fours = match.copy(), _fours(match)
    if not len(fours):
        return match
    best, _ = _best_orders(scores, fours)
    match[best] = np.roll(best, -1, axis=1)
    return match


def _best_orders(scores: Scores, fours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cycles (n, 4) in the order that is worth most, and what that is, (n,)."""
    worth = np.stack([_worth(scores, fours[:, order]) for order in _ORDERS])  # (6, n)
    best = np.where(worth.max(axis=0) > worth[0] + _LEAST, worth.argmax(axis=0), 0)
    return np.take_along_axis(fours, _ORDERS[best], axis=1), worth[best, np.arange(len(fours))]


def _merged(scores: Scores, match: np.ndarray) -> np.ndarray:
    """Make one cycle of four channels of two pairs where it is a gain, the largest gain first."""
    match, every = match.copy(), np.arange(len(match))
    first = np.flatnonzero((match[match] == every) & (match > every))
    pairs = np.stack([first, match[first]], axis=1)  # (n, 2)
    one, other = np.triu_indices(len(pairs), 1)
    if not len(one):
        return match
    fours, worth = _best_orders(scores, np.concatenate([pairs[one], pairs[other]], axis=1))
    before = _worth(scores, pairs)
    gains = worth - before[one] - before[other]
    merged: set[int] = set()
    for at in np.argsort(-gains, kind="stable"):
        if gains[at] <= _LEAST:
            break
        if not merged & {one[at], other[at]}:
            merged |= {one[at], other[at]}
            match[fours[at]] = np.roll(fours[at], -1)
    return match


def _split(scores: Scores, match: np.ndarray) -> np.ndarray:
    """Take cycles apart that are worth less than their channels alone."""
    match, alone = match.copy(), _fixed(scores)
    for cycle in cycles(match):
        group = np.array(cycle)
        if len(group) > 1 and _worth(scores, group[None])[0] < alone[group].sum() - _LEAST:
            match[group] = group
    return match
