"""The rulers: what each says, on which scale, from whom it is, and what it cannot see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import nan

CORRELATION = "correlation"  # the scale of the measure: margins of the claims hold on it


@dataclass(frozen=True)
class Ruler:
    """One way to say how far a layer's maps move with the image.

    title: as figures show it. kinds: invariance (a channel against itself), equivariance, or both.
    scale: what the numbers are; claims with a margin are judged on the scale "correlation" alone.
    best: the score of a perfect layer. larger: whether a larger score is more equivariant. The rest
    says what the ruler sees, for a table.
    """

    name: str
    title: str
    source: str
    kinds: tuple[str, ...]
    scale: str
    range: str
    best: float
    larger: bool
    signs: str
    mixing: str
    positions: str
    labels: str
    forwards: str
    chance: str


_BOTH, _EQUIVARIANCE, _INVARIANCE = (
    ("invariance", "equivariance"),
    ("equivariance",),
    ("invariance",),
)
_KEPT = "yes, as what all images share; chance tells how much"
_WRONG = "the same number with the image before in place of the right one"
_REFITTED = "a fit anew, on wrong pairs, judged on wrong pairs"
_CHANNEL = Ruler(
    name="channel",
    title="best channel",
    source="Bruintjes, Motyka and van Gemert 2023",
    kinds=_BOTH,
    scale=CORRELATION,
    range="-1 to 1",
    best=1,
    larger=True,
    signs="yes: an inverted channel is no match",
    mixing="no",
    positions=_KEPT,
    labels="no",
    forwards="none",
    chance=_WRONG,
)
_LINEAR = Ruler(
    name="linear",
    title="linear map",
    source="Lenc and Vedaldi 2015",
    kinds=_EQUIVARIANCE,
    scale=CORRELATION,
    range="-1 to 1",
    best=1,
    larger=True,
    signs="no: a weight may be negative",
    mixing="yes",
    positions=_KEPT,
    labels="no",
    forwards="none",
    chance=_REFITTED,
)
_LIST = (
    _CHANNEL,
    replace(_CHANNEL, name="channel-dataset", title="best channel, all images jointly"),
    _LINEAR,
    replace(_LINEAR, name="cca", title="SVCCA", source="Raghu et al. 2017", signs="no"),
    Ruler(
        name="variance",
        title="normalised variance",
        source="Quiroga et al. 2021",
        kinds=_INVARIANCE,
        scale="ratio of deviations",
        range="0 to about 1",
        best=0,
        larger=False,
        signs="yes",
        mixing="no, and no other channel either",
        positions="as an error: they stay where the map moves",
        labels="no",
        forwards="none",
        chance=_WRONG,
    ),
    Ruler(
        name="lie",
        title="local equivariance error",
        source="Gruver et al. 2023",
        kinds=_EQUIVARIANCE,
        scale="share of variance, for each pixel or degree squared",
        range="0 and above",
        best=0,
        larger=False,
        signs="yes",
        mixing="no: near no motion, a channel's partner is itself",
        positions="as an error: they stay where the map moves",
        labels="no",
        forwards="two for shifts, two for turns",
        chance=_WRONG,
    ),
    Ruler(
        name="consistency",
        title="same answer",
        source="Zhang 2019",
        kinds=_INVARIANCE,
        scale="share of images",
        range="0 to 1",
        best=1,
        larger=True,
        signs="does not look inside",
        mixing="does not look inside",
        positions="does not look inside",
        labels="no, but a classifier",
        forwards="none",
        chance="how often two images get the same answer",
    ),
)
RULERS = {one.name: one for one in _LIST}


@dataclass(frozen=True)
class Reading:
    """What a ruler says of a layer under a transformation; NaN where it says nothing.

    corrected: 1 is perfect and 0 is chance, whatever the direction of the score.
    """

    score: float = nan
    se: float = nan
    chance: float = nan
    corrected: float = nan


def corrected(ruler: str, score: float, chance: float) -> float:
    """How far a score lies from chance to the ruler's best: 1 is perfect, 0 is chance.

    NaN where chance is as good as the best, within a twentieth of the way from 0 to 1.

    >>> round(corrected("channel", score=0.8, chance=0.5), 3)
    0.6
    """
    best = RULERS[ruler].best
    way = best - chance if RULERS[ruler].larger else chance - best
    if not way > 0.05:
        return nan
    return (score - chance) / (best - chance)
