"""The cycles of one layer: found in the map of a quarter turn, tested, and given as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from equivar.orbits.decision import decide
from equivar.orbits.matching import KINDS, OTHER, cycles, edges, live_channels, matched

TURNS = (1, 2, 3)


@dataclass(frozen=True)
class LayerScores:
    """The scores of a layer, (C, C) of `G_c` with `F_c'`, NaN where undefined.

    turned: for each number of quarter turns, 1 to 3. wrong: for one quarter turn, with `F` of the
    image before. halves: for one quarter turn, on each half of the images.
    """

    turned: dict[int, np.ndarray]
    wrong: np.ndarray
    halves: tuple[np.ndarray, np.ndarray]

    def live(self) -> np.ndarray:
        """The channels (c,) that have a score with one another in every matrix."""
        live = np.arange(len(self.wrong))
        while True:
            some = self.of(live)
            kept = live_channels(*some.turned.values(), some.wrong, *some.halves)
            if len(kept) in (0, len(live)):
                return live[kept]
            live = live[kept]

    def of(self, channels: np.ndarray) -> LayerScores:
        """The scores of some of the channels alone."""
        some = np.ix_(channels, channels)
        turned = {turns: scores[some] for turns, scores in self.turned.items()}
        return LayerScores(turned, self.wrong[some], tuple(half[some] for half in self.halves))


def layer_cycles(scores: LayerScores, matching: str, rate: float) -> Iterator[dict[str, object]]:
    """The cycles of a layer, one row each; `equivar.orbits` explains the columns."""
    live = scores.live()
    scores = scores.of(live)
    maps = {turns: matched(scores.turned[turns], matching) for turns in TURNS}
    wrong_match = matched(scores.wrong, matching)
    halves = [matched(half, matching) for half in scores.halves]
    match = maps[1]
    found = cycles(match)
    expected, q = decide(scores.turned[1], scores.wrong, wrong_match, found, rate)
    best_wrong = np.nanmax(scores.wrong, axis=1)
    for number, cycle in enumerate(found):
        members, along = list(cycle), edges(scores.turned[1], cycle)
        stable = np.logical_and.reduce([half[members] == match[members] for half in halves])
        yield {
            "kind": KINDS.get(len(cycle), OTHER),
            "length": len(cycle),
            "members": " ".join(str(live[c]) for c in cycle),
            "weakest": along.min(),
            "mean": along.mean(),
            "chance": best_wrong[members].mean(),
            "by_chance": expected[number],
            "q": q[number],
            "found": bool(q[number] <= rate),
            **_group_law(scores, maps, members),
            "stable": stable.mean(),
        }


def _group_law(
    scores: LayerScores, maps: dict[int, np.ndarray], members: list[int]
) -> dict[str, float]:
    """Whether two and three quarter turns do what one does in two and three steps.

    law: the share of members whose match there is the channel that these steps lead to. score: the
    mean score of members with these channels.
    """
    told, power = {}, maps[1]
    for turns in (2, 3):
        power = maps[1][power]
        degrees = 90 * turns
        told[f"law_{degrees}"] = (maps[turns][members] == power[members]).mean()
        told[f"score_{degrees}"] = scores.turned[turns][members, power[members]].mean()
    return told
