"""How often verdicts are wrong, and how often they find what is there: 500 simulated tables each.

    python -m equivar.verdicts.simulated > data/results/error-rates.csv

Each kind of claim is judged on tables drawn with a known effect: none, the smallest effect of
interest (or the margin), and twice that. Runs, networks and groups of images are drawn from normal
distributions. A verdict is wrong where it says of the effect what is not so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import pandas as pd

from equivar.verdicts.components import Component, difference, doubling, judge, mean
from equivar.verdicts.ranks import rank
from equivar.verdicts.samples import Sample
from equivar.verdicts.verdict import VERDICTS

TABLES = 500
SPREAD = 0.03  # of runs of one network: what seeds of chapters 04 to 06 differ by
NEAR = 0.005  # of the difference of two scores of one network


@dataclass(frozen=True)
class Kind:
    """A kind of claim: how it is drawn, and what is true of it.

    draw: (rng, effect) -> the components of one table. smallest: the smallest effect of interest or
    the margin. above: what the effect must be above, for a claim with a direction; None for one
    that two things are equal. effects: the true effects that are tried. claims: which are judged
    so.
    """

    words: str
    claims: str
    draw: Callable[[np.random.Generator, float], Sequence[Component]]
    smallest: float
    above: float | None = 0.0
    effects: tuple[float, ...] = ()

    @property
    def tried(self) -> tuple[float, ...]:
        """The true effects: none, the smallest of interest, twice that."""
        return self.effects or (0.0, self.smallest, 2 * self.smallest)

    def wrong(self, effect: float) -> set[str]:
        """The verdicts that are wrong where this is the true effect."""
        if self.above is None:
            equal = abs(effect) < self.smallest
            found = {"contradicted"} if equal else {"supported"}
            return found | ({"contradicted"} if effect == self.smallest else set())
        if effect == 0:
            return {"supported"} | ({"contradicted"} if self.above == 0 else set())
        found = {"negligible"} if abs(effect) >= self.smallest else set()
        found |= {"supported"} if effect <= self.above else set()
        return found | ({"contradicted"} if effect >= self.above else set())


def rates(kind: Kind, effect: float, tables: int = TABLES, seed: int = 0) -> dict[str, float]:
    """The share of each verdict, and of wrong ones, among simulated tables."""
    rng = np.random.default_rng(seed)
    found = [judge("", kind.draw(rng, effect)).verdict for _ in range(tables)]
    shares = {verdict: found.count(verdict) / tables for verdict in VERDICTS[:-1]}
    return shares | {"wrong": sum(shares[verdict] for verdict in kind.wrong(effect))}


def error_rates(tables: int = TABLES) -> pd.DataFrame:
    """A row for each kind of claim and true effect: shares of verdicts, and of wrong ones."""
    rows = [
        {"kind": kind.words, "claims": kind.claims, "effect": effect} | rates(kind, effect, tables)
        for kind in KINDS
        for effect in kind.tried
    ]
    return pd.DataFrame(rows)


def _runs(rng: np.random.Generator, count: int, level: float, spread: float = SPREAD) -> Sample:
    return Sample(rng.normal(level, spread, count), "")


def _means(count: int, several: int, spread: float = SPREAD, **bounds: float):
    def draw(rng, effect):
        return [
            mean(str(i), "", _runs(rng, count, effect, spread), **bounds) for i in range(several)
        ]

    return draw


def _differences(count: int, several: int, spread: float = SPREAD, **bounds: float):
    def draw(rng, effect):
        base = _runs(rng, count, 0.5, spread)
        return [
            difference(str(i), "", _runs(rng, count, 0.5 + effect, spread), base, **bounds)
            for i in range(several)
        ]

    return draw


def _slopes(count: int, scale: float, **bounds: float):
    def draw(rng, effect):
        widths = (1, 2, 4, 8)
        samples = {
            width: _runs(rng, count, 0.5 + np.log2(width) * effect / scale) for width in widths
        }
        return [doubling("", "", samples, scale, **bounds)]

    return draw


def _ranks(count: int, several: int, **bounds: float):
    def draw(rng, effect):
        rho = 2 * np.sin(np.pi * effect / 6)  # of the normal pair whose ranks correlate so
        x = rng.normal(size=count)
        noise = rng.normal(size=(several, count))
        return [
            rank(str(i), "", x, rho * x + np.sqrt(max(1 - rho**2, 0)) * one, **bounds)
            for i, one in enumerate(noise)
        ]

    return draw


def _over_images(groups: int, several: int, **bounds: float):
    def draw(rng, effect):
        found = []
        for i in range(several):
            values = rng.normal(effect, SPREAD, groups)
            error = values.std(ddof=1) / np.sqrt(groups)
            one = Component(str(i), "", values.mean(), error, groups - 1, "", (nan,), **bounds)
            found.append(one)
        return found

    return draw


def _above(smallest: float, above: float = 0.0) -> dict[str, float]:
    return {"above": above, "smallest": smallest}


def _within(margin: float) -> dict[str, float]:
    return {"above": -margin, "below": margin}


KINDS = (
    Kind("a mean of 3 runs", "one part of 4.3a", _means(3, 1, **_above(0.05)), 0.05),
    Kind("3 means of 3 runs", "4.3a, paper", _means(3, 3, **_above(0.05)), 0.05),
    Kind("3 means of 10 runs", "4.3a, standard", _means(10, 3, **_above(0.05)), 0.05),
    Kind(
        "6 means of 3 runs, much larger",
        "4.3d",
        _means(3, 6, **_above(0.1, 0.1)),
        0.1,
        0.1,
    ),
    Kind("6 differences of 3 runs", "4.4a", _differences(3, 6, **_above(0.02)), 0.02),
    Kind("6 differences of 5 runs", "4.4a", _differences(5, 6, **_above(0.02)), 0.02),
    Kind("6 equal, of 3 runs", "4.3c, paper", _differences(3, 6, **_within(0.1)), 0.1, None),
    Kind("6 equal, of 10 runs", "4.3c, standard", _differences(10, 6, **_within(0.1)), 0.1, None),
    Kind("25 equal means of 3 runs", "4.4c", _means(3, 25, NEAR, **_within(0.05)), 0.05, None),
    Kind("a slope, 3 runs of 4 widths", "4.5a", _slopes(3, 1, **_above(0.01)), 0.01),
    Kind("no slope, 3 runs of 4 widths", "4.5b", _slopes(3, 3, **_within(0.05)), 0.05, None),
    Kind("2 rank correlations, 14 networks", "4.2a", _ranks(14, 2, **_above(0.2)), 0.2),
    Kind(
        "a rank correlation above .8, 14 networks",
        "4.2b",
        _ranks(14, 1, **_above(0.2, 0.8)),
        0.2,
        0.8,
        (0.0, 0.8, 0.95),
    ),
    Kind(
        "3 rank correlations within .5, 14 networks",
        "4.2c",
        _ranks(14, 3, **_within(0.5)),
        0.5,
        None,
        (0.0, 0.5, 0.9),
    ),
    Kind("4 families of 4 networks", "4.6a", _differences(4, 4, **_above(0.05)), 0.05),
    Kind(
        "70 equal, over 10 groups of images",
        "4.6b",
        _over_images(10, 70, **_within(0.05)),
        0.05,
        None,
    ),
)


if __name__ == "__main__":
    error_rates().to_csv(sys.stdout, index=False, float_format="%.3f")
