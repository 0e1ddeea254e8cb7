"""Section 4.6: how convolutional networks, vision transformers and mixers differ."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from equivar.claims.components import Component, judge
from equivar.claims.imagenet import NEEDS, WORDS
from equivar.claims.networks import BEFORE_POOLING, FAMILIES, PARTS, Networks, contrast
from equivar.claims.ranks import rank
from equivar.claims.verdict import Verdict

OTHERS = ("vit", "mixer")
FAMILY_NEEDS = "it takes a CNN and a ViT or Mixer"


def claim_4_6a(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """ViT and Mixer have less translation equivariance than CNNs in Early and Middle (figure 7).

    The effect is the CNNs' mean equivariance less the family's; a comparison for each family that
    is there and part. `table`: rows of `experiments.Compared.parts`.
    """
    return _less_than_cnns("4.6a", table, "shift", ("early", "middle"), above_chance)


def claim_4_6b(table: pd.DataFrame, margin: float = 0.05, above_chance: bool = False) -> Verdict:
    """For translation, invariance equals equivariance, up to `margin` (figure 7).

    A comparison for each network and part.
    """
    networks = Networks(table, above_chance)
    components = [
        contrast(
            f"{part} equivariance less invariance of {name}",
            networks,
            _gap(name, "shift", part),
            above=-margin,
            below=margin,
        )
        for name in networks.names
        for part in PARTS
    ]
    return judge("4.6b", components, above_chance, "it takes scores of every part")


def claim_4_6c(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """ViT and Mixer have less rotation equivariance than CNNs before pooling (figure 7)."""
    return _less_than_cnns("4.6c", table, "rotation", BEFORE_POOLING, above_chance)


def claim_4_6d(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """In the final part the ViT has the most rotation equivariance (figure 7).

    The effect is a ViT's score less another network's; a comparison for each pair.
    """
    networks = Networks(table, above_chance)
    place = ("rotation", "equivariance", "final")
    components = [
        contrast(
            f"final rotation equivariance of {name} less that of {other}",
            networks,
            [(1, name, *place), (-1, other, *place)],
            above=0,
        )
        for name in networks.of("vit")
        for other in networks.names
        if networks.family[other] != "vit"
    ]
    return judge("4.6d", components or [_nothing("no ViT")], above_chance, FAMILY_NEEDS)


def claim_4_6e(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """Early parts have equivariant features that are not invariant, more than late (figure 7).

    For rotation. The effect is equivariance less invariance, averaged over networks: above 0 in
    the early part, and larger there than in the late part.
    """
    networks = Networks(table, above_chance)
    share = 1 / len(networks.names)
    early = [t for name in networks.names for t in _gap(name, "rotation", "early", share)]
    late = [t for name in networks.names for t in _gap(name, "rotation", "late", -share)]
    words = "early rotation equivariance less invariance"
    components = [
        contrast(words, networks, early, above=0),
        contrast(f"{words}, less the same in the late part,", networks, early + late, above=0),
    ]
    return judge("4.6e", components, above_chance, "it takes scores of both parts")


def claim_4_6f(table: pd.DataFrame, above_chance: bool = False) -> Verdict:
    """High rotation equivariance before pooling goes with a low one at the end (figure 7).

    The effect is Spearman's correlation of the two over networks; the claim asks for below 0.
    """
    networks = Networks(table, above_chance)
    inside = [networks.scores("rotation", "equivariance", part) for part in BEFORE_POOLING]
    final = networks.scores("rotation", "equivariance", "final")
    words = "the rank correlation of rotation equivariance before pooling and in the final part"
    one = rank(words, np.mean(inside, axis=0), final, below=0)
    return judge("4.6f", [one], above_chance, NEEDS)


def _less_than_cnns(
    claim: str, table: pd.DataFrame, transforms: str, parts: tuple[str, ...], above_chance: bool
) -> Verdict:
    networks = Networks(table, above_chance)
    cnns, there = networks.of("cnn"), [one for one in OTHERS if networks.of(one)]
    components = [
        contrast(
            f"{part} {WORDS[transforms]} equivariance of the CNNs less that of the "
            f"{FAMILIES[family]}",
            networks,
            _mean(cnns, 1, transforms, part) + _mean(networks.of(family), -1, transforms, part),
            above=0,
        )
        for family in there
        for part in parts
        if cnns
    ]
    absent = [FAMILIES[family] for family in OTHERS if family not in there]
    lacking = _nothing(*(f"no {name}" for name in absent or ["CNN"]))
    verdict = judge(claim, components or [lacking], above_chance, FAMILY_NEEDS)
    if components and absent:
        without = f"without a {absent[0]} in the table: "
        verdict = replace(verdict, reason=without + verdict.reason)
    return verdict


def _mean(names: list[str], sign: int, transforms: str, part: str):
    return [(sign / len(names), name, transforms, "equivariance", part) for name in names]


def _gap(name: str, transforms: str, part: str, weight: float = 1):
    """Equivariance less invariance."""
    return [
        (weight, name, transforms, "equivariance", part),
        (-weight, name, transforms, "invariance", part),
    ]


def _nothing(*lacking: str) -> Component:
    """A component that can not be taken."""
    return Component("", np.nan, np.nan, np.nan, 0, lacking)
