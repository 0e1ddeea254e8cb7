"""What is chosen on one half of the images: the channels of each way, and what restores maps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from equivar.features import MapShape
from equivar.measure.session import Session
from equivar.orbits.finding import layer_scores
from equivar.orbits.layer import layer_cycles
from equivar.orbits.matching import MATCHINGS, members
from equivar.priors.operations import Carried, Choice, Moments, Restoring, rescaling, restoring
from equivar.priors.permutation import TURNS, drawn, representation
from equivar.transforms import Rotation

FOUR = 4  # channels of an orbit


@dataclass
class Chosen:
    """What was chosen for a layer; `blank` is the mean output over the images, for one image."""

    ways: dict[str, Choice]
    restored: dict[str, Restoring] = field(default_factory=dict)  # averaged maps, by way
    rescaled: dict[tuple[str, int], Restoring] = field(default_factory=dict)  # by way and turns
    blank: Tensor | None = None


def choose(
    session: Session, ways: Collection[str], rate: float, generator: np.random.Generator
) -> list[Chosen]:
    """The channels of each way, for every layer of a session of the three quarter turns."""
    return [_of_layer(session, i, ways, rate, generator) for i in range(len(session.layers.names))]


def _of_layer(
    session: Session, i: int, ways: Collection[str], rate: float, generator: np.random.Generator
) -> Chosen:
    scores = {
        turns: session.comparisons[i, Rotation(turns)].similarities().cpu().numpy()
        for turns in TURNS
    }
    match = representation(scores)
    every = np.arange(len(match))
    found = {"matched": match, "own": every, "random": drawn(match, generator)}
    chosen = {way: Choice(of, every) for way, of in found.items() if way in ways}
    if {"orbits", "others"} & set(ways):
        orbits = _orbits(session, i, rate)
        if orbits is not None:
            others = _others(scores, orbits.channels, generator)
            pair = {"orbits": orbits, "others": others}
            chosen |= {way: one for way, one in pair.items() if way in ways and one is not None}
    return Chosen(chosen)


def _orbits(session: Session, i: int, rate: float) -> Choice | None:
    """The orbits that `equivar.orbits` finds in these images; None where there is none."""
    scores = layer_scores(session, i)
    if len(scores.live()) < FOUR:
        return None
    found = [
        members(row["members"])
        for row in layer_cycles(scores, MATCHINGS[0], rate)
        if row["found"] and row["length"] == FOUR
    ]
    if not found:
        return None
    match = np.arange(len(scores.wrong))
    for cycle in np.array(found):
        match[cycle] = np.roll(cycle, -1)
    return Choice(match, np.sort(np.concatenate(found)))


def _others(
    scores: Mapping[int, np.ndarray], taken: np.ndarray, generator: np.random.Generator
) -> Choice | None:
    """As many channels drawn from the rest, matched among themselves; None: there are too few."""
    rest = np.setdiff1d(np.arange(len(scores[1])), taken)
    if len(rest) < len(taken):
        return None
    some = np.sort(generator.choice(rest, len(taken), replace=False))
    match = np.arange(len(scores[1]))
    match[some] = some[representation({k: s[np.ix_(some, some)] for k, s in scores.items()})]
    return Choice(match, some)


class Gathering:
    """Sums over one half of the images, of which means and deviations are made."""

    def __init__(self, shape: MapShape, chosen: Chosen):
        self.shape, self.chosen = shape, chosen
        self.by_turn = {turns: Moments(shape.channels) for turns in (0, *TURNS)}
        self.averaged = {way: Moments(shape.channels) for way in chosen.ways}
        self.total: Tensor | None = None
        self.images = 0

    def add(self, back: Mapping[int, Tensor], operations: Collection[str]):
        """Add some images: the layer's outputs for 0 to 3 quarter turns, turned back."""
        shape, dim = self.shape, self.shape.image_dim
        total = back[0].double().sum(dim=dim, keepdim=True)
        self.total = total if self.total is None else self.total + total
        self.images += back[0].shape[dim]
        if set(operations) == {"turned"}:
            return
        for turns, output in back.items():
            self.by_turn[turns].add(shape.maps(output))
        if "averaged" in operations:
            for way, choice in self.chosen.ways.items():
                self.averaged[way].add(shape.maps(Carried(shape, back, choice).averaged()))

    def finish(self, operations: Collection[str]):
        """Put what was gathered into what was chosen."""
        chosen = self.chosen
        chosen.blank = self.total / self.images
        for way, choice in chosen.ways.items():
            if "averaged" in operations:
                chosen.restored[way] = restoring(self.by_turn[0], self.averaged[way], choice)
            if "rescaled" in operations:
                for turns in TURNS:
                    chosen.rescaled[way, turns] = rescaling(self.by_turn, choice, turns)
